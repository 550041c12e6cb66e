"""What a language model must not say, and what is answered without it. Pure.

Each phrase passes here before it is spoken. Nobody who asks is told that they talk to a human.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum, auto, unique
from functools import cache
from types import MappingProxyType
from typing import Final

from robot.dialogue.intents import Intent, IntentMatcher
from robot.dialogue.language import language_of
from robot.dialogue.sounds import without_accents

_ASKS_FOR_ROBOT: Final = "are_you_a_robot"
_CONFIDENT: Final = 0.7
_WORD: Final = re.compile(r"[^\W_]+")
# What was said before may be the beginning of a forbidden phrase: characters that are remembered.
_REMEMBERED: Final = 200

#: Answers to "are you a robot?" where the campaign has none of its own.
ROBOT_ANSWERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "en": "Yes, I am an automated assistant, not a person.",
        "fr": "Oui, je suis un assistant automatique, pas une personne.",
    }
)
# Whatever the campaign forbids or not: the robot is none of these.
_HUMAN_CLAIMS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "en": (
            r"/\bI(?:['’]?m| am)(?: definitely| really| indeed| actually| of course)?(?: an?)?"
            r" (?:real |actual |living )?(?:human(?! resource)|person)\b/",
            r"/\bI(?:['’]?m| am) (?:definitely )?(?:not|no) an? (?:robot|bot|machine|computer|AI)\b/",
            r"/\byou(?:['’]?re| are) (?:talking|speaking) (?:to|with) an?"
            r" (?:real |actual |living )?(?:human|person)\b/",
        ),
        "fr": (
            r"/\bje suis (?:bien |vraiment |réellement )?(?:une? )?(?:vraie? |véritable )?"
            r"(?:personne|humaine?|être humain)\b/",
            r"/\bje (?:ne )?suis pas une? (?:robot|machine|ordinateur|ia|intelligence artificielle)\b/",
            r"/\bvous parlez (?:bien )?(?:à|avec) une? (?:vraie? |véritable )?(?:personne|humaine?|être humain)\b/",
        ),
    }
)


@unique
class Verdict(Enum):
    SAY = auto()
    DROP = auto()  # this phrase is not said, the next one may be
    STOP = auto()  # the reply is as long as it may be: generate no more


@unique
class DropReason(StrEnum):
    NEVER_SAY = "never_say"
    CLAIMS_HUMAN = "claims_human"
    TOO_LONG = "too_long"


@dataclass(frozen=True, slots=True)
class Forbidden:
    """One thing that is never said; `pattern` is found in plain words (see `plain_words`), or in the text as it is."""

    pattern: re.Pattern[str]
    plain: bool

    @classmethod
    def parse(cls, source: str) -> Forbidden:
        """A phrase, whose accents, capitals and punctuation do not matter, or /a regular expression/. Raises
        ValueError."""
        if len(source) > 2 and source.startswith("/") and source.endswith("/"):
            try:
                return cls(re.compile(source[1:-1], re.IGNORECASE), plain=False)
            except re.error as error:
                raise ValueError(f"{source} is no regular expression: {error}") from None
        words = plain_words(source)
        if not words:
            raise ValueError(f"{source!r} has no word that could be forbidden")
        return cls(re.compile(rf"(?<!\S){re.escape(words)}(?!\S)"), plain=True)

    def is_in(self, spoken: _Spoken) -> bool:
        """Whether it is said with the phrase, or ends in it."""
        if self.plain:
            return any(found.end() > spoken.plain_begin for found in self.pattern.finditer(spoken.plain))
        if self.pattern.search(spoken.phrase):
            return True
        return any(found.end() > spoken.begin for found in self.pattern.finditer(spoken.text))


class _Spoken:
    """A phrase after what was said before it, as it is and in plain words; and where in them it begins."""

    def __init__(self, before: str, phrase: str) -> None:
        self.phrase = phrase
        self.text, self.begin = f"{before} {phrase}", len(before) + 1
        self.plain, self.plain_begin = plain_words(self.text), len(plain_words(before))


class Guards:
    """One conversation. `dropped` counts, by reason, the phrases that were not said."""

    def __init__(self, never_say: Sequence[str], longest_reply_chars: int, language: str | None) -> None:
        """Raises ValueError."""
        self._forbidden = [Forbidden.parse(each) for each in never_say]
        claims = _HUMAN_CLAIMS.get(language or "", ()) or [each for some in _HUMAN_CLAIMS.values() for each in some]
        self._claims = [Forbidden.parse(each) for each in claims]
        self._longest_chars = longest_reply_chars
        self._said = ""
        self._chars = 0
        self.dropped: Counter[DropReason] = Counter()

    def begin_reply(self) -> None:
        self._said, self._chars = "", 0

    def judge(self, phrase: str) -> tuple[Verdict, DropReason | None]:
        """Whether the next phrase of the reply may be said. The first one is never too long."""
        if reason := self._reason(phrase):
            self.dropped[reason] += 1
            return Verdict.DROP, reason
        if self._chars and self._chars + len(phrase) > self._longest_chars:
            self.dropped[DropReason.TOO_LONG] += 1
            return Verdict.STOP, DropReason.TOO_LONG
        self._chars += len(phrase) + 1
        self._said = f"{self._said} {phrase}"[-_REMEMBERED:]
        return Verdict.SAY, None

    def _reason(self, phrase: str) -> DropReason | None:
        spoken = _Spoken(self._said, phrase)
        if any(each.is_in(spoken) for each in self._claims):
            return DropReason.CLAIMS_HUMAN
        if any(each.is_in(spoken) for each in self._forbidden):
            return DropReason.NEVER_SAY
        return None


def asks_whether_robot(text: str, language: str | None) -> bool:
    """Whether the callee asks who, or what, is talking to them: in the languages that have phrases for it."""
    matcher = _robot_matcher(language)
    if matcher is None:
        return False
    understanding = matcher.understand(text)
    return understanding.intent == _ASKS_FOR_ROBOT and understanding.confidence >= _CONFIDENT


@cache
def _robot_matcher(language: str | None) -> IntentMatcher | None:
    phrases = language_of(language).intents.get(_ASKS_FOR_ROBOT)
    return IntentMatcher([Intent(_ASKS_FOR_ROBOT, phrases)], language) if phrases else None


def plain_words(text: str) -> str:
    """The words, without accents, capitals and punctuation."""
    return " ".join(_WORD.findall(without_accents(text.casefold())))
