"""The script of a campaign: steps, what follows from which answer, and what is said when nothing was understood. Pure.

    Scenario ── steps ──▶ Step ── says ──▶ Wording (variants of one thing to say)
        │                  ├── listens ──▶ Listening (answers, keys, what is kept)
        │                  └── does ─────▶ PressKeys | Transfer | Webhook | Branch | Held (by a language model)
        └── objections: what may come at any step, and the step that deals with it

`conversation` walks through it; this module only says what there is, and refuses what does not hang together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Final

from robot.dialogue.agent_settings import AgentSettings
from robot.dialogue.intents import Intent, IntentMatcher
from robot.dialogue.prompt_text import PromptText
from robot.dialogue.turn_end import Patience

#: The field that holds the time to call back, as words.
CALLBACK_TIME: Final = "callback_time"


def _nothing() -> Mapping[str, str]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Prompt:
    """A WAV file to play, the text that is spoken in it (for the transcript of the call) and its length in seconds."""

    file: Path
    text: str
    length_s: float


@dataclass(frozen=True, slots=True)
class Variant:
    """One way of saying something: `audio` is the recording of `text`; None: the text is synthesised."""

    text: PromptText
    audio: Path | None = None


@dataclass(frozen=True, slots=True)
class Wording:
    """One thing to say. Several variants take turns."""

    variants: tuple[Variant, ...]

    def __post_init__(self) -> None:
        if not self.variants:
            raise ValueError("a wording without a variant says nothing")


@dataclass(frozen=True, slots=True)
class Interruption:
    """How the callee stops a prompt by talking over it.

    threshold_ms: speech that stops it. stop_words: stop it as soon as they are recognised. ignore_words: speech that
    holds nothing else never does. resume_after_ms: silence after which a prompt goes on that was stopped by no words;
    None: it does not.
    """

    threshold_ms: int = 1500
    stop_words: tuple[str, ...] = ()
    ignore_words: tuple[str, ...] = ()
    resume_after_ms: int | None = 1000


@dataclass(frozen=True, slots=True)
class Reprompts:
    """What is said before a step gives up: one after the other, the last one again until `limit` is reached."""

    wordings: tuple[Wording, ...] = ()
    limit: int = 0

    def at(self, count: int) -> Wording | None:
        """What is said the `count`-th time (from 1); None: nothing any more, or the question is simply open again."""
        return self.wordings[min(count, len(self.wordings)) - 1] if self.wordings else None


@dataclass(frozen=True, slots=True)
class Listening:
    """The step asks, and goes on with what is answered.

    within_ms: how long, after the prompt, an answer may take to begin. answers: intent to step. keys: key of the
    telephone to step. keep: what is said or typed is kept under this name. wants_time: a time to call back is asked.
    otherwise: the step after an answer that matches nothing; silence: when nothing is said; each after its reprompts.
    """

    within_ms: int
    answers: Mapping[str, str] = field(default_factory=_nothing)
    keys: Mapping[str, str] = field(default_factory=_nothing)
    keep: str | None = None
    wants_time: bool = False
    otherwise: str | None = None
    silence: str | None = None
    not_understood: Reprompts = Reprompts()
    unheard: Reprompts = Reprompts()

    @property
    def open(self) -> bool:
        """Any words will do: nobody knows when they are complete but by the silence after them."""
        return self.keep is not None or self.wants_time


@dataclass(frozen=True, slots=True)
class PressKeys:
    """Keys to send: 0-9 A-D * #, w and W for a pause of 0.5 or 1 s."""

    keys: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """Hand the callee over to a person. Exactly one of `number` (E.164) and `extension` is given.

    announce: what that person hears before. wait: what the callee hears meanwhile. max_talk_s: how long the two may
    talk. failed: the step when nobody takes it.
    """

    number: str | None = None
    extension: str | None = None
    announce: Wording | None = None
    wait: Wording | None = None
    ring_timeout_s: int = 25
    max_talk_s: int = 7200
    failed: str | None = None


@dataclass(frozen=True, slots=True)
class Webhook:
    """Tell a server of the customer's. failed: the step when it does not take it within `timeout_s`."""

    url: str
    timeout_s: float = 5.0
    failed: str | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """Go to `step` when the field is as described. Numbers compare as numbers, texts without regard to case."""

    field: str
    step: str
    equals: str | None = None
    one_of: tuple[str, ...] = ()
    contains: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    known: bool | None = None

    def holds(self, values: Mapping[str, str]) -> bool:
        value = values.get(self.field, "").strip().casefold()
        if self.known is not None and self.known != bool(value):
            return False
        if self.equals is not None and value != self.equals.casefold():
            return False
        if self.one_of and value not in [each.casefold() for each in self.one_of]:
            return False
        if self.contains is not None and self.contains.casefold() not in value:
            return False
        if self.at_least is None and self.at_most is None:
            return True
        number = _number(value)
        return number is not None and (
            (self.at_least is None or number >= self.at_least) and (self.at_most is None or number <= self.at_most)
        )


