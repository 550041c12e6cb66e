"""What one call was: its result as a document (`robot call --json`), and the notices that tell of it as it goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from robot.call.states import CallState
from robot.store.records import BargeInRecord, Direction, LatencyRecord, TurnRecord


@dataclass(frozen=True, slots=True)
class Fault:
    """Something went wrong that the call survived, or not: `code` of `dialogue.error_codes`."""

    code: str
    at_ms: int
    reason: str


@dataclass(slots=True)
class CallReport:
    """Filled while the call goes on. All ms are from the answer, but `ring_ms`: from dialling to the answer."""

    uuid: str
    number: str
    outcome: str | None = None
    hangup_cause: str | None = None
    amd: str | None = None
    amd_confidence: float | None = None  # 0 to 1
    amd_reason: str | None = None  # for people
    ring_ms: int | None = None
    talk_ms: int | None = None
    turns: list[TurnRecord] = field(default_factory=list)
    barge_ins: list[BargeInRecord] = field(default_factory=list)
    latencies: list[LatencyRecord] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    recording: str | None = None
    error: str | None = None
    answered: bool = False
    switch_away: bool = False  # the error is that FreeSWITCH cannot be reached

    @property
    def worked(self) -> bool:
        """Somebody or something answered, and nothing of ours failed."""
        return self.answered and self.error is None

    def as_json(self) -> dict[str, Any]:
        """The document of `robot call --json`; `faults` is there when there were any."""
        return {
            "uuid": self.uuid,
            "number": self.number,
            "outcome": self.outcome,
            "hangup_cause": self.hangup_cause,
            "amd": self.amd,
            "ring_ms": self.ring_ms,
            "talk_ms": self.talk_ms,
            "turns": [
                {
                    "seq": turn.seq,
                    "speaker": turn.speaker,
                    "text": turn.text,
                    "intent": turn.intent,
                    "start_ms": turn.start_ms,
                    "end_ms": turn.end_ms,
                    "interrupted": turn.interrupted,
                }
                for turn in self.turns
            ],
            "barge_ins": [
                {
                    "at_ms": barge_in.at_ms,
                    "speech_ms": barge_in.speech_ms,
                    "text": barge_in.text,
                    "detect_ms": barge_in.detect_ms,
                    "break_ms": barge_in.break_ms,
                }
                for barge_in in self.barge_ins
            ],
            "latency": [
                {
                    "turn": latency.turn,
                    "endpoint_ms": latency.endpoint_ms,
                    "stt_ms": latency.stt_ms,
                    "llm_ms": latency.llm_ms,
                    "tts_ms": latency.tts_ms,
                    "total_ms": latency.total_ms,
                    **_stages(latency),
                }
                for latency in self.latencies
            ],
            "recording": self.recording,
            "error": self.error,
        } | ({"faults": [asdict(fault) for fault in self.faults]} if self.faults else {})


def _stages(latency: LatencyRecord) -> dict[str, int | None]:
    """Of a reply that was generated; of others there is nothing to tell."""
    if latency.model_at_ms is None:
        return {}
    return {
        "text_at_ms": latency.text_at_ms,
        "model_at_ms": latency.model_at_ms,
        "token_at_ms": latency.token_at_ms,
        "phrase_at_ms": latency.phrase_at_ms,
        "synthesis_at_ms": latency.synthesis_at_ms,
    }


@dataclass(frozen=True, slots=True)
class CallBegan:
    """The first notice: the attempt is written down, its state is CONNECTING. CallOver comes at the end of each."""

    uuid: str
    campaign: str
    direction: Direction
    number: str | None  # of the other side, E.164; None: withheld
    node: str


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The call is in `state` since `at_ms` from the answer (None before it)."""

    uuid: str
    state: CallState
    at_ms: int | None


@dataclass(frozen=True, slots=True)
class HearingChanged:
    """Whether the callee speaks now, and whether the text of something that they said is awaited."""

    uuid: str
    speaking: bool
    recognising: bool


@dataclass(frozen=True, slots=True)
class WordsHeard:
    """What the callee has said so far, as recognition has it for now; their turn comes with what it is in the end."""

    uuid: str
    text: str


@dataclass(frozen=True, slots=True)
class ReplyChanged:
    """Whether the language model writes now, and whether something that it wrote is being synthesised."""

    uuid: str
    generating: bool
    synthesising: bool


@dataclass(frozen=True, slots=True)
class Replied:
    """The first sample of a reply was played."""

    uuid: str
    latency: LatencyRecord


@dataclass(frozen=True, slots=True)
class PromptBegan:
    uuid: str
    text: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """Somebody has had their say; the callee's turn comes when its text is known."""

    uuid: str
    turn: TurnRecord


@dataclass(frozen=True, slots=True)
class BargedIn:
    """The callee talked `speech_ms` over the prompt, which is being stopped."""

    uuid: str
    at_ms: int
    speech_ms: int


@dataclass(frozen=True, slots=True)
class TransferEnded:
    """The script handed the callee over; `taken`: somebody took them."""

    uuid: str
    taken: bool


@dataclass(frozen=True, slots=True)
class CallOver:
    uuid: str
    report: CallReport


Notice = (
    CallBegan
    | StateChanged
    | HearingChanged
    | WordsHeard
    | ReplyChanged
    | Replied
    | PromptBegan
    | TurnEnded
    | BargedIn
    | TransferEnded
    | CallOver
)
Observer = Callable[[Notice], None]
