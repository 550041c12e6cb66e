"""What every benchmark says of its measurements: percentiles, and the memory in use."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt


def spread(values: npt.ArrayLike) -> dict[str, float] | None:
    """p50, p95, p99 and the largest, in the unit of `values`; None where nothing was measured."""
    measured = np.asarray(values, dtype=float)
    if measured.size == 0:
        return None
    percentiles = np.percentile(measured, [50, 95, 99, 100])
    return {name: round(float(value), 3) for name, value in zip(("p50", "p95", "p99", "max"), percentiles, strict=True)}


def peak_memory_mb() -> float | None:
    """The most that this process has held in memory, in MB; None where Linux's /proc does not tell."""
    try:
        # Not getrusage, which tells of a process that was just started what its parent held.
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), None)


def memory_mb() -> float | None:
    """What this process holds in memory, in MB; None where Linux's /proc does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024 / 1024
