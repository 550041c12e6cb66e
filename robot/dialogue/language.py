"""What has to be known of a language to understand an answer in it: data, one TOML file a language beside this module.

A language without a file has no fillers and no negation: what is said is compared with the phrases of the campaign,
and that is all.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Phrase = Annotated[str, StringConstraints(min_length=1)]


class BargeInWords(BaseModel):
    """What a callee says while a prompt plays."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stop: tuple[Phrase, ...] = ()
    ignore: tuple[Phrase, ...] = ()
    beside_stop: tuple[Phrase, ...] = ()


class HeldTexts(BaseModel):
    """What is said where a language model holds the conversation and something is in its way."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    say_again: tuple[Phrase, ...] = ()
    apology: tuple[Phrase, ...] = ()
    farewell: tuple[Phrase, ...] = ()
    fillers: tuple[Phrase, ...] = ()


class Language(BaseModel):
    """Of lists and tables that are not said here, `languages/en.toml` tells what they are for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: str  # ISO 639-1
    fillers: tuple[Phrase, ...] = ()
    particles: frozenset[Phrase] = frozenset()
    negators: frozenset[Phrase] = frozenset()
    negators_after: frozenset[Phrase] = frozenset()
    negation_openers: frozenset[Phrase] = frozenset()
    negator_if_after: Mapping[Phrase, tuple[Phrase, ...]] = Field(default_factory=dict)
    breaks: frozenset[Phrase] = frozenset()
    subjects: frozenset[Phrase] = frozenset()
    subordinators: frozenset[Phrase] = frozenset()
    corrections: tuple[Phrase, ...] = ()
    interjections: frozenset[Phrase] = frozenset()
    alone: frozenset[Phrase] = frozenset()
    idioms: tuple[Phrase, ...] = ()
    for_now: frozenset[Phrase] = frozenset()
    look_alikes: tuple[Phrase, ...] = ()
    unfinished: frozenset[Phrase] = frozenset()
    rewrites: Mapping[Phrase, Phrase] = Field(default_factory=dict)
    suffixes: Mapping[Phrase, Phrase] = Field(default_factory=dict)
    barge_in: BargeInWords = BargeInWords()
    held: HeldTexts = HeldTexts()
    intents: Mapping[Phrase, tuple[Phrase, ...]] = Field(default_factory=dict)


@cache
def languages() -> tuple[str, ...]:
    """The languages (ISO 639-1) that there is a file for."""
    names = (file.name for file in files(__package__).joinpath("languages").iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


@cache
@cache
def language_of(code: str | None) -> Language:
    """What is known of the language `code` (ISO 639-1); of one that has no file, or None, nothing but its code."""
    if code not in languages():
        return Language(code=code or "")
    text = files(__package__).joinpath("languages", f"{code}.toml").read_text("utf-8")
    return Language.model_validate({"code": code, **tomllib.loads(text)})
