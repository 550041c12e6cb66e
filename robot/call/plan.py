"""What one call is to be: made by `robot.campaign` from a campaign's files, carried out by `robot.call.call`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from robot.call.recording import RecordingPlan
from robot.dialogue.scenario import Scenario
from robot.esl.commands import NumberFormat


@dataclass(frozen=True, slots=True)
class CallPlan:
    """Whom to call, through what, and what to say.

    number: E.164, `+` and digits. caller_id: what the callee sees; None: what the gateway sends.
    number_format: how the gateway wants numbers: `e164` (+33140000001) or `digits` (33140000001).
    ring_timeout_s: seconds until nobody answers. max_call_s: the longest a call may last, in seconds from the answer.
    prompt_root: the folder on FreeSWITCH's host that prompts are played from; nothing outside it is.
    language: ISO 639-1 of the callee, for speech recognition; None: it is found out for each utterance.
    recording: None: there is none.

    Of a call that comes in, `number` is the caller's, empty when it is withheld.
    """

    number: str
    campaign: str
    gateway: str
    scenario: Scenario
    prompt_root: Path
    caller_id: str | None = None
    number_format: NumberFormat = "e164"
    language: str | None = "en"
    ring_timeout_s: int = 30
    max_call_s: int = 180
    recording: RecordingPlan | None = None
    fields: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
