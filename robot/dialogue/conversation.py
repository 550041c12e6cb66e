"""Where one conversation stands in its scenario: what happened goes in, what to do next comes out. Pure.

    begin ─▶ Say ─ said ──▶ Listen? ─ answered, typed, silent ─▶ the next step's Say, or HangUp
                     └────▶ Press, HandOver, Post ─ done, failed ─▶ ...
                     └────▶ Converse ─ go_to, end, failed ─▶ ...

Each method returns the one action that is to be carried out next; the one that fits its end is called then. An
objection leads to a step of its own and back to the question; reprompts and what people say to any robot ("pardon?",
"hold on", "never call me again") are dealt with here, so that a script need not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from robot.dialogue.intents import DO_NOT_CALL, Understanding, typical_phrases
from robot.dialogue.say_time import say_time
from robot.dialogue.scenario import (
    CALLBACK_TIME,
    Branch,
    Held,
    Listening,
    PressKeys,
    Reprompts,
    Scenario,
    Step,
    Transfer,
    Variant,
    Webhook,
    Wording,
)
from robot.dialogue.spoken_time import SpokenTime, spoken_time

#: Understood at every step that listens, whether the script names a step for it or not.
BUILT_IN: Final = ("repeat", "wait", DO_NOT_CALL)

_MOST_REPEATS: Final = 3  # of one step, before "pardon?" counts as not understood
_MOST_RETURNS: Final = 2  # of one objection: who brings it up a third time gets no third explanation
_WAIT_MS: Final = 20_000  # "hold on, let me get my glasses"


@dataclass(frozen=True, slots=True)
class Say:
    """Say `variant` with the fields of `Conversation.values`, then listen as `listening` says, if it does.

    variant: None: nothing is said, only listened.
    """

    step: Step
    variant: Variant | None
    listening: Listening | None


@dataclass(frozen=True, slots=True)
class Press:
    keys: str


@dataclass(frozen=True, slots=True)
class HandOver:
    """Transfer the call; announce and wait are what is said to the two sides."""

    transfer: Transfer
    announce: Variant | None
    wait: Variant | None


@dataclass(frozen=True, slots=True)
class Post:
    """Send the webhook."""

    step: Step
    webhook: Webhook


@dataclass(frozen=True, slots=True)
class OptOut:
    """Put the callee's number on the do-not-call list, before anything else is said."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call; `outcome` None: the conversation came to an end without a conclusion of its own."""

    outcome: str | None


@dataclass(frozen=True, slots=True)
class Converse:
    """Have a language model hold the conversation; `go_to`, `opt_out`, `end` or `failed` says how that ended."""

    step: Step
    held: Held


Action = Say | Press | HandOver | Post | OptOut | HangUp | Converse


@dataclass(frozen=True, slots=True)
class Visit:
    """What has happened at a step since it was come to."""

    step: Step
    misunderstood: int = 0
    unheard: int = 0
    repeats: int = 0
    waits: int = 0


