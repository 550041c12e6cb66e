"""The protocols of `/ws/voice/<call_id>`, as docs/websocket-protocol.md tells them: Vonage's, and one for gateways of
one's own. Pure: messages in, what they mean out; what is to be said in, messages out.

The first message says which of the two it is.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from ws_audio.frames import SAMPLE_BYTES
from ws_audio.voice import MAX_AUDIO_BYTES, MAX_TEXT_BYTES, MOST_MISTAKES, VIOLATION, Error

#: Of the audio that is sent.
FRAME_MS: Final = 20
#: What may wait for a gateway that does not read: half a minute of audio.
MOST_WAITING: Final = 1500
_KEYS: Final = frozenset("0123456789*#ABCD")
_CONTENT_TYPE: Final = re.compile(r"audio/l16;\s*rate=(8000|16000)")
# Of what stands beside Vonage's own members; more are not ours.
_MOST_FIELDS: Final = 64
_LONGEST_FIELD: Final = 1000
# Base64 of the longest piece of audio, and what stands around it.
_MAX_CHUNK_CHARACTERS: Final = MAX_AUDIO_BYTES * 4 // 3 + 1000


class Dialect(Enum):
    UNKNOWN = auto()  # before the first message
    VONAGE = auto()
    OWN = auto()


# -- what a gateway says -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Began:
    """The call begins. sample_rate: of both directions, Hz."""

    sample_rate: int
    campaign: str | None = None
    language: str | None = None
    fields: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Heard:
    """L16 of the callee."""

    pcm: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pressed:
    """A key of the callee's telephone."""

    key: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The callee is gone."""

    reason: str


Said = Began | Heard | Pressed | Ended


# -- what is said to it ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Frame:
    """At most FRAME_MS of L16 to play."""

    pcm: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Clear:
    """Forget what waits to be played."""


@dataclass(frozen=True, slots=True)
class Press:
    """Press keys on the line."""

    keys: str


@dataclass(frozen=True, slots=True)
class Transcribed:
    """speaker: callee or robot."""

    speaker: str
    text: str
    final: bool


@dataclass(frozen=True, slots=True)
class TurnEnd:
    turn: int
    goes_on: bool
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class Over:
    """The conversation is over; the connection is closed after this."""

    outcome: str | None


ToSay = Frame | Clear | Press | Transcribed | TurnEnd | Over | Error


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


_Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class _SessionStart(_Message):
    call_id: str | None = None
    sample_rate: Literal[8000, 16000] = 16000
    campaign: _Name | None = None
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")] | None = None
    fields: Annotated[
        dict[_Name, Annotated[str, StringConstraints(max_length=_LONGEST_FIELD)]], Field(max_length=_MOST_FIELDS)
    ] = Field(default_factory=dict)
    audio: Literal["binary", "base64"] = "binary"


class _AudioChunk(_Message):
    audio: str
    direction: Literal["inbound", "outbound"] = "inbound"
    sequence: Annotated[int, Field(ge=0)] | None = None
    sample_rate: int | None = None


class MediaProtocol:
    """One connection, as its gateway sees it. chunks_missing, chunks_late: of those that are numbered."""

    def __init__(self, call_id: str) -> None:
        self._call_id = call_id
        self.dialect = Dialect.UNKNOWN
        self.sample_rate = 16000
        self.chunks_missing = 0
        self.chunks_late = 0
        self._mistakes = 0
        self._expected: int | None = None  # the number of the next chunk
        self._base64 = False
        self._sent = 0  # chunks
        self._sent_ms = 0

    def received(self, message: str | bytes) -> Said | Error | None:
        """What a message means; None: nothing for us. An Error is to be sent, and obeyed."""
        said = self._heard(message) if isinstance(message, bytes) else self._read(message)
        if isinstance(said, Error):
            self._mistakes += 1
            if self._mistakes >= MOST_MISTAKES:
                return Error(said.code, f"{said.message} That was one mistake too many.", recoverable=False)
        return said

    def encode(self, event: ToSay) -> str | bytes | None:
        """The next message to be sent, in their order; None: this gateway is not told."""
        if isinstance(event, Frame):
            return self._frame(event.pcm)
        return self._vonage(event) if self.dialect is Dialect.VONAGE else self._own(event)

    # -- in ------------------------------------------------------------------------------------------------------------

    def _heard(self, pcm: bytes) -> Heard | Error:
        if self.dialect is Dialect.UNKNOWN:
            return Error(VIOLATION, "Audio came before the call began: say websocket:connected or session_start first.")
        if len(pcm) > MAX_AUDIO_BYTES:
            return Error(VIOLATION, f"A piece of audio has {len(pcm)} bytes: at most {MAX_AUDIO_BYTES} are heard.")
        if len(pcm) % SAMPLE_BYTES:
            return Error(VIOLATION, "A piece of audio ends in the middle of a 16-bit sample: it is not heard.")
        return Heard(pcm)

    def _read(self, message: str) -> Said | Error | None:
        if len(message) > _MAX_CHUNK_CHARACTERS:
            return Error(VIOLATION, "A message is too long.", recoverable=False)
        try:
            document = json.loads(message)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            return Error(VIOLATION, "A text message is no JSON object.", recoverable=False)
        if self.dialect is not Dialect.OWN and isinstance(document.get("event"), str):
            return self._read_vonage(document)
        if self.dialect is not Dialect.VONAGE and isinstance(document.get("type"), str):
            return self._read_own(document, len(message))
        return Error(VIOLATION, "A message is neither Vonage's nor of our own protocol.", recoverable=False)

    def _read_vonage(self, document: dict[str, Any]) -> Said | Error | None:
        event = document["event"]
        if event == "websocket:connected":
            return self._connected(document)
        if self.dialect is Dialect.UNKNOWN:
            return Error(VIOLATION, "The first message is not websocket:connected.", recoverable=False)
        if event == "websocket:dtmf":
            # The digit stood in a table of its own once, and does in some of its products.
            inner = document.get("dtmf")
            return _pressed(document.get("digit") or (inner.get("digit") if isinstance(inner, dict) else inner))
        return None

    def _connected(self, document: dict[str, Any]) -> Began | Error:
        if self.dialect is not Dialect.UNKNOWN:
            return Error(VIOLATION, "websocket:connected came twice.")
        content_type = _CONTENT_TYPE.fullmatch(str(document.get("content-type", "")).lower())
        if content_type is None:
            return Error(
                VIOLATION, "The content-type must be audio/l16;rate=16000 or audio/l16;rate=8000.", recoverable=False
            )
        self.dialect, self.sample_rate = Dialect.VONAGE, int(content_type[1])
        fields = {
            name: value[:_LONGEST_FIELD]
            for name, value in document.items()
            if isinstance(value, str) and name not in ("event", "content-type", "campaign")
        }
        campaign = document.get("campaign")
        return Began(
            self.sample_rate,
            campaign if isinstance(campaign, str) and campaign else None,
            fields=dict([*fields.items()][:_MOST_FIELDS]),
        )

    def _read_own(self, document: dict[str, Any], length: int) -> Said | Error | None:
        kind = document["type"]
        if kind != "audio_chunk" and length > MAX_TEXT_BYTES:
            return Error(VIOLATION, "A message is too long.", recoverable=False)
        try:
            match kind:
                case "session_start":
                    return self._session_start(_SessionStart.model_validate(document))
                case _ if self.dialect is Dialect.UNKNOWN:
                    return Error(VIOLATION, "The first message is not session_start.", recoverable=False)
                case "audio_chunk":
                    return self._chunk(_AudioChunk.model_validate(document))
                case "control" if document.get("action") == "dtmf":
                    return _pressed(document.get("digit"))
                case "control":
                    return Error(VIOLATION, "The action of a control message is not dtmf.")
                case "session_end":
                    return Ended(str(document.get("reason", ""))[:100])
        except ValidationError as error:
            where = ".".join(map(str, error.errors()[0]["loc"]))
            return Error(VIOLATION, f"{kind}: {where}: {error.errors()[0]['msg']}."[:500])
        return Error(VIOLATION, f"There is no message of the type {kind[:40]!r}.", recoverable=False)

    def _session_start(self, start: _SessionStart) -> Began | Error:
        if self.dialect is not Dialect.UNKNOWN:
            return Error(VIOLATION, "session_start came twice.")
        if start.call_id not in (None, self._call_id):
            return Error(VIOLATION, "The call_id is not that of the address.", recoverable=False)
        self.dialect, self.sample_rate = Dialect.OWN, start.sample_rate
        self._base64 = start.audio == "base64"
        return Began(start.sample_rate, start.campaign, start.language, start.fields)

    def _chunk(self, chunk: _AudioChunk) -> Heard | Error | None:
        if chunk.sample_rate not in (None, self.sample_rate):
            return Error(VIOLATION, f"A piece of audio has another sample rate than the call, {self.sample_rate}.")
        if chunk.direction == "outbound":
            return None
        if chunk.sequence is not None:
            expected = chunk.sequence if self._expected is None else self._expected
            if chunk.sequence < expected:
                self.chunks_late += 1
                return None
            self.chunks_missing += chunk.sequence - expected
            self._expected = chunk.sequence + 1
        try:
            return self._heard(base64.b64decode(chunk.audio, validate=True))
        except (binascii.Error, ValueError):
            return Error(VIOLATION, "The audio of a piece is no base64.")

    # -- out -----------------------------------------------------------------------------------------------------------

    def _frame(self, pcm: bytes) -> str | bytes:
        if not self._base64:
            return pcm
        message = _json(
            "audio_chunk", call_id=self._call_id, direction="outbound", sequence=self._sent, timestamp=self._sent_ms,
            sample_rate=self.sample_rate, audio=base64.b64encode(pcm).decode(),
        )  # fmt: skip
        self._sent += 1
        self._sent_ms += len(pcm) * 1000 // (SAMPLE_BYTES * self.sample_rate)
        return message

    def _vonage(self, event: ToSay) -> str | None:
        return json.dumps({"action": "clear"}) if isinstance(event, Clear) else None

    def _own(self, event: ToSay) -> str | None:
        match event:
            case Clear():
                return _json("control", action="clear")
            case Press(keys):
                return _json("control", action="dtmf", digits=keys)
            case Transcribed(speaker, text, final):
                return _json("transcript_chunk", call_id=self._call_id, speaker=speaker, text=text, final=final)
            case TurnEnd(turn, goes_on, outcome):
                return _json("turn_end", call_id=self._call_id, turn=turn, goes_on=goes_on, outcome=outcome)
            case Over(outcome):
                return _json(
                    "session_end", outcome=outcome, chunks_missing=self.chunks_missing, chunks_late=self.chunks_late
                )
            case Error(code, message, recoverable):
                return _json("error", code=code, message=message, recoverable=recoverable)
            case _:
                return None


class MediaOutbox:
    """What waits for a gateway."""

    def __init__(self, most: int = MOST_WAITING) -> None:
        self._most = most
        self._waiting: deque[ToSay] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def overrun(self) -> bool:
        return len(self._waiting) > self._most

    def put(self, event: ToSay) -> None:
        self._waiting.append(event)

    def take(self) -> ToSay:
        return self._waiting.popleft()

    def drop_audio(self) -> None:
        self._waiting = deque(event for event in self._waiting if not isinstance(event, Frame))


def _pressed(digit: object) -> Pressed | Error:
    if isinstance(digit, str | int) and str(digit).upper() in _KEYS:
        return Pressed(str(digit).upper())
    return Error(VIOLATION, "A key is none of 0 to 9, *, #, A to D.")


def _json(kind: str, **members: Any) -> str:
    return json.dumps({"type": kind, **members}, ensure_ascii=False, separators=(",", ":"))
