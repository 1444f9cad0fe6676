"""What the API is, for machines: OpenAPI 3.1, made of the types and parameters that check what comes."""
