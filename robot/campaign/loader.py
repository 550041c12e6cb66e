"""Makes a scenario of a campaign's tables, and finds what is wrong with them together.

What is wrong with each by itself is found by `tables`. Recordings are only looked for here: they are read by `prompts`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from robot.campaign.agent_table import AgentTable
from robot.campaign.numbers import BadNumber, normalise_number
from robot.campaign.rule_tables import rule_mistakes, unknown_outcome
from robot.campaign.tables import (
    CampaignTable,
    ConditionTable,
    RepromptTable,
    StepTable,
    TransferTable,
)
from robot.dialogue.conversation import BUILT_IN
from robot.dialogue.intents import Intent
from robot.dialogue.language import language_of
from robot.dialogue.prompt_text import PromptText
from robot.dialogue.scenario import (
    Branch,
    Condition,
    Deed,
    Held,
    Interruption,
    Listening,
    PressKeys,
    Reprompts,
    Scenario,
    ScenarioError,
    Step,
    Transfer,
    Variant,
    Webhook,
    Wording,
)
from robot.prompts.voice import default_voice
from robot.toml_file import Location, Problem, key_of, line_of


@dataclass(slots=True)
class Loader:
    """Makes a scenario of tables that are sound each by itself, and collects what is wrong with them together."""

    folder: Path
    file: Path
    table: CampaignTable
    text: str
    problems: list[Problem] = field(default_factory=list)

    def scenario(self) -> Scenario | None:
        """None: there are problems."""
        self._check_numbers()
        self._check_trunks()
        self._check_rules()
        self._check_voice()
        steps = [self._step(index, step) for index, step in enumerate(self.table.step)]
        intents = list(self._intents())
        self._check_names(steps)
        if self.problems:
            return None
        try:
            return Scenario(steps, intents, self.table.language, self.table.objections)
        except ScenarioError as error:
            self._problem(("step",), str(error))
            return None

    def _problem(self, location: Location, message: str) -> None:
        self.problems.append(Problem(self.file, key_of(location), line_of(self.text, location), message))

    # -- what names what -----------------------------------------------------------------------------------------------

    def _check_numbers(self) -> None:
        ours: list[tuple[Location, str]] = [(("incoming_numbers",), each) for each in self.table.incoming_numbers]
        if self.table.caller_id is not None:
            ours.append((("caller_id",), self.table.caller_id))
        for index, step in enumerate(self.table.step):
            if step.transfer is not None and step.transfer.number is not None:
                ours.append((("step", index, "transfer"), step.transfer.number))
        for location, number in ours:
            try:
                normalise_number(number, self.table.region)
            except BadNumber as error:
                self._problem(location, str(error))

    def _check_trunks(self) -> None:
        """Through what it calls, and as whom: said once."""
        table = self.table
        if table.gateway is None and not table.gateways:
            self._problem(("gateway",), "is missing: add it, or [[gateways]] for several")
        if table.gateway is not None and table.gateways:
            self._problem(("gateways", 0), "is given beside `gateway`: remove `gateway`, and name it in a [[gateways]]")
        names = [gateway.name for gateway in table.gateways]
        for index, name in enumerate(names):
            if name in names[:index]:
                self._problem(("gateways", index, "name"), f"{name!r} is there twice: give it one [[gateways]]")
        if table.caller_id is not None and table.caller_ids is not None:
            self._problem(("caller_ids",), "is given beside `caller_id`: remove that, and name it in `numbers` here")

    def _check_rules(self) -> None:
        table = self.table
        outcomes = {step.outcome for step in table.step if step.outcome is not None}
        outcomes |= {each for step in table.step if step.agent is not None for each in step.agent.may.outcomes}
        for location, message in rule_mistakes(table.hours, table.retries, outcomes):
            self._problem(location, message)
        for place, outcome in enumerate(() if table.webhook is None else table.webhook.outcomes or ()):
            if (mistake := unknown_outcome(outcome, outcomes)) is not None:
                self._problem(("webhook", "outcomes", place), mistake)
        if table.agents is not None and all(step.transfer is None for step in table.step):
            self._problem(("agents",), "is for scripts that hand callees over, and no step has `transfer`: remove it")

    def _check_voice(self) -> None:
        """A text of one language in the voice of another is understood by nobody."""
        table = self.table
        if (
            table.voice.model is None
            and default_voice(table.language) is None
            and any(step.text and not step.audio for step in table.step)
        ):
            self._problem(
                ("language",),
                f"no voice for {table.language!r} comes with the robot: name one with `model` under [voice], or give "
                "every step a recording with `audio` (docs/campaigns.md tells where voices are found)",
            )

    def _check_names(self, steps: Sequence[Step]) -> None:
        """Every step that is named must be there."""
        names = [step.name for step in steps]
        for index, name in enumerate(names):
            if name in names[:index]:
                self._problem(("step", index, "name"), f"two steps are called {name!r}: give one of them another name")
        for index, step in enumerate(self.table.step):
            for key, name in _named_steps(step):
                if name not in names:
                    self._problem(("step", index, key), f"leads to {name!r}, but {_no_such(name, names)}")
        for intent, name in self.table.objections.items():
            if name not in names:
                self._problem(("objections", intent), f"leads to {name!r}, but {_no_such(name, names)}")

        for location, name in self.table.amd.steps():
            if name not in names:
                self._problem(location, f"names the step {name!r}, but {_no_such(name, names)}")
            elif next(step for step in steps if step.name == name).says is None:
                self._problem(location, f"names the step {name!r}, which says nothing: give it a `text`")

    # -- intents -------------------------------------------------------------------------------------------------------

    def _intents(self) -> Iterator[Intent]:
        """The intents of the campaign, and those that it names and the robot knows by itself."""
        shipped = language_of(self.table.language).intents
        answers = [
            (("step", index, "answers"), name) for index, step in enumerate(self.table.step) for name in step.answers
        ]
        named: list[tuple[Location, str]] = [
            *answers,
            *((("objections", name), name) for name in self.table.objections),
        ]
        for location, name in named:
            if name not in self.table.intents and name not in shipped:
                known = ", ".join(sorted({*shipped, *self.table.intents})) or "none"
                self._problem(
                    location,
                    f"expects the intent {name!r}, which there is not: add [intents.{name}] with its phrases, or use "
                    f"one of those that are known in {self.table.language!r}: {known}",
                )
        built_in = [name for name in BUILT_IN if name in shipped]
        for name in dict.fromkeys((*self.table.intents, *(name for _, name in named if name in shipped), *built_in)):
            try:
                yield Intent(name, self._phrases(name))
            except ValueError as error:
                self._problem(("intents", name), str(error))

    def _phrases(self, name: str) -> tuple[str, ...]:
        """All phrases of an intent. Raises ValueError with what is wrong with it and what to do."""
        shipped = language_of(self.table.language).intents
        own = self.table.intents.get(name)
        phrases = [*(own.phrases if own else ()), *(shipped.get(name, ()) if own is None or own.shipped else ())]
        for included in own.include if own else ():
            other = self.table.intents.get(included)
            if other is None and included not in shipped:
                known = ", ".join(sorted({*shipped, *self.table.intents} - {name}))
                raise ValueError(
                    f"includes {included!r}, which is no intent; known in {self.table.language!r} are: {known}"
                )
            phrases += other.phrases if other is not None else ()
            phrases += shipped.get(included, ()) if other is None or other.shipped else ()
        if not phrases:
            raise ValueError('has no phrases: write how people say it, such as `phrases = ["yes", "of course"]`')
        return tuple(dict.fromkeys(phrases))

    # -- steps ---------------------------------------------------------------------------------------------------------

    def _step(self, index: int, step: StepTable) -> Step:
        here: Location = ("step", index)
        return Step(
            name=step.name,
            says=self._wording((*here, "text"), step.text, step.audio),
            again=self._optional((*here, "again"), step.again, step.again_audio),
            interruption=self._interruption(step),
            listens=self._listening(here, step),
            does=self._deed(here, step),
            opts_out=step.do_not_call,
            next=step.next,
            outcome=step.outcome,
        )

    def _interruption(self, step: StepTable) -> Interruption | None:
        if not step.interruptible:
            return None
        common, language = self.table.barge_in, language_of(self.table.language)
        return Interruption(
            threshold_ms=step.barge_in_ms or common.threshold_ms,
            stop_words=_first(step.stop_words, common.stop_words, language.barge_in.stop),
            ignore_words=_first(step.ignore_words, common.ignore_words, language.barge_in.ignore),
            resume_after_ms=common.resume_after_ms or None,
        )

    def _listening(self, here: Location, step: StepTable) -> Listening | None:
        if step.listen_ms is None:
            return None
        own, common = step.reprompts, self.table.reprompts
        return Listening(
            within_ms=step.listen_ms,
            answers=step.answers,
            keys=step.keys,
            keep=step.keep,
            wants_time=step.callback,
            otherwise=step.otherwise,
            silence=step.silence,
            not_understood=self._reprompts(
                (*here, "reprompts"), ("reprompts", "not_understood"), own.not_understood, common.not_understood
            ),
            unheard=self._reprompts((*here, "reprompts"), ("reprompts", "silence"), own.silence, common.silence),
        )

    def _reprompts(
        self, own_place: Location, common_place: Location, own: RepromptTable | None, common: RepromptTable | None
    ) -> Reprompts:
        place, table = (own_place, own) if own is not None else (common_place, common)
        if table is None:
            return Reprompts()
        recordings: list[str | None] = [*table.audio] if table.audio else [None] * len(table.text)
        wordings = (self._optional(place, text, audio) for text, audio in zip(table.text, recordings, strict=True))
        limit = len(table.text) if table.limit is None else table.limit
        return Reprompts(tuple(wording for wording in wordings if wording is not None), limit)

    def _deed(self, here: Location, step: StepTable) -> Deed | None:
        if step.press is not None:
            return PressKeys(step.press)
        if step.branch:
            return Branch(tuple(_condition(each) for each in step.branch))
        if step.webhook is not None:
            return Webhook(step.webhook.url, step.webhook.timeout_s, step.webhook.failed)
        if step.agent is not None:
            return self._held((*here, "agent"), step.agent)
        return None if step.transfer is None else self._transfer((*here, "transfer"), step.transfer)

    def _held(self, place: Location, table: AgentTable) -> Held | None:
        texts = language_of(self.table.language).held
        written = {
            "say_again": table.say_again or texts.say_again,
            "apology": (table.apology,) if table.apology else texts.apology,
            "farewell": (table.farewell,) if table.farewell else texts.farewell,
            "fillers": table.fillers if table.fillers is not None else texts.fillers,
        }
        for name, given in written.items():
            if not given and name != "fillers":
                self._problem(
                    (*place, name), f"is missing: no text for it comes with the robot in {self.table.language!r}"
                )
        recordings = {"fillers": table.fillers_audio}
        wordings = {
            name: self._wording((*place, name), list(given), recordings.get(name, []))
            for name, given in written.items()
        }
        try:
            settings = table.settings(table.instructions or self._instructions(table.instructions_file or ""))
        except ValueError as error:
            self._problem(place, str(error))
            return None
        say_again, apology, farewell = (wordings[name] for name in ("say_again", "apology", "farewell"))
        if say_again is None or apology is None or farewell is None:
            return None
        return Held(
            by=settings,
            say_again=say_again,
            apology=apology,
            farewell=farewell,
            fillers=None if table.filler_after_ms is None else wordings["fillers"],
            filler_after_ms=table.filler_after_ms or 0,
            listen_ms=table.listen_ms,
            patience=table.patience,
            think_ahead=table.think_ahead,
            longest_talk_s=table.longest_talk_s,
            failed=table.fallback,
        )

    def _instructions(self, name: str) -> str:
        """Raises ValueError."""
        file = self._file(name)
        try:
            return file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{file} cannot be read as UTF-8 text ({error})") from None

    def _transfer(self, place: Location, table: TransferTable) -> Transfer:
        number = None
        if table.number is not None:
            try:
                number = normalise_number(table.number, self.table.region)
            except BadNumber:
                number = table.number  # told by _check_numbers
        return Transfer(
            number=number,
            extension=table.extension,
            announce=self._optional(place, table.announce, table.announce_audio),
            wait=self._optional(place, table.wait, table.wait_audio),
            ring_timeout_s=table.ring_timeout_s,
            max_talk_s=table.max_talk_s,
            failed=table.failed,
        )

    def _optional(self, place: Location, text: str | None, audio: str | None) -> Wording | None:
        if text is None and audio is None:
            return None
        # Music to wait by has no words.
        return self._wording(place, [text or "(music)"], [audio] if audio else [])

    def _wording(self, place: Location, texts: Sequence[str], recordings: Sequence[str]) -> Wording | None:
        variants = []
        for index, text in enumerate(texts):
            where = place
            try:
                template = PromptText.parse(text)
                where = (*place[:-1], "audio") if place[-1] == "text" else place
                variants.append(Variant(template, self._recording(recordings[index]) if recordings else None))
            except ValueError as error:
                self._problem(where, str(error))
        return Wording(tuple(variants)) if variants else None

    def _recording(self, name: str) -> Path:
        """Raises ValueError with what keeps it from being played and what to do."""
        return self._file(name, "record it, or correct the name")

    def _file(self, name: str, remedy: str = "write it, or correct the name") -> Path:
        """In the campaign's folder. Raises ValueError."""
        file = (self.folder / name).resolve()
        if not file.is_relative_to(self.folder):
            raise ValueError(f"{name!r} is outside the campaign's folder: put the file into it")
        if not file.is_file():
            raise ValueError(f"there is no file {file}: {remedy}")
        return file


