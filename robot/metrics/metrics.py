"""All that one daemon measures: what its parts are given to tell it, and what is read from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from prometheus_client import CollectorRegistry, Info, Metric, ProcessCollector, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily

from robot import __version__
from robot.call.call import Parts
from robot.campaign.watching import CampaignFigures
from robot.metrics.calls import MAX_CAMPAIGNS, CallMetrics
from robot.metrics.campaigns import CampaignMetrics
from robot.metrics.database import StoreMetrics, read_store
from robot.metrics.labels import Values
from robot.metrics.live import Live, LoopWatch
from robot.metrics.speech import TranscriptionMetrics, read_audio, read_transcription
from robot.metrics.switches import SwitchMetrics
from robot.webhooks import WebhookSender
from ws_audio.transcription.scheduler import TranscriptionScheduler


class Metrics:
    """Of one daemon, in a registry of its own.

    calls: an Observer of all calls. switches: gives each client its watcher. store: the store's watcher.
    transcription: its `done` is the scheduler's `on_done`. campaigns: `follow` is to be run. loop_watch: of the loop.
    """

    def __init__(self) -> None:
        # When each series began: a third of all lines, and Prometheus has no use for it.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        campaigns = Values(MAX_CAMPAIGNS)
        self.calls = CallMetrics(self.registry, campaigns)
        self.campaigns = CampaignMetrics(campaigns)
        self.switches = SwitchMetrics(self.registry)
        self.transcription = TranscriptionMetrics(self.registry)
        self.store = StoreMetrics(self.registry)
        self.loop_watch = LoopWatch(self.registry)
        self._live = Live()
        self.registry.register(self._live)
        ProcessCollector(registry=self.registry)
        Info("robot_build", "The robot's version.", registry=self.registry).info({"version": __version__})

    def watch(self, parts: Parts, scheduler: TranscriptionScheduler) -> None:
        """Read these, too, from now on; on the running loop, which is watched until `close`."""
        for reader in (
            self.calls.read,
            lambda: self.switches.read(parts.nodes),
            lambda: read_audio(parts.audio),
            lambda: read_transcription(scheduler),
            lambda: read_store(parts.store),
            lambda: _read_webhooks(parts.webhooks),
        ):
            self._live.read(reader)
        self.loop_watch.start()

    def watch_campaigns(self, figures: Callable[[], Sequence[CampaignFigures]]) -> None:
        self._live.read(lambda: self.campaigns.read(figures()))

    def close(self) -> None:
        self.loop_watch.close()


def _read_webhooks(webhooks: WebhookSender) -> Iterable[Metric]:
    if webhooks.waiting is not None:
        yield GaugeMetricFamily(
            "robot_waiting_webhooks", "Messages to web servers that are not delivered yet.", webhooks.waiting
        )
