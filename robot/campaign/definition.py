"""A campaign's folder: `campaign.toml` and the prompts it names, validated as a whole before anybody is called.

Knows what the file may hold and turns it into a scenario and call plans. Whom to call, and when, is decided elsewhere.
"""

from __future__ import annotations

import wave
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Literal

import phonenumbers
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from robot.call.plan import CallPlan
from robot.call.recording import RecordingPlan, Sides
from robot.dialogue.intents import Intent
from robot.dialogue.language import language_of
from robot.dialogue.scenario import Prompt, Scenario, ScenarioError, Step
from robot.esl.commands import NumberFormat
from robot.toml_file import Location, Problem, TomlFileError, key_of, line_of, load_toml

# What `robot.esl.commands` lets through as a gateway's name, and what reads well as the name of a step or an intent.
_GATEWAY: Final = r"^[A-Za-z0-9._-]{1,64}$"
_NAME: Final = r"^[a-z][a-z0-9_]{0,39}$"
Name = Annotated[str, StringConstraints(pattern=_NAME)]
Millis = Annotated[int, Field(ge=0, le=60_000)]


class CampaignError(TomlFileError):
    """The campaign cannot be used as it stands; every mistake is in the message with file, line, key and remedy."""


class BadNumber(ValueError):
    """That is not a telephone number that can be called."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BargeInTable(_Table):
    """[barge_in]: how long somebody must talk over a prompt for it to stop."""

    threshold_ms: Annotated[int, Field(ge=100, le=10_000)] = 1500


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

    phrases: list[Annotated[str, StringConstraints(min_length=1)]] = []
    include: list[Name] = []
    shipped: bool = True


class StepTable(_Table):
    """[[step]]: see `robot.dialogue.scenario.Step`."""

    name: Name
    audio: Annotated[str, StringConstraints(min_length=1)]
    text: Annotated[str, StringConstraints(min_length=1)]
    interruptible: bool = True
    barge_in_ms: Annotated[int, Field(ge=100, le=10_000)] | None = None
    listen_ms: Annotated[int, Field(ge=500, le=60_000)] | None = None
    answers: dict[Name, Name] = {}
    otherwise: Name | None = None
    silence: Name | None = None
    outcome: Name | None = None


class CampaignTable(_Table):
    """campaign.toml as a whole."""

    name: Annotated[str, StringConstraints(pattern=r"^[\w .-]{1,64}$")]
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")] = "en"
    gateway: Annotated[str, StringConstraints(pattern=_GATEWAY)]
    caller_id: str | None = None
    region: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = None
    number_format: NumberFormat = "e164"
    ring_timeout_s: Annotated[int, Field(ge=5, le=120)] = 30
    max_call_s: Annotated[int, Field(ge=10, le=3600)] = 180
    incoming_numbers: list[Annotated[str, StringConstraints(min_length=1)]] = []
    barge_in: BargeInTable = BargeInTable()
    recording: RecordingTable = RecordingTable()
    intents: dict[Name, IntentTable] = {}
    step: Annotated[list[StepTable], Field(min_length=1)]


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
    def incoming_numbers(self) -> list[str]:
        """Our numbers that this campaign answers, as E.164."""
        return [normalise_number(number, self.table.region) for number in self.table.incoming_numbers]

    def plan(self, number: str) -> CallPlan:
        """A call to `number` (any spelling; without `+` it is read in the campaign's region). Raises BadNumber."""
        table = self.table
        return CallPlan(
            number=normalise_number(number, table.region),
            campaign=table.name,
            gateway=table.gateway,
            scenario=self.scenario,
            prompt_root=self.folder,
            caller_id=table.caller_id,
            number_format=table.number_format,
            language=table.language,
            ring_timeout_s=table.ring_timeout_s,
            max_call_s=table.max_call_s,
            recording=table.recording.plan(),
        )

    def incoming_plan(self, caller: str | None) -> CallPlan:
        """The conversation with somebody who called in; `caller`: E.164, None when it is withheld."""
        table = self.table
        return CallPlan(
            number=caller or "",
            campaign=table.name,
            gateway=table.gateway,
            scenario=self.scenario,
            prompt_root=self.folder,
            language=table.language,
            max_call_s=table.max_call_s,
            recording=table.recording.plan(),
        )


def normalise_number(text: str, region: str | None = None) -> str:
    """E.164 of what a person wrote. Raises BadNumber, without repeating the number."""
    # phonenumbers is lenient: it would take "+33 1 40 00 00 01\n+44..." or "call 555..." for the number in it.
    if not text.isascii() or not text.isprintable():
        raise BadNumber(
            "the number holds a line break or a character that is not ASCII: write + and digits, like +33140000001"
        )
    try:
        number = phonenumbers.parse(text.strip(), region)
    except phonenumbers.NumberParseException as error:
        remedy = "" if region else " (the campaign sets no `region`, so it must begin with + and the country code)"
        raise BadNumber(f"that is not a telephone number: write it like +33140000001{remedy}") from error
    if not phonenumbers.is_possible_number(number):
        raise BadNumber("the number has too few or too many digits for its country: write it like +33140000001")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def load_campaign(folder: Path) -> Campaign:
    """Read and check the campaign in `folder`. Raises CampaignError with everything that is wrong with it."""
    file = folder / "campaign.toml"
    if not folder.is_dir():
        raise CampaignError([Problem(folder, "", None, "there is no such folder; a campaign is a folder")])
    try:
        table, text = load_toml(file, CampaignTable)
    except TomlFileError as error:
        raise CampaignError(error.problems) from error

    def problem(location: Location, message: str) -> Problem:
        return Problem(file, key_of(location), line_of(text, location), message)

    problems: list[Problem] = []
    prompts: list[Prompt] = []
    for index, step in enumerate(table.step):
        try:
            prompts.append(_prompt(folder.resolve(), step))
        except ValueError as error:
            problems.append(problem(("step", index, "audio"), str(error)))
    ours = [] if table.caller_id is None else [(("caller_id",), table.caller_id)]
    ours += [(("incoming_numbers",), number) for number in table.incoming_numbers]
    for location, number in ours:
        try:
            normalise_number(number, table.region)
        except BadNumber as error:
            problems.append(problem(location, str(error)))
    intents: list[Intent] = []
    for name in _intent_names(table):
        try:
            intents.append(Intent(name, _phrases(table, name)))
        except ValueError as error:
            problems.append(problem(("intents", name), str(error)))
    if problems:
        raise CampaignError(problems)
    try:
        return Campaign(folder.resolve(), table, _scenario(table, prompts, intents))
    except ScenarioError as error:
        raise CampaignError([problem(("step",), str(error))]) from error


def _intent_names(table: CampaignTable) -> list[str]:
    """The intents of the campaign, and those that its steps name and the robot knows by itself."""
    shipped = language_of(table.language).intents
    named = (name for step in table.step for name in step.answers if name in shipped)
    return list(dict.fromkeys((*table.intents, *named)))


def _phrases(table: CampaignTable, name: str) -> tuple[str, ...]:
    """All phrases of an intent. Raises ValueError with what is wrong with it and what to do."""
    shipped = language_of(table.language).intents
    own = table.intents.get(name, IntentTable())
    phrases = [*own.phrases, *(shipped.get(name, ()) if own.shipped else ())]
    for included in own.include:
        other = table.intents.get(included)
        if other is None and included not in shipped:
            known = ", ".join(sorted({*shipped, *table.intents} - {name}))
            raise ValueError(f"includes {included!r}, which is no intent; known in {table.language!r} are: {known}")
        phrases += other.phrases if other is not None else ()
        phrases += shipped.get(included, ()) if other is None or other.shipped else ()
    if not phrases:
        raise ValueError('has no phrases: write how people say it, such as `phrases = ["yes", "of course"]`')
    return tuple(dict.fromkeys(phrases))


def _scenario(table: CampaignTable, prompts: list[Prompt], intents: list[Intent]) -> Scenario:
    return Scenario(
        steps=[
            Step(
                name=step.name,
                prompt=prompt,
                barge_in_ms=(step.barge_in_ms or table.barge_in.threshold_ms) if step.interruptible else None,
                listen_ms=step.listen_ms,
                answers=step.answers,
                otherwise=step.otherwise,
                silence=step.silence,
                outcome=step.outcome,
            )
            for step, prompt in zip(table.step, prompts, strict=True)
        ],
        intents=intents,
        language=table.language,
    )


def _prompt(folder: Path, step: StepTable) -> Prompt:
    """The step's prompt. Raises ValueError with what keeps it from being played and what to do."""
    file = (folder / step.audio).resolve()
    if not file.is_relative_to(folder):
        raise ValueError(f"{step.audio!r} is outside the campaign's folder: put the file into it")
    try:
        with wave.open(str(file), "rb") as sound:
            rate, channels, width, frames = (
                sound.getframerate(), sound.getnchannels(), sound.getsampwidth(), sound.getnframes(),
            )  # fmt: skip
    except FileNotFoundError:
        raise ValueError(f"there is no file {file}: record it, or correct the name") from None
    except (OSError, EOFError, wave.Error) as error:
        raise ValueError(
            f"{file} is not a WAV file that can be read ({error}): convert it with `sox IN -r 8000 -c 1 -b 16 OUT.wav`"
        ) from error
    if frames == 0:
        raise ValueError(f"{file} holds no sound")
    if (channels, width) != (1, 2) or rate not in (8000, 16000):
        raise ValueError(
            f"{file} has {channels} channel(s) of {8 * width} bits at {rate} Hz; telephones need mono, 16 bits, "
            f"8000 or 16000 Hz: convert it with `sox {step.audio} -r 8000 -c 1 -b 16 OUT.wav`"
        )
    return Prompt(file, step.text, frames / rate)
