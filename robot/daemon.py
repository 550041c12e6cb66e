"""Builds the parts, starts and stops them: the only place that knows them all.

What any call needs; `robot.service` adds what only a long-running robot does.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

from robot.call.beginning import Outgoing
from robot.call.call import Call, Parts
from robot.call.holding import Thinking
from robot.call.nodes import Node, NodeLimits, Nodes
from robot.call.plan import CallPlan
from robot.call.report import Notice, Observer
from robot.esl.client import EventSocketClient, EventSocketSettings
from robot.esl.link import LinkThread
from robot.live_sessions import LiveSessions
from robot.metrics.metrics import Metrics
from robot.prompts.library import PromptLibrary
from robot.settings import Settings
from robot.speech import language_model, live_speech, prompt_library
from robot.store.database import Database
from robot.store.journal import Journal
from robot.store.sessions.memory import MemorySessions
from robot.store.sessions.redis_sessions import RedisSessions
from robot.store.sessions.sessions import Sessions
from robot.store.store import Store
from robot.webhooks import WebhookSender, WebhookSettings
from ws_audio.server import AudioServer, AudioServerSettings
from ws_audio.transcription.deepgram import DeepgramRecogniser, DeepgramSettings
from ws_audio.transcription.engine import TranscriptionEngine
from ws_audio.transcription.scheduler import SchedulerSnapshot, TranscriptionScheduler, available_cores
from ws_audio.transcription.whisper import WhisperEngine
from ws_audio.vad import ForegroundVad

# Measured with 5, 1 and 0.5 ms: 1 is best, and recognition is as fast as before.
_SWITCH_INTERVAL_S: Final = 0.001


class Daemon:
    """The running parts. Use as an async context manager: what was started is stopped, also when a later part fails.

    Entering raises StoreError, ModelNotFound, AudioServerError or EventSocketError, each saying what to do.
    """

    def __init__(
        self, settings: Settings, load_engine: Callable[[Settings], TranscriptionEngine] | None = None
    ) -> None:
        """load_engine: another speech recognition than Whisper."""
        self._settings = settings
        self._load_engine = load_engine or _load_model
        self._running = AsyncExitStack()
        self._parts: Parts | None = None
        self._scheduler: TranscriptionScheduler | None = None
        self.thread = LinkThread()  # of all connections with FreeSWITCH
        self.metrics = Metrics()
        self.sessions = LiveSessions(_sessions(settings), settings.sessions.tenant)

    async def __aenter__(self) -> Self:
        settings, metrics = self._settings, self.metrics
        async with AsyncExitStack() as starting:
            # What fails fast and often comes first: the database and FreeSWITCH before the model, which takes a second.
            store = await self._open_store(starting)
            webhooks = WebhookSender(store, _webhook_settings(settings))
            await webhooks.start()
            starting.push_async_callback(webhooks.close)
            await self.thread.start()
            starting.push_async_callback(self.thread.close)
            nodes = Nodes(_nodes(settings, self.thread, metrics))
            await nodes.start()
            starting.push_async_callback(nodes.close)
            self.sessions.start()
            starting.push_async_callback(self.sessions.close)
            scheduler, audio = await self._listen(starting)
            prompts = prompt_library(settings)
            starting.callback(prompts.close)
            self._parts = Parts(
                thinking=await self._think(starting, prompts),
                webhooks=webhooks,
                prompts=prompts,
                nodes=nodes,
                audio=audio,
                store=store,
                vad_aggressiveness=settings.stt.vad_aggressiveness,
                recordings=settings.recordings.folder,
                send_prompts=settings.spool.through == "stream",
                observer=_both(metrics.calls, self.sessions),
            )
            self._scheduler = scheduler
            metrics.watch(self._parts, scheduler)
            starting.callback(metrics.close)
            self._running = starting.pop_all()
        return self

    async def _open_store(self, starting: AsyncExitStack) -> Store:
        journal = Journal(self._settings.database.spool_folder)
        database = await asyncio.to_thread(_open_database, self._settings)
        store = Store(database, journal=journal, watcher=self.metrics.store)
        starting.push_async_callback(store.close)
        await store.recover()
        return store

    async def _listen(self, starting: AsyncExitStack) -> tuple[TranscriptionScheduler, AudioServer]:
        stt, audio = self._settings.stt, self._settings.audio
        engine = await asyncio.to_thread(self._load_engine, self._settings)
        scheduler = TranscriptionScheduler(engine, workers=stt.workers, on_done=self.metrics.transcription.done)
        scheduler.start()
        starting.push_async_callback(scheduler.close)
        recogniser = _recogniser(self._settings)
        if recogniser is not None:
            starting.push_async_callback(recogniser.close)
        server = AudioServer(
            AudioServerSettings(host=audio.host, port=audio.port, max_streams=audio.max_streams),
            scheduler,
            detector=ForegroundVad,
            recogniser=recogniser,
        )
        await server.start()
        starting.push_async_callback(server.close)
        return scheduler, server

    async def _think(self, starting: AsyncExitStack, prompts: PromptLibrary) -> Thinking:
        speech = live_speech(self._settings, prompts)
        await speech.start()
        starting.push_async_callback(speech.close)
        model = language_model(self._settings)
        if model is not None:
            await model.start()
            starting.push_async_callback(model.close)
        return Thinking(model, speech, self._settings.voice.max_pending_phrases)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._running.aclose()

    @property
    def store(self) -> Store:
        return self.parts.store

    @property
    def parts(self) -> Parts:
        """What calls are made of, while the daemon runs."""
        if self._parts is None:
            raise RuntimeError("the daemon is not running")
        return self._parts

    @property
    def transcription(self) -> SchedulerSnapshot:
        """What recognition is doing, while the daemon runs."""
        if self._scheduler is None:
            raise RuntimeError("the daemon is not running")
        return self._scheduler.snapshot()

    @property
    def webhooks(self) -> WebhookSender:
        return self.parts.webhooks

    def call(self, plan: CallPlan, observer: Observer | None = None, *, thinking: Thinking | None = None) -> Call:
        """A call that is ready to `run`, and must be: it has its place on a node already. Raises NoFreeNode.

        thinking: what holds it, instead of what holds all.
        """
        parts = self.parts if thinking is None else replace(self.parts, thinking=thinking)
        node = parts.nodes.take(plan.gateway)
        return Call(plan, Outgoing(plan, node, asyncio.get_running_loop().time), parts, observer)


def put_audio_first() -> None:
    """Set the interpreter up for short waits: for a process of the robot's own, once its parts stand.

    The speech model's libraries leave 120,000 objects. With them a full collection stops everything, the audio first,
    for 30 to 110 ms, without them for less than 5 (measured in 50 calls). And a thread that waits for another one that
    computes gets its turn after 1 ms, not 5: docs/PERFORMANCE.md, "Barge-in".
    """
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(_SWITCH_INTERVAL_S)


def _open_database(settings: Settings) -> Database:
    database = Database(settings.database.url)
    database.prepare()
    return database


def _recogniser(settings: Settings) -> DeepgramRecogniser | None:
    """Who hears along. Raises ConfigError."""
    stt = settings.stt
    if stt.provider != "deepgram":
        return None
    return DeepgramRecogniser(DeepgramSettings(stt.required_key(), stt.url, stt.deepgram_model))


def _sessions(settings: Settings) -> Sessions:
    url = settings.sessions.url
    return MemorySessions() if url is None else RedisSessions(url)


def _both(first: Observer, second: Observer) -> Observer:
    def tell(notice: Notice) -> None:
        first(notice)
        second(notice)

    return tell


def _webhook_settings(settings: Settings) -> WebhookSettings:
    webhooks = settings.webhooks
    secret = None if webhooks.secret is None else webhooks.secret.get_secret_value()
    return WebhookSettings(secret, webhooks.timeout_s, webhooks.max_age_hours)


def _load_model(settings: Settings) -> WhisperEngine:
    return WhisperEngine(settings.stt.model, workers=settings.stt.workers or available_cores())


def _nodes(settings: Settings, thread: LinkThread, metrics: Metrics) -> list[Node]:
    nodes = []
    for section, freeswitch in settings.switches().items():
        # The only FreeSWITCH has no name of its own.
        name = section.removeprefix("nodes.") if settings.nodes else freeswitch.host
        socket = EventSocketSettings(
            host=freeswitch.host, port=freeswitch.port, password=freeswitch.required_password(section), node=name
        )
        nodes.append(
            Node(
                name,
                EventSocketClient(socket, thread, metrics.switches.of_node(name)),
                stream_host=freeswitch.stream_host,
                broadcast=freeswitch.playback == "broadcast",
                limits=NodeLimits(
                    freeswitch.max_calls, None if freeswitch.gateways is None else frozenset(freeswitch.gateways)
                ),
            )
        )
    return nodes
