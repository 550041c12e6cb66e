"""What the words of a greeting tell, as recognition writes them down."""

from __future__ import annotations

import pytest

from robot.call.amd.greetings import AmdClass, Greetings, UnknownGreetings, greetings_for, greetings_in, languages

ENGLISH = [
    ("Hi, you've reached Joe. Please least a message after the tone.", AmdClass.VOICEMAIL),
    ("At the tone, record your message. When you're done, hang up or press 1 for more options.", AmdClass.VOICEMAIL),
    ("Please leave your name, number and the reason for your call.", AmdClass.VOICEMAIL),
    ("The mailbox is fall and cannot accept any messages at this time.", AmdClass.MAILBOX_FULL),
    ("You've reached the voicemail of Joe. The mailbox is full. Goodbye.", AmdClass.MAILBOX_FULL),
    ("If you record your name and reason for calling, I'll see if this person's available.", AmdClass.CALL_SCREENING),
    ("Go ahead and see your name and why you're calling.", AmdClass.CALL_SCREENING),
    ("For sales, press 1. For support, press two.", AmdClass.IVR),
    ("Press 1 to leave a message, or 2 for our opening hours.", AmdClass.IVR),
    ("Acme Corporation, this is Joe speaking. How can I help you?", AmdClass.HUMAN),
]
# As Whisper base heard them on a telephone line.
FRENCH = [
    ("Bonjour, vous êtes bien sûr la messagerie de Pierre Martin. Laissez-moi un message après le bip.",
     AmdClass.VOICEMAIL),
    ("Votre correspondant n'est pas joignable, veuillez laisser un message après le signal sonore", AmdClass.VOICEMAIL),
    ("La messagerie de votre correspondance est pleine.", AmdClass.MAILBOX_FULL),
    ("Merci d'indiquer votre nom et la raison de votre appel.", AmdClass.CALL_SCREENING),
    ("Pour le service commercial, tapez 1.", AmdClass.IVR),
    ("Bonjour, que puis-je faire pour vous ?", AmdClass.HUMAN),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind"), ENGLISH)
def test_english(text: str, kind: AmdClass) -> None:
    found = greetings_in("en").recognise(text)
    assert found is not None
    assert found.kind is kind


@pytest.mark.parametrize(("text", "kind"), FRENCH)
def test_french(text: str, kind: AmdClass) -> None:
    found = greetings_in("fr").recognise(text)
    assert found is not None
    assert found.kind is kind


@pytest.mark.parametrize(
    "text",
    ["", "Hello?", "Yes, hello.", "Allô ?", "Oui allô, j'écoute.", "Hi, this is Mary.", "Marie à l'appareil, bonjour.",
     "I am not interested.", "Oui, à l'eau.", "Yes, one moment.", "Who?"],
)  # fmt: skip
def test_what_anybody_may_say_tells_nothing(text: str) -> None:
    assert greetings_in("en", "fr").recognise(text) in (None, *_of_humans("en", "fr", text))


@pytest.mark.parametrize(
    "text",
    ["Votre correspondant n'est", "Votre correspondant n'est pas", "La messagerie de votre correspondant n'est pas"],
)
def test_a_french_greeting_is_no_full_mailbox_before_it_says_so(text: str) -> None:
    assert greetings_in("fr").recognise(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "La messagerie de votre correspondance est pleine",
        "La boîte vocale est pleine.",
        "correspondant est plaine",
    ],
)
def test_a_french_mailbox_is_full_however_it_is_written(text: str) -> None:
    found = greetings_in("fr").recognise(text)
    assert found is not None
    assert found.kind is AmdClass.MAILBOX_FULL


def _of_humans(*arguments: str) -> list[object]:
    found = greetings_in(*arguments[:2]).recognise(arguments[2])
    return [found] if found is not None and found.kind is AmdClass.HUMAN else []


def test_every_class_that_speaks_is_known_in_each_language() -> None:
    speaking = set(AmdClass) - {AmdClass.FAX, AmdClass.SILENCE}
    for language in languages():
        greetings = greetings_in(language)
        assert {found.kind for found, _ in greetings._phrases} == speaking


def test_each_shipped_phrase_is_found_as_its_own_class_unless_a_longer_one_says_more() -> None:
    for language in languages():
        greetings = greetings_in(language)
        for phrase, _ in greetings._phrases:
            found = greetings.recognise(phrase.phrase)
            assert found is not None, phrase
            assert found.kind is phrase.kind or len(found.phrase) >= len(phrase.phrase) or found.sure, (phrase, found)


def test_any_digit_is_a_key() -> None:
    greetings = greetings_in("en")
    assert greetings.recognise("press seven") == greetings.recognise("Press 7.") != greetings.recognise("press on")


def test_short_phrases_are_refused() -> None:
    with pytest.raises(ValueError, match="hello"):
        Greetings({AmdClass.HUMAN: {True: ["hello"]}})


def test_languages_without_phrases_are_named() -> None:
    with pytest.raises(UnknownGreetings, match="only in en, fr"):
        greetings_in("xx")


def test_the_greetings_of_a_call() -> None:
    french, english = "Laissez-moi un message après le bip.", "Please leave a message."
    assert greetings_for("fr").recognise(french) is not None
    assert greetings_for("fr").recognise(english) is None
    assert greetings_for(None).recognise(french) is not None
    assert greetings_for(None).recognise(english) is not None
    assert greetings_for("xx").recognise(english) is None
