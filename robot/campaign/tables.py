"""What campaign.toml may hold, as pydantic models: types, limits and the mistakes that a single table can make.

What the tables say to each other (steps that name steps, files, intents) is checked by `definition`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from robot.call.outcome_webhook import OutcomeWebhook
from robot.call.recording import RecordingPlan, Sides
from robot.campaign.agent_table import AgentTable
from robot.campaign.amd_table import AmdTable
from robot.campaign.pace_tables import AgentsTable, BreakerTable, CallerIdsTable, GatewayTable, PaceTable
from robot.campaign.rule_tables import AttemptsTable, Delays, HoursTable
from robot.esl.commands import NumberFormat
from robot.webhook_message import BadWebhookUrl, check_url

# What `robot.esl.commands` lets through as a gateway's name, and what reads well as the name of a step or an intent.
_GATEWAY: Final = r"^[A-Za-z0-9._-]{1,64}$"
_NAME: Final = r"^[a-z][a-z0-9_]{0,39}$"

Name = Annotated[str, StringConstraints(pattern=_NAME)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=4000)]
Key = Annotated[str, StringConstraints(pattern=r"^[0-9A-D*#]$")]
Threshold = Annotated[int, Field(ge=100, le=10_000)]


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _keys_as_text(value: Any) -> Any:
    return {str(key): step for key, step in value.items()} if isinstance(value, dict) else value


def _set(names: list[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(names)


def _web_address(url: str) -> str:
    try:
        check_url(url)
    except BadWebhookUrl as error:
        raise ValueError(str(error)) from None
    return url


WebAddress = Annotated[str, StringConstraints(pattern=r"^[^\s{}]+$"), AfterValidator(_web_address)]
Texts = Annotated[list[Text], BeforeValidator(_as_list)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class VoiceTable(_Table):
    """[voice]: who speaks the texts that have no recording.

    model: the name of a voice, or the path of a Piper voice's .onnx file; None: the one that comes with the robot for
    the language. speed: 1.0 is the voice's own.
    """

    model: Text | None = None
    speed: Annotated[float, Field(ge=0.5, le=2.0)] = 1.0


class BargeInTable(_Table):
    """[barge_in]: how talking over a prompt stops it. Words that are not given are those of the language."""

    threshold_ms: Threshold = 1500
    stop_words: list[Text] | None = None
    ignore_words: list[Text] | None = None
    resume_after_ms: Annotated[int, Field(ge=0, le=10_000)] = 1000


class RecordingTable(_Table):
    """[recording]: who is recorded, and for how long that is kept."""

    sides: Literal["off", "callee", "both"] = "off"
    keep_days: Annotated[int, Field(ge=1, le=3650)] = 30

    def plan(self) -> RecordingPlan | None:
        return None if self.sides == "off" else RecordingPlan(Sides(self.sides), timedelta(days=self.keep_days))


class IntentTable(_Table):
    """[intents.NAME]: how people say it.

    include: intents whose phrases count, too. shipped: whether those that come with the robot under this name do.
    """

    phrases: list[Text] = []
    include: list[Name] = []
    shipped: bool = True


class RepromptTable(_Table):
    """What is said before a step gives up; `limit`: how often, as often as there are texts unless said."""

    text: Texts = []
    audio: Texts = []
    limit: Annotated[int, Field(ge=0, le=10)] | None = None

    @model_validator(mode="after")
    def _recordings_have_texts(self) -> Self:
        _match_recordings(self.text, self.audio)
        return self


class RepromptsTable(_Table):
    """[reprompts]"""

    not_understood: RepromptTable | None = None
    silence: RepromptTable | None = None


class ConditionTable(_Table):
    """An entry of `branch`."""

    field: Name
    step: Name
    equals: str | None = None
    one_of: list[Text] = []
    contains: Text | None = None
    at_least: float | None = None
    at_most: float | None = None
    known: bool | None = None

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if not self.model_fields_set - {"field", "step"}:
            raise ValueError("compares nothing: add `equals`, `one_of`, `contains`, `at_least`, `at_most` or `known`")
        return self


class TransferTable(_Table):
    """`transfer` of a step. extension: a user of FreeSWITCH's directory. number: a telephone number, by the gateway."""

    number: Text | None = None
    extension: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")] | None = None
    announce: Text | None = None
    announce_audio: Text | None = None
    wait: Text | None = None
    wait_audio: Text | None = None
    ring_timeout_s: Annotated[int, Field(ge=5, le=120)] = 25
    max_talk_s: Annotated[int, Field(ge=60, le=86_400)] = 7200
    failed: Name | None = None

    @model_validator(mode="after")
    def _one_destination(self) -> Self:
        if (self.number is None) == (self.extension is None):
            raise ValueError('needs either `number = "+331..."` or `extension = "1000"`')
        return self


class OutcomeWebhookTable(_Table):
    """[webhook]: who is told what became of each call. outcomes, fields: None: all."""

    url: WebAddress
    outcomes: list[Name] | None = None
    fields: list[Text] | None = None

    def plan(self) -> OutcomeWebhook:
        return OutcomeWebhook(self.url, _set(self.outcomes), _set(self.fields))


