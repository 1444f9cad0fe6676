"""The words of each language: one file each, named after its code."""
