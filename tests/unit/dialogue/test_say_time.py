"""Times as they are told to callees. It is Wednesday, 18 November 2026, eight minutes past two in Paris."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from robot.dialogue.say_time import say_time
from robot.dialogue.spoken_time import SpokenTime, spoken_time

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 18, 14, 8, tzinfo=PARIS)


@pytest.mark.parametrize(
    ("heard", "told"),
    [
        ("in the evening", "this evening"),
        ("tomorrow at ten", "tomorrow at ten in the morning"),
        ("at three", "at three this afternoon"),
        ("around six", "around six this evening"),
        ("half past four", "at half past four this afternoon"),
        ("quarter to six", "at a quarter to six this afternoon"),
        ("in half an hour", "around twenty to three this afternoon"),
        ("before six", "before six this evening"),
        ("after six", "between six and eight this evening"),
        ("between two and four tomorrow", "tomorrow between two and four in the afternoon"),
        ("between eleven and one tomorrow", "tomorrow between eleven in the morning and one in the afternoon"),
        ("tomorrow at noon", "tomorrow at noon"),
        ("next Monday morning", "on Monday morning"),
        ("on Wednesday", "on Wednesday, November 25th"),
        ("a week on Friday", "on Friday, November 27th"),
        ("the first of December at ten", "on Tuesday, December 1st at ten in the morning"),
        ("next week", "between Monday and Friday"),
        ("this weekend", "between Saturday and Sunday"),
        ("today", "later today"),
        ("tomorrow", "tomorrow"),
        ("at midnight", "tomorrow between nine and eleven in the morning"),
    ],
)
def test_english(heard: str, told: str) -> None:
    understood = spoken_time(heard, NOW, PARIS, "en")
    assert understood is not None
    assert say_time(understood, NOW, "en") == told


@pytest.mark.parametrize(
    ("heard", "told"),
    [
        ("ce soir", "ce soir"),
        ("demain à dix heures", "demain à 10 heures"),
        ("mardi à 18 heures", "mardi à 18 heures"),
        ("vers six heures", "ce soir vers 18 heures"),
        ("avant dix-huit heures", "ce soir avant 18 heures"),
        ("dans une demi-heure", "aujourd'hui vers 14 heures 40"),
        ("demain à dix heures et demie", "demain à 10 heures 30"),
        ("demain midi", "demain à midi"),
        ("demain entre 14 heures et 16 heures", "demain entre 14 heures et 16 heures"),
        ("samedi matin", "samedi matin"),
        ("demain après-midi", "demain après-midi"),
        ("cet après-midi", "cet après-midi"),
        ("lundi en 8", "lundi 30 novembre"),
        ("le premier décembre à 10 heures", "mardi premier décembre à 10 heures"),
        ("la semaine prochaine", "entre lundi et vendredi"),
    ],
)
def test_french(heard: str, told: str) -> None:
    understood = spoken_time(heard, NOW, PARIS, "fr")
    assert understood is not None
    assert say_time(understood, NOW, "fr") == told


def test_a_moment_is_told_in_its_own_zone() -> None:
    at = datetime(2026, 11, 19, 9, 0, tzinfo=PARIS)
    assert say_time(at, NOW.astimezone(UTC), "en") == "tomorrow at nine in the morning"
    # In Paris it is tomorrow already.
    late = datetime(2026, 11, 18, 23, 30, tzinfo=UTC)
    assert say_time(at, late, "fr") == "aujourd'hui à 9 heures"


def test_other_languages_get_figures() -> None:
    assert say_time(NOW, NOW, "de") == "2026-11-18 14:08"


@given(
    st.timedeltas(timedelta(), timedelta(days=400)),
    st.timedeltas(timedelta(minutes=1), timedelta(days=9)),
    st.booleans(),
    st.sampled_from(["en", "fr"]),
)
def test_any_span_has_words(away: timedelta, width: timedelta, exact: bool, language: str) -> None:
    earliest = NOW + away
    said = say_time(SpokenTime(earliest, earliest + width, exact), NOW, language)
    assert said == " ".join(said.split())
    assert said


@given(st.integers(0, 5), st.integers(9 * 4, 20 * 4 - 1), st.sampled_from(["en", "fr"]))
def test_what_is_told_is_understood_as_the_same_time(days: int, quarters: int, language: str) -> None:
    at = (NOW + timedelta(days=days)).replace(hour=quarters // 4, minute=quarters % 4 * 15)
    assume(at > NOW)
    understood = spoken_time(say_time(at, NOW, language), NOW, PARIS, language)
    assert understood is not None
    assert understood.earliest == at
