"""What is worth knowing of a campaign that can be used: its prompts, its intents, what its author may not have meant.

Mistakes that keep it from being used are told by `definition`. Makes the prompts ready, calls nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from robot.campaign.contacts import Contacts, ContactsError, read_contacts
from robot.campaign.definition import Campaign
from robot.campaign.diagram import dead_ends, reachable, tree
from robot.campaign.numbers import BadNumber, normalise_number
from robot.dialogue.conversation import BUILT_IN
from robot.dialogue.intents import DO_NOT_CALL
from robot.dialogue.prompt_text import MissingField
from robot.dialogue.scenario import Branch, Held, Scenario, Step, Variant
from robot.prompts.errors import PromptError
from robot.prompts.library import PromptLibrary
from robot.prompts.loudness import active_speech_level
from robot.prompts.sound import decode
from robot.toml_file import Location, Problem, key_of, line_of

_MOST_NUMBERS_TOLD: Final = 5


@dataclass(frozen=True, slots=True)
class ReviewedPrompt:
    """One thing that may be said, as the first contact of the list hears it.

    length_s, level_db (active speech level, dBov): None where that is known only in the call.
    """

    step: str
    text: str
    recorded: bool
    length_s: float | None = None
    level_db: float | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """intents: how many phrases each has. contacts: how many; None: there is no list.

    errors: prompts that cannot be made ready, a list that cannot be read. warnings: what works and may not be meant.
    """

    campaign: Campaign
    prompts: tuple[ReviewedPrompt, ...]
    intents: Mapping[str, int]
    contacts: int | None
    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]

    @property
    def good(self) -> bool:
        return not self.errors

    def as_json(self) -> dict[str, Any]:
        """The document of `robot campaign check --json`."""
        return {
            "campaign": self.campaign.name,
            "good": self.good,
            "language": self.campaign.table.language,
            "steps": [step.name for step in self.campaign.scenario.steps],
            "prompts": [
                {
                    "step": prompt.step,
                    "text": prompt.text,
                    "recorded": prompt.recorded,
                    "length_s": None if prompt.length_s is None else round(prompt.length_s, 2),
                    "level_db": None if prompt.level_db is None else round(prompt.level_db, 1),
                }
                for prompt in self.prompts
            ],
            "intents": dict(self.intents),
            "contacts": self.contacts,
            "script": tree(self.campaign.scenario),
            "problems": [problem_as_json(problem) for problem in self.errors],
            "warnings": [problem_as_json(problem) for problem in self.warnings],
        }


def problem_as_json(problem: Problem) -> dict[str, Any]:
    return {"file": str(problem.file), "key": problem.key, "line": problem.line, "message": problem.message}


def review(campaign: Campaign, library: PromptLibrary, *, has_model: bool = True) -> Review:
    """Blocking; texts that were never spoken are spoken now (0.1 to 1 s each). has_model: a language model is
    configured."""
    return _Reviewer(campaign, library, has_model).review()


class _Reviewer:
    def __init__(self, campaign: Campaign, library: PromptLibrary, has_model: bool) -> None:
        self._campaign = campaign
        self._has_model = has_model
        self._scenario: Scenario = campaign.scenario
        self._library = library
        self._file = campaign.folder / "campaign.toml"
        self._text = self._file.read_text(encoding="utf-8-sig")
        self._errors: list[Problem] = []
        self._warnings: list[Problem] = []
        self._contacts = self._read_contacts()

    def review(self) -> Review:
        self._check_contacts()
        self._check_ways()
        self._check_model()
        self._check_intents()
        return Review(
            campaign=self._campaign,
            prompts=tuple(self._prompts()),
            intents={intent.name: len(intent.phrases) for intent in self._scenario.intents},
            contacts=None if self._contacts is None else len(self._contacts.rows),
            errors=tuple(self._errors),
            warnings=tuple(self._warnings),
        )

    def _warn(self, location: Location, message: str) -> None:
        self._warnings.append(Problem(self._file, key_of(location), line_of(self._text, location), message))

    # -- contacts ------------------------------------------------------------------------------------------------------

    def _read_contacts(self) -> Contacts | None:
        file = self._campaign.folder / "contacts.csv"
        if not file.exists():
            return None
        try:
            return read_contacts(file)
        except ContactsError as error:
            self._errors.append(error.problem)
            return None

    def _check_contacts(self) -> None:
        if self._contacts is None:
            return
        for name in sorted(self._campaign.fields()):
            self._check_field(name)
        known = {*self._contacts.columns, *self._scenario.kept_fields()}
        for index, step in enumerate(self._scenario.steps):
            if isinstance(step.does, Branch):
                for name in sorted({condition.field for condition in step.does.conditions} - known):
                    message = f"asks for {name!r}, which is no column of contacts.csv and is kept by no step"
                    self._warn(("step", index, "branch"), message)
        wrong: list[int] = []
        for row in self._contacts.rows:
            try:
                normalise_number(row.number, self._campaign.table.region)
            except BadNumber:
                wrong.append(row.line)
        if wrong:
            lines = ", ".join(map(str, wrong[:_MOST_NUMBERS_TOLD]))
            more = " and others" if len(wrong) > _MOST_NUMBERS_TOLD else ""
            message = (
                f"{len(wrong)} number(s) that cannot be called, in line {lines}{more}: write them like +33140000001"
            )
            self._warnings.append(Problem(self._contacts.file, "number", wrong[0], message))

    def _check_field(self, name: str) -> None:
        assert self._contacts is not None
        place = next(
            ("step", index)
            for index, step in enumerate(self._scenario.steps)
            for wording in step.wordings()
            if any(name in variant.text.required for variant in wording.variants)
        )
        remedy = f"add it, or write what is said without it: {{{name}|...}}"
        if name not in self._contacts.columns:
            self._warn(place, f"says {{{name}}}, which is no column of contacts.csv: {remedy}")
            return
        empty = [row.line for row in self._contacts.rows if not row.fields[name]]
        if empty:
            told = f"says {{{name}}}, which is empty for {len(empty)} contact(s), first in line {empty[0]}: {remedy}"
            self._warn(place, told)

    # -- the script ----------------------------------------------------------------------------------------------------

    def _check_ways(self) -> None:
        found = reachable(self._scenario, [name for _, name in self._campaign.table.amd.steps()])
        dead = dead_ends(self._scenario)
        for index, step in enumerate(self._scenario.steps):
            if step.name not in found:
                self._warn(("step", index, "name"), f"{step.name!r} is a step that no other leads to")
            elif step.name in dead:
                message = (
                    f"from {step.name!r} the robot never ends the call: let `otherwise` or `silence` lead to one that "
                    "says goodbye"
                )
                self._warn(("step", index, "name"), message)
        answers = (step.listens.answers for step in self._scenario.steps if step.listens is not None)
        if DO_NOT_CALL not in self._scenario.objections and not any(DO_NOT_CALL in each for each in answers):
            message = (
                "nobody is told that they will not be called again: the call ends without a word. Write "
                f'[objections] {DO_NOT_CALL} = "STEP"'
            )
            self._warn(("objections",), message)

    def _check_model(self) -> None:
        if self._has_model:
            return
        for index, step in enumerate(self._scenario.steps):
            if isinstance(step.does, Held):
                instead = f"goes on with {step.does.failed!r}" if step.does.failed else "ends with an apology"
                message = (
                    f"is held by a language model, and there is none: every call {instead}. Set llm.url in robot.toml "
                    "(docs/operations.md says how)"
                )
                self._warn(("step", index, "agent"), message)

    def _check_intents(self) -> None:
        """Phrases that are taken for another intent of the same step that leads elsewhere."""
        told: set[tuple[str, str]] = set()
        for index, step in enumerate(self._scenario.steps):
            for mine, phrase, other in self._collisions(step):
                if (mine, other) not in told:
                    told.add((mine, other))
                    message = f"{phrase!r} of {mine!r} is understood as {other!r}: take it out of one of them"
                    self._warn(("step", index, "answers"), message)

    def _collisions(self, step: Step) -> Iterator[tuple[str, str, str]]:
        if step.listens is None:
            return
        leads = {**self._scenario.objections, **step.listens.answers}
        expected = frozenset((*leads, *BUILT_IN))
        for intent in self._scenario.intents:
            if intent.name not in step.listens.answers:
                continue
            for phrase in intent.phrases:
                other = self._scenario.matcher.understand(phrase, expected).intent
                if other is None or other == intent.name or leads.get(other) == leads[intent.name]:
                    continue
                # What the campaign gives to an intent of its own may well be one of those that come with the robot.
                if self._wrote(phrase, intent.name) or not self._wrote(phrase, other):
                    yield intent.name, phrase, other

    def _wrote(self, phrase: str, intent: str) -> bool:
        """Whether the campaign itself has the phrase in `intent`."""
        table = self._campaign.table.intents.get(intent)
        return table is not None and phrase in table.phrases

    # -- prompts -------------------------------------------------------------------------------------------------------

    def _prompts(self) -> Iterator[ReviewedPrompt]:
        values = self._contacts.rows[0].fields if self._contacts is not None and self._contacts.rows else {}
        told: set[Variant] = set()
        for index, step in enumerate(self._scenario.steps):
            for wording in step.wordings():
                for variant in wording.variants:
                    if variant not in told:
                        told.add(variant)
                        yield self._prompt(index, step, variant, values)

    def _prompt(self, index: int, step: Step, variant: Variant, values: Mapping[str, str]) -> ReviewedPrompt:
        recorded = variant.audio is not None
        try:
            text = variant.text.source if recorded else variant.text.render(values)
            if variant.audio is not None:
                prompt = self._library.recorded(variant.audio, text)
            else:
                prompt = self._library.spoken(text, self._campaign.voice)
            samples, rate = decode(prompt.file.read_bytes())
        except MissingField:
            return ReviewedPrompt(step.name, variant.text.source, recorded)
        except PromptError as error:
            location = ("step", index)
            self._errors.append(Problem(self._file, key_of(location), line_of(self._text, location), str(error)))
            return ReviewedPrompt(step.name, variant.text.source, recorded)
        return ReviewedPrompt(step.name, text, recorded, prompt.length_s, active_speech_level(samples, rate))
