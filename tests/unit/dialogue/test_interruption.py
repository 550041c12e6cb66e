"""Which words said over a prompt stop it, and which never do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot.dialogue.interruption import interruption_words

ENGLISH = interruption_words("en")
FRENCH = interruption_words("fr")


@pytest.mark.parametrize(
    "text",
    [
        "Stop.", "stop it please", "Stop, stop, stop!", "No.", "no no", "No, no, no!", "Nooo", "Um, no.", "No thanks.",
        "No, thank you.", "Okay, stop.", "Wait a minute.", "Hold on", "Please stop", "Well, no.", "Stop calling me!",
        "No, I don't want this.", "I am at work. Stop.", "Start, stop.", "But stop it!", "I'm not interested.",
    ],
)  # fmt: skip
def test_english_words_that_stop(text: str) -> None:
    assert ENGLISH.stops(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "...", "I know.", "There is no hurry.", "No problem.", "Why not?", "I have no time for that", "don't stop",
        "Yes.", "Mm-hmm.", "go on", "I know, I know.", "The bus stop is over there", "Nobody told me", "not now",
    ],
)  # fmt: skip
def test_english_words_that_do_not_stop(text: str) -> None:
    assert not ENGLISH.stops(text)


@pytest.mark.parametrize(
    "text",
    [
        "Stop.", "Stop, stop, arrêtez.", "Donc, donc, arrêtez.", "Non non", "Non, merci.", "Ah non !", "Mais non !",
        "Nan.", "Attendez une seconde.", "attendez, attendez", "Arrêter.", "Bon, ça suffit maintenant.",
        "Euh, non.", "Attendez-y.", "Non, ça ne m'intéresse pas", "Non merci, ça ne m'intéresse pas.",
    ],
)  # fmt: skip
def test_french_words_that_stop(text: str) -> None:
    assert FRENCH.stops(text)


@pytest.mark.parametrize(
    "text",
    [
        "Pourquoi pas.",
        "Moi non plus je crois",
        "D'accord.",
        "Un homme.",
        "Je ne dis pas non",
        "oui oui",
        "Sans non-dit",
    ],
)
def test_french_words_that_do_not_stop(text: str) -> None:
    assert not FRENCH.stops(text)


@pytest.mark.parametrize(
    "text",
    [
        "", " ... ", "Mm-hmm.", "mhm", "Mmhmm", "MMMM.", "MMO. MMO.", "Mm-m-m-m-m.", "M.H.M.", "M. H. M. M. M. Okay.",
        "Uh-huh.", "Uh huh, uh huh.", "Okay.", "OK", "ok ok okay", "Yeah, yeah.", "All right.", "Alright, I see.", "Um",
        "Amen.", "Oh, okay.", "Well, yes.",
    ],
)  # fmt: skip
def test_english_words_that_never_stop(text: str) -> None:
    """As tiny.en writes hums and assent."""
    assert ENGLISH.ignorable(text)
    assert not ENGLISH.stops(text)


@pytest.mark.parametrize("text", ["Huh?", "Okay but who is this?", "What?", "Hello?", "I see a problem", "stop"])
def test_english_words_that_are_not_ignored(text: str) -> None:
    assert not ENGLISH.ignorable(text)


@pytest.mark.parametrize(
    "text", ["D'accord.", "Un homme.", "Hum hum", "Oui.", "Ok d'accord", "Mmh.", "Ah bon", "Ouais, ouais."]
)
def test_french_words_that_never_stop(text: str) -> None:
    """As Whisper's base model writes the French `hum.wav` and `backchannel.wav`, and people's other noises."""
    assert FRENCH.ignorable(text)


@pytest.mark.parametrize("text", ["Allô ?", "Non.", "Qui êtes-vous ?", "D'accord mais combien ?", "Je ne veux pas"])
def test_french_words_that_are_not_ignored(text: str) -> None:
    assert not FRENCH.ignorable(text)


def test_a_campaigns_own_words_take_the_place_of_the_shipped() -> None:
    words = interruption_words("en", stop=("pineapple",), ignore=("go on",))
    assert words.stops("Pineapple, please!")
    assert not words.stops("stop")
    assert words.ignorable("Um, go on")
    assert not words.ignorable("okay")
    assert interruption_words("en", ignore=("go on",)).stops("Go on... no, stop")


def test_a_language_without_a_file_has_the_campaigns_words_alone() -> None:
    words = interruption_words("de", stop=("halt",), ignore=("ja",))
    assert words.stops("Halt!")
    assert words.ignorable("Ja, ja.")
    assert not words.ignorable("Nein")
    assert not interruption_words(None).stops("stop")


@given(st.text(max_size=60))
def test_no_text_is_both(text: str) -> None:
    assert not (ENGLISH.ignorable(text) and ENGLISH.stops(text))
    assert not (FRENCH.ignorable(text) and FRENCH.stops(text))


@given(st.lists(st.sampled_from(["no", "stop", "stop it", "no thanks"]), min_size=1, max_size=8))
def test_stop_words_alone_stop_however_many(words: list[str]) -> None:
    assert ENGLISH.stops(" ".join(words))
    assert ENGLISH.stops(", ".join(words))


@given(st.lists(st.sampled_from(["mm-hmm", "okay", "uh huh", "I see"]), max_size=8))
def test_words_to_ignore_are_ignored_however_many_and_never_stop(words: list[str]) -> None:
    assert ENGLISH.ignorable(" ".join(words))
    assert not ENGLISH.ignorable(" ".join([*words, "hello"]))
    assert not ENGLISH.stops(" ".join(words))
