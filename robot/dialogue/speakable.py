"""What a language model writes, as words that can be spoken: streaming, whatever the pieces it comes in. Pure.

Markdown, emoji, addresses of web pages, code, thoughts and stage directions (*smiles*) are no speech. A word is given
out as soon as nothing that may still come can change it, so the same text brings the same words however it is cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from robot.dialogue.prompt_text import MOST_LETTERS, clean

_LONGEST_ASIDE: Final = 80  # letters of a stage direction or of the text of a link; what is longer is none
_LONGEST_URL: Final = 500

# Reasoning and calls of tools that a server did not take out of the text.
_HIDDEN_TAG: Final = "<(think|thinking|reasoning|tool_call)>"
_HIDDEN: Final = re.compile(_HIDDEN_TAG)
_FENCE: Final = "```"
_BLANK: Final = re.compile(r"\s+")
# Scripts without spaces have a mark of their own for the end of a sentence.
_WORD: Final = re.compile(rf"(?:(?!{_HIDDEN_TAG}|{_FENCE})[^\s。！？]){{0,{MOST_LETTERS}}}[。！？]*")
# Signs that belong to the word before them: "10 €", "Comment allez-vous ?". Not what may begin something.
_SIGNS: Final = re.compile(r"[^\S\n]+([^\w\s*\[<(`«“#]+)(?=\s|\Z)")
# That a word has no more signs is certain when a new line or something else follows.
_SOMETHING: Final = re.compile(r"[^\S\n]*(?:\n|[^\S\n][^\w\s]*[\w*\[<(`«“#])")

_ASIDE: Final = re.compile(rf"([*_])(?=[^\s*_])[^*_\n]{{1,{_LONGEST_ASIDE}}}(?<!\s)\1(?=[\s.!?…]|\Z)[.!?…]*")
_MAYBE_ASIDE: Final = re.compile(rf"[*_][^*_\n]{{0,{_LONGEST_ASIDE}}}[*_]?[.!?…]*")
_LINK: Final = re.compile(rf"!?\[([^\]\n]{{0,{_LONGEST_ASIDE}}})\]\([^)\s]{{0,{_LONGEST_URL}}}\)")
_NOTE: Final = re.compile(rf"!?\[[^\]\n]{{0,{_LONGEST_ASIDE}}}\](?!\()")
_MAYBE_LINK: Final = re.compile(rf"!?\[[^\]\n]{{0,{_LONGEST_ASIDE}}}(?:\](?:\([^)\s]{{0,{_LONGEST_URL}}})?)?")

_URL: Final = re.compile(r"(?:https?://(?:www\.)?|www\.)([\w.-]*\w)(?::\d+)?(?:[/?#][^\s)\]>]*[\w/=&-])?")
_TAG: Final = re.compile(r"</?[a-zA-Z][^<>\s]*>")
# Of emphasis; within a word they part it: snake_case.
_UNDERSCORES: Final = re.compile(r"(?<![^\W_])_+|_+(?![^\W_])")
_CITATION: Final = re.compile(r"\[\d+\]")
# Quotation marks, and what modifies emoji; the pictures themselves are taken out by `clean`.
_SILENT: Final = re.compile("[«»“”\ufe00-\ufe0f\u20e3\U0001f3fb-\U0001f3ff]")

_APART: Final = "\n"  # between words that one run of letters turned out to be
_CLOSING: Final = "\"'”’»)]*_`"
_ENDS: Final = tuple(".?!…。！？")
# "Dr." is not the end of a sentence. What is missing here makes a pause where there should be none.
_ABBREVIATIONS: Final = frozenset({
    "dr", "mr", "mrs", "ms", "prof", "st", "sr", "jr", "vs", "etc", "approx", "dept", "inc", "ltd", "corp", "ave",
    "blvd", "ext", "nr", "mme", "mlle", "mm", "bd", "av", "env", "tel", "tél", "éts", "cf", "réf", "sté", "bzw", "inkl",
    "str", "usw", "evtl", "ggf", "bspw", "zzgl", "sra", "srta", "dott", "avv", "ecc",
})  # fmt: skip
_DOTTED: Final = re.compile(r"[^\W\d_]\.|(?:[^\W\d_]{1,2}\.){2,}|p\.ex\.|\d{1,2}\.", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """`text` has a letter or a digit, and may have signs after a blank ("10 €"); "" is a new line.

    ends: a sentence ends with it.
    """

    text: str
    ends: bool


class SpokenWords:
    """Takes pieces of text, gives words."""

    def __init__(self) -> None:
        self._raw = ""
        self._until: str | None = None  # nothing is spoken before this
        self._beginning = True  # of a sentence: asides stand there

    def push(self, text: str) -> Iterator[SpokenWord]:
        """The words that are certain now."""
        self._raw += text
        return self._words(final=False)

    def end(self) -> Iterator[SpokenWord]:
        """What is left."""
        return self._words(final=True)

    def _words(self, *, final: bool) -> Iterator[SpokenWord]:
        while self._raw:
            before = self._raw
            yield from self._step(final=final)
            if self._raw == before:
                return

    def _step(self, *, final: bool) -> Iterator[SpokenWord]:
        """Take one thing from the front of what came; leave it where more has to come first."""
        raw = self._raw
        if self._until is not None:
            self._skip(final=final)
        elif blank := _BLANK.match(raw):
            self._raw = raw[blank.end() :]
            if "\n" in blank[0]:
                self._beginning = True
                yield SpokenWord("", ends=True)
        elif hidden := _HIDDEN.match(raw):
            self._raw, self._until = raw[hidden.end() :], f"</{hidden[1]}>"
        elif raw.startswith(_FENCE):
            self._raw, self._until = raw[len(_FENCE) :], _FENCE
        elif raw[0] in "*_" and self._beginning:
            if final or not _MAYBE_ASIDE.fullmatch(raw):
                yield from self._aside(_ASIDE.match(raw), final=final)
        elif raw.startswith(("[", "![")):
            if link := _LINK.match(raw):
                self._raw = link[1] + raw[link.end() :]
            elif final or not _MAYBE_LINK.fullmatch(raw):
                note = _NOTE.match(raw)
                self._raw = raw[note.end() :] if note else raw[1 + raw.index("[") :]
        else:
            yield from self._word(final=final)

    def _skip(self, *, final: bool) -> None:
        assert self._until is not None
        at = self._raw.find(self._until)
        if at >= 0:
            self._raw, self._until = self._raw[at + len(self._until) :], None
        else:
            self._raw = "" if final else self._raw[-len(self._until) + 1 :]

    def _aside(self, aside: re.Match[str] | None, *, final: bool) -> Iterator[SpokenWord]:
        if aside is not None:
            self._raw = self._raw[aside.end() :]
        else:
            yield from self._word(final=final)

    def _word(self, *, final: bool) -> Iterator[SpokenWord]:
        word = _WORD.match(self._raw)
        assert word is not None
        end = word.end()
        if end == len(self._raw) and not final:
            return  # letters of it may still come
        spoken = _spoken(word[0])
        ends = _is_end(spoken)
        while not ends and (sign := _SIGNS.match(self._raw, end)) and (final or sign.end() < len(self._raw)):
            spoken, end = _with_sign(spoken, sign[1]), sign.end()
            ends = _is_end(spoken)
        if not ends and not final and self._raw[end : end + 1].isspace() and not _SOMETHING.match(self._raw, end):
            return  # signs that belong to it may still come
        self._raw = self._raw[end:]
        parts = [part for part in spoken.split(_APART) if _is_word(part)]
        for part in parts:
            yield SpokenWord(part, ends=ends and part is parts[-1])
        if parts:
            self._beginning = ends


def _spoken(raw: str) -> str:
    """A run of letters and signs as it is spoken; what was parted by it stands between _APART."""
    text = _URL.sub(r"\1", _CITATION.sub("", _TAG.sub("", raw)))
    text = _UNDERSCORES.sub("", _SILENT.sub("", text).replace("*", "")).lstrip("#")
    return clean(text.replace("_", " ")).replace(" ", _APART)


def _with_sign(spoken: str, sign: str) -> str:
    """A second sign after a blank adds nothing, unless it ends the sentence."""
    cleaned = clean(_SILENT.sub("", sign))
    if not cleaned or (" " in spoken and not cleaned.startswith(_ENDS)):
        return spoken
    return f"{spoken} {cleaned}"


def _is_word(text: str) -> bool:
    return any(letter.isalnum() for letter in text)


def _is_end(text: str) -> bool:
    bare = text.rstrip(_CLOSING)
    if not bare.endswith(_ENDS) or not _is_word(bare):
        return False
    if not bare.endswith(".") or bare.endswith(".."):
        return True
    last = bare.rpartition(_APART)[2].rpartition(" ")[2].lstrip("(\"'«“[-")
    last = re.split(r"['’]", last)[-1]
    return last[:-1].casefold() not in _ABBREVIATIONS and not _DOTTED.fullmatch(last)
