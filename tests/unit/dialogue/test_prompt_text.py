"""Texts with fields: how they are written, what is said to whom, and what contact lists may not bring in."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot.dialogue.prompt_text import MOST_LETTERS, Field, MissingField, PromptText, TemplateError, clean

ANN = {"first_name": "Ann", "town": "Lyon"}


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("Hello.", "Hello."),
        ("Hello {first_name}, in {town}.", "Hello Ann, in Lyon."),
        ("Hello { first_name }.", "Hello Ann."),
        ("Hello {first_name|there}.", "Hello Ann."),
        ("Hello {nickname|there}.", "Hello there."),
        ("{first_name}{town}", "AnnLyon"),
        ("Say {{yes}} or {{{first_name}}}.", "Say {yes} or {Ann}."),
    ],
)
def test_fields_are_replaced(template: str, said: str) -> None:
    assert PromptText.parse(template).render(ANN) == said


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("Hello {title|} {first_name}.", "Hello Ann."),
        ("Hello {title|}, this is us.", "Hello, this is us."),
        ("Hello {title|}.", "Hello."),
        ("{title|}, this is us.", "this is us."),
        ("{title|} {nickname|}", ""),
        ("Hello {title|} {nickname|}.", "Hello."),
        ("Hello {title|}{nickname|}.", "Hello."),
        ("Bonjour {title|} ?", "Bonjour ?"),
        ("{title|}{first_name}", "Ann"),
    ],
)
def test_where_a_field_is_empty_no_gap_is_left(template: str, said: str) -> None:
    assert PromptText.parse(template).render(ANN) == said


def test_what_is_needed_and_what_is_not() -> None:
    text = PromptText.parse("{first_name}, {town|somewhere}, {first_name}, {plan}")
    assert text.fields == ("first_name", "town", "plan")
    assert text.required == ("first_name", "plan")
    assert not text.fixed
    assert PromptText.parse("Hello {{you}}").fixed


@pytest.mark.parametrize("values", [{}, {"first_name": ""}, {"first_name": " \n\x00"}, {"first_name": "-"}])
def test_a_field_without_a_value_is_told(values: dict[str, str]) -> None:
    with pytest.raises(MissingField, match=r"\{first_name\|\.\.\.\}") as raised:
        PromptText.parse("Hello {first_name}.").render(values)
    assert raised.value.field == "first_name"


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("Hello {first_name", r"at letter 7 stands a \{ without its \}"),
        ("Hello first_name}", r"at letter 17 stands a \} without its \{"),
        ("Hello {}", r"at letter 7 '\{\}' is no field"),
        ("Hello {First Name}", r"is no field: its name has small letters"),
        ("Hello {|you}", "is no field"),
        ("Hello {a|{b}}", r"at letter 7 stands a \{"),
        ("{{{", r"at letter 3"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_to_write(template: str, told: str) -> None:
    with pytest.raises(TemplateError, match=told):
        PromptText.parse(template)


@pytest.mark.parametrize(
    ("value", "spoken"),
    [
        ("  Ann\tMary \r\n", "Ann Mary"),
        ("Zoe\u0308", "Zoë"),
        ("Ann\u202e\u200b\x00\x1b[31m", "Ann 31m"),
        ("[[hɛˈloʊ]]", "hɛˈloʊ"),
        ("<break time='9s'/>Ann", "break time='9s'/ Ann"),
        ("{town}", "town"),
        ("Ann \U0001f600", "Ann"),
        ("\ud800Ann", "Ann"),
        ("n° 5, 3 € + 2 %", "n° 5, 3 € + 2 %"),
        ("O'Brien-Smith", "O'Brien-Smith"),
    ],
)
def test_values_are_cleaned(value: str, spoken: str) -> None:
    assert clean(value) == spoken
    assert PromptText.parse("{name}").render({"name": value}) == spoken


def test_a_long_value_is_cut_at_a_word() -> None:
    cut = clean("word " * 100)
    assert len(cut) <= MOST_LETTERS
    assert cut.endswith("word")
    assert len(clean("x" * 1000)) == MOST_LETTERS


@given(st.text())
def test_any_text_is_parsed_or_refused(source: str) -> None:
    try:
        text = PromptText.parse(source)
    except TemplateError:
        return
    assert text.source == str(text) == source
    assert text.fixed == (not any(isinstance(part, Field) for part in text.parts))


@given(st.text())
def test_doubled_braces_say_any_text_as_it_is(said: str) -> None:
    doubled = said.replace("{", "{{").replace("}", "}}")
    assert PromptText.parse(doubled).render({}) == said.strip()


@given(st.text())
def test_no_value_brings_in_what_a_synthesis_takes_for_orders(value: str) -> None:
    cleaned = clean(value)
    assert len(cleaned) <= MOST_LETTERS
    assert not set(cleaned) & set("<>[]{}|\\")
    assert all(letter == " " or unicodedata.category(letter)[0] != "C" for letter in cleaned)
    assert clean(cleaned) == cleaned


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), st.text("xy \t", max_size=8)))
def test_text_is_tidy_whatever_is_missing(values: dict[str, str]) -> None:
    said = PromptText.parse("{a|} One {b|} two {c|}, three {a|}.").render(values)
    assert "  " not in said
    assert " ," not in said
    assert " ." not in said
    assert not said.startswith((",", " "))
