"""What the worker costs per record, beside loops written by hand: `python -m benchmarks`; docs/performance.md explains."""
