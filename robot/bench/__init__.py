"""Benchmarks: each module has a `run` that returns a plain dict. Figures, not tests: they assert nothing."""
