"""What a step says, with places for what is known of the callee: "Hello {first_name|there}, ...". Pure.

`{field}` is replaced by the value of that name, `{field|something else}` by `something else` where there is no value;
`{{` and `}}` are braces. What stands in contact lists is cleaned before it is spoken.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

#: Longer values are cut at a word: nobody is called so, and a prompt has an end.
MOST_LETTERS: Final = 200

_TOKEN: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_FIELD: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
# Characters that a synthesis takes for orders: Pico reads tags, Piper reads phonemes between [[ and ]].
_MARKUP: Final = frozenset("<>[]{}|\\^`~")
_SPACES: Final = re.compile(r"\s+")
_CLINGING: Final = re.compile(r"\s+(?=[,.…)])")


class TemplateError(ValueError):
    """That is no text with fields; the message says at which letter, and what to write."""


class MissingField(LookupError):
    """A text cannot be said to this callee: `field` has no value, and the text no alternative."""

    def __init__(self, field: str) -> None:
        super().__init__(
            f"there is no value for {{{field}}}: give the contact one, or write what is said without it, "
            f"{{{field}|...}}"
        )
        self.field = field


@dataclass(frozen=True, slots=True)
class Field:
    """A place for a value. otherwise: what is said without one; None: then the text cannot be said."""

    name: str
    otherwise: str | None = None


@dataclass(frozen=True, slots=True)
class PromptText:
    """source: as it was written. parts: what is said as it stands, and the fields between."""

    source: str
    parts: tuple[str | Field, ...]

    @classmethod
    def parse(cls, source: str) -> PromptText:
        """Raises TemplateError."""
        parts: list[str | Field] = []
        said, at = "", 0
        for token in _TOKEN.finditer(source):
            said, at = said + source[at : token.start()], token.end()
            if token[0] in ("{{", "}}"):
                said += token[0][0]
                continue
            parts += [said, _field(source, token)]
            said = ""
        parts.append(said + source[at:])
        return cls(source, tuple(part for part in parts if part != ""))

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of all fields, each once."""
        return tuple(dict.fromkeys(part.name for part in self.parts if isinstance(part, Field)))

    @property
    def required(self) -> tuple[str, ...]:
        """Those without which the text cannot be said."""
        needed = (part for part in self.parts if isinstance(part, Field) and part.otherwise is None)
        return tuple(dict.fromkeys(part.name for part in needed))

    @property
    def fixed(self) -> bool:
        """Whether it says the same to everybody."""
        return not self.fields

    def render(self, values: Mapping[str, str]) -> str:
        """What is said to one callee. A value without a letter or digit counts as none. Raises MissingField."""
        said = ""
        left_out = False
        for part in self.parts:
            text = part if isinstance(part, str) else _spoken(part, values)
            if left_out:
                said, text = _closed_up(said, text)
            left_out = left_out and not text if isinstance(part, str) else not text
            said += text
        return said.strip()

    def __str__(self) -> str:
        return self.source


def clean(value: str) -> str:
    """A value as it may be spoken: no control characters, no markup, no pictures, one line, not too long."""
    kept = "".join(_letter(letter) for letter in unicodedata.normalize("NFC", value))
    line = _SPACES.sub(" ", kept).strip()
    if len(line) <= MOST_LETTERS:
        return line
    whole_words = line[: MOST_LETTERS + 1].rpartition(" ")[0]
    return (whole_words or line[:MOST_LETTERS]).rstrip()


def _letter(letter: str) -> str:
    if letter.isspace() or letter in _MARKUP:
        return " "
    category = unicodedata.category(letter)
    # Controls, invisible marks, halves of characters, private and unknown ones; symbols such as emoji, but for degrees.
    return "" if category[0] == "C" or (category == "So" and letter != "°") else letter


def _field(source: str, token: re.Match[str]) -> Field:
    place = f"letter {token.start() + 1}"
    if token[1] is None:
        other = "}" if token[0] == "{" else "{"
        raise TemplateError(
            f"at {place} stands a {token[0]} without its {other}: write {{name}} for a field, or {2 * token[0]} for "
            f"the brace itself (...{source[max(0, token.start() - 15) : token.start() + 15]}...)"
        )
    name, bar, otherwise = token[1].partition("|")
    if not _FIELD.fullmatch(name.strip()):
        raise TemplateError(
            f"at {place} {token[0]!r} is no field: its name has small letters, digits and _, and begins with a letter, "
            "such as {first_name} or {first_name|there}"
        )
    return Field(name.strip(), clean(otherwise) if bar else None)


def _spoken(field: Field, values: Mapping[str, str]) -> str:
    value = clean(values.get(field.name, ""))
    if any(letter.isalnum() for letter in value):  # lists have "-" where there is nothing
        return value
    if field.otherwise is None:
        raise MissingField(field.name)
    return field.otherwise


def _closed_up(before: str, after: str) -> tuple[str, str]:
    """No two blanks, no blank before a comma, no comma to begin with, where a field between them is empty."""
    if not before.strip():
        return "", after.lstrip(" \t\r\n,;")
    if before[-1].isspace():
        if after and after[0] in ",.…)":
            return before.rstrip(), after
        after = after.lstrip()
    return before, _CLINGING.sub("", after, count=1) if _CLINGING.match(after) else after
