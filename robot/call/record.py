"""What is written down while a call goes on: turns, barge-ins and latencies, in ms from the answer.

Takes the loop's clock (seconds), gives records. Turns are numbered in the order in which they began, which is not the
order in which their texts become known: numbers are given when the record is read.
"""

from __future__ import annotations

from dataclasses import dataclass

from robot.call.door import Playing
from robot.call.hearing import Utterance
from robot.call.latency import ReplyTimes, latency
from robot.call.playback import PlaybackState
from robot.dialogue.intents import Understanding
from robot.store.records import BargeInRecord, LatencyRecord, TurnRecord


@dataclass(frozen=True, slots=True, eq=False)
class _Turn:
    speaker: str
    text: str
    intent: str | None
    start_ms: int
    end_ms: int
    interrupted: bool
    step: str | None = None
    intent_confidence: float | None = None
    intent_reason: str | None = None


@dataclass(slots=True)
class _BargeIn:
    at_ms: int
    speech_ms: int
    arrived_at: float
    prompt: Playing
    text: str | None = None

    def record(self) -> BargeInRecord:
        sent_at = self.prompt.stop_sent_at
        if sent_at is None:
            return BargeInRecord(self.at_ms, self.speech_ms, self.text, None, None)
        ended_at = self.prompt.playback.ended_at
        return BargeInRecord(
            self.at_ms,
            self.speech_ms,
            self.text,
            detect_ms=round((sent_at - self.arrived_at) * 1000, 2),
            break_ms=None if ended_at is None else round((ended_at - sent_at) * 1000, 1),
        )


@dataclass(frozen=True, slots=True)
class _Reply:
    turn: _Turn
    utterance: Utterance
    played_at: float
    times: ReplyTimes | None


class CallRecord:
    """The record of one call."""

    def __init__(self) -> None:
        self.answered_at: float | None = None
        self._turns: list[_Turn] = []
        self._barge_ins: list[_BargeIn] = []
        self._replies: list[_Reply] = []
        self._turn_of: dict[Utterance, _Turn] = {}

    def ms(self, at: float) -> int:
        """The loop's clock as ms from the answer, never before it."""
        return max(0, round((at - (at if self.answered_at is None else self.answered_at)) * 1000))

    @property
    def callee_spoke(self) -> bool:
        return bool(self._turn_of)

    def prompt_ended(self, text: str, step: str, prompt: Playing) -> TurnRecord | None:
        """The robot has had its say; None for a prompt that never began."""
        playback = prompt.playback
        if playback.started_at is None or playback.ended_at is None:
            return None
        interrupted = playback.state is PlaybackState.INTERRUPTED
        turn = _Turn("robot", text, None, self.ms(playback.started_at), self.ms(playback.ended_at), interrupted, step)
        self._turns.append(turn)
        return self._numbered(turn)

    def utterance(self, utterance: Utterance, step: str, understanding: Understanding) -> TurnRecord:
        """The callee has had their say, while the script was at `step`."""
        turn = _Turn(
            "callee", utterance.text, understanding.intent, self.ms(utterance.started_at), self.ms(utterance.ended_at),
            False, step, round(understanding.confidence, 3), understanding.reason,
        )  # fmt: skip
        self._turns.append(turn)
        self._turn_of[utterance] = turn
        for barge_in in self._barge_ins:
            if turn.start_ms <= barge_in.at_ms <= turn.end_ms:
                barge_in.text = turn.text
        return self._numbered(turn)

    def barge_in(self, at: float, over_prompt_ms: float, arrived_at: float, prompt: Playing) -> BargeInRecord:
        """Speech up to `at` stopped `prompt`; the frame that decided it arrived at `arrived_at`."""
        self._barge_ins.append(_BargeIn(self.ms(at), round(over_prompt_ms), arrived_at, prompt))
        return self._barge_ins[-1].record()

    def replied(self, utterance: Utterance, at: float, times: ReplyTimes | None = None) -> LatencyRecord:
        """The first sample of the reply to `utterance` was played at `at`. times: of one that was generated."""
        self._replies.append(_Reply(self._turn_of[utterance], utterance, at, times))
        return self.latencies()[-1]

    def turns(self) -> list[TurnRecord]:
        return [self._numbered(turn) for turn in self._in_order()]

    def barge_ins(self) -> list[BargeInRecord]:
        return [barge_in.record() for barge_in in self._barge_ins]

    def latencies(self) -> list[LatencyRecord]:
        order = self._in_order()
        return [
            latency(order.index(each.turn) + 1, each.utterance, each.played_at, each.times) for each in self._replies
        ]

    def _in_order(self) -> list[_Turn]:
        return sorted(self._turns, key=lambda turn: turn.start_ms)

    def _numbered(self, turn: _Turn) -> TurnRecord:
        seq = self._in_order().index(turn) + 1
        return TurnRecord(
            seq, turn.speaker, turn.text, turn.intent, turn.start_ms, turn.end_ms, turn.interrupted, turn.step,
            turn.intent_confidence, turn.intent_reason,
        )  # fmt: skip
