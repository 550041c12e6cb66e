"""The asyncio face of one FreeSWITCH: commands with their answers, and what happens to each channel.

Two connections to each FreeSWITCH, because an `api` call holds up everything else on its connection:
- events: the subscription, background jobs and `sendmsg`, all of which FreeSWITCH answers at once, so that nothing ever
  stands between an event and us;
- commands: `api`. What can take long is run as a background job instead (`Command.may_block`), so a `uuid_break` never
  stands in line behind it. While this connection is down the other one takes its place.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

import structlog

from robot.esl import arguments as checked
from robot.esl import commands
from robot.esl.commands import Command, CommandKind
from robot.esl.connection import Address
from robot.esl.conversation import Conversation, Reply
from robot.esl.errors import (
    CannotConnect,
    CommandStage,
    ConnectionLost,
    EventSocketError,
    EventsOverflowed,
    MalformedEvent,
)
from robot.esl.events import SUBSCRIPTION, CallEvent, LinkLost, LinkRestored, NodeEvent, heartbeat, typed
from robot.esl.frames import Event, Frame, FrameError
from robot.esl.link import Down, Failed, LinkThread, Up
from robot.esl.watching import UNWATCHED, ClientWatcher

__all__ = ["CallEvents", "Counters", "EventSocketClient", "EventSocketSettings", "Reply", "Subscription"]

log = structlog.get_logger(__name__)

# A call has about 48 events; who is that far behind will not catch up.
_EVENTS_LIMIT: Final = 1_000


@dataclass(frozen=True, slots=True)
class EventSocketSettings:
    """One FreeSWITCH. `node` is its name in messages and logs; times in seconds.

    connect_timeout_s: for the whole way to the first event, name look-up and login included. api_timeout_s: for
    commands that FreeSWITCH answers at once. job_timeout_s: for background jobs.
    """

    host: str = "127.0.0.1"
    port: int = 8021
    password: str = field(default="ClueCon", repr=False)
    node: str = "freeswitch"
    connect_timeout_s: float = 5.0
    api_timeout_s: float = 5.0
    job_timeout_s: float = 60.0

    def __post_init__(self) -> None:
        if not self.password.isprintable() or not self.password:
            raise EventSocketError("`freeswitch.password` in robot.toml is empty or holds an unprintable character")


@dataclass(slots=True)
class Counters:
    """What passed through a client since it was started."""

    events: int = 0
    unknown_events: int = 0
    malformed_events: int = 0
    failed_listeners: int = 0
    connections_lost: int = 0


Listener = Callable[[CallEvent], None]


class Subscription:
    """The events of one channel go to `listener` until `close`."""

    def __init__(self, client: EventSocketClient, uuid: str, listener: Listener) -> None:
        self.uuid = uuid
        self.listener = listener
        self._client = client

    def close(self) -> None:
        """No event comes any more, from this moment on. May be called twice."""
        self._client._unsubscribe(self)


class EventSocketClient:
    """One FreeSWITCH. Belongs to the asyncio loop on which it is started; all methods are for that loop's thread.

    `thread`: several clients may share one; without it the client has its own.
    """

    def __init__(
        self,
        settings: EventSocketSettings,
        thread: LinkThread | None = None,
        watcher: ClientWatcher = UNWATCHED,
    ) -> None:
        self.settings = settings
        self._watcher = watcher
        self.counters = Counters()
        self._given_thread = thread
        self._thread: LinkThread | None = None
        self._subscriptions: dict[str, list[Subscription]] = {}
        self._on_node: Callable[[NodeEvent], None] | None = None
        self._on_any: Callable[[Event], None] | None = None
        self._events: Conversation | None = None
        self._commands: Conversation | None = None
        self._started: asyncio.Future[None] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def connected(self) -> bool:
        """Commands can be sent and events come."""
        return self._events is not None and self._events.up

    @property
    def pending(self) -> int:
        """Commands and background jobs that somebody waits for."""
        return sum(each.pending for each in (self._events, self._commands) if each is not None)

    @property
    def unread(self) -> int:
        """Events and replies that have come and were not looked at yet."""
        return sum(each.unread for each in (self._events, self._commands) if each is not None)

    async def start(self, *, wait: bool = True) -> None:
        """Connect, and stay connected until `close`.

        Raises CannotConnect (WrongPassword, NotAllowed) when the first attempt fails; everything is closed then. With
        `wait=False` it returns at once and goes on trying: see `connected`, LinkRestored and the log.
        """
        if self._events is not None:
            raise RuntimeError("the client is running")
        settings = self.settings
        address = Address(
            settings.host, settings.port, settings.password, settings.connect_timeout_s, subscription=SUBSCRIPTION
        )
        plain = Address(settings.host, settings.port, settings.password, settings.connect_timeout_s)
        self._started = asyncio.get_running_loop().create_future()
        self._thread = self._given_thread or LinkThread()
        if self._given_thread is None:
            await self._thread.start()
        self._events = Conversation(address, self._on_frame, self._on_events_link, self._watcher)
        self._commands = Conversation(plain, self._on_frame, self._on_commands_link, self._watcher)
        self._events.begin(self._thread)
        self._commands.begin(self._thread)
        if not wait:
            self._started.set_result(None)
            return
        try:
            await self._started
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Fail all that is pending with its stage and end the connections. The calls in FreeSWITCH go on."""
        events, commands_ = self._events, self._commands
        self._events = self._commands = None
        for conversation in (events, commands_):
            if conversation is not None:
                conversation.close()
        if self._thread is not None and self._given_thread is None:
            await self._thread.close()
        self._thread = None

    # ── commands ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def send(self, command: Command, timeout: float | None = None) -> asyncio.Future[Reply]:
        """Put `command` on the wire without waiting for anything: for code that cannot await.

        The future holds the Reply (of a background job: its result), or raises a CommandFailed, which says the stage:
        CommandRefused (-ERR, -USAGE), ConnectionLost, CommandTimeout or TooManyCommands. Somebody must look at it.
        """
        return self._send(command, timeout, background=command.may_block)

    async def api(self, command: Command, timeout: float | None = None) -> str:
        """Run `command` and return what it answers, without the newline at the end. Raises as `send` says."""
        return (await self.send(command, timeout)).text

    async def bgapi(self, command: Command, timeout: float | None = None) -> str:
        """Run `command` as a background job and return its result, as `api` does."""
        return (await self._send(command, timeout, background=True)).text

    async def execute(
        self,
        uuid: str,
        application: str,
        argument: str = "",
        *,
        event_uuid: str | None = None,
        timeout: float | None = None,
    ) -> str:
        """Have the channel run a dialplan application; its end comes as ApplicationCompleted. Raises as `send`."""
        return await self.api(commands.execute(uuid, application, argument, event_uuid=event_uuid), timeout)

    def _send(self, command: Command, timeout: float | None, *, background: bool) -> asyncio.Future[Reply]:
        if self._events is None or self._commands is None:
            refused: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
            refused.set_exception(ConnectionLost(command.name, CommandStage.NOT_SENT, "the client is closed"))
            return refused
        background = background and command.kind is CommandKind.API
        default = self.settings.job_timeout_s if background else self.settings.api_timeout_s
        on_commands = command.kind is CommandKind.API and not background and self._commands.up
        conversation = self._commands if on_commands else self._events
        return conversation.send(command, default if timeout is None else timeout, background=background)

    # ── events ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def subscribe(self, uuid: str, listener: Listener) -> Subscription:
        """Call `listener` with each event of the channel `uuid`, and with LinkLost and LinkRestored, on the loop's
        thread and in order. Subscribe before originate. A listener must be quick and must not raise.
        """
        subscription = Subscription(self, checked.uuid(uuid), listener)
        self._subscriptions.setdefault(uuid, []).append(subscription)
        return subscription

    def events(self, uuid: str) -> CallEvents:
        """The events of the channel `uuid` as an asynchronous iterator, from now on."""
        return CallEvents(self, uuid)

    def watch(self, listener: Callable[[NodeEvent], None]) -> None:
        """Call `listener` with each Heartbeat, LinkLost and LinkRestored, as `subscribe` does. There is one watcher."""
        self._on_node = listener

    def look_on(self, listener: Callable[[Event], None]) -> None:
        """Call `listener` with each event of every channel, as it came and before the channel's own listeners: for who
        has to do with calls that others place. There is one.
        """
        self._on_any = listener

    def _unsubscribe(self, subscription: Subscription) -> None:
        listening = self._subscriptions.get(subscription.uuid, [])
        with suppress(ValueError):
            listening.remove(subscription)
        if not listening:
            self._subscriptions.pop(subscription.uuid, None)

    def _on_frame(self, frame: Frame) -> None:
        if frame.content_type != "text/event-plain":
            self.counters.unknown_events += 1
            return
        self.counters.events += 1
        try:
            self._on_event(Event(frame.body))
        except (FrameError, MalformedEvent) as error:
            self.counters.malformed_events += 1
            log.warning("event_socket.malformed_event", node=self.settings.node, reason=str(error))

    def _on_event(self, event: Event) -> None:
        if self._on_any is not None and event.uuid:
            self._tell_onlooker(self._on_any, event)
        listening = self._subscriptions.get(event.uuid)
        if listening:
            known = typed(event, asyncio.get_running_loop().time())
            if known is None:
                self.counters.unknown_events += 1
            else:
                self._tell(listening, known)
        elif event.name == "BACKGROUND_JOB" and self._events is not None:
            self._events.job_done(event.get("Job-UUID") or "", event.text)
        elif event.name == "HEARTBEAT":
            self._tell_watcher(heartbeat(event, asyncio.get_running_loop().time()))

    def _tell_watcher(self, event: NodeEvent) -> None:
        if self._on_node is not None:
            self._on_node(event)

    def _tell_onlooker(self, listener: Callable[[Event], None], event: Event) -> None:
        try:
            listener(event)
        except Exception:
            self.counters.failed_listeners += 1
            log.exception("event_socket.listener_failed", uuid=event.uuid, received=event.name)

    def _tell(self, listening: list[Subscription], event: CallEvent) -> None:
        for subscription in tuple(listening):
            try:
                subscription.listener(event)
            except Exception:
                self.counters.failed_listeners += 1
                log.exception("event_socket.listener_failed", uuid=subscription.uuid, received=type(event).__name__)

    # ── the links ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _on_events_link(self, change: Up | Down | Failed) -> None:
        now = asyncio.get_running_loop().time()
        everybody = [each for listening in self._subscriptions.values() for each in listening]
        match change:
            case Up():
                self._tell(everybody, LinkRestored(now))
                self._tell_watcher(LinkRestored(now))
            case Down(reason=reason):
                self._tell(everybody, LinkLost(now, reason))
                self._tell_watcher(LinkLost(now, reason))
        self._note("events", change)

    def _on_commands_link(self, change: Up | Down | Failed) -> None:
        self._note("commands", change)

    def _note(self, link: str, change: Up | Down | Failed) -> None:
        node = self.settings.node
        if self._events is None or self._commands is None:
            return  # closed: the last words of its links
        match change:
            case Up():
                log.info("event_socket.connected", node=node, link=link)
                if self._events.up and self._commands.up:
                    self._has_started(None)
            case Down(reason=reason):
                self.counters.connections_lost += 1
                log.warning("event_socket.lost", node=node, link=link, reason=reason)
                self._has_started(CannotConnect(self.settings.host, self.settings.port, reason))
            case Failed(error=error, retry_in_s=retry_in_s) if not self._has_started(error):
                log.warning(
                    "event_socket.cannot_connect",
                    node=node,
                    link=link,
                    reason=str(error),
                    retry_in_s=round(retry_in_s, 1),
                )

    def _has_started(self, error: CannotConnect | None) -> bool:
        """Tell who waits in `start` how it went; False when nobody does any more."""
        started = self._started
        if started is None or started.done():
            return False
        if error is None:
            started.set_result(None)
        else:
            started.set_exception(error)
        return True


class CallEvents:
    """The events of one channel, for `async for`. Raises EventsOverflowed when they are not read in time."""

    def __init__(self, client: EventSocketClient, uuid: str) -> None:
        self._queue: deque[CallEvent] = deque()
        self._changed = asyncio.Event()
        self._overflowed = False
        self._closed = False
        self._subscription = client.subscribe(uuid, self._on_event)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> CallEvent:
        while not self._queue:
            if self._closed:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        if self._overflowed:
            raise EventsOverflowed(f"more than {_EVENTS_LIMIT} events of a channel were not read: some are lost")
        return self._queue.popleft()

    def close(self) -> None:
        """End the iteration, after what has come already."""
        self._subscription.close()
        self._closed = True
        self._changed.set()

    def _on_event(self, event: CallEvent) -> None:
        if len(self._queue) < _EVENTS_LIMIT:
            self._queue.append(event)
        else:
            self._overflowed = True
        self._changed.set()
