"""What words said over a prompt are worth: those that are to stop it at once, and those that never do. Pure.

"Stop", "non merci" and "no, no!" mean the prompt; the "no" of "there is no hurry" does not. "Mm-hmm" is no interruption
however recognition spells it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import groupby
from typing import Final

from robot.dialogue.language import language_of
from robot.dialogue.sounds import TELLING_SIGNS, sound_of
from robot.dialogue.words import reader_of

# Recognition writes a hum in as many words as it likes: "M. H. M."
_LONGEST_AT_LEAST: Final = 3
_REPEATED: Final = re.compile(r"(.)\1+")


class InterruptionWords:
    """The words that stop a prompt and the words that do not; `interruption_words` makes it."""

    def __init__(self, code: str, stop: Sequence[str], ignore: Sequence[str]) -> None:
        language = language_of(code)
        self._reader = reader_of(code)
        self._ignore = _Phrases(code, map(self._reader.plain, (*ignore, *language.fillers)))
        self._stop = _Phrases(code, map(self._content, stop))
        self._about_stop = _Phrases(code, map(self._content, (*stop, *ignore, *language.barge_in.beside_stop)))

    def stops(self, text: str) -> bool:
        """Whether stop words are all that `text` says, or a clause by themselves at its beginning or end."""
        words = self._reader.read(text).words
        clauses = [[word.text for word in clause] for _, clause in groupby(words, key=lambda word: word.clause)]
        return any(
            self._about_stop.make_up(part) and self._stop.are_in(part)
            for part in ([word.text for word in words], *clauses[:1], *clauses[-1:])
        )

    def ignorable(self, text: str) -> bool:
        """Whether `text` holds nothing but words that do not stop a prompt; so does one without any words."""
        return self._ignore.make_up(self._reader.plain(text))

    def _content(self, phrase: str) -> list[str]:
        """The words of a phrase as they are found in a text whose fillers are gone."""
        return [word.text for word in self._reader.read(phrase).words]


@cache
def interruption_words(
    code: str | None, stop: tuple[str, ...] | None = None, ignore: tuple[str, ...] | None = None
) -> InterruptionWords:
    """Those that are shipped for the language `code` (ISO 639-1), unless `stop` or `ignore` are given."""
    shipped = language_of(code).barge_in
    return InterruptionWords(
        code or "", shipped.stop if stop is None else stop, shipped.ignore if ignore is None else ignore
    )


class _Phrases:
    """Short phrases, found in spite of where recognition puts spaces and how often it repeats a letter."""

    def __init__(self, code: str, phrases: Iterable[Sequence[str]]) -> None:
        self._code = code
        self._telling = TELLING_SIGNS.get(code)
        self._keys: set[str] = set()
        self._longest = _LONGEST_AT_LEAST
        for words in phrases:
            self._keys.update(self._keys_of(words))
            self._longest = max(self._longest, len(words))

    def make_up(self, words: Sequence[str]) -> bool:
        """Whether `words` are these phrases, one after the other, and nothing else."""
        reached = {0}
        for start, end in self._runs(words):
            if start in reached and self._keys_of(words[start:end]) & self._keys:
                reached.add(end)
        return len(words) in reached

    def are_in(self, words: Sequence[str]) -> bool:
        """Whether one of these phrases is among `words`."""
        return any(self._keys_of(words[start:end]) & self._keys for start, end in self._runs(words))

    def _runs(self, words: Sequence[str]) -> Iterable[tuple[int, int]]:
        return (
            (start, end)
            for start in range(len(words))
            for end in range(start + 1, min(start + self._longest, len(words)) + 1)
        )

    def _keys_of(self, words: Sequence[str]) -> set[str]:
        """The letters of a run, and its sound where that is long enough to tell. (Sounds are marked: "/stap".)"""
        keys = {_REPEATED.sub(r"\1", "".join(words))}
        sound = "".join(sound_of(word, self._code) for word in words)
        if self._telling is not None and len(sound) >= self._telling:
            keys.add(f"/{sound}")
        return keys
