"""The voice protocol of `/ws`, as docs/websocket-protocol.md tells it: messages in, events out. Pure, no socket here.

    IDLE ──start──▶ CAPTURING ──silence, stop──▶ THINKING ──▶ RESPONDING ──▶ COMPLETE
                      ▲  ▲ └──────── cancel from anywhere: IDLE                 │
                      │  └──nothing was said─── THINKING                        │
                      └─────────────────── while the conversation goes on ──────┘

What a client sends becomes a Command, or an Error that says what was wrong with it; what the conversation does becomes
events, of which `encode` makes text.
"""

from __future__ import annotations

import base64
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from ws_audio.frames import SAMPLE_BYTES

#: Of a binary message: 2 s at 16 kHz. What is longer is an error, and not heard.
MAX_AUDIO_BYTES: Final = 64 * 1024
#: Of a text message.
MAX_TEXT_BYTES: Final = 16 * 1024
#: Mistakes that a client may make on one connection.
MOST_MISTAKES: Final = 20
#: Events that may wait for a client before partial transcripts are thinned; a minute of audio, before it is given up.
MANY_WAITING: Final = 50
MOST_WAITING: Final = 300
#: Of partial transcripts that come while many events wait, one in so many is kept.
THINNED_TO_ONE_IN: Final = 3

# The codes of errors that arise here; others are what the robot calls them.
VIOLATION: Final = "PROTOCOL_VIOLATION"
TOO_LONG: Final = "MAX_DURATION_EXCEEDED"


class VoiceState(StrEnum):
    """Where a connection is. See the picture at the top."""

    IDLE = "idle"  # no conversation
    CAPTURING = "capturing"  # it is the client's turn
    THINKING = "thinking"  # they have spoken: recognition, and what to do next
    RESPONDING = "responding"  # the robot speaks
    COMPLETE = "complete"  # the turn is over


_STATE = VoiceState
#: From each state, those that may follow. A conversation can be cancelled, and fail, in all of them.
TRANSITIONS: Final = MappingProxyType(
    {
        _STATE.IDLE: frozenset({_STATE.CAPTURING}),
        _STATE.CAPTURING: frozenset({_STATE.THINKING, _STATE.IDLE}),
        _STATE.THINKING: frozenset({_STATE.CAPTURING, _STATE.RESPONDING, _STATE.COMPLETE, _STATE.IDLE}),
        _STATE.RESPONDING: frozenset({_STATE.COMPLETE, _STATE.IDLE}),
        _STATE.COMPLETE: frozenset({_STATE.CAPTURING, _STATE.IDLE}),
    }
)


class IllegalStep(Exception):
    """The code asked for a transition that there is not: a defect."""


# -- what clients send -------------------------------------------------------------------------------------------------

_Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class _Message(BaseModel):
    # Clients may be newer than we are.
    model_config = ConfigDict(extra="ignore", frozen=True)


class Start(_Message):
    """Begin a conversation. campaign: whose; None: the usual one. language: that is spoken, ISO 639-1; None: the
    campaign's. sample_rate: of the audio in both directions, Hz. fields: what is known of who talks."""

    campaign: _Name | None = None
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")] | None = None
    sample_rate: Literal[8000, 16000] = 16000
    fields: Annotated[dict[_Name, Annotated[str, StringConstraints(max_length=1000)]], Field(max_length=64)] = Field(
        default_factory=dict
    )


class Stop(_Message):
    """What was said so far is all: do not wait for silence."""


class Cancel(_Message):
    """End the conversation now: nothing more is thought, synthesised or played."""


@dataclass(frozen=True, slots=True)
class Audio:
    """L16, mono, at the sample rate of `start`; whole samples."""

    pcm: bytes = field(repr=False)


Command = Start | Stop | Cancel | Audio

_COMMANDS: Final[Mapping[str, type[Start] | type[Stop] | type[Cancel]]] = MappingProxyType(
    {"start": Start, "stop": Stop, "cancel": Cancel}
)
_TALKING: Final = frozenset(VoiceState) - {_STATE.IDLE}
#: In which states a client may send what.
LEGAL: Final = MappingProxyType(
    {
        Start: frozenset({_STATE.IDLE}),
        Stop: frozenset({_STATE.CAPTURING}),
        Cancel: _TALKING,
        Audio: _TALKING,
    }
)


