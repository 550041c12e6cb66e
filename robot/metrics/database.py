"""The database: how long operations take, which fail, and whether it is there at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.core import GaugeMetricFamily

from robot.store.errors import DatabaseUnavailable, OnDoNotCallList
from robot.store.store import Store

_SECONDS: Final = (0.001, 0.005, 0.02, 0.05, 0.1, 0.5, 2.0, 10.0)


class StoreMetrics:
    """A StoreWatcher. A claim is the operation `claim`. up, last_s: whether the last operation found the database, and
    how long it took."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._took = Histogram(
            "robot_database_operation_seconds", "Transactions, waiting and repeats included.", ["operation"],
            registry=registry, buckets=_SECONDS,
        )  # fmt: skip
        self._errors = Counter(
            "robot_database_errors", "Operations that failed or were refused, by the kind of error.",
            ["operation", "error"], registry=registry,
        )  # fmt: skip
        self._up = Gauge(
            "robot_database_up", "0: the last operation found it away. It is used every 5 s at least.",
            registry=registry,
        )  # fmt: skip
        self._up.set(1)
        self.up = True
        self.last_s: float | None = None
        self._refused = Counter(
            "robot_do_not_call_refusals", "Calls that were not placed as the number is on the do-not-call list.",
            registry=registry,
        )  # fmt: skip

    def operation_ended(self, name: str, took_s: float, error: BaseException | None) -> None:
        self._took.labels(name).observe(took_s)
        if error is not None:
            self._errors.labels(name, type(error).__name__).inc()
        self.up, self.last_s = not isinstance(error, DatabaseUnavailable), took_s
        self._up.set(self.up)
        if isinstance(error, OnDoNotCallList):
            self._refused.inc()


def read_store(store: Store) -> Iterator[Metric]:
    """On the loop."""
    yield GaugeMetricFamily("robot_database_waiting_operations", "Operations that have not ended.", store.waiting)
    yield GaugeMetricFamily(
        "robot_database_waiting_facts",
        "What happened in calls and is not in the database yet: kept on the disk until it is back.",
        store.facts_waiting,
    )
