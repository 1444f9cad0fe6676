"""From the deliveries that are kept to those who are to get them."""
