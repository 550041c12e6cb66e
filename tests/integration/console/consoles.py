"""A console that is served, over parts of which none runs but the database, the live sessions and the console."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
from pydantic import SecretStr

from robot.call.call import Parts
from robot.call.holding import Thinking
from robot.call.nodes import Node, Nodes
from robot.call.report import Notice
from robot.campaign.incoming import load_campaigns
from robot.campaign.ordered_calls import OrderedCalls
from robot.console.console import Console
from robot.console.health import look
from robot.console.parts import ConsoleParts
from robot.console.voice import Voice
from robot.esl.client import EventSocketClient, EventSocketSettings
from robot.esl.link import LinkThread
from robot.live_sessions import LiveSessions
from robot.metrics.metrics import Metrics
from robot.prompts.library import PromptLibrary
from robot.prompts.live import LiveSpeech
from robot.settings import ConsoleSettings
from robot.store.campaign_records import CampaignState, Daemon, NewContact
from robot.store.database import Database
from robot.store.facts import Answered, Finished
from robot.store.records import (
    AttemptResult,
    BargeInRecord,
    DoNotCallSource,
    LatencyRecord,
    NewAttempt,
    NewDoNotCall,
    TurnRecord,
)
from robot.store.sessions.memory import MemorySessions
from robot.store.store import Store
from robot.webhooks import WebhookSender, WebhookSettings
from tests.unit.ws_audio.conftest import ScriptedEngine
from ws_audio.server import AudioServer, AudioServerSettings
from ws_audio.transcription.scheduler import TranscriptionScheduler

TOKEN = "a token of this test, long enough"
UUID = "8e30c25c-6f0e-4a58-9f0e-0d3c7a0b7f6e"
NUMBER = "+33140000001"
WAV = b"RIFF" + bytes(40)

CAMPAIGN = """\
name = "spring"
gateway = "trunk"
region = "FR"
[pace]
calls_per_s = 2.0
max_calls = 5
[[step]]
name = "ask"
text = "Hello, this is Anna."
outcome = "completed"
"""


@dataclass(frozen=True)
class Served:
    """client: says who it is. stranger: does not."""

    parts: ConsoleParts
    live: LiveSessions
    store: Store
    folder: Path
    port: int
    client: httpx2.AsyncClient
    stranger: httpx2.AsyncClient


@asynccontextmanager
async def served(folder: Path, token: str | None = TOKEN, voice: Voice | None = None) -> AsyncIterator[Served]:
    """With the campaign `spring`, of which the database knows what `fill` writes."""
    (folder / "campaigns" / "spring").mkdir(parents=True)
    (folder / "campaigns" / "spring" / "campaign.toml").write_text(CAMPAIGN)
    (folder / "recordings").mkdir()
    campaigns = load_campaigns(folder / "campaigns")
    metrics = Metrics()
    url = f"sqlite:///{folder}/robot.db"
    database = Database(url)
    database.prepare()
    store = Store(Database(url), watcher=metrics.store)
    scheduler = TranscriptionScheduler(ScriptedEngine(), workers=2)
    client = EventSocketClient(EventSocketSettings("127.0.0.1", 1, "secret"), LinkThread())
    prompts = PromptLibrary(folder / "prompts", 8000)
    parts = Parts(
        Nodes([Node("paris", client, stream_host="127.0.0.1", broadcast=False)]),
        AudioServer(AudioServerSettings(), scheduler),
        store,
        WebhookSender(store, WebhookSettings(None, 5, 1)),
        prompts,
        Thinking(None, LiveSpeech(prompts)),
        vad_aggressiveness=3,
        recordings=folder / "recordings",
    )
    live = LiveSessions(MemorySessions())
    started_at = datetime.now(UTC)
    console_parts = ConsoleParts(
        parts, live, database, url, OrderedCalls(parts),
        campaigns=lambda: campaigns,
        campaigns_folder=lambda: folder / "campaigns",
        health=lambda: look(parts, metrics, scheduler.snapshot(), database.masked_url, started_at, 0),
        recordings=folder / "recordings",
        voice=voice,
    )  # fmt: skip
    await fill(store, folder)
    console = Console(console_parts, _settings(token))
    await console.start()
    feed = asyncio.create_task(console.feed.run())
    base = f"http://127.0.0.1:{console.port}"
    who = {} if token is None else {"authorization": f"Bearer {token}"}
    try:
        async with (
            httpx2.AsyncClient(base_url=base, headers=who, timeout=20) as known,
            httpx2.AsyncClient(base_url=base, timeout=20) as stranger,
        ):
            yield Served(console_parts, live, store, folder, console.port, known, stranger)
    finally:
        feed.cancel()
        await console.close()
        prompts.close()
        await store.close()
        database.close()


class Running:
    """A console in a thread of its own: whoever asks it over the network may be no coroutine."""

    def __init__(self, console: Served, loop: asyncio.AbstractEventLoop) -> None:
        self.base = f"http://127.0.0.1:{console.port}"
        self._console = console
        self._loop = loop

    def tell(self, *notices: Notice) -> None:
        for notice in notices:
            self._loop.call_soon_threadsafe(self._console.live, notice)


@contextmanager
def running(folder: Path) -> Iterator[Running]:
    ready = threading.Event()
    told: list[Running] = []
    over: list[asyncio.Event] = []

    async def run() -> None:
        async with served(folder) as console:
            over.append(asyncio.Event())
            told.append(Running(console, asyncio.get_running_loop()))
            ready.set()
            await over[0].wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert ready.wait(20)
    try:
        yield told[0]
    finally:
        told[0]._loop.call_soon_threadsafe(over[0].set)
        thread.join()


def _settings(token: str | None) -> ConsoleSettings:
    secret = None if token is None else SecretStr(token)
    # A free port, which settings of users cannot ask for.
    return ConsoleSettings.model_construct(enabled=True, host="127.0.0.1", port=0, token=secret)


async def fill(store: Store, folder: Path) -> None:
    """A list of two, one call that is over with all that there is to tell of one, an entry of the do-not-call list."""
    now = datetime.now(UTC)
    await store.add_contacts("spring", [NewContact(NUMBER, {"first_name": "Ann"}), NewContact("+33140000002", {})], now)
    await store.register_daemon(Daemon("d1", "host", "1 1", now, now))
    await store.move_campaign("spring", CampaignState.RUNNING, now)
    await store.begin_attempt(
        NewAttempt(UUID, "spring", NUMBER, "+33140009999", "trunk", "paris", now - timedelta(minutes=5))
    )
    recording = folder / "recordings" / "call.wav"
    recording.write_bytes(WAV)
    result = AttemptResult(
        "interested", "NORMAL_CLEARING", "human", 4000, 21_000, now - timedelta(minutes=4), now, str(recording), None,
        amd_confidence=0.93, amd_reason="a short greeting", answers={"slot": "monday"},
    )  # fmt: skip
    store.record(Answered(UUID, now - timedelta(minutes=4), 4000))
    await store.record(Finished(UUID, NUMBER, result, tuple(_turns()), _BARGE_INS, _LATENCIES))
    await store.import_do_not_call([NewDoNotCall("+33140000009", now, DoNotCallSource.OPERATOR, note="asked by mail")])


def _turns() -> Iterator[TurnRecord]:
    yield TurnRecord(1, "robot", "Hello, this is Anna.", None, 0, 2400, True, "ask")
    yield TurnRecord(2, "callee", "Yes?", "agreed", 1900, 2600, False, "ask", 0.91, "says yes")
    yield TurnRecord(3, "robot", "Goodbye.", None, 3100, 3900, False, "bye")


_BARGE_INS = (BargeInRecord(1900, 420, "Yes?", 0.7, 21.0),)
_LATENCIES = (LatencyRecord(2, 320, 90, None, None, 510),)
