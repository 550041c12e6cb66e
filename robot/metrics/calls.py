"""Calls, by what they tell of themselves: how many are where, how they ended, how fast they reply and fall silent."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric
from prometheus_client.core import GaugeMetricFamily

from robot.call.amd.greetings import AmdClass
from robot.call.outcome import Outcome
from robot.call.report import CallBegan, CallOver, CallReport, Notice, StateChanged
from robot.call.states import CallState
from robot.dialogue.error_codes import ErrorCode
from robot.metrics.labels import Values
from robot.store.records import Direction, LatencyRecord

#: Of these a robot has few; what is more becomes `other`.
MAX_CAMPAIGNS: Final = 50
#: Those of the robot, and what campaigns call theirs.
MAX_OUTCOMES: Final = len(Outcome) + 23
#: FreeSWITCH has about 80 hangup causes.
MAX_CAUSES: Final = 100

# Targets: from the frame that crosses the threshold to the command on the wire 10 ms, from there to silence 60 ms.
_DETECT_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.1, 0.5)
_BREAK_S: Final = (0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.12, 0.25, 1.0)
# Targets of a reply: 500 ms is good, 700 and 800 ms are the limits at which people begin to repeat themselves.
_RESPONSE_S: Final = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.5, 2.5, 5.0)
_STAGES: Final = ("first_token", "first_phrase", "synthesis", "total")
_LIVE: Final = tuple(state for state in CallState if state not in (CallState.ENDED, CallState.ERROR))


@dataclass(slots=True)
class _Live:
    labels: tuple[str, str]  # campaign, direction
    state: CallState


class CallMetrics:
    """An Observer of all calls. `campaigns` is shared with whoever else has that label."""

    def __init__(self, registry: CollectorRegistry, campaigns: Values) -> None:
        self._live: dict[str, _Live] = {}
        self._campaigns = campaigns
        self._outcomes = Values(MAX_OUTCOMES, Outcome)
        self._causes = Values(MAX_CAUSES)
        self._verdicts = Values(2 * len(AmdClass), AmdClass)
        of_campaign = ["campaign", "direction"]
        self._begun = Counter(
            "robot_calls_begun", "Calls that were dialled or came in; the pace reached is its rate.", of_campaign,
            registry=registry,
        )  # fmt: skip
        self._answered = Counter("robot_calls_answered", "Calls that were answered.", of_campaign, registry=registry)
        self._ended = Counter(
            "robot_calls_ended", "Calls that are over, by outcome.", [*of_campaign, "outcome"], registry=registry
        )
        self._talk = Counter(
            "robot_calls_talk_seconds", "From the answer to the end, of calls that are over.", of_campaign,
            registry=registry,
        )  # fmt: skip
        self._hangups = Counter(
            "robot_hangups", "Hangup causes of calls that are over, as FreeSWITCH says.", ["cause"], registry=registry
        )
        self._picked_up = Counter(
            "robot_amd_verdicts", "Who picked up, as answering machine detection found.", ["who"], registry=registry
        )
        self._detect = Histogram(
            "robot_barge_in_detect_seconds",
            "From the frame that crossed the threshold to the break on the wire. Target: 10 ms.",
            registry=registry, buckets=_DETECT_S,
        )  # fmt: skip
        self._break = Histogram(
            "robot_barge_in_break_seconds", "From the break on the wire to PLAYBACK_STOP. Target: 60 ms.",
            registry=registry, buckets=_BREAK_S,
        )  # fmt: skip
        self._response = Histogram(
            "robot_response_seconds",
            "From the callee's last voiced frame to the first sample of the reply. Targets: 500 ms good, 800 ms limit.",
            registry=registry, buckets=_RESPONSE_S,
        )  # fmt: skip
        self._endpoint = Histogram(
            "robot_response_endpoint_seconds", "Of that: the silence that was waited for.",
            registry=registry, buckets=_RESPONSE_S,
        )  # fmt: skip
        self._stages = Histogram(
            "robot_reply_stage_seconds",
            "Replies of a language model. first_token, first_phrase: from asking it; synthesis: of the first phrase; "
            "total: from the callee's last voiced frame to the first sample, target 700 ms.",
            ["stage"], registry=registry, buckets=(0.05, 0.1, *_RESPONSE_S),
        )  # fmt: skip
        for stage in _STAGES:
            self._stages.labels(stage)
        self._faults = Counter(
            "robot_call_faults", "What went wrong in calls, by its code, whether the call survived it or not.",
            ["code"], registry=registry,
        )  # fmt: skip
        for code in ErrorCode:
            self._faults.labels(code.value)
        self._stt = Histogram(
            "robot_response_transcription_seconds", "Of that: from the endpoint to the text.",
            registry=registry, buckets=(0.01, 0.05, 0.1, *_RESPONSE_S),
        )  # fmt: skip

    def __call__(self, notice: Notice) -> None:
        match notice:
            case CallBegan(uuid=uuid, campaign=campaign, direction=direction):
                self._call_began(uuid, campaign, direction)
            case StateChanged(uuid=uuid, state=state) if (call := self._live.get(uuid)) is not None:
                call.state = state
                if state is CallState.ACTIVE:
                    self._answered.labels(*call.labels).inc()
            case CallOver(uuid=uuid, report=report) if (call := self._live.pop(uuid, None)) is not None:
                self._over(call, report)

    def read(self) -> Iterator[Metric]:
        """On the loop, when Prometheus asks."""
        live = GaugeMetricFamily("robot_live_calls", "Calls that go on, by state.", labels=["state"])
        tally = Tally(call.state for call in self._live.values())
        for state in _LIVE:
            live.add_metric([state], tally[state])
        yield live

    def _call_began(self, uuid: str, campaign: str, direction: Direction) -> None:
        labels = (self._campaigns.label(campaign), str(direction))
        self._live[uuid] = _Live(labels, CallState.CONNECTING)
        self._begun.labels(*labels).inc()

    def _over(self, call: _Live, report: CallReport) -> None:
        self._ended.labels(*call.labels, self._outcomes.label(report.outcome or Outcome.FAILED)).inc()
        if report.hangup_cause is not None:
            self._hangups.labels(self._causes.label(report.hangup_cause)).inc()
        if report.amd is not None:
            self._picked_up.labels(self._verdicts.label(report.amd)).inc()
        if report.talk_ms is not None:
            self._talk.labels(*call.labels).inc(report.talk_ms / 1000)
        for barge_in in report.barge_ins:
            _observe_ms(self._detect, barge_in.detect_ms)
            _observe_ms(self._break, barge_in.break_ms)
        for latency in report.latencies:
            _observe_ms(self._response, latency.total_ms)
            _observe_ms(self._endpoint, latency.endpoint_ms)
            _observe_ms(self._stt, latency.stt_ms)
            self._generated(latency)
        for fault in report.faults:
            self._faults.labels(fault.code).inc()

    def _generated(self, latency: LatencyRecord) -> None:
        if latency.model_at_ms is None:
            return
        first_token_ms = None if latency.token_at_ms is None else latency.token_at_ms - latency.model_at_ms
        took_ms = (first_token_ms, latency.llm_ms, latency.tts_ms, latency.total_ms)
        for stage, value_ms in zip(_STAGES, took_ms, strict=True):
            _observe_ms(self._stages.labels(stage), value_ms)


def _observe_ms(histogram: Histogram, value_ms: float | None) -> None:
    if value_ms is not None:
        histogram.observe(value_ms / 1000)
