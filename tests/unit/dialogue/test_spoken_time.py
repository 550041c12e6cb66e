"""Times for a call back, as callees say them. It is Wednesday, 18 November 2026, eight minutes past two in Paris."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot.dialogue.spoken_time import CallingHours, SpokenTime, spoken_time

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 18, 14, 8, tzinfo=PARIS)


def span(found: SpokenTime | None) -> str | None:
    return None if found is None else f"{found.earliest:%a %d %b %H:%M} - {found.latest:%a %d %b %H:%M}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("in the evening", "Wed 18 Nov 18:00 - Wed 18 Nov 20:00"),
        ("Call me back tomorrow at ten.", "Thu 19 Nov 10:00 - Thu 19 Nov 10:30"),
        ("at ten", "Thu 19 Nov 10:00 - Thu 19 Nov 10:30"),
        ("at three", "Wed 18 Nov 15:00 - Wed 18 Nov 15:30"),
        ("Um, maybe around six?", "Wed 18 Nov 17:45 - Wed 18 Nov 18:30"),
        ("in half an hour", "Wed 18 Nov 14:38 - Wed 18 Nov 14:53"),
        ("in two hours", "Wed 18 Nov 16:08 - Wed 18 Nov 16:38"),
        ("next Monday morning", "Mon 23 Nov 09:00 - Mon 23 Nov 12:00"),
        ("on Wednesday", "Wed 25 Nov 09:00 - Wed 25 Nov 20:00"),
        ("a week on Friday", "Fri 27 Nov 09:00 - Fri 27 Nov 20:00"),
        ("next week", "Mon 23 Nov 09:00 - Fri 27 Nov 20:00"),
        ("next week on Tuesday afternoon", "Tue 24 Nov 13:00 - Tue 24 Nov 18:00"),
        ("this morning", "Thu 19 Nov 09:00 - Thu 19 Nov 12:00"),
        ("this weekend", "Sat 21 Nov 09:00 - Sun 22 Nov 20:00"),
        ("half past four", "Wed 18 Nov 16:30 - Wed 18 Nov 17:00"),
        ("quarter to six", "Wed 18 Nov 17:45 - Wed 18 Nov 18:15"),
        ("Friday at 2:30 p.m.", "Fri 20 Nov 14:30 - Fri 20 Nov 15:00"),
        ("tomorrow between two and four", "Thu 19 Nov 14:00 - Thu 19 Nov 16:00"),
        ("after six", "Wed 18 Nov 18:00 - Wed 18 Nov 20:00"),
        ("before noon tomorrow", "Thu 19 Nov 09:00 - Thu 19 Nov 12:00"),
        ("on the third of December", "Thu 03 Dec 09:00 - Thu 03 Dec 20:00"),
        ("February 29th", "Tue 29 Feb 09:00 - Tue 29 Feb 20:00"),
        ("between one and three", "Thu 19 Nov 13:00 - Thu 19 Nov 15:00"),
        ("call me later", "Wed 18 Nov 16:08 - Wed 18 Nov 18:08"),
        ("in three days at eleven", "Sat 21 Nov 11:00 - Sat 21 Nov 11:30"),
        ("at eleven p.m.", "Thu 19 Nov 09:00 - Thu 19 Nov 11:00"),
        ("at 10:07 tomorrow", "Thu 19 Nov 10:07 - Thu 19 Nov 10:37"),
        ("tomorrow at 10 07", "Thu 19 Nov 10:07 - Thu 19 Nov 10:37"),
        ("tomorrow at 3.05pm", "Thu 19 Nov 15:05 - Thu 19 Nov 15:35"),
        ("tomorrow at ten oh five", "Thu 19 Nov 10:05 - Thu 19 Nov 10:35"),
        ("I have two children", None),
        ("my address is twelve Oak Street", None),
        ("yes please", None),
        ("", None),
    ],
)
def test_english(text: str, expected: str | None) -> None:
    assert span(spoken_time(text, NOW, PARIS, "en")) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("demain à dix heures", "Thu 19 Nov 10:00 - Thu 19 Nov 10:30"),
        ("Rappeler, mois de main à 10h.", "Thu 19 Nov 10:00 - Thu 19 Nov 10:30"),
        ("ce soir", "Wed 18 Nov 18:00 - Wed 18 Nov 20:00"),
        ("la semaine prochaine", "Mon 23 Nov 09:00 - Fri 27 Nov 20:00"),
        ("dans une heure", "Wed 18 Nov 15:08 - Wed 18 Nov 15:23"),
        ("dans une demi-heure", "Wed 18 Nov 14:38 - Wed 18 Nov 14:53"),
        ("dans deux heures et demie", "Wed 18 Nov 16:38 - Wed 18 Nov 17:15"),
        ("vers 18 h", "Wed 18 Nov 17:45 - Wed 18 Nov 18:30"),
        ("lundi prochain dans la matinée", "Mon 23 Nov 09:00 - Mon 23 Nov 12:00"),
        ("vendredi en huit", "Fri 27 Nov 09:00 - Fri 27 Nov 20:00"),
        ("après-demain après-midi", "Fri 20 Nov 13:00 - Fri 20 Nov 18:00"),
        ("cet après-midi", "Wed 18 Nov 14:23 - Wed 18 Nov 18:00"),
        ("mardi à quatorze heures trente", "Tue 24 Nov 14:30 - Tue 24 Nov 15:00"),
        ("six heures moins le quart", "Wed 18 Nov 17:45 - Wed 18 Nov 18:15"),
        ("à partir de dix-huit heures", "Wed 18 Nov 18:00 - Wed 18 Nov 20:00"),
        ("midi 15", "Thu 19 Nov 12:15 - Thu 19 Nov 12:45"),
        ("demain à midi trente", "Thu 19 Nov 12:30 - Thu 19 Nov 13:00"),
        ("midi et quart", "Thu 19 Nov 12:15 - Thu 19 Nov 12:45"),
        ("demain à 10:07", "Thu 19 Nov 10:07 - Thu 19 Nov 10:37"),
        ("entre midi et deux", "Thu 19 Nov 12:00 - Thu 19 Nov 14:00"),
        ("demain entre dix heures et midi", "Thu 19 Nov 10:00 - Thu 19 Nov 12:00"),
        ("le 3 décembre", "Thu 03 Dec 09:00 - Thu 03 Dec 20:00"),
        ("plus tard", "Wed 18 Nov 16:08 - Wed 18 Nov 18:08"),
        ("il a dix ans", None),
        ("j'ai trois enfants", None),
    ],
)
def test_french(text: str, expected: str | None) -> None:
    assert span(spoken_time(text, NOW, PARIS, "fr")) == expected


@pytest.mark.parametrize(
    ("text", "language", "unfinished"),
    [
        ("demain à diseure", "fr", True),
        ("rappelez-moi demain matin vers disseur", "fr", True),
        ("demain à", "fr", True),
        ("tomorrow at tin", "en", True),
        ("tomorrow at for", "en", True),
        ("demain", "fr", False),
        ("demain à dix heures", "fr", False),
        ("je suis à Lyon, rappelez-moi demain", "fr", False),
        ("demain à la maison", "fr", False),
        ("demain, à bientôt", "fr", False),
        ("tomorrow at home", "en", False),
        ("tomorrow at noon", "en", False),
    ],
)
def test_an_hour_that_was_begun_and_not_understood_is_told(text: str, language: str, unfinished: bool) -> None:
    found = spoken_time(text, NOW, PARIS, language)
    assert found is not None
    assert found.unfinished is unfinished


def test_a_time_at_which_nobody_is_called_is_put_off_and_told() -> None:
    late = spoken_time("at eleven p.m.", NOW, PARIS, "en")
    assert late is not None
    assert (late.put_off, late.exact) == (True, True)
    assert not getattr(spoken_time("tomorrow", NOW, PARIS, "en"), "put_off", None)


def test_the_zone_is_the_callees() -> None:
    found = spoken_time("at ten", NOW, ZoneInfo("America/New_York"), "en")
    assert span(found) == "Wed 18 Nov 10:00 - Wed 18 Nov 10:30"  # there it is eight minutes past eight
    assert found is not None
    assert str(found.earliest.tzinfo) == "America/New_York"


def test_another_language_names_no_time() -> None:
    assert spoken_time("morgen um zehn", NOW, PARIS, "de") is None


def test_an_hour_is_an_hour_when_the_clock_changes() -> None:
    before = datetime(2026, 3, 29, 1, 30, tzinfo=PARIS)  # at two it is three
    found = spoken_time("dans une heure", before, PARIS, "fr", CallingHours(time(0), time(23, 59)))
    assert span(found) == "Sun 29 Mar 03:30 - Sun 29 Mar 03:45"
    skipped = spoken_time("at half past two in the morning", before, PARIS, "en", CallingHours(time(0), time(23, 59)))
    assert span(skipped) == "Sun 29 Mar 03:30 - Sun 29 Mar 04:00"


def test_calling_hours_have_a_length() -> None:
    with pytest.raises(ValueError, match="the start must be before the end"):
        CallingHours(time(20), time(9))


SAID = {
    "en": [
        "in the evening", "tomorrow at ten", "in half an hour", "next Monday morning", "next week", "tonight", "later",
        "at two in the morning", "today", "this afternoon", "after nine", "before eight", "between one and three",
        "on the 29th of March", "on sunday", "noon", "midnight", "in two weeks", "this weekend", "in ten hours",
    ],
    "fr": [
        "demain à dix heures", "ce soir", "la semaine prochaine", "dans une heure", "vers 18 h", "dimanche matin",
        "à deux heures et demie du matin", "après 22 h", "avant midi", "le 25 octobre", "cette nuit", "minuit",
    ],
}  # fmt: skip
ZONES = [
    "Europe/Paris",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "America/St_Johns",
    "Asia/Kathmandu",
]
START = datetime(2026, 1, 1, tzinfo=UTC)
CHANGES = [datetime(2026, month, day, tzinfo=UTC) for month, day in ((3, 8), (3, 29), (4, 5), (10, 25), (11, 1))]
#: Most of them near a change of the clock.
MOMENTS = st.one_of(
    st.timedeltas(timedelta(0), timedelta(days=2000)).map(lambda delta: START + delta),
    st.builds(datetime.__add__, st.sampled_from(CHANGES), st.timedeltas(timedelta(days=-2), timedelta(days=2))),
)


@given(
    language=st.sampled_from(["en", "fr"]),
    data=st.data(),
    now=MOMENTS,
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    opening=st.integers(0, 22),
    length=st.integers(1, 23),
)
def test_never_in_the_past_and_always_when_people_are_called(
    language: str, data: st.DataObject, now: datetime, zone: ZoneInfo, opening: int, length: int
) -> None:
    hours = CallingHours(time(opening), time(min(23, opening + length), 59))
    found = spoken_time(data.draw(st.sampled_from(SAID[language])), now, zone, language, hours)
    assert found is not None
    # In one zone Python compares what the clocks show: in UTC they are moments.
    earliest, latest = found.earliest.astimezone(UTC), found.latest.astimezone(UTC)
    assert now <= earliest < latest
    assert found.earliest.tzinfo is zone
    assert earliest.astimezone(zone).replace(tzinfo=None) == found.earliest.replace(tzinfo=None)  # no skipped hour
    if not _clock_changes(found.earliest):
        assert hours.start <= found.earliest.time() <= hours.end
        assert found.latest.time() <= hours.end


def _clock_changes(on: datetime) -> bool:
    midnight = on.replace(hour=0, minute=0)
    return midnight.utcoffset() != (midnight + timedelta(days=1)).utcoffset()


@given(st.text(max_size=80), st.sampled_from(["en", "fr"]))
def test_any_text_is_taken(text: str, language: str) -> None:
    found = spoken_time(text, NOW, PARIS, language)
    assert found is None or found.earliest < found.latest


WORDS = (
    "at in the a half past ten 10 tomorrow next week monday between and two to morning pm un heures h 8 dans demain 3rd"
)


@given(st.lists(st.sampled_from(WORDS.split()), max_size=8), st.sampled_from(["en", "fr"]))
def test_any_words_of_time_are_taken(words: list[str], language: str) -> None:
    found = spoken_time(" ".join(words), NOW, PARIS, language)
    assert found is None or NOW.astimezone(UTC) <= found.earliest.astimezone(UTC) < found.latest.astimezone(UTC)