def _named_steps(step: StepTable) -> Iterator[tuple[str, str]]:
    """The steps that a step names, each with its key."""
    yield from (("answers", name) for name in step.answers.values())
    yield from (("keys", name) for name in step.keys.values())
    yield from (("branch", condition.step) for condition in step.branch)
    for key, name in (("otherwise", step.otherwise), ("silence", step.silence), ("next", step.next)):
        if name is not None:
            yield key, name
    if step.transfer is not None and step.transfer.failed is not None:
        yield "transfer", step.transfer.failed
    if step.webhook is not None and step.webhook.failed is not None:
        yield "webhook", step.webhook.failed
    if step.agent is not None:
        yield from (("agent", name) for name in (*step.agent.may.transfer, *step.agent.may.go_to))
        if step.agent.fallback is not None:
            yield "agent", step.agent.fallback


def _condition(table: ConditionTable) -> Condition:
    return Condition(
        field=table.field,
        step=table.step,
        equals=table.equals,
        one_of=tuple(table.one_of),
        contains=table.contains,
        at_least=table.at_least,
        at_most=table.at_most,
        known=table.known,
    )


def _first(*choices: Iterable[str] | None) -> tuple[str, ...]:
    """The first that is given."""
    return next((tuple(choice) for choice in choices if choice is not None), ())


def _no_such(name: str, names: Sequence[str]) -> str:
    alike = get_close_matches(name, names, n=1)
    return f"no [[step]] has that name; did you mean {alike[0]!r}?" if alike else "no [[step]] has that name"
