"""How words sound, so that what recognition writes by ear can be found: "oui à l'eau" is "oui allô". Pure.

A key holds one sign a sound and is coarse on purpose: open and closed vowels are one, mute endings are gone. It serves
to compare words of one language, and is read by nobody. Languages that have no rules here are compared by their
letters without accents.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from types import MappingProxyType
from typing import Final

# Applied in this order to a lower-case word. Capitals are sounds: A an, I in/un, O on, U ou, E é/è, W w, X ch, N gn.
_FRENCH: Final = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        ("[éèêë]", "E"), ("[àâä]", "a"), ("[îï]", "i"), ("[ôö]", "o"), ("[ûùü]", "u"), ("œu?", "eu"),
        (r"(?:aient|ait|ais|ai|er|ez|E?es|Ee|Es|et)$", lambda found: "+" if found[0] == "es" else "E"),
        (r"e$", "+"),  # mute, but it keeps the consonant before it, until the last rule
        (r"(?<=.)[dtpsxz]+$", ""), ("^c$|ç", "S"),
        ("eau|au", "o"), ("w", "U"), ("oin", "WI"), ("oi|oy", "Wa"), ("ou", "U"), ("eu", "e"),
        (r"(?<=[iE])en(?![aeiouyEAIOUW+])", "I"),
        (r"(?:ai|ei|i|y|u)[nm](?![aeiouyEAIOUWnm+])", "I"), (r"[ea][nm](?![aeiouyEAIOUWnm+])", "A"),
        (r"o[nm](?![aeiouyEAIOUWnm+])", "O"), ("ai|ei|ay|ey", "E"),
        (r"(?<=[aeouUE])ill?", "y"), ("ill", "iy"), ("ph", "f"), ("ch", "X"), ("gn", "N"), ("qu?", "k"),
        ("g(?=[eiyEI+])", "j"), ("gu(?=[eiyE+])", "g"), (r"(?<=[aeiouyEUAIO])s(?=[aeiouyEUAIO+])", "z"),
        ("s?c(?=[eiyEI+])|S", "s"), ("c", "k"), ("x", "ks"), ("h|[+]", ""), ("y", "i"), (r"(.)\1+", r"\1"),
    )
)  # fmt: skip
# Vowels are one sound: they are what a telephone blurs and English spelling hides.
_ENGLISH: Final = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        ("^kn", "n"), ("^wr", "r"), ("wh", "w"), ("igh", "i"), ("gh", ""), ("ph", "f"), ("ck", "k"), ("dge", "j"),
        ("tion", "shn"), ("c(?=[eiy])", "s"), ("[cq]", "k"), ("x", "ks"), ("z", "s"), ("(?<=[aeiou])h", ""),
        (r"(?<=[^aeiou])e$", ""), ("[aeiouy]+", "a"), (r"(.)\1+", r"\1"),
    )
)  # fmt: skip

#: A key of so many signs is enough to take a single word for another that sounds the same.
TELLING_SIGNS: Final = MappingProxyType({"fr": 2, "en": 4})


@lru_cache(maxsize=20_000)
def sound_of(word: str, language: str) -> str:
    """The key of one lower-case word with its accents. Digits are their own sound."""
    match language:
        case "fr":
            rules = _FRENCH
        case "en":
            rules = _ENGLISH
        case _:
            rules = ()
    key = word
    for pattern, sound in rules:
        key = pattern.sub(sound, key)
    return without_accents(key)


def without_accents(text: str) -> str:
    """Letters as they are without accents, cedillas and dots."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))