@dataclass(frozen=True, slots=True)
class Branch:
    """The first condition that holds says where to go."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """A language model holds the conversation from here on: it hears, answers, and says when its part is over.

    say_again: when what the callee said was not recognised. fillers: said when a reply is late by `filler_after_ms`;
    None: nothing is. listen_ms: how long the callee may say nothing. think_ahead: a reply is begun before it is sure
    that the callee is done. longest_talk_s: how long all of it may last. failed: the step when the model cannot go on,
    or may not any longer; None: the call ends with `apology`, or with `farewell`.
    """

    by: AgentSettings
    say_again: Wording
    apology: Wording
    farewell: Wording
    fillers: Wording | None = None
    filler_after_ms: int = 1200
    listen_ms: int = 8000
    patience: Patience = field(default_factory=Patience)
    think_ahead: bool = True
    longest_talk_s: float = 300.0
    failed: str | None = None

    @property
    def leads_to(self) -> frozenset[str]:
        """The steps that may come next."""
        named = {*self.by.may.transfer, *self.by.may.go_to, self.failed}
        return frozenset(name for name in named if name is not None)


Deed = PressKeys | Transfer | Webhook | Branch | Held


@dataclass(frozen=True, slots=True)
class Step:
    """Says something, then listens or does something, then goes on.

    says: None: nothing. again: what is said instead when the step is asked again. interruption: None: the prompt plays
    to its end. next: the step that follows where nothing else says which. outcome: what the call ends with where none
    does. opts_out: the callee's number goes on the do-not-call list.
    """

    name: str
    says: Wording | None = None
    again: Wording | None = None
    interruption: Interruption | None = Interruption()
    listens: Listening | None = None
    does: Deed | None = None
    opts_out: bool = False
    next: str | None = None
    outcome: str | None = None

    def following(self) -> set[str]:
        """The names of all steps that may come next."""
        names: set[str | None] = {self.next}
        if self.listens is not None:
            names |= {*self.listens.answers.values(), *self.listens.keys.values()}
            names |= {self.listens.otherwise, self.listens.silence}
        match self.does:
            case Transfer(failed=failed) | Webhook(failed=failed):
                names.add(failed)
            case Branch(conditions):
                names |= {condition.step for condition in conditions}
            case Held() as held:
                names |= held.leads_to
        return {name for name in names if name is not None}

    @property
    def final(self) -> bool:
        """Nothing is asked, and no step follows."""
        return self.listens is None and not isinstance(self.does, Held) and not self.following()

    def wordings(self) -> Iterator[Wording]:
        """Everything that this step may say, the agent's announcement included."""
        own = [self.says, self.again]
        if self.listens is not None:
            own += [*self.listens.not_understood.wordings, *self.listens.unheard.wordings]
        if isinstance(self.does, Transfer):
            own += [self.does.announce, self.does.wait]
        if isinstance(self.does, Held):
            own += [self.does.say_again, self.does.apology, self.does.farewell, self.does.fillers]
        return (wording for wording in own if wording is not None)


class ScenarioError(ValueError):
    """The steps do not hang together. `step` is the one that is wrong (None: all of them), `key` the key in it."""

    def __init__(self, message: str, step: str | None = None, key: str | None = None) -> None:
        super().__init__(message)
        self.step = step
        self.key = key


@dataclass(frozen=True)
class Scenario:
    """Steps in order, the first one first, and the intents that they name, in `language` (ISO 639-1).

    objections: intent to the step that deals with it, whatever is asked; that step returns to the question unless it
    leads elsewhere. Raises ScenarioError when a step or an intent is named that is not there.
    """

    steps: Sequence[Step]
    intents: Sequence[Intent] = ()
    language: str | None = "en"
    objections: Mapping[str, str] = field(default_factory=_nothing)

    def __post_init__(self) -> None:
        if not self.steps:
            raise ScenarioError("there is no step: write at least one [[step]]")
        names = [step.name for step in self.steps]
        intents = {intent.name for intent in self.intents}
        for step in self.steps:
            if names.count(step.name) > 1:
                raise ScenarioError(f"two steps are called {step.name!r}: give one of them another name", step.name)
            for missing in sorted(step.following() - set(names)):
                message = f"step {step.name!r} goes on to {missing!r}, but no [[step]] has that name"
                raise ScenarioError(message, step.name)
            for missing in sorted(set(step.listens.answers if step.listens else ()) - intents):
                message = f"step {step.name!r} expects the intent {missing!r}: add [intents.{missing}] with its phrases"
                raise ScenarioError(message, step.name, "answers")
        for intent, name in self.objections.items():
            if name not in names:
                raise ScenarioError(f"the objection {intent!r} leads to {name!r}, but no [[step]] has that name")
            if intent not in intents:
                raise ScenarioError(f"the objection {intent!r} is no intent: add [intents.{intent}] with its phrases")

    @cached_property
    def matcher(self) -> IntentMatcher:
        """Reads the phrases once, for all calls."""
        return IntentMatcher(self.intents, self.language)

    def step(self, name: str) -> Step:
        return self._by_name[name]

    def wordings(self) -> Iterator[Wording]:
        """Everything that may be said."""
        return (wording for step in self.steps for wording in step.wordings())

    def kept_fields(self) -> frozenset[str]:
        """The fields that the call itself brings: known when the callee has said them."""
        listening = [step.listens for step in self.steps if step.listens is not None]
        kept = {each.keep for each in listening if each.keep is not None}
        abilities = [step.does.by.may for step in self.steps if isinstance(step.does, Held)]
        kept |= {name for may in abilities for name in may.keep}
        asks_for_time = any(each.wants_time for each in listening) or any(may.callback for may in abilities)
        return frozenset(kept | ({CALLBACK_TIME} if asks_for_time else set()))

    def told_before(self, values: Mapping[str, str]) -> Iterator[Variant]:
        """What may be said and is known before the call: all that needs nothing of what the call itself brings."""
        later = self.kept_fields() - values.keys()
        variants = (variant for wording in self.wordings() for variant in wording.variants)
        return (variant for variant in variants if not later.intersection(variant.text.fields))

    @cached_property
    def _by_name(self) -> Mapping[str, Step]:
        return {step.name: step for step in self.steps}


def _number(text: str) -> float | None:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return None