# -- what is sent to them ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entered:
    """turn: 0 while the robot has the first word."""

    state: VoiceState
    turn: int


@dataclass(frozen=True, slots=True)
class PartialText:
    """All that is recognised so far of an utterance that goes on. What was not said in the last one is sent."""

    turn: int
    text: str


@dataclass(frozen=True, slots=True)
class FinalText:
    """What was said: "" where there were no words in it after all."""

    turn: int
    text: str


@dataclass(frozen=True, slots=True)
class Token:
    """What a language model writes, piece by piece. reply: counts its replies; a new one takes the last one's place."""

    turn: int
    reply: int
    text: str


@dataclass(frozen=True, slots=True)
class TtsChunk:
    """Audio to play after what was sent before. text, length_ms: of the phrase, with its first chunk."""

    turn: int
    phrase: int
    seq: int
    sample_rate: int
    pcm: bytes = field(repr=False)
    text: str | None = None
    length_ms: int | None = None


@dataclass(frozen=True, slots=True)
class TtsPhraseDone:
    """A phrase is over. interrupted: what waits to be played is not to be played any more."""

    turn: int
    phrase: int
    interrupted: bool
    played_ms: int


@dataclass(frozen=True, slots=True)
class Info:
    code: str
    message: str
    details: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Metrics:
    """How long a turn took; None: there was no such thing in it. The first: from the beginning of the speech, the
    others from its end, in ms. total_reply_ms: to the end of the reply."""

    turn: int
    t_first_partial_ms: int | None = None
    t_final_transcript_ms: int | None = None
    t_first_token_ms: int | None = None
    t_first_audio_ms: int | None = None
    total_reply_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Error:
    """recoverable: the connection stays. Otherwise it is closed after this."""

    code: str
    message: str
    recoverable: bool = True


@dataclass(frozen=True, slots=True)
class Done:
    """A turn is over. outcome: of the conversation, when it does not go on."""

    turn: int
    goes_on: bool
    outcome: str | None = None


Event = Entered | PartialText | FinalText | Token | TtsChunk | TtsPhraseDone | Info | Metrics | Error | Done


class VoiceProtocol:
    """One connection, as its client sees it."""

    def __init__(self) -> None:
        self.state = VoiceState.IDLE
        self._mistakes = 0
        self._partial = ""  # the last that was sent of this utterance

    def received(self, message: str | bytes) -> Command | Error:
        """What a message asks for, if it may be asked for now; an Error is to be sent, and obeyed."""
        command = _audio(message) if isinstance(message, bytes) else _command(message)
        if not isinstance(command, Error) and self.state not in LEGAL[type(command)]:
            command = Error(VIOLATION, _illegal(command, self.state))
        if isinstance(command, Error):
            self._mistakes += 1
            if self._mistakes >= MOST_MISTAKES:
                return Error(command.code, f"{command.message} That was one mistake too many.", recoverable=False)
        return command

    def enter(self, state: VoiceState) -> None:
        """Raises IllegalStep, and changes nothing then."""
        if state not in TRANSITIONS[self.state]:
            raise IllegalStep(f"a voice connection cannot go from {self.state} to {state}")
        self.state = state

    def encode(self, event: Event) -> str:
        """The text of the next event to be sent: in their order, each once."""
        match event:
            case Entered(state, turn):
                return _json("state", state=state, turn=turn)
            case PartialText(turn, text):
                kept = _kept(self._partial, text)
                self._partial = text
                return _json("partial_transcript", turn=turn, keep=_units(kept), text=text[len(kept) :])
            case FinalText(turn, text):
                self._partial = ""
                return _json("final_transcript", turn=turn, text=text)
            case Token(turn, reply, text):
                return _json("token", turn=turn, reply=reply, text=text)
            case TtsChunk():
                first = {} if event.text is None else {"text": event.text, "length_ms": event.length_ms}
                return _json(
                    "tts_chunk", turn=event.turn, phrase=event.phrase, seq=event.seq, **first,
                    sample_rate=event.sample_rate, audio=base64.b64encode(event.pcm).decode(),
                )  # fmt: skip
            case TtsPhraseDone(turn, phrase, interrupted, played_ms):
                return _json("tts_phrase_done", turn=turn, phrase=phrase, interrupted=interrupted, played_ms=played_ms)
            case Info(code, message, details):
                return _json("info", code=code, message=message, **details)
            case Metrics():
                times = {name: getattr(event, name) for name in Metrics.__dataclass_fields__}
                return _json("metrics", **times)
            case Error(code, message, recoverable):
                return _json("error", code=code, message=message, recoverable=recoverable)
            case Done(turn, goes_on, outcome):
                return _json("done", turn=turn, goes_on=goes_on, outcome=outcome)


