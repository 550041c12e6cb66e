"""What an answer means: sample phrases of each intent, found in what was recognised. Pure.

Two things are looked for. Any run of words that sounds or is spelt like a phrase, whatever way recognition parted it:
"ne m'appelait plus" is "ne m'appelez plus". And the telling words of a phrase close together in any order: "my number,
remove it". A phrase counts only where it is negated, or not, as it is in the campaign: "not interested" is not
"interested", and "why not" is no "no". The longest phrase wins, a correction ("yes, but not now") beats what it
corrects, and nothing outvotes the wish not to be called.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt
from rapidfuzz import fuzz, process

from robot.dialogue.sounds import TELLING_SIGNS
from robot.dialogue.words import Word, reader_of

# Of each intent; more of them leave no room for those of the other intents in what Whisper can be told.
_TYPICAL: Final = 4

# How alike, of a hundred, a run of words must be to a phrase of so many letters: one wrong letter in seven makes 86,
# but of six letters it makes another word often enough.
_ALIKE: Final = ((15, 80.0), (11, 83.0), (8, 86.0), (6, 88.0), (0, 100.0))
_SOUND_COUNTS: Final = 0.98  # what only sounds alike is a little less sure
_SHORTEST_SOUND: Final = 6  # signs; shorter ones are found in too many words, unless they are all that was said
_SPELT: Final = 60.0  # what sounds alike is spelt at least so much alike
# Below this likeness every telling word of the phrase must be recognisable, or it is another phrase of the same build.
_SAME_PHRASE: Final = 0.95
_RECOGNISABLE: Final = 65.0
_FORBIDDEN: Final = 70.0  # of what is never to be done again: people say of much else that they do not want it
_SHORT_WORD: Final = 2  # letters; half of such a word is found anywhere: it must be there as it is
_EDGE_LETTERS: Final = 3  # shorter words ("no", "ja") count at the beginning and the end of a clause
_ALONE: Final = 0.6  # the part of an answer that a word must make up which has another meaning in a sentence
_SCATTERED: Final = 0.82  # how sure scattered words are
_SCATTERED_LETTERS: Final = 8
_AS_ALIKE: Final = 0.05
_SAME_WORD: Final = 85.0
_ENDING: Final = 3  # letters of an inflection: call, called, calling
_STEM: Final = 4
_SAME_LETTERS: Final = 5  # shorter words are only themselves
_REACH: Final = 4  # words between scattered words
#: Never outvoted.
DO_NOT_CALL: Final = "do_not_call"
CALLBACK: Final = "callback"
_NOTHING: Final = ""  # what phrases mean that only look like those of an intent
_LONGEST_RUN: Final = 10  # words
_MOST_WORDS: Final = 60  # of an answer; what was said last counts

SURE_CONFIDENCE: Final = 0.75
SURE_MARGIN: Final = 0.15
# What a letter, unlikeness, and a correction weigh when intents compete.
_LETTER: Final = 0.04
_LETTERS_COUNTED: Final = 25
_UNLIKE: Final = 3.0
_CORRECTION: Final = 1.0
#: Shipped intents that are heavier or lighter than others: who does not want to be called must not be, courtesies
#: count where there is nothing else, and "I'm driving, call me tonight" is about the call tonight.
URGENCY: Final[Mapping[str, float]] = MappingProxyType(
    {DO_NOT_CALL: 1.0, "busy": -0.5, "not_now": -0.5, "hello": -1.0, "goodbye": -1.0}
)
_COURTESY: Final = -1.0


@dataclass(frozen=True, slots=True)
class Intent:
    """`name` as steps refer to it; `phrases` as people say it."""

    name: str
    phrases: tuple[str, ...]


def typical_phrases(intents: Iterable[Intent]) -> tuple[str, ...]:
    """The first phrases of each intent in turn: what recognition is told to expect."""
    several = (intent.phrases[:_TYPICAL] for intent in intents)
    return tuple(phrase for each in zip_longest(*several) for phrase in each if phrase is not None)


@dataclass(frozen=True, slots=True)
class Match:
    """`phrase` was found from word `start` to before word `end` of the answer (without fillers), `alike` 0 to 1.

    weight: for choosing between intents; the heavier wins.
    """

    intent: str
    phrase: str
    start: int
    end: int
    alike: float
    weight: float


@dataclass(frozen=True, slots=True)
class Understanding:
    """What an answer means: `intent` is None when it matches none.

    confidence: 0 to 1. margin: by how much the best intent beats the next, 0 to 1; 1 when there is no other.
    sure: so clear that there is no need to wait whether more is said.
    phrase: the campaign's phrase that was found, "" when none. also: other intents that were found, best first.
    reason: for people, without the callee's words.
    """

    intent: str | None = None
    confidence: float = 0.0
    margin: float = 0.0
    sure: bool = False
    phrase: str = ""
    also: tuple[str, ...] = ()
    reason: str = "no phrase was found"


@dataclass(frozen=True, slots=True)
class _Phrase:
    """One phrase, read. `telling`: the words that are no particles; `negated`: whether a negation reaches them."""

    intent: str
    text: str
    words: tuple[Word, ...]
    telling: frozenset[str]
    negated: bool


class IntentMatcher:
    """Finds the intents of one campaign. Built once a campaign: what can be computed ahead is."""

    def __init__(self, intents: Sequence[Intent], language: str | None = "en") -> None:
        """`language` is an ISO 639-1 code; one that nothing is known of is compared by its letters alone."""
        self._reader = reader_of(language)
        self._telling_signs = TELLING_SIGNS.get(language or "", _SHORTEST_SOUND)
        self._phrases = [
            phrase
            for intent in (*intents, Intent(_NOTHING, self._reader.look_alikes))
            for text in dict.fromkeys(intent.phrases)
            if (phrase := self._phrase(intent.name, text)) is not None
        ]
        self._texts = [_text(phrase.words) for phrase in self._phrases]
        self._sounds = [_sound(phrase.words) for phrase in self._phrases]
        self._enough = np.array([_enough(len(text)) for text in self._texts], dtype=np.float32)
        self._longest = min(_LONGEST_RUN, max((len(phrase.words) for phrase in self._phrases), default=0) + 2)
        self._scattered = [
            phrase
            for phrase in self._phrases
            if len(phrase.telling) > 1 and sum(map(len, phrase.telling)) >= _SCATTERED_LETTERS
        ]
        self._telling = {
            word.text: word.sound for phrase in self._scattered for word in phrase.words if word.text in phrase.telling
        }
        self._long = [text for text in self._telling if len(text) >= _SAME_LETTERS]
        self._by_stem: dict[str, list[str]] = {}
        self._by_sound: dict[str, list[str]] = {}
        for text, sound in self._telling.items():
            if len(text) >= _STEM:
                self._by_stem.setdefault(text[:_STEM], []).append(text)
            self._by_sound.setdefault(sound, []).append(text)

    @classmethod
    def of(cls, intents: Mapping[str, Sequence[str]], language: str | None = "en") -> IntentMatcher:
        return cls([Intent(name, tuple(phrases)) for name, phrases in intents.items()], language)

    def understand(self, text: str, among: frozenset[str] | None = None) -> Understanding:
        """The best intent of `text`, of those named in `among` when given."""
        heard = self._reader.read(text)
        words = heard.words[-_MOST_WORDS:]
        found = [
            match
            for match in (*self._runs(words), *self._scattered_in(words))
            if (match.alike >= _SAME_PHRASE if match.intent == _NOTHING else among is None or match.intent in among)
        ]
        return self._judge(self._for_good(_meaning(_uncovered(found))), words, heard.last)

    def _phrase(self, intent: str, text: str) -> _Phrase | None:
        words = self._reader.read(text).words
        if not words:
            return None
        telling = frozenset(word.text for word in words if word.text not in self._reader.particles)
        return _Phrase(intent, text, words, telling, self._negated(words))

    def _negated(self, words: Sequence[Word]) -> bool:
        """Whether a negation reaches what these words tell."""
        telling = [word for word in words if word.text not in self._reader.particles]
        return any(word.negated for word in telling or words)

    # -- runs of words -------------------------------------------------------------------------------------------------

    def _runs(self, words: Sequence[Word]) -> Iterator[Match]:
        """Every run of words that is like a phrase in letters or in sound."""
        spans = [
            (start, end)
            for start in range(len(words))
            for end in range(start + 1, min(len(words), start + self._longest) + 1)
        ]
        if not spans or not self._phrases:
            return
        texts = [_text(words[start:end]) for start, end in spans]
        sounds = [_sound(words[start:end]) for start, end in spans]
        by_text = _likeness(texts, self._texts)
        by_sound = _likeness(sounds, self._sounds) * _SOUND_COUNTS
        same = by_sound >= 100 * _SOUND_COUNTS
        by_sound[process.cdist(texts, self._texts, scorer=fuzz.ratio, score_cutoff=_SPELT, dtype=np.float32) == 0] = 0
        for row, sound in enumerate(sounds):
            whole = spans[row] == (0, len(words))
            if len(sound) < _SHORTEST_SOUND:
                by_sound[row] = np.where(same[row] & whole, 100.0, 0.0) if len(sound) >= self._telling_signs else 0.0
        alike = np.maximum(by_text, by_sound)
        for row, column in np.argwhere(alike >= self._enough):
            start, end = spans[row]
            phrase = self._phrases[column]
            likeness = float(alike[row, column]) / 100
            if (
                self._negated(words[start:end]) == phrase.negated
                and (likeness >= _SAME_PHRASE or self._recognisable(phrase, texts[row], sounds[row]))
                and self._stands(phrase, words, start, end)
            ):
                yield self._match(phrase, words, start, end, likeness)

    def _recognisable(self, phrase: _Phrase, text: str, sound: str) -> bool:
        """Whether each telling word of the phrase is in the run, as it is spelt or as it sounds."""
        enough = _FORBIDDEN if phrase.negated and phrase.intent == DO_NOT_CALL else _RECOGNISABLE
        return all(
            _part_of(word.text, text, enough) or _part_of(word.sound, sound, enough)
            for word in phrase.words
            if word.text in phrase.telling
        )

    def _stands(self, phrase: _Phrase, words: Sequence[Word], start: int, end: int) -> bool:
        """Whether words that may mean something else mean this where they stand."""
        text = _text(phrase.words)
        clause = [at for at, word in enumerate(words) if words[start].clause <= word.clause <= words[end - 1].clause]
        alone = text in self._reader.alone
        if not alone and len(phrase.words) == 1 and (text in self._reader.interjections or len(text) <= _EDGE_LETTERS):
            return start == clause[0] or end == clause[-1] + 1
        if alone or not phrase.telling:
            within = words if phrase.telling else [words[at] for at in clause]
            return len(_text(words[start:end])) >= _ALONE * len(_text(within))
        return True

    # -- scattered words -----------------------------------------------------------------------------------------------

    def _scattered_in(self, words: Sequence[Word]) -> Iterator[Match]:
        """Phrases whose telling words are all there, close together, in any order."""
        places: dict[str, list[int]] = {}
        for at, word in enumerate(words):
            if word.text not in self._reader.particles:
                for known in self._like(word):
                    places.setdefault(known, []).append(at)
        for phrase in self._scattered:
            if not all(word in places for word in phrase.telling):
                continue
            chosen = _closest([places[word] for word in phrase.telling])
            start, end = min(chosen), max(chosen) + 1
            near = end - start <= len(phrase.telling) + _REACH and len(set(chosen)) == len(phrase.telling)
            if near and any(words[at].negated for at in chosen) == phrase.negated:
                yield self._match(phrase, words, start, end, _SCATTERED)

    def _like(self, word: Word) -> list[str]:
        """The telling words of phrases that this may be."""
        if word.text in self._telling:
            return [word.text]
        known = set(self._by_stem.get(word.text[:_STEM], ())) if len(word.text) >= _STEM else set[str]()
        known = {text for text in known if _inflected(text, word.text)}
        if len(word.text) >= _SAME_LETTERS:
            known.update(text for text in self._by_sound.get(word.sound, ()) if len(text) >= _SAME_LETTERS)
            near = process.extract(word.text, self._long, scorer=fuzz.ratio, score_cutoff=_SAME_WORD, limit=5)
            known.update(text for text, _, _ in near)
        return sorted(known)

    # -- which of them -------------------------------------------------------------------------------------------------

    def _for_good(self, found: list[Match]) -> list[Match]:
        """Without "don't call me" where "call me tomorrow" follows."""
        asked = max((match.start for match in found if match.intent == CALLBACK), default=-1)
        for_now = [
            match
            for match in found
            if match.phrase in self._reader.for_now and match.alike >= _SAME_PHRASE and match.end <= asked
        ]
        return [
            match
            for match in found
            if match.intent != DO_NOT_CALL
            or (match.alike >= _SAME_PHRASE and match.phrase not in self._reader.for_now)
            or not any(_overlap(match, each) for each in for_now)
        ]

    def _match(self, phrase: _Phrase, words: Sequence[Word], start: int, end: int, alike: float) -> Match:
        letters = min(len(_text(phrase.words)), _LETTERS_COUNTED)
        weight = 1 - _UNLIKE * (1 - alike) + _LETTER * letters + 0.05 * end / len(words)
        # Counted only where something comes before that it corrects.
        weight += _CORRECTION * sum(word.corrects for word in words[1:start]) + URGENCY.get(phrase.intent, 0.0)
        return Match(phrase.intent, phrase.text, start, end, alike, weight)

    def _judge(self, found: Sequence[Match], words: Sequence[Word], last: str) -> Understanding:
        if not found:
            return Understanding()
        ranked = sorted(found, key=lambda match: match.weight, reverse=True)
        best = ranked[0]
        others = {match.intent: match for match in reversed(ranked) if match.intent != best.intent}
        also = sorted(others.values(), key=lambda match: match.weight, reverse=True)
        rivals = [match for match in also if not _courtesy(match)]
        margin = min(1.0, max(0.0, best.weight - rivals[0].weight)) if rivals else 1.0
        explained = {
            at for match in found if match.intent == best.intent or _courtesy(match)
            for at in range(match.start, match.end)
        }  # fmt: skip
        telling = [at for at, word in enumerate(words) if word.text not in self._reader.particles or at in explained]
        part = sum(len(words[at].text) for at in telling if at in explained) / sum(
            len(words[at].text) for at in telling
        )
        confidence = round(best.alike * (0.6 + 0.4 * part), 3)
        sure = confidence >= SURE_CONFIDENCE and margin >= SURE_MARGIN and last not in self._reader.unfinished
        names = tuple(match.intent for match in also)
        return Understanding(best.intent, confidence, round(margin, 3), sure, best.phrase, names, _reason(best, also))


def _part_of(word: str, run: str, enough: float) -> bool:
    """Whether `word`, or nearly that, is in a run of words that are written together."""
    if len(word) <= _SHORT_WORD:
        return word in run
    return fuzz.partial_ratio(word, run, score_cutoff=enough) > 0


def _inflected(one: str, other: str) -> bool:
    shorter, longer = sorted((one, other), key=len)
    return len(longer) - len(shorter) <= _ENDING and longer.startswith(shorter)


def _courtesy(match: Match) -> bool:
    return URGENCY.get(match.intent, 0.0) <= _COURTESY


def _uncovered(found: Sequence[Match]) -> list[Match]:
    """Without what is part of a longer phrase of another intent, or what another intent says word for word."""
    return [
        match
        for match in found
        if not any(
            other.intent != match.intent
            and other.start <= match.start and match.end <= other.end
            and (
                (other.end - other.start > match.end - match.start and other.alike > match.alike - _AS_ALIKE)
                or (other.alike >= _SAME_PHRASE > match.alike)
            )
            for other in found
        )
    ]  # fmt: skip


def _meaning(found: Sequence[Match]) -> list[Match]:
    """Without the sentences that mean nothing, and what only looks like something because of them."""
    nothing = [match for match in found if match.intent == _NOTHING]
    return [
        match
        for match in found
        if match.intent != _NOTHING
        and (match.alike >= _SAME_PHRASE or not any(_overlap(match, each) for each in nothing))
    ]


def _overlap(one: Match, other: Match) -> bool:
    return one.start < other.end and other.start < one.end


def _closest(places: Sequence[Sequence[int]]) -> list[int]:
    """One place of each, near the first choice of the first."""
    candidates = (
        [anchor, *(min(each, key=lambda at: abs(at - anchor)) for each in places[1:])] for anchor in places[0]
    )
    return min(candidates, key=lambda chosen: max(chosen) - min(chosen))


def _likeness(runs: Sequence[str], phrases: Sequence[str]) -> npt.NDArray[np.float32]:
    """How alike each run is to each phrase, 0 to 100; 0 for what is too unlike to count."""
    return process.cdist(runs, phrases, scorer=fuzz.ratio, score_cutoff=_ALIKE[0][1], dtype=np.float32)


def _enough(letters: int) -> float:
    return next(score for length, score in _ALIKE if letters >= length)


def _text(words: Iterable[Word]) -> str:
    return "".join(word.text for word in words)


def _sound(words: Iterable[Word]) -> str:
    return "".join(word.sound for word in words)


def _reason(best: Match, also: Sequence[Match]) -> str:
    how = "word for word" if best.alike >= 1 else f"{best.alike:.0%} alike"
    rest = f"; also {', '.join(match.intent for match in also)}" if also else ""
    return f"{best.phrase!r} was found, {how}{rest}"
