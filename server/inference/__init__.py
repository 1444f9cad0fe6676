"""Backends: one file each, named after its runtime."""
