"""Ways to tell people and machines: one kind, one file."""
