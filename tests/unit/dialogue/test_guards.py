"""What a model may not say, whatever it writes, and the question that it is never asked."""

from __future__ import annotations

import pytest

from robot.dialogue.guards import ROBOT_ANSWERS, DropReason, Forbidden, Guards, Verdict, asks_whether_robot


def said(
    phrases: list[str], never_say: tuple[str, ...] = (), language: str | None = "en", longest: int = 400
) -> list[str]:
    guards = Guards(never_say, longest, language)
    return [phrase for phrase in phrases if guards.judge(phrase)[0] is Verdict.SAY]


@pytest.mark.parametrize(
    ("forbidden", "phrase"),
    [
        ("guaranteed", "It is GUARANTEED, sir."),
        ("garanti à vie", "C'est garanti, a vie !"),
        ("money back", "You get your money-back."),
        (r"/\d+ ?(%|percent)/", "You save 20 percent."),
        ("/^well/", "Well, I think so."),
    ],
)
def test_what_is_forbidden_is_dropped(forbidden: str, phrase: str) -> None:
    guards = Guards((forbidden,), 400, "en")
    assert guards.judge(phrase) == (Verdict.DROP, DropReason.NEVER_SAY)
    assert guards.dropped == {DropReason.NEVER_SAY: 1}


def test_words_that_only_hold_a_forbidden_one_are_said() -> None:
    assert said(["We are a warranty company.", "War is over."], ("war",)) == ["We are a warranty company."]


def test_a_forbidden_phrase_is_found_where_it_was_cut_in_two() -> None:
    assert said(["You get your money", "back, I promise.", "Money back?"], ("money back",)) == ["You get your money"]


def test_what_was_said_before_is_not_held_against_the_next_reply() -> None:
    guards = Guards(("money back",), 400, "en")
    guards.judge("money")
    guards.begin_reply()
    assert guards.judge("back")[0] is Verdict.SAY


@pytest.mark.parametrize("source", ["", "...", "/(/"])
def test_what_cannot_be_forbidden_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match=r"no word|no regular expression"):
        Forbidden.parse(source)


def test_a_reply_is_as_long_as_it_may_be_and_has_at_least_one_phrase() -> None:
    guards = Guards((), 20, "en")
    verdicts = [guards.judge(each)[0] for each in ("x" * 30, "y")]
    assert verdicts == [Verdict.SAY, Verdict.STOP]
    guards.begin_reply()
    assert [guards.judge("x" * 9)[0] for _ in range(3)] == [Verdict.SAY, Verdict.SAY, Verdict.STOP]
    assert guards.dropped[DropReason.TOO_LONG] == 2


@pytest.mark.parametrize(
    ("language", "phrase"),
    [
        ("en", "No, I'm a real person."),
        ("en", "Of course I am human."),
        ("en", "I’m not a robot!"),
        ("en", "You're talking to a real human, Sir."),
        ("fr", "Mais non, je suis une vraie personne."),
        ("fr", "Je ne suis pas un robot."),
        ("fr", "Vous parlez bien à un humain."),
        ("de", "I am a human."),
    ],
)
def test_the_robot_never_claims_to_be_human(language: str, phrase: str) -> None:
    assert Guards((), 400, language).judge(phrase) == (Verdict.DROP, DropReason.CLAIMS_HUMAN)


@pytest.mark.parametrize(
    ("language", "phrase"),
    [
        ("en", ROBOT_ANSWERS["en"]),
        ("fr", ROBOT_ANSWERS["fr"]),
        ("en", "I am not a human, but I can have a person call you."),
        ("en", "I am calling from human resources."),
        ("fr", "Je ne suis pas une personne."),
    ],
)
def test_the_truth_may_be_told(language: str, phrase: str) -> None:
    assert said([phrase], language=language) == [phrase]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Are you a robot?"),
        ("en", "um are you a row bot"),
        ("en", "Wait, am I talking to a real person?"),
        ("en", "Is this a recording?"),
        ("en", "Hello? Are you human?"),
        ("fr", "Vous êtes un robot ?"),
        ("fr", "Est-ce que vous êtes un robot, là ?"),
        ("fr", "vous etes un robo"),
        ("fr", "Je parle à une machine ?"),
    ],
)
def test_who_asks_for_a_robot_is_heard(language: str, text: str) -> None:
    assert asks_whether_robot(text, language)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Yes, please."),
        ("en", "I would like to talk about the price."),
        ("en", "Are you a plumber?"),
        ("en", "I have a vacuum robot at home and it works really well for us, so no thanks."),
        ("fr", "Vous êtes un vendeur ?"),
        ("fr", "J'ai une machine à laver qui marche très bien."),
        ("xx", "Are you a robot?"),
        (None, "Are you a robot?"),
    ],
)
def test_who_does_not_is_not(language: str | None, text: str) -> None:
    assert not asks_whether_robot(text, language)
