"""Numbers as people say them: "twenty five", "quatre-vingt-dix". Pure. Zero to 99: hours, minutes, days, keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_ENGLISH: Final = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_ENGLISH_TENS: Final = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_FRENCH: Final = (
    "zero", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix", "onze", "douze", "treize",
    "quatorze", "quinze", "seize", "dix-sept", "dix-huit", "dix-neuf",
)  # fmt: skip
_FRENCH_TENS: Final = {
    "vingt": 20, "trente": 30, "quarante": 40, "cinquante": 50, "soixante": 60, "septante": 70, "huitante": 80,
    "octante": 80, "nonante": 90,
}  # fmt: skip


def _english() -> dict[tuple[str, ...], int]:
    spoken: dict[tuple[str, ...], int] = {(word,): number for number, word in enumerate(_ENGLISH)}
    for tens, word in enumerate(_ENGLISH_TENS, 2):
        spoken[(word,)] = tens * 10
        spoken |= {(word, _ENGLISH[unit]): tens * 10 + unit for unit in range(1, 10)}
    return spoken


def _french() -> dict[tuple[str, ...], int]:
    units = {tuple(word.split("-")): number for number, word in enumerate(_FRENCH)}
    spoken = dict(units) | {("une",): 1}
    for word, tens in _FRENCH_TENS.items():
        spoken[(word,)] = tens
        most = 19 if word == "soixante" else 9
        for unit, number in units.items():
            if 1 <= number <= most:
                joined = ("et", *unit) if number in (1, 11) else unit
                spoken[(word, *joined)] = tens + number
                spoken[(word, *unit)] = tens + number
    for vingt in ("vingt", "vingts"):
        spoken[("quatre", vingt)] = 80
        spoken |= {("quatre", vingt, *unit): 80 + number for unit, number in units.items() if number}
    return spoken


_SPOKEN: Final = {"en": _english(), "fr": _french()}
_LONGEST: Final = 4  # "quatre vingt dix sept"


def number_at(words: Sequence[str], at: int, language: str) -> tuple[int, int] | None:
    """The number that begins with word `at` and how many words it has; None when it is no number.

    Words are lower-case without accents, hyphens part them. The longest reading counts: "twenty five" is 25.
    """
    if at < len(words) and words[at].isascii() and words[at].isdigit() and len(words[at]) <= 2:
        return int(words[at]), 1
    spoken = _SPOKEN.get(language, {})
    for length in range(min(_LONGEST, len(words) - at), 0, -1):
        number = spoken.get(tuple(words[at : at + length]))
        if number is not None:
            return number, length
    return None
