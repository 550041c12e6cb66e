"""What callers give to the store and get from it: plain frozen records, never rows of the ORM.

Milliseconds (`*_ms`) of turns, barge-ins and latencies count from the answer. Times are aware datetimes; the store
gives them back in UTC.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from robot.store.campaign_records import Claim

SPEAKERS: Final = ("robot", "callee")
#: The outcome that puts a number on the do-not-call list.
DO_NOT_CALL: Final = "do_not_call"
_PATTERN: Final = re.compile(r"\+[1-9][0-9]{0,13}\*")
_EVENT: Final = re.compile(r"[a-z0-9_.-]{1,64}")  # goes into a header
_E164: Final = re.compile(r"\+[1-9][0-9]{2,14}")  # ITU-T E.164: at most 15 digits with the country code


class Direction(StrEnum):
    """Who called whom."""

    OUTGOING = "outgoing"  # the robot
    INCOMING = "incoming"  # somebody called the robot, often somebody whom it had called
    VISIT = "visit"  # somebody came over a WebSocket, to try; never stored


@dataclass(frozen=True, slots=True)
class NewAttempt:
    """One try to reach a contact, as it is written before anything is dialled.

    uuid: the attempt's and the channel's, in lower-case canonical form. campaign: its name. number: E.164.
    caller_id: what the callee is shown; None: what the gateway sends. node: the FreeSWITCH that dials.
    fields: what the contact list knows about the contact; kept when the contact is new. claim: the right to call it;
    None: somebody asked for this very call. known_attempts: of how many attempts at the number the rules knew when they
    said yes; it is not written when there are others by now. None: whatever was before.

    Raises ValueError, which does not repeat the number.
    """

    uuid: str
    campaign: str
    number: str
    caller_id: str | None
    gateway: str
    node: str
    created_at: datetime
    fields: Mapping[str, str] = field(default_factory=dict)
    claim: Claim | None = None
    known_attempts: int | None = None

    def __post_init__(self) -> None:
        check_uuid(self.uuid)
        check_number(self.number)


@dataclass(frozen=True, slots=True)
class NewIncomingCall:
    """A call that came in, as it is written before it is taken.

    campaign: whose conversation it gets; None: nobody's, it is refused. number: the caller's, E.164; None: withheld.
    dialled: which of our numbers it was, as FreeSWITCH says it. node: the FreeSWITCH to which it came.

    Raises ValueError, which does not repeat the number.
    """

    uuid: str
    campaign: str | None
    number: str | None
    dialled: str
    node: str
    created_at: datetime

    def __post_init__(self) -> None:
        check_uuid(self.uuid)
        if self.number is not None:
            check_number(self.number)


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """One party's say. seq: from 1, in the order of `start_ms`. interrupted: a prompt that a barge-in stopped.

    step: the scenario's step to which it belongs. intent_confidence (0 to 1) and intent_reason: how sure the intent is,
    and what it was told by.
    """

    seq: int
    speaker: str
    text: str
    intent: str | None
    start_ms: int
    end_ms: int
    interrupted: bool
    step: str | None = None
    intent_confidence: float | None = None
    intent_reason: str | None = None

    def __post_init__(self) -> None:
        if self.speaker not in SPEAKERS:
            raise ValueError(f"a turn's speaker is one of {SPEAKERS}, not {self.speaker!r}")


@dataclass(frozen=True, slots=True)
class BargeInRecord:
    """The callee talked over a prompt and it was stopped.

    speech_ms: how long they had talked then. text: what they said, once it is known.
    detect_ms: from the arrival of the frame that crossed the threshold to the command on the wire.
    break_ms: from there to PLAYBACK_STOP; None until that came.
    """

    at_ms: int
    speech_ms: int
    text: str | None
    detect_ms: float | None
    break_ms: float | None


@dataclass(frozen=True, slots=True)
class LatencyRecord:
    """How long the reply to turn `turn` took, stage by stage; a stage that did not take place is None. All in ms.

    The stages overlap: the model may begin before it is sure that the callee is done. total_ms and the `_at_ms` are
    counted from the last voiced frame: when the text was final, the model was asked, its first token and its first
    phrase were there, and its synthesis began.
    """

    turn: int
    endpoint_ms: int | None
    stt_ms: int | None
    llm_ms: int | None  # asked to first phrase
    tts_ms: int | None  # of the first phrase
    total_ms: int
    text_at_ms: int | None = None
    model_at_ms: int | None = None
    token_at_ms: int | None = None
    phrase_at_ms: int | None = None
    synthesis_at_ms: int | None = None


class Handover(StrEnum):
    """What became of a callee whom the script handed over."""

    CONNECTED = "connected"
    ABANDONED = "abandoned"  # nobody took them, or they hung up before


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """What became of an attempt: written once. ring_ms: from dialling to the answer; talk_ms: from the answer on.

    outcome `do_not_call` puts the number on the do-not-call list. amd_confidence: 0 to 1. amd_reason: by what it was
    told who picked up; holds no word of theirs. callback_earliest, callback_latest: when to call again.
    transferred_to: the number or extension. answers: what steps kept, by name. handover: the last, if the call came to
    one. faults: the codes of what went wrong on the way, in its order, whether the call survived it or not.
    """

    outcome: str
    hangup_cause: str | None
    amd: str | None
    ring_ms: int | None
    talk_ms: int | None
    answered_at: datetime | None
    ended_at: datetime
    recording: str | None
    error: str | None
    recording_expires_at: datetime | None = None
    amd_confidence: float | None = None
    amd_reason: str | None = None
    callback_earliest: datetime | None = None
    callback_latest: datetime | None = None
    transferred_to: str | None = None
    answers: Mapping[str, str] = field(default_factory=dict)
    handover: Handover | None = None
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExpiredRecording:
    """A recording that is to be deleted."""

    uuid: str
    path: str


@dataclass(frozen=True, slots=True)
class StoredAttempt:
    """An attempt as the database has it; `outcome` is None while nobody knows what became of it.

    campaign, number and gateway are None only where it is a call that came in. owner: the daemon whose call it is;
    None: no daemon's.
    """

    uuid: str
    direction: Direction
    campaign: str | None
    number: str | None
    caller_id: str | None
    gateway: str | None
    node: str
    fields: Mapping[str, str]
    created_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    outcome: str | None
    hangup_cause: str | None
    amd: str | None
    ring_ms: int | None
    talk_ms: int | None
    recording: str | None
    recording_expires_at: datetime | None
    error: str | None
    amd_confidence: float | None
    amd_reason: str | None
    callback_earliest: datetime | None
    callback_latest: datetime | None
    transferred_to: str | None
    answers: Mapping[str, str]
    handover: Handover | None
    faults: tuple[str, ...]
    turns: tuple[TurnRecord, ...]
    barge_ins: tuple[BargeInRecord, ...]
    latencies: tuple[LatencyRecord, ...]
    owner: str | None


class DoNotCallSource(StrEnum):
    """Who put an entry on the do-not-call list."""

    CALLEE = "callee"
    OPERATOR = "operator"
    IMPORT = "import"


@dataclass(frozen=True, slots=True)
class NewDoNotCall:
    """Whom nobody may call. what: a number (E.164), or how numbers begin, like `+331*`. campaign: None: all.

    Raises ValueError, which does not repeat the number.
    """

    what: str
    added_at: datetime
    source: DoNotCallSource
    campaign: str | None = None
    attempt_uuid: str | None = None
    note: str | None = None

    def __post_init__(self) -> None:
        check_number_or_pattern(self.what)


@dataclass(frozen=True, slots=True)
class DoNotCallEntry:
    """An entry of the do-not-call list: of one `number`, or of all that begin as `pattern` says."""

    id: int
    number: str | None
    pattern: str | None
    campaign: str | None
    added_at: datetime
    source: DoNotCallSource
    attempt_uuid: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class ImportCount:
    """Of an import: how many entries are new, and how many were on the list already."""

    added: int
    known: int


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """A message to somebody's web server. id: a UUID, by which the receiver knows it when it comes twice.

    event: what happened, like `outcome`. body: the JSON text as it is sent. attempt_uuid: the call it is about.
    """

    id: str
    url: str
    event: str
    body: str
    created_at: datetime
    attempt_uuid: str | None = None

    def __post_init__(self) -> None:
        check_uuid(self.id)
        if not _EVENT.fullmatch(self.event):
            raise ValueError("the event of a webhook should be a word of small letters, digits and _, . or -")


@dataclass(frozen=True, slots=True)
class StoredWebhook:
    """A webhook in the outbox. next_try_at: None: delivered or given up."""

    id: str
    url: str
    event: str
    body: str
    created_at: datetime
    next_try_at: datetime | None
    tries: int
    delivered_at: datetime | None
    last_error: str | None
    attempt_uuid: str | None


def check_uuid(uuid: str) -> None:
    """Raises ValueError for what is not a UUID as FreeSWITCH writes it."""
    try:
        canonical = str(UUID(uuid))
    except ValueError:
        canonical = None
    if canonical != uuid:
        raise ValueError("should be a UUID in lower-case canonical form")


def check_number(number: str) -> None:
    """Raises ValueError, without repeating the number, for what is not E.164."""
    if not _E164.fullmatch(number):
        raise ValueError("a contact's number must be E.164, like +33140000001")


def check_number_or_pattern(text: str) -> None:
    """Raises ValueError, without repeating it, for what is neither E.164 nor the beginning of numbers, like `+331*`."""
    if not _PATTERN.fullmatch(text) and not _E164.fullmatch(text):
        raise ValueError("should be a number in E.164, like +33140000001, or how numbers begin, like +331*")
