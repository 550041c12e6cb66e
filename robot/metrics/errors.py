from __future__ import annotations


class MetricsError(Exception):
    """The metrics cannot be served; the message says what to do."""
