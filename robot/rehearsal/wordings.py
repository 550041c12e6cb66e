"""What a prompt that was heard is called in a written conversation. Pure."""

from __future__ import annotations

import re

from robot.dialogue.prompt_text import PromptText
from robot.dialogue.scenario import Reprompts, Scenario, Wording
from robot.rehearsal.conversations_file import REPROMPTS
from robot.rehearsal.verdict import HeardTurn


class Wordings:
    """Tells a step's own words from the reprompts that are said at it."""

    def __init__(self, scenario: Scenario) -> None:
        self._own: dict[str, list[re.Pattern[str]]] = {}
        self._reprompts: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
        for step in scenario.steps:
            self._own[step.name] = _patterns(step.says) + _patterns(step.again)
            listens = step.listens
            if listens is not None:
                each = zip(REPROMPTS, (listens.not_understood, listens.unheard), strict=True)
                self._reprompts[step.name] = [
                    (name, pattern) for name, reprompts in each for pattern in _patterns_of_all(reprompts)
                ]

    def names(self, turn: HeardTurn) -> set[str]:
        """The step, or which of REPROMPTS it was."""
        if turn.step is None:
            return set()
        if any(pattern.fullmatch(turn.text) for pattern in self._own.get(turn.step, ())):
            return {turn.step}
        reprompts = self._reprompts.get(turn.step, ())
        return {name for name, pattern in reprompts if pattern.fullmatch(turn.text)} or {turn.step}


def _patterns_of_all(reprompts: Reprompts) -> list[re.Pattern[str]]:
    return [pattern for wording in reprompts.wordings for pattern in _patterns(wording)]


def _patterns(wording: Wording | None) -> list[re.Pattern[str]]:
    return [] if wording is None else [_pattern(variant.text) for variant in wording.variants]


def _pattern(text: PromptText) -> re.Pattern[str]:
    """The text with anything in place of its fields; blanks around an empty one may be closed up."""
    parts = (
        r"\s*" + r"\s+".join(map(re.escape, part.split())) + r"\s*" if isinstance(part, str) else ".*"
        for part in text.parts
    )
    return re.compile("".join(parts), re.DOTALL)
