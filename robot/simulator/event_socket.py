"""The Event Socket server: connections, authentication, subscriptions, and the order of replies and events.

As in FreeSWITCH a reply leaves at once, while events wait for the connection's poll: right after a command and then
every 20 ms. One connection's commands are obeyed one after the other, however long one takes (`bgapi` does not wait).
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections import deque
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote
from uuid import uuid4

from robot.esl.frames import encode_frame
from robot.simulator.events import SimulatedEvent
from robot.simulator.timeline import Timer

if TYPE_CHECKING:
    from robot.simulator.freeswitch import SimulatedFreeSwitch

log = logging.getLogger(__name__)

POLL_MS: Final = 20
# A listener that does not read is dropped when this many events wait for it.
MAX_QUEUED_EVENTS: Final = 100_000
_MAX_LINE_BYTES: Final = 64 * 1024
_MAX_BODY_BYTES: Final = 1024 * 1024
_WRITE_AHEAD_BYTES: Final = 1024 * 1024

GOODBYE: Final = b"Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"
SHUT_DOWN: Final = b"The system is being shut down.\n"
NOT_FOUND: Final = "-ERR command not found"


@dataclass(slots=True)
class Command:
    """One command from the wire: its first line, the headers under it (names in lower case) and a body."""

    line: str
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""


class Connection:
    """One client of the event socket."""

    def __init__(self, switch: SimulatedFreeSwitch, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._switch = switch
        self._reader = reader
        self._writer = writer
        self._authenticated = False
        self._names: set[str] = set()
        self._subclasses: set[str] = set()
        self._filters: list[tuple[str, str]] = []
        self._events: deque[bytes] = deque()
        self._polled_ms = 0.0  # the poll's phase: the last command
        self._poll: Timer | None = None
        self._blocked = False  # an api command runs: no events until it has answered

    # Events

    def wants(self, event: SimulatedEvent) -> bool:
        subscribed = event.subclass in self._subclasses if event.subclass else event.name in self._names
        if not (subscribed or "ALL" in self._names):
            return False
        return not self._filters or any(event.value(name) == value for name, value in self._filters)

    def take(self, encoded: bytes) -> None:
        self._events.append(encoded)
        if len(self._events) > MAX_QUEUED_EVENTS:
            log.error("a client does not read its events: dropped after %d", MAX_QUEUED_EVENTS)
            self.end()
        elif self._poll is None and not self._blocked:
            timeline = self._switch.timeline
            passed = (timeline.now_ms - self._polled_ms) % POLL_MS
            self._poll = timeline.call_in(POLL_MS - passed, self._flush)

    def _flush(self) -> None:
        if self._poll is not None:
            self._poll.cancel()
            self._poll = None
        while (
            self._events and not self._blocked and self._writer.transport.get_write_buffer_size() < _WRITE_AHEAD_BYTES
        ):
            self._writer.write(self._events.popleft())
        if self._events and not self._blocked and not self._writer.is_closing():
            self._poll = self._switch.timeline.call_in(POLL_MS, self._flush)

    # Commands

    async def serve(self) -> None:
        """Obey until the client leaves."""
        self._greet()
        try:
            while (command := await self._read_command()) is not None:
                self._switch.timeline.catch_up()
                if not await self._obey(command):
                    break
                self._polled_ms = self._switch.timeline.now_ms
                self._flush()
                await self._writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, ValueError) as error:
            log.info("an event socket client is gone: %s", error or type(error).__name__)
        finally:
            self.end()

    def _greet(self) -> None:
        self._write([("Content-Type", "auth/request")])

    def end(self) -> None:
        """Close without a word more; what is written already still goes out."""
        if self._poll is not None:
            self._poll.cancel()
        self._events.clear()
        self._names.clear()
        self._subclasses.clear()
        self._writer.close()

    def abort(self) -> None:
        self.end()
        self._writer.transport.abort()

    def say_goodbye(self, notice: bytes) -> None:
        """A disconnect notice, then the end."""
        self._flush()
        self._write([("Content-Type", "text/disconnect-notice")], notice)
        self.end()

    async def _read_command(self) -> Command | None:
        """The next command; None at the end of the stream. Empty lines before a command mean nothing."""
        lines: list[str] = []
        while True:
            raw = await self._reader.readline()
            if not raw:
                return None
            line = raw.decode("utf-8", "replace").rstrip("\r\n")
            if line:
                lines.append(line)
            elif lines:
                break
            if len(lines) > 200:
                raise ValueError("a command of more than 200 lines")
        pairs = (line.partition(":") for line in lines[1:])
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        length = int(headers.get("content-length", "0"))
        if not 0 <= length <= _MAX_BODY_BYTES:
            raise ValueError(f"a command with a body of {length} bytes")
        body = (await self._reader.readexactly(length)).decode("utf-8", "replace")
        return Command(lines[0], headers, body)

    async def _obey(self, command: Command) -> bool:
        """False when that was the last command of the connection."""
        name, _, arguments = command.line.partition(" ")
        name = name.lower()
        if name == "exit":
            self._reply("+OK bye")
            self.say_goodbye(GOODBYE)
            return False
        if name == "auth":
            return self._auth(arguments.strip())
        if not self._authenticated:
            self._reply(NOT_FOUND)
            return True
        match name:
            case "api":
                await self._api(arguments)
            case "bgapi":
                self._bgapi(arguments, command.headers.get("job-uuid") or str(uuid4()))
            case "sendmsg":
                self._reply(self._sendmsg(arguments.strip(), command))
            case "event" | "noevents" | "filter" | "myevents":
                self._reply(self._subscribe(name, arguments))
            case _:
                self._reply(NOT_FOUND)
        return True

    def _auth(self, password: str) -> bool:
        if hmac.compare_digest(password.encode(), self._switch.settings.password.encode()):
            self._authenticated = True
            self._reply("+OK accepted")
            return True
        self._reply("-ERR invalid")
        self.say_goodbye(GOODBYE)
        return False

    async def _api(self, line: str) -> None:
        answer = self._switch.api.run(line)
        self._blocked = True
        try:
            text = await answer_of(answer)
        finally:
            self._blocked = False
        self._write([("Content-Type", "api/response")], (text or "-ERR no reply\n").encode())

    def _bgapi(self, line: str, job_uuid: str) -> None:
        self._write(
            [("Content-Type", "command/reply"), ("Reply-Text", f"+OK Job-UUID: {job_uuid}"), ("Job-UUID", job_uuid)]
        )
        self._switch.background(line, job_uuid)

    def _subscribe(self, name: str, arguments: str) -> str:
        words = arguments.split()
        if name == "noevents":
            self._names.clear()
            self._subclasses.clear()
            self._events.clear()
            return "+OK no longer listening for events"
        if name == "myevents":
            self._names.add("ALL")
            self._filters.append(("Unique-ID", words[0] if words else ""))
            return "+OK Events Enabled"
        if name == "filter":
            return self._filter(arguments)
        if words and words[0].lower() in {"json", "xml"}:
            return "-ERR the simulator speaks `event plain` only"
        names = words[1:] if words and words[0].lower() == "plain" else words
        if not names:
            return "-ERR no keywords supplied"
        plain = [name.upper() for name in names]
        custom = plain.index("CUSTOM") if "CUSTOM" in plain else len(plain)
        self._names |= set(plain[:custom])
        self._subclasses |= set(names[custom + 1 :])
        return "+OK event listener enabled plain"

    def _filter(self, arguments: str) -> str:
        words = arguments.split(" ", 2)
        if words[0] == "delete":
            name, value = [*words, "", ""][1:3]
            if name == "all":
                self._filters.clear()
            else:
                self._filters = [kept for kept in self._filters if kept[0] != name or (value and kept[1] != value)]
            return f"+OK filter deleted. [{name}]=[{value}]"
        name, _, value = arguments.partition(" ")
        if not name or not value:
            return "-ERR invalid syntax"
        self._filters.append((name, unquote(value)))
        return f"+OK filter added. [{name}]=[{value}]"

    def _sendmsg(self, uuid: str, command: Command) -> str:
        channel = self._switch.channels.get(uuid)
        if channel is None:
            return f"-ERR invalid session id [{uuid}]"
        locked = command.headers.get("event-lock") == "true"
        match command.headers.get("call-command"):
            case "execute":
                application = command.headers.get("execute-app-name", "")
                argument = command.headers.get("execute-app-arg", "") or command.body
                own_uuid = command.headers.get("event-uuid", "")
                channel.execute(application, argument, locked=locked, application_uuid=own_uuid)
            case "hangup":
                # Waits its turn behind an event-locked playback, which is why a client should use uuid_kill.
                cause = command.headers.get("hangup-cause", "NORMAL_CLEARING")
                channel.execute_hangup(cause, locked=locked)
            case _:
                return "-ERR invalid call-command"
        return "+OK"

    def _reply(self, text: str) -> None:
        self._write([("Content-Type", "command/reply"), ("Reply-Text", text)])

    def _write(self, headers: list[tuple[str, str]], body: bytes = b"") -> None:
        if not self._writer.is_closing():
            self._writer.write(encode_frame(headers, body))


async def answer_of(answer: str | Awaitable[str]) -> str:
    """What an api command answers, now or later."""
    return answer if isinstance(answer, str) else await answer
