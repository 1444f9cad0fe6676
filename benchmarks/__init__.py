"""Measurements of Vigie: one file each, run by ``python -m benchmarks``; see docs/performance.md."""
