"""What was recognised, as words that can be compared: without fillers, with their sound and what is negated. Pure.

Phrases and answers go through the same mill, so that the two meet. Clauses and the reach of a negation are guessed from
word order and punctuation, which is all that recognition gives: no grammar is parsed.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from robot.dialogue.language import Language, language_of
from robot.dialogue.numbers import number_at
from robot.dialogue.sounds import sound_of, without_accents

# "not really all that very interested": so many words a negation reaches at most.
_REACH: Final = 5
_REACH_AFTER: Final = 3  # of a negator that stands after its verb: "pas vraiment intéressé"
_REACH_BACK: Final = 2  # "ça m'intéresse pas", where "ne" was swallowed
_PUNCTUATION: Final = re.compile(r"[.,;:!?…\n]+|\s[-–—]\s")
_APART: Final = re.compile(r"\d+|[^\W\d_]+")
_TOGETHER: Final = re.compile(r"\d+|[^\W\d_]+(?:'[^\W\d_]+)*")
# One and "un" are articles as well.
_NO_NUMBERS: Final = frozenset({"un", "une", "one"})

_Sequences = dict[str, list[tuple[str, ...]]]  # by their first word, the longest first


@dataclass(frozen=True, slots=True)
class Word:
    """`text` without accents; `sound` is its key; `clause` counts the clauses of the utterance.

    idiom: several words that mean one thing ("why not"). negated: an odd number of negations reaches it.
    corrects: what was said before it is taken back ("but", "I mean").
    """

    text: str
    sound: str
    clause: int = 0
    idiom: bool = False
    negated: bool = False
    corrects: bool = False


@dataclass(frozen=True, slots=True)
class Utterance:
    """`words` without the fillers; `last` is what was said last, a filler or not, "" when nothing was said."""

    words: tuple[Word, ...]
    last: str


class Reader:
    """Reads one language."""

    def __init__(self, language: Language) -> None:
        self._code = language.code
        # In French an apostrophe parts words, in English it joins them ("don't").
        self._pattern = _TOGETHER if language.code == "en" else _APART
        self._suffixes = language.suffixes
        self._rewrites: dict[str, list[str]] = {}
        self._rewrites = {word: self._parts(_folded(words)) for word, words in language.rewrites.items()}
        self._idioms = self._sequences(language.idioms)
        self._fillers = self._sequences(language.fillers)
        self._corrections = self._sequences(language.corrections)
        self._negators = _bare(language.negators)
        self._negators_after = _bare(language.negators_after)
        self._negators_if = {word: _bare(verbs) for word, verbs in language.negator_if_after.items()}
        self._openers = _bare(language.negation_openers)
        self._breaks = _bare(language.breaks)
        self._subjects = _bare(language.subjects)
        self._subordinators = _bare(language.subordinators) | self._openers
        self.interjections = _bare(language.interjections)
        self.alone = frozenset(
            "".join(words) for several in self._sequences(language.alone).values() for words in several
        )
        self.particles = _bare(language.particles)
        self.for_now = language.for_now
        self.look_alikes = language.look_alikes
        self.unfinished = _bare(language.unfinished)

    def read(self, text: str) -> Utterance:
        """The words of `text`, which is of any length and in any script."""
        words: list[Word] = []
        for clause, part in enumerate(_PUNCTUATION.split(_folded(text))):
            words += (Word(without_accents(word), sound_of(word, self._code), clause) for word in self._parts(part))
        last = words[-1].text if words else ""
        words = self._with_digits(self._with_idioms(words))
        words = [
            replace(word, corrects=corrects)
            for corrects, run in _runs(words, self._corrections)
            for word in run
        ]  # fmt: skip
        words = [word for filler, run in _runs(words, self._fillers) if not filler for word in run] or words
        return Utterance(tuple(self._with_negation(self._with_clauses(words))), last)

    def plain(self, text: str) -> list[str]:
        """All the words of `text`, the fillers too, without accents; what is written together is parted."""
        return [without_accents(word) for word in self._parts(_folded(text))]

    def _parts(self, text: str) -> list[str]:
        """The words of folded `text`, with what is written together parted."""
        return [part for word in self._pattern.findall(text) for part in self._apart(word)]

    def _apart(self, word: str) -> list[str]:
        if word in self._rewrites:
            return self._rewrites[word]
        for suffix, meaning in self._suffixes.items():
            if word.endswith(suffix) and len(word) > len(suffix):
                return [*self._apart(word.removesuffix(suffix)), meaning]
        return [word.replace("'", "")]

    def _sequences(self, phrases: Iterable[str]) -> _Sequences:
        sequences: _Sequences = {}
        for phrase in phrases:
            words = tuple(without_accents(word) for word in self._parts(_folded(phrase)))
            sequences.setdefault(words[0], []).append(words)
        for alternatives in sequences.values():
            alternatives.sort(key=len, reverse=True)
        return sequences

    def _with_idioms(self, words: list[Word]) -> list[Word]:
        """Each idiom as one word."""
        whole: list[Word] = []
        for idiom, run in _runs(words, self._idioms):
            if idiom:
                texts, sounds = (word.text for word in run), (word.sound for word in run)
                whole.append(Word("".join(texts), "".join(sounds), run[0].clause, idiom=True))
            else:
                whole += run
        return whole

    def _with_digits(self, words: list[Word]) -> list[Word]:
        """Numbers in digits, however they were said."""
        texts = [word.text for word in words]
        digits: list[Word] = []
        at = 0
        while at < len(words):
            found = None if texts[at] in _NO_NUMBERS else number_at(texts, at, self._code)
            number, count = found or (None, 1)
            digits.append(words[at] if number is None else Word(str(number), str(number), words[at].clause))
            at += count
        return digits

    def _with_clauses(self, words: list[Word]) -> list[Word]:
        """Clauses end at punctuation, at conjunctions and before a subject."""
        clause = 0
        numbered: list[Word] = []
        before: Word | None = None
        for word in words:
            if before is not None and (
                (before.clause != word.clause and before.text not in self._negators)
                or word.text in self._breaks
                or (word.text in self._subjects and before.text not in self._subordinators)
            ):
                clause += 1
            before = word
            numbered.append(replace(word, clause=clause))
        return numbered

    def _with_negation(self, words: list[Word]) -> list[Word]:
        reached = Counter[int]()
        for at, first, last in self._negations(words):
            for each in range(max(0, first), min(last, len(words))):
                if words[each].clause == words[at].clause and each != at:
                    reached[each] += 1
        return [
            replace(word, negated=reached[at] % 2 == 1 and not word.idiom and word.text not in self.interjections)
            for at, word in enumerate(words)
        ]

    def _negations(self, words: list[Word]) -> Iterator[tuple[int, int, int]]:
        """Each negation: where it is, and from where to before where it reaches within its clause."""
        opener: int | None = None
        closed: int | None = None
        for at, word in enumerate(words):
            if opener is not None and (words[opener].clause != word.clause or at - opener > _REACH):
                yield opener, opener, self._verb_after(words, opener)  # its negator was not recognised
                opener = None
            if word.idiom:
                continue
            if word.text in self._openers:
                opener = at
            elif word.text in self._negators:
                yield at, at - _REACH_BACK, at + 1 + _REACH  # back to "do" in "I do not"
            elif self._closes(words, at, opener):
                if closed != at - 1:  # "plus jamais" is one negation
                    yield at, at - _REACH_BACK if opener is None else opener, at + 1 + _REACH_AFTER
                opener, closed = None, at
        if opener is not None:
            yield opener, opener, self._verb_after(words, opener)

    def _verb_after(self, words: Sequence[Word], opener: int) -> int:
        """To before which word an opener reaches by itself: its verb is all that it tells of."""
        pronouns = (at for at in range(opener + 1, len(words)) if words[at].text not in self.particles)
        return min(next(pronouns, opener), opener + _REACH) + 1

    def _closes(self, words: Sequence[Word], at: int, opener: int | None) -> bool:
        text = words[at].text
        if text in self._negators_after:
            return True
        verbs = self._negators_if.get(text)
        if verbs is None:
            return False
        return opener is not None or any(word.text in verbs for word in words[max(0, at - 2) : at])


@cache
def reader_of(code: str | None) -> Reader:
    """The reader of the language `code` (ISO 639-1)."""
    return Reader(language_of(code))


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().replace("’", "'")


def _bare(words: Iterable[str]) -> frozenset[str]:
    return frozenset(without_accents(word) for word in words)


def _runs(words: Sequence[Word], sequences: _Sequences) -> Iterator[tuple[bool, Sequence[Word]]]:
    """All words in order: runs that are one of `sequences` (True), and single words between them (False)."""
    at = 0
    while at < len(words):
        count = next(
            (
                len(sequence)
                for sequence in sequences.get(words[at].text, ())
                if all(word.text == text for word, text in zip(words[at:], sequence, strict=False))
                and at + len(sequence) <= len(words)
            ),
            0,
        )
        yield count > 0, words[at : at + max(count, 1)]
        at += max(count, 1)