class Conversation:
    """One call's way through `scenario`. The same inputs bring the same actions.

    values: the fields of the contact; what the callee says for a step that keeps it is added. zone: the callee's.
    first_variant: which of several wordings is the first one of this call.
    """

    def __init__(
        self,
        scenario: Scenario,
        values: Mapping[str, str] | None = None,
        *,
        zone: ZoneInfo | None = None,
        first_variant: int = 0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._scenario = scenario
        self._matcher = scenario.matcher
        self._zone = zone or ZoneInfo("UTC")
        self._now = now
        self._first_variant = first_variant
        self._said: Counter[Wording] = Counter()
        self._objections: Counter[str] = Counter()
        self._understood: dict[tuple[str, frozenset[str] | None], Understanding] = {}  # of the latest text
        self._visit = Visit(scenario.steps[0])
        self._interrupted: Visit | None = None  # the question that an objection is to return to
        self._held: set[str] = set()  # the steps that a model has held
        self.values: dict[str, str] = dict(values or {})
        self.kept: dict[str, str] = {}
        self.callback: SpokenTime | None = None

    @property
    def language(self) -> str | None:
        return self._scenario.language

    @property
    def step(self) -> Step:
        """The step being said or listened to."""
        return self._visit.step

    @property
    def conclusion(self) -> str | None:
        """What the call ends with, come what may, as soon as the prompt of the present step has begun."""
        return self.step.outcome if self.step.final and self._interrupted is None else None

    def begin(self) -> Action:
        """From the first step, whatever was said to a machine before."""
        self._interrupted = None
        return self._enter(self._scenario.steps[0])

    def leave_message(self, name: str) -> Say:
        """Say the step `name` to a machine: nobody listens."""
        self._visit, self._interrupted = Visit(self._scenario.step(name)), None
        return Say(self.step, self._variant(self.step.says), None)

    # -- what is heard -------------------------------------------------------------------------------------------------

    def expected_phrases(self) -> tuple[str, ...]:
        """What the callee may say to the present step, for recognition: the first phrases of each intent in turn.

        Answers come first, what may be said at any step after them: there is room for some 40 phrases.
        """
        listening = self.step.listens
        if listening is None:
            return ()
        wanted = dict.fromkeys((*listening.answers, DO_NOT_CALL, *self._scenario.objections))
        intents = {intent.name: intent for intent in self._scenario.intents}
        return typical_phrases(intents[name] for name in wanted if name in intents)

    def understand(self, text: str) -> Understanding:
        """What `text` means, of all that may be said to the present step."""
        listening = self.step.listens
        if listening is None:
            return self._understand(text, None)
        return self._understand(text, frozenset((*listening.answers, *self._scenario.objections, *BUILT_IN)))

    def is_clear(self, text: str) -> bool:
        """Whether `text` is an answer that nothing need be added to."""
        listening = self.step.listens
        if listening is None or listening.open:
            return False
        understanding = self.understand(text)
        return understanding.sure and understanding.intent != "wait"

    def answered(self, text: str) -> Action:
        """The callee said `text` to the question of the present step."""
        listening = self._listening
        understanding = self.understand(text)
        intent = understanding.intent
        if intent == DO_NOT_CALL and (not listening.open or understanding.sure):
            return self._opt_out()
        if listening.wants_time and self._understood_time(text):
            return self._go(self.step.next)
        if listening.open and not understanding.sure:
            intent = None
        if intent is not None and intent in listening.answers:
            return self._go(listening.answers[intent])
        if listening.keep is not None and intent not in BUILT_IN:
            return self._keep(listening.keep, text)
        if intent is not None and self._is_objection(intent):
            return self._object(intent)
        if intent == "repeat" and self._visit.repeats < _MOST_REPEATS:
            self._visit = replace(self._visit, repeats=self._visit.repeats + 1)
            return Say(self.step, self._variant(self.step.says), listening)
        if intent == "wait" and self._visit.waits < _MOST_REPEATS:
            self._visit = replace(self._visit, waits=self._visit.waits + 1)
            return Say(self.step, None, replace(listening, within_ms=_WAIT_MS))
        return self.not_understood()

    def answers_early(self, text: str) -> bool:
        """Whether `text`, said over the end of the prompt, is what the prompt asks for."""
        listening = self.step.listens
        return listening is not None and not listening.open and self.understand(text).intent in listening.answers

    def opts_out(self, text: str) -> bool:
        """Whether `text` asks never to be called again: that is heard whoever speaks, whatever is being said."""
        understanding = self._understand(text, None)
        return understanding.intent == DO_NOT_CALL and understanding.sure

    def remarked(self, text: str) -> Action:
        """The callee talked over a prompt that asks nothing, and said `text`."""
        intent = self.understand(text).intent
        if intent == DO_NOT_CALL:
            return self._opt_out()
        if intent is not None and self._is_objection(intent):
            return self._object(intent)
        return self.said()

    def not_understood(self) -> Action:
        """What the callee said matches nothing, or no words came out of it."""
        listening = self._listening
        self._visit = replace(self._visit, misunderstood=self._visit.misunderstood + 1)
        return self._reprompt(listening.not_understood, self._visit.misunderstood, listening.otherwise)

    def silent(self) -> Action:
        """The callee said nothing within the time for it."""
        listening = self._listening
        self._visit = replace(self._visit, unheard=self._visit.unheard + 1)
        return self._reprompt(listening.unheard, self._visit.unheard, listening.silence)

    def takes_keys(self) -> bool:
        """Whether keys of the callee's telephone mean anything now."""
        listening = self.step.listens
        return listening is not None and (bool(listening.keys) or listening.keep is not None)

    def typed(self, keys: str) -> Action:
        """The callee pressed keys instead of speaking."""
        listening = self._listening
        if keys in listening.keys:
            return self._go(listening.keys[keys])
        if listening.keep is not None:
            return self._keep(listening.keep, keys)
        return self.not_understood()

    # -- what was done -------------------------------------------------------------------------------------------------

    def said(self) -> Action:
        """A prompt that asks nothing has ended."""
        match self.step.does:
            case PressKeys(keys):
                return Press(keys)
            case Transfer() as transfer:
                return HandOver(transfer, self._variant(transfer.announce), self._variant(transfer.wait))
            case Webhook() as webhook:
                return Post(self.step, webhook)
            case Branch(conditions):
                holding = (condition.step for condition in conditions if condition.holds(self.values))
                return self._go(next(holding, self.step.next))
            case Held() as held:
                self._held.add(self.step.name)
                return Converse(self.step, held)
            case None:
                return self._go(self.step.next)

    def opted_out(self) -> Action:
        """The number is on the list."""
        return self._speak()

    def done(self) -> Action:
        """Keys were pressed, the webhook was taken."""
        return self._go(self.step.next)

    def failed(self) -> Action:
        """Nobody took the call over; the webhook was not taken; the model cannot go on."""
        match self.step.does:
            case Transfer(failed=name) | Webhook(failed=name) | Held(failed=name):
                return self._go(name or self.step.next)
            case _:
                return self._go(self.step.next)

    # -- what a model that holds the conversation decides --------------------------------------------------------------

    def keep(self, name: str, value: str) -> None:
        """The callee told it that."""
        self.kept[name] = self.values[name] = value

    def call_back(self, time: SpokenTime) -> None:
        """The callee wants to be called again then."""
        self.callback = time
        self.values[CALLBACK_TIME] = say_time(time, self._now(), self._scenario.language or "")

    def go_to(self, name: str) -> Action:
        """The script goes on with the step `name`."""
        return self._go(name)

    def variant(self, wording: Wording) -> Variant:
        """Which of its variants is said now."""
        turn = self._first_variant + self._said[wording]
        self._said[wording] += 1
        return wording.variants[turn % len(wording.variants)]

    def opt_out(self) -> Action:
        """The callee must not be called again."""
        return self._opt_out()

    def end(self, outcome: str | None) -> Action:
        """Its part is over, and the call with it unless a step follows; outcome: None: that of the step."""
        if outcome is None and self.step.next is not None:
            return self._go(self.step.next)
        return HangUp(outcome or self.step.outcome)

    # -- the way -------------------------------------------------------------------------------------------------------

    def _understand(self, text: str, among: frozenset[str] | None) -> Understanding:
        """Asked several times for each text, from within the audio path: the matcher takes some ms."""
        if (text, among) not in self._understood:
            if all(known != text for known, _ in self._understood):
                self._understood = {}
            self._understood[text, among] = self._matcher.understand(text, among)
        return self._understood[text, among]

    @property
    def _listening(self) -> Listening:
        if self.step.listens is None:
            raise RuntimeError(f"step {self.step.name!r} listens to nobody")
        return self.step.listens

    def _enter(self, step: Step) -> Action:
        self._visit = Visit(step)
        return OptOut() if step.opts_out else self._speak()

    def _speak(self) -> Action:
        # A model that has the conversation again does not introduce itself again.
        says = self.step.again if self.step.name in self._held else self.step.says
        if says is None and self.step.listens is None:
            return self.said()
        return Say(self.step, self._variant(says), self.step.listens)

    def _go(self, name: str | None) -> Action:
        if name is not None:
            return self._enter(self._scenario.step(name))
        if self._interrupted is not None and self.step.outcome is None:
            self._visit, self._interrupted = self._interrupted, None
            return Say(self.step, self._variant(self.step.again or self.step.says), self.step.listens)
        return HangUp(self.step.outcome)

    def _is_objection(self, intent: str) -> bool:
        return intent in self._scenario.objections and self._objections[intent] < _MOST_RETURNS

    def _object(self, intent: str) -> Action:
        self._objections[intent] += 1
        # An objection to the explanation of another one still returns to the question.
        self._interrupted = self._interrupted or self._visit
        return self._enter(self._scenario.step(self._scenario.objections[intent]))

    def _opt_out(self) -> Action:
        self._interrupted = None
        answers = self.step.listens.answers if self.step.listens is not None else {}
        name = answers.get(DO_NOT_CALL) or self._scenario.objections.get(DO_NOT_CALL)
        return HangUp(DO_NOT_CALL) if name is None else self._enter(self._scenario.step(name))

    def _reprompt(self, reprompts: Reprompts, count: int, give_up: str | None) -> Action:
        if count > reprompts.limit:
            return self._go(give_up)
        return Say(self.step, self._variant(reprompts.at(count) or self.step.says), self.step.listens)

    def _keep(self, name: str, value: str) -> Action:
        self.keep(name, value)
        return self._go(self.step.next)

    def _understood_time(self, text: str) -> bool:
        language = self._scenario.language or ""
        now = self._now()
        understood = spoken_time(text, now, self._zone, language)
        if understood is None or (understood.unfinished and not self._visit.misunderstood):
            return False  # asked once more; what comes then is taken as it is
        self.call_back(understood)
        return True

    def _variant(self, wording: Wording | None) -> Variant | None:
        return None if wording is None else self.variant(wording)