class WebhookTable(_Table):
    """`webhook` of a step."""

    url: WebAddress
    timeout_s: Annotated[float, Field(gt=0, le=30)] = 5.0
    failed: Name | None = None


class StepTable(_Table):
    """[[step]]: see docs/campaigns.md and `robot.dialogue.scenario.Step`."""

    name: Name
    text: Texts = []
    audio: Texts = []
    again: Text | None = None
    again_audio: Text | None = None
    interruptible: bool = True
    barge_in_ms: Threshold | None = None
    stop_words: list[Text] | None = None
    ignore_words: list[Text] | None = None
    listen_ms: Annotated[int, Field(ge=500, le=60_000)] | None = None
    answers: dict[Name, Name] = {}
    keys: Annotated[dict[Key, Name], BeforeValidator(_keys_as_text)] = {}
    keep: Name | None = None
    callback: bool = False
    otherwise: Name | None = None
    silence: Name | None = None
    reprompts: RepromptsTable = RepromptsTable()
    press: Annotated[str, StringConstraints(pattern=r"^[0-9A-D*#wW]{1,64}$")] | None = None
    branch: list[ConditionTable] = []
    transfer: TransferTable | None = None
    webhook: WebhookTable | None = None
    agent: AgentTable | None = None
    do_not_call: bool = False
    next: Name | None = None
    outcome: Name | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        _match_recordings(self.text, self.audio)
        deeds = [name for name in ("press", "branch", "transfer", "webhook", "agent") if getattr(self, name)]
        if len(deeds) > 1:
            raise ValueError(f"does {deeds[0]} and {deeds[1]}: make two steps of it, one the `next` of the other")
        if self.listen_ms is not None:
            self._check_question(deeds)
        else:
            self._check_statement(deeds)
        if self.again is not None and not self.text:
            raise ValueError("has `again` and no `text`: `again` is said instead of the text when the step comes back")
        return self

    def _check_question(self, deeds: list[str]) -> None:
        if deeds:
            raise ValueError(f"listens and does {deeds[0]}: put {deeds[0]} into the step that an answer leads to")
        if self.keep is not None and self.callback:
            raise ValueError("has `keep` and `callback`: the time is kept anyway, as {callback_time}; remove `keep`")
        if self.next is not None and not (self.keep or self.callback):
            raise ValueError("listens and has `next`: name steps in `answers` and `otherwise`, or `keep` what is said")

    def _check_statement(self, deeds: list[str]) -> None:
        for key in ("answers", "keys", "keep", "callback", "otherwise", "silence"):
            if getattr(self, key):
                remedy = "write `next` for the step that follows" if key == "otherwise" else "give it `listen_ms`"
                raise ValueError(f"has `{key}` but does not listen: {remedy}")
        if not (self.text or deeds or self.do_not_call or self.outcome or self.next):
            raise ValueError("says nothing and does nothing: give it a `text`, or remove it")
        if deeds == ["branch"] and self.next is None and self.outcome is None:
            raise ValueError("has a `branch` and nothing for when no condition holds: add `next`")


class CampaignTable(_Table):
    """campaign.toml as a whole. gateway, gateways: exactly one of them, as of caller_id and caller_ids at most one."""

    name: Annotated[str, StringConstraints(pattern=r"^[\w .-]{1,64}$")]
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")] = "en"
    gateway: Annotated[str, StringConstraints(pattern=_GATEWAY)] | None = None
    gateways: list[GatewayTable] = []
    caller_id: str | None = None
    caller_ids: CallerIdsTable | None = None
    region: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = None
    number_format: NumberFormat = "e164"
    ring_timeout_s: Annotated[int, Field(ge=5, le=120)] = 30
    max_call_s: Annotated[int, Field(ge=10, le=3600)] = 180
    longest_utterance_s: Annotated[int, Field(ge=2, le=30)] = 20
    incoming_numbers: list[Text] = []
    voice: VoiceTable = VoiceTable()
    amd: AmdTable = AmdTable()
    barge_in: BargeInTable = BargeInTable()
    reprompts: RepromptsTable = RepromptsTable()
    recording: RecordingTable = RecordingTable()
    hours: HoursTable = HoursTable()
    attempts: AttemptsTable = AttemptsTable()
    retries: dict[str, Delays] = {}
    pace: PaceTable = PaceTable()
    agents: AgentsTable | None = None
    webhook: OutcomeWebhookTable | None = None
    breaker: BreakerTable = BreakerTable()
    intents: dict[Name, IntentTable] = {}
    objections: dict[Name, Name] = {}
    step: Annotated[list[StepTable], Field(min_length=1)]


def _match_recordings(texts: list[str], recordings: list[str]) -> None:
    if recordings and len(recordings) != len(texts):
        raise ValueError(
            f"has {len(recordings)} recording(s) in `audio` and {len(texts)} in `text`: each recording needs its text, "
            "for the transcript of the call"
        )
