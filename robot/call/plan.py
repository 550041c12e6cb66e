"""What one call is to be: made by `robot.campaign` from a campaign's files, carried out by `robot.call.call`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from zoneinfo import ZoneInfo

from robot.call.amd.settings import AmdSettings
from robot.call.answer_policy import AnswerPolicy
from robot.call.outcome_webhook import OutcomeWebhook
from robot.call.recording import RecordingPlan
from robot.dialogue.scenario import Scenario
from robot.esl.commands import NumberFormat
from robot.prompts.voice import VoiceSettings


@dataclass(frozen=True, slots=True)
class CallPlan:
    """Whom to call, through what, and what to say.

    number: E.164, `+` and digits. caller_id: what the callee sees; None: what the gateway sends.
    number_format: how the gateway wants numbers: `e164` (+33140000001) or `digits` (33140000001).
    ring_timeout_s: seconds until nobody answers. max_call_s: the longest a call may last, in seconds from the answer.
    voice: who speaks texts that have no recording.
    answer_policy: what to do about who picks up; None: nobody wants to know, the first step is said at once.
    zone: where the callee's clocks are. longest_utterance_s: whoever speaks longer has said enough.
    fields: what is known of the contact, for prompts and conditions.
    language: ISO 639-1 of the callee, for speech recognition; None: it is found out for each utterance.
    recording: None: there is none. outcome_webhook: who is told what became of it; None: nobody.

    Of a call that comes in, `number` is the caller's, empty when it is withheld.
    """

    number: str
    campaign: str
    gateway: str
    scenario: Scenario
    voice: VoiceSettings
    answer_policy: AnswerPolicy | None = None
    amd: AmdSettings = field(default_factory=AmdSettings)
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    caller_id: str | None = None
    number_format: NumberFormat = "e164"
    language: str | None = "en"
    ring_timeout_s: int = 30
    max_call_s: int = 180
    longest_utterance_s: int = 20
    recording: RecordingPlan | None = None
    outcome_webhook: OutcomeWebhook | None = None
    fields: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
