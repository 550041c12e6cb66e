"""A campaign's folder: `campaign.toml` and the recordings it names, validated as a whole before anybody is called.

Turns what is found sound into call plans. What the tables may hold is in `tables`, how a scenario is made of them in
`loader`; whom to call, and when, is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from robot.call.outcome_webhook import OutcomeWebhook
from robot.call.plan import CallPlan
from robot.campaign.caller_ids import CallerIdSettings
from robot.campaign.loader import Loader
from robot.campaign.numbers import normalise_number, zone_of
from robot.campaign.pace import Limits
from robot.campaign.rule_tables import rule_book
from robot.campaign.rules import RuleBook
from robot.campaign.tables import CampaignTable
from robot.dialogue.scenario import Scenario
from robot.prompts.library import Recorded, Spoken
from robot.prompts.voice import DEFAULT_VOICE, VoiceSettings, default_voice
from robot.toml_file import Problem, TomlFileError, load_toml

_NO_FIELDS: Final[Mapping[str, str]] = MappingProxyType({})


class CampaignError(TomlFileError):
    """The campaign cannot be used as it stands; every mistake is in the message with file, line, key and remedy."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign that was read and found sound."""

    folder: Path
    table: CampaignTable
    scenario: Scenario

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def voice(self) -> VoiceSettings:
        model = self.table.voice.model or default_voice(self.table.language) or DEFAULT_VOICE
        model = str(self.folder / model) if model.endswith(".onnx") else model
        return VoiceSettings(model, self.table.voice.speed, self.table.language)

    @property
    def incoming_numbers(self) -> list[str]:
        """Our numbers that this campaign answers, as E.164."""
        return [normalise_number(number, self.table.region) for number in self.table.incoming_numbers]

    def rules(self) -> RuleBook:
        """Who may be called, and when."""
        return rule_book(self.name, self.table.hours, self.table.attempts, self.table.retries)

    @property
    def gateways(self) -> Mapping[str, float]:
        """Through which it calls, each with its weight; at least one."""
        table = self.table
        return {each.name: each.weight for each in table.gateways} if table.gateway is None else {table.gateway: 1.0}

    @property
    def gateway_limits(self) -> Mapping[str, Limits]:
        """What it says of its gateways, each of `gateways`; the strictest of all campaigns counts."""
        written = {each.name: each.limits() for each in self.table.gateways}
        return {gateway: written.get(gateway, Limits()) for gateway in self.gateways}

    @property
    def limits(self) -> Limits:
        return self.table.pace.limits()

    @property
    def caller_ids(self) -> CallerIdSettings:
        """As which it calls; none: the gateway shows what it shows."""
        if self.table.caller_ids is not None:
            return self.table.caller_ids.settings()
        return CallerIdSettings(() if self.table.caller_id is None else (self.table.caller_id,))

    @property
    def outcome_webhook(self) -> OutcomeWebhook | None:
        return None if self.table.webhook is None else self.table.webhook.plan()

    def prompts(self) -> list[Recorded | Spoken]:
        """What every callee may hear: all recordings, and the texts that say the same to everybody."""
        found: dict[Recorded | Spoken, None] = {}
        for wording in self.scenario.wordings():
            for variant in wording.variants:
                if variant.audio is not None:
                    found[Recorded(variant.audio, variant.text.source)] = None
                elif variant.text.fixed:
                    found[Spoken(variant.text.render({}), self.voice)] = None
        return list(found)

    def fields(self) -> frozenset[str]:
        """The fields of a contact that its prompts cannot do without."""
        wanted = {
            name
            for wording in self.scenario.wordings()
            for variant in wording.variants
            for name in variant.text.required
        }
        return frozenset(wanted - self.scenario.kept_fields())

    def plan(
        self,
        number: str,
        fields: Mapping[str, str] = _NO_FIELDS,
        *,
        gateway: str | None = None,
        caller_id: str | None = None,
    ) -> CallPlan:
        """A call to `number` (any spelling; without `+` it is read in the campaign's region).

        gateway, caller_id: None: the first of the campaign's. Raises BadNumber.
        """
        table = self.table
        normal = normalise_number(number, table.region)
        return CallPlan(
            number=normal,
            campaign=table.name,
            gateway=gateway or next(iter(self.gateways)),
            scenario=self.scenario,
            voice=self.voice,
            answer_policy=table.amd.policy(),
            amd=table.amd.settings(),
            zone=zone_of(normal, fields),
            caller_id=caller_id or next(iter(self.caller_ids.numbers), None),
            number_format=table.number_format,
            language=table.language,
            ring_timeout_s=table.ring_timeout_s,
            max_call_s=table.max_call_s,
            longest_utterance_s=table.longest_utterance_s,
            recording=table.recording.plan(),
            outcome_webhook=self.outcome_webhook,
            fields=fields,
        )

    def incoming_plan(self, caller: str | None, fields: Mapping[str, str] = _NO_FIELDS) -> CallPlan:
        """The conversation with somebody who called in; `caller`: E.164, None when it is withheld."""
        table = self.table
        return CallPlan(
            number=caller or "",
            campaign=table.name,
            gateway=next(iter(self.gateways)),
            scenario=self.scenario,
            voice=self.voice,
            zone=zone_of(caller or "", fields),
            language=table.language,
            max_call_s=table.max_call_s,
            longest_utterance_s=table.longest_utterance_s,
            recording=table.recording.plan(),
            outcome_webhook=self.outcome_webhook,
            fields=fields,
        )


def load_campaign(folder: Path) -> Campaign:
    """Read and check the campaign in `folder`. Raises CampaignError with everything that is wrong with it."""
    file = folder / "campaign.toml"
    if not folder.is_dir():
        raise CampaignError([Problem(folder, "", None, "there is no such folder; a campaign is a folder")])
    try:
        table, text = load_toml(file, CampaignTable)
    except TomlFileError as error:
        raise CampaignError(error.problems) from error
    loader = Loader(folder.resolve(), file, table, text)
    scenario = loader.scenario()
    if scenario is None:
        raise CampaignError(loader.problems)
    return Campaign(folder.resolve(), table, scenario)
