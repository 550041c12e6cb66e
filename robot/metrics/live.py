"""What is read from the parts when Prometheus asks, on the loop that they belong to; and how late that loop is."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Histogram, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

log = structlog.get_logger(__name__)

Reader = Callable[[], Iterable[Metric]]

# A loop that is that late loses audio; Prometheus waits 10 s by default.
_ANSWER_LIMIT_S: Final = 2.0
_LOOK_EVERY_S: Final = 0.1
_LATEST: Final = 50
_DELAYS_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0)


class Live(Collector):
    """A Collector, for another thread than the loop's. `collect` waits for the loop, with a limit."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._readers: list[Reader] = []

    def read(self, reader: Reader) -> None:
        """From now on `reader` is called on this loop with each scrape. It must be quick and must not raise."""
        self._loop = asyncio.get_running_loop()
        self._readers.append(reader)

    def collect(self) -> Iterable[Metric]:
        metrics = self._ask()
        yield GaugeMetricFamily(
            "robot_loop_up",
            "0: the loop that runs the calls did not answer in time; what is read there is missing then.",
            metrics is not None,
        )
        yield from metrics or ()

    def _ask(self) -> list[Metric] | None:
        loop = self._loop
        if loop is None:
            return []
        answer: concurrent.futures.Future[list[Metric]] = concurrent.futures.Future()
        try:
            loop.call_soon_threadsafe(self._answer, answer)
            return answer.result(_ANSWER_LIMIT_S)
        except (TimeoutError, RuntimeError):  # it hangs; it is closed
            return None

    def _answer(self, answer: concurrent.futures.Future[list[Metric]]) -> None:
        try:
            answer.set_result([metric for reader in self._readers for metric in reader()])
        except Exception as error:  # noqa: BLE001 - raised again in the thread that waits
            answer.set_exception(error)


class LoopWatch:
    """How late the loop is for what was due: measured all the time, as a scrape alone would miss it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._late = Histogram(
            "robot_loop_delay_seconds", "How late the loop that runs the calls was, looked at ten times a second.",
            registry=registry, buckets=_DELAYS_S,
        )  # fmt: skip
        self._timer: asyncio.TimerHandle | None = None
        self._latest: deque[float] = deque(maxlen=_LATEST)

    @property
    def worst_s(self) -> float:
        """Of the last seconds."""
        return max(self._latest, default=0.0)

    def start(self) -> None:
        self._look_at(asyncio.get_running_loop().time() + _LOOK_EVERY_S)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look_at(self, due: float) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(due, self._look, due)

    def _look(self, due: float) -> None:
        now = asyncio.get_running_loop().time()
        late = max(0.0, now - due)
        self._late.observe(late)
        self._latest.append(late)
        self._look_at(now + _LOOK_EVERY_S)
