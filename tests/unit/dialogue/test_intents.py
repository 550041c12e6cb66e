"""Intents in what was recognised."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot.bench.intents import SPLITS, Result, figures, understand, utterances
from robot.dialogue.intents import DO_NOT_CALL, Intent, IntentMatcher
from robot.dialogue.language import language_of, languages
from robot.dialogue.words import reader_of

ENGLISH = IntentMatcher.of(language_of("en").intents, "en")
FRENCH = IntentMatcher.of(language_of("fr").intents, "fr")
OWN = IntentMatcher.of(
    {
        "interested": ["yes", "sure", "interested", "tell me more"],
        "not_interested": ["no", "not interested", "no thank you"],
        "do_not_call": ["don't call", "remove my number"],
    }
)


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("Yes.", "interested"),
        ("Yes hello, I am listening, I am quite interested in your offer.", "interested"),
        ("I'm intrested", "interested"),
        ("No thank you, I am not interested.", "not_interested"),
        ("not really interested", "not_interested"),
        ("Please don’t call me again.", "do_not_call"),
        ("That number of mine, remove it.", "do_not_call"),
        ("Who is this?", None),
        ("I know", None),
        ("", None),
        ("Yes... no, I mean no.", "not_interested"),
    ],
)
def test_the_phrases_of_a_campaign_alone(text: str, intent: str | None) -> None:
    assert OWN.understand(text).intent == intent


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("I'm not interested", "not_interested"),
        ("It's not that I'm not interested", "interested"),
        ("Why not?", "yes"),
        ("No problem.", "yes"),
        ("I wouldn't say no", "yes"),
        ("Yes, but not now", "not_now"),
        ("Not now, but call me tomorrow", "callback"),
        ("I'm driving, call me tonight", "callback"),
        ("Don't call me now, I'm at work", "not_now"),
        ("Couldn't you call me back?", "callback"),
        ("Don't call me. Call me tomorrow.", "callback"),
        ("Don't call me again. Call me tomorrow? No.", "do_not_call"),
        ("Can you re-do it", None),
        ("I never call on Saturdays.", None),
        ("I lost your number.", None),
        ("I need to re-do it", None),
        ("Please do.", "yes"),
        ("Yes, please stop calling me", "do_not_call"),
        ("No, goodbye", "no"),
        ("I have no idea", None),
    ],
)
def test_negation_and_several_intents(text: str, intent: str | None) -> None:
    assert ENGLISH.understand(text).intent == intent


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("je ne suis pas intéressé", "not_interested"),
        ("ça m'intéresse pas", "not_interested"),
        ("ça m'intéresse", "interested"),
        ("j'aimerais en savoir plus", "interested"),
        ("pas de souci", "yes"),
        ("pourquoi pas", "yes"),
        ("oui, mais pas maintenant", "not_now"),
        ("rappelez-moi plus tard", "callback"),
        ("vous ne pouvez pas me rappeler ?", "callback"),
        ("ne m'appelez pas, rappelez-moi demain", "callback"),
        ("ne m'appelez pas ce soir", "not_now"),
        ("ne m'appelez plus, rappelez-moi demain", "do_not_call"),
        ("ne n'apprépuis jamais retirez mon numéro de votre liste", "do_not_call"),
        ("ne n'apprépuis et retirez mon numéro", "do_not_call"),
        ("ne m'a fait plus jamais et retirer mon numéro de votre liste", "do_not_call"),
        ("arrêtez de parler civile", "repeat"),
        ("vous pouvez noter mon numéro", None),
        ("je ne veux plus de contact", "do_not_call"),
        ("je ne m'appelle pas Martin", "wrong_person"),
    ],
)
def test_french_negation(text: str, intent: str) -> None:
    assert FRENCH.understand(text).intent == intent


def test_who_is_not_to_be_taken_off_the_list_is_not() -> None:
    assert FRENCH.understand("ne retirez pas mon numéro").intent != DO_NOT_CALL
    assert ENGLISH.understand("don't take me off your list").intent != DO_NOT_CALL


@pytest.mark.parametrize(
    ("heard", "intent"),
    [
        ("ne m'appelait plus", "do_not_call"),
        ("oui à l'eau", "hello"),
        ("Rappeler, mois de main à 10h.", "callback"),
        ("vous êtes de quel souci ?", "who_is_calling"),
        ("combien ça coûte par moi", "price"),
        ("je suis un thé ressé", "interested"),
        ("nom", "no"),
    ],
)
def test_what_recognition_writes_by_ear(heard: str, intent: str) -> None:
    assert FRENCH.understand(heard).intent == intent


def test_numbers_are_the_same_in_digits_and_in_words() -> None:
    matcher = IntentMatcher.of({"slot": ["the twenty fifth slot", "slot twenty five"]})
    assert matcher.understand("Slot 25, please").intent == "slot"
    assert matcher.understand("slot 26").intent is None


def test_what_is_understood_is_told() -> None:
    understood = ENGLISH.understand("Yes, but how much is it?")
    assert (understood.intent, understood.phrase, understood.also) == ("price", "how much is it", ("yes",))
    assert understood.reason == "'how much is it' was found, word for word; also yes"
    assert ENGLISH.understand("The kitchen needs painting.").reason == "no phrase was found"


@pytest.mark.parametrize(
    ("text", "sure"),
    [
        ("No, thank you.", True),
        ("I'm not interested.", True),
        ("Yes, but", False),  # more will come
        ("Yes, and my sister who lives in the house across the street asked about that", False),  # what of the rest?
        ("Yes no", False),
    ],
)
def test_sure_is_who_has_said_it_all(text: str, sure: bool) -> None:
    assert ENGLISH.understand(text).sure is sure


def test_only_what_the_step_expects() -> None:
    assert ENGLISH.understand("yes", frozenset({"do_not_call"})).intent is None


def test_a_language_that_nothing_is_known_of() -> None:
    matcher = IntentMatcher.of({"ja": ["ja", "natürlich"], "nein": ["nein", "kein Interesse"], "da": ["да"]}, "de")
    assert matcher.understand("Ja, bitte.").intent == "ja"
    assert matcher.understand("NATÜRLICH").intent == "ja"
    assert matcher.understand("naturlich").intent == "ja"
    assert matcher.understand("Ich habe kein Interesse").intent == "nein"
    assert matcher.understand("Да!").intent == "da"
    assert matcher.understand("Jaguar").intent is None


def test_no_intents_no_match() -> None:
    assert IntentMatcher([]).understand("yes").intent is None
    assert IntentMatcher([Intent("odd", ("?!",))]).understand("yes").intent is None


@pytest.mark.parametrize("language", languages())
def test_every_shipped_phrase_is_found_as_its_intent(language: str) -> None:
    matcher = IntentMatcher.of(language_of(language).intents, language)
    missed = [
        (intent, phrase, matcher.understand(phrase).intent)
        for intent, phrases in language_of(language).intents.items()
        for phrase in phrases
        if matcher.understand(phrase).intent != intent
    ]
    assert missed == []


@settings(deadline=None)  # of wall time, which others take their share of
@given(st.text(max_size=200), st.sampled_from(["en", "fr", "xx"]))
def test_any_text_is_taken(text: str, language: str) -> None:
    understood = IntentMatcher.of({"a": [text, "yes"]}, language).understand(text)
    assert 0 <= understood.confidence <= 1
    assert (understood.intent is None) == (understood.phrase == "")


@given(st.lists(st.sampled_from(["um", "well", "please", "actually", "uh"]), max_size=4), st.data())
def test_fillers_change_nothing(fillers: list[str], data: st.DataObject) -> None:
    said = data.draw(
        st.sampled_from(["no thank you", "I'm not interested", "remove my number", "call me back tomorrow"])
    )
    words = said.split()
    for filler in fillers:
        words.insert(data.draw(st.integers(0, len(words))), filler)
    assert ENGLISH.understand(" ".join(words)).intent == ENGLISH.understand(said).intent


@given(st.text(alphabet="abcdefgh ijn'mto ", max_size=60))
def test_reading_is_stable(text: str) -> None:
    for language in ("en", "fr"):
        words = reader_of(language).read(text).words
        assert all(word.text and word.text.isalnum() for word in words)
        assert [word.clause for word in words] == sorted(word.clause for word in words)


@pytest.fixture(scope="module")
def results() -> list[Result]:
    return [result for language in languages() for result in understand(language)]


def test_the_labelled_set_is_large_and_parted_evenly() -> None:
    for language in languages():
        said = utterances(language)
        assert len(said) == len({each.text.casefold() for each in said}) >= 380
        assert sum(each.split == "held_out" for each in said) >= len(said) / 2
        assert {each.intent for each in said} == {*language_of(language).intents, "none"}


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("language", languages())
def test_accuracy_on_the_labelled_set(results: list[Result], language: str, split: str) -> None:
    measured = figures([each for each in results if (each.said.language, each.said.split) == (language, split)])
    assert measured["accuracy"] >= (0.98 if split == "tuned" else 0.93)
    assert measured["do_not_call_recall"] == 1.0
    assert measured["do_not_call_false"] <= 1
    assert measured["sure"] >= 0.8
    assert measured["sure_wrong"] <= measured["utterances"] * 0.03


def test_who_does_not_want_to_be_called_is_never_outvoted() -> None:
    for first in ("Yes, I'm interested, tell me more", "Call me back tomorrow at ten", "Hello, how much is it"):
        assert ENGLISH.understand(f"{first}, and don't call me again.").intent == DO_NOT_CALL
        assert ENGLISH.understand(f"Don't call me again. {first}.").intent == DO_NOT_CALL
