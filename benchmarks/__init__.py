"""Measured comparisons, each one command: `python -m benchmarks.planners`, `python -m benchmarks.windows`. Not part of the package."""
