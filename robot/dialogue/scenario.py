"""The script of a campaign and where one conversation stands in it. Pure: answers in, what to do next out.

A scenario is a set of named steps. A step says a prompt and then either listens, and goes on by what was answered, or
hangs up with an outcome.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from robot.dialogue.intents import Intent, IntentMatcher, Understanding, typical_phrases


@dataclass(frozen=True, slots=True)
class Prompt:
    """A WAV file to play, the text that is spoken in it (for the transcript of the call) and its length in seconds."""

    file: Path
    text: str
    length_s: float


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to say and what follows from the answer.

    barge_in_ms: the callee's speech over the prompt, in ms, that stops it; None: it plays to its end.
    listen_ms: how long, in ms after the prompt, an answer may take to begin; None: nobody is asked, go on at once.
    answers: intent to the step that follows it. otherwise: the step for an answer that matches none.
    silence: the step when nothing is said. Where these are None the call ends with `outcome`.
    outcome: what the call ends with here; None only where a step always follows.
    """

    name: str
    prompt: Prompt
    barge_in_ms: int | None = 1500
    listen_ms: int | None = None
    answers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    otherwise: str | None = None
    silence: str | None = None
    outcome: str | None = None

    def following(self) -> set[str]:
        """The names of all steps that may come next."""
        return {name for name in (*self.answers.values(), self.otherwise, self.silence) if name is not None}


class ScenarioError(ValueError):
    """The steps do not hang together; the message names the step and what to write."""


@dataclass(frozen=True)
class Scenario:
    """Steps in order, the first one first, and the intents that their answers name, in `language` (ISO 639-1).

    Raises ScenarioError when a step or an intent is named that is not there.
    """

    steps: Sequence[Step]
    intents: Sequence[Intent] = ()
    language: str | None = "en"

    def __post_init__(self) -> None:
        if not self.steps:
            raise ScenarioError("there is no step: write at least one [[step]]")
        names = [step.name for step in self.steps]
        intents = {intent.name for intent in self.intents}
        for step in self.steps:
            if names.count(step.name) > 1:
                raise ScenarioError(f"two steps are called {step.name!r}: give one of them another name")
            for missing in sorted(step.following() - set(names)):
                raise ScenarioError(f"step {step.name!r} goes on to {missing!r}, but no [[step]] has that name")
            for missing in sorted(set(step.answers) - intents):
                raise ScenarioError(f"step {step.name!r} expects the intent {missing!r}: add [intents.{missing}]")
            if step.answers and step.listen_ms is None:
                raise ScenarioError(f"step {step.name!r} expects answers but does not listen: give it listen_ms")

    @cached_property
    def matcher(self) -> IntentMatcher:
        """Reads the phrases once, for all calls."""
        return IntentMatcher(self.intents, self.language)

    def step(self, name: str) -> Step:
        return next(step for step in self.steps if step.name == name)


@dataclass(frozen=True, slots=True)
class Say:
    """Play the step's prompt, then listen as the step says."""

    step: Step


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call; `outcome` None: the conversation came to an end without a conclusion of its own."""

    outcome: str | None


Action = Say | HangUp


class Conversation:
    """Where one call stands in a scenario. The same inputs bring the same actions."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._matcher = scenario.matcher
        self._step = scenario.steps[0]

    @property
    def step(self) -> Step:
        """The step being said or listened to."""
        return self._step

    def begin(self) -> Action:
        return Say(self._step)

    def expected_phrases(self) -> tuple[str, ...]:
        """What the callee may say to the present step, for recognition: the first phrases of each intent in turn."""
        return typical_phrases(intent for intent in self._scenario.intents if intent.name in self._step.answers)

    def understand(self, text: str) -> Understanding:
        """What `text` means among the intents that the present step expects, among all when it expects none."""
        return self._matcher.understand(text, frozenset(self._step.answers) or None)

    def intent_of(self, text: str) -> str | None:
        """The intent of `text` alone."""
        return self.understand(text).intent

    def answered(self, intent: str | None) -> Action:
        """The callee answered; `intent` None: what they said matches nothing."""
        following = self._step.answers.get(intent) if intent is not None else None
        return self._go(following or self._step.otherwise)

    def silent(self) -> Action:
        """The callee said nothing within the step's `listen_ms`."""
        return self._go(self._step.silence)

    def finished(self) -> Action:
        """A prompt that asks nothing has ended."""
        return self._go(self._step.otherwise)

    def _go(self, name: str | None) -> Action:
        if name is None:
            return HangUp(self._step.outcome)
        self._step = self._scenario.step(name)
        return Say(self._step)
