"""What it takes to run Vigie elsewhere."""