class Outbox:
    """The events that wait for a client that reads slowly. Raises nothing: who looks at `overrun` gives it up."""

    def __init__(self, many: int = MANY_WAITING, most: int = MOST_WAITING) -> None:
        self._many = many
        self._most = most
        self._waiting: deque[Event] = deque()
        self._partials = 0  # that came while many wait

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def overrun(self) -> bool:
        """More waits than a client that reads can ever have left."""
        return len(self._waiting) > self._most

    def put(self, event: Event) -> None:
        if len(self._waiting) <= self._many:
            self._partials = 0
        elif isinstance(event, PartialText):
            self._partials += 1
            if self._partials % THINNED_TO_ONE_IN != 1:
                if self._partials == 2:
                    event = Info("partials_thinned", "Many messages wait: of partial transcripts some are left out.")
                else:
                    return
        self._waiting.append(event)

    def take(self) -> Event:
        """The next. Raises IndexError when there is none."""
        return self._waiting.popleft()

    def drop_audio(self) -> None:
        """What has not left yet is not to be heard any more."""
        self._waiting = deque(event for event in self._waiting if not isinstance(event, TtsChunk))


# ----------------------------------------------------------------------------------------------------------------------


def _audio(message: bytes) -> Audio | Error:
    if len(message) > MAX_AUDIO_BYTES:
        return Error(VIOLATION, f"A binary message has {len(message)} bytes: at most {MAX_AUDIO_BYTES} are heard.")
    if len(message) % SAMPLE_BYTES:
        return Error(VIOLATION, "A binary message ends in the middle of a 16-bit sample: it is not heard.")
    return Audio(message)


def _command(message: str) -> Start | Stop | Cancel | Error:
    if len(message) > MAX_TEXT_BYTES:
        return Error(VIOLATION, f"A text message is longer than {MAX_TEXT_BYTES} characters.", recoverable=False)
    try:
        document = json.loads(message)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        return Error(VIOLATION, "A text message is no JSON object.", recoverable=False)
    kind = document.pop("type", None)
    command = _COMMANDS.get(kind) if isinstance(kind, str) else None
    if command is None:
        return Error(
            VIOLATION, f"The type of a message is none of {', '.join(_COMMANDS)}: is this the right protocol?",
            recoverable=False,
        )  # fmt: skip
    try:
        return command.model_validate(document)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        return Error(VIOLATION, f"{kind}: {where}: {error.errors()[0]['msg']}."[:500])


def _illegal(command: Command, state: VoiceState) -> str:
    what = "audio" if isinstance(command, Audio) else type(command).__name__.lower()
    remedy = "send start first" if state is _STATE.IDLE else "nothing was done"
    return f"{what} is not possible while {state}: {remedy}."


def _kept(before: str, text: str) -> str:
    """With which `text` begins that stands at the beginning of `before` already, in whole words."""
    words = text.split(" ")
    same = 0
    for said, again in zip(before.split(" "), words, strict=False):
        if said != again:
            break
        same += 1
    return " ".join(words[:same])


def _units(text: str) -> int:
    """The length of `text` as JavaScript and Java count it: in UTF-16 units."""
    return len(text.encode("utf-16-le")) // 2


def _json(kind: str, **members: Any) -> str:
    return json.dumps({"type": kind, **members}, ensure_ascii=False, separators=(",", ":"))
