"""Vigie: a real-time video server that watches cameras for firearms."""

__version__ = "0.1.0"
