"""Helpers of tests: a running server, a browser made of aiortc, clips as tracks, and what is left behind."""
