"""The metrics of a daemon in which everything that is measured has happened once, as Prometheus gets them."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from robot.call.call import Parts
from robot.call.holding import Thinking
from robot.call.nodes import Node, Nodes
from robot.call.report import CallBegan, CallOver, CallReport, Notice, StateChanged
from robot.call.states import CallState
from robot.campaign.watching import CampaignFigures
from robot.esl.client import EventSocketClient, EventSocketSettings
from robot.esl.link import LinkThread
from robot.esl.watching import CommandResult
from robot.metrics.metrics import Metrics
from robot.metrics.server import MetricsServer
from robot.prompts.library import PromptLibrary
from robot.prompts.live import LiveSpeech
from robot.store.campaign_records import CampaignState, NewContact
from robot.store.database import Database
from robot.store.errors import DatabaseUnavailable
from robot.store.records import BargeInRecord, Direction, LatencyRecord
from robot.store.store import Store
from robot.webhooks import WebhookSender, WebhookSettings
from tests.unit.ws_audio.conftest import ScriptedEngine
from ws_audio.server import AudioServer, AudioServerSettings
from ws_audio.transcription.scheduler import JobDone, Priority, TranscriptionScheduler

NUMBER = "+33140000001"
UUID = "8e30c25c-6f0e-4a58-9f0e-0d3c7a0b7f6e"


@dataclass(frozen=True)
class Measured:
    metrics: Metrics
    port: int

    async def text(self) -> str:
        """One scrape."""
        return await asyncio.to_thread(self._ask)

    def _ask(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=20) as answer:
            read: bytes = answer.read()
        return read.decode()

    async def families(self) -> dict[str, Metric]:
        """By the name of the family."""
        return {family.name: family for family in text_string_to_metric_families(await self.text())}


def call_notices(state: CallState = CallState.ENDED) -> list[Notice]:
    """A call, up to `state`."""
    report = CallReport(
        UUID, NUMBER, "interested", "NORMAL_CLEARING", "human", talk_ms=9000,
        barge_ins=[BargeInRecord(2000, 1500, "yes", 0.5, 24.0)],
        latencies=[LatencyRecord(2, 320, 40, None, None, 480)],
    )  # fmt: skip
    began = CallBegan(UUID, "spring", Direction.OUTGOING, NUMBER, "paris")
    states: list[Notice] = [StateChanged(UUID, each, 0) for each in (CallState.ACTIVE, CallState.SPEAKING)]
    return [began, *states, *([CallOver(UUID, report)] if state is CallState.ENDED else [])]


@asynccontextmanager
async def measured(folder: Path) -> AsyncIterator[Measured]:
    """No part runs but the database and the server of the metrics."""
    metrics = Metrics()
    database = Database(f"sqlite:///{folder}/robot.db")
    database.prepare()
    store = Store(database, watcher=metrics.store)
    scheduler = TranscriptionScheduler(ScriptedEngine(), workers=2)
    client = EventSocketClient(
        EventSocketSettings("127.0.0.1", 1, "secret"), LinkThread(), metrics.switches.of_node("paris")
    )
    node = Node("paris", client, stream_host="127.0.0.1", broadcast=False)
    node._gateways = {"trunk": True}
    webhooks = WebhookSender(store, WebhookSettings(None, 5, 1))
    webhooks.waiting = 1
    prompts = PromptLibrary(folder / "prompts", 8000)
    parts = Parts(
        Nodes([node]),
        AudioServer(AudioServerSettings(), scheduler),
        store,
        webhooks,
        prompts,
        Thinking(None, LiveSpeech(prompts)),
        vad_aggressiveness=3,
        recordings=folder,
    )
    metrics.watch(parts, scheduler)
    metrics.watch_campaigns(lambda: [CampaignFigures("spring", 2.5, True, 7)])
    for notice in call_notices():
        metrics.calls(notice)
    metrics.transcription.done(JobDone(Priority.FINAL, 0.01, 0.2, 1.5))
    metrics.switches.of_node("paris").command_ended("originate", CommandResult.OK, 0.001)
    metrics.store.operation_ended("claim", 0.002, DatabaseUnavailable("the database is away", transient=True))
    now = datetime.now(UTC)
    await store.add_contacts("spring", [NewContact(NUMBER, {})], now)
    await store.move_campaign("spring", CampaignState.RUNNING, now)
    await metrics.campaigns.count(store)
    server = MetricsServer(metrics.registry, "127.0.0.1", 0)
    await server.start()
    try:
        yield Measured(metrics, server.port)
    finally:
        await server.close()
        metrics.close()
        parts.prompts.close()
        await store.close()
