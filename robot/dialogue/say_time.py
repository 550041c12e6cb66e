"""A time as one says it on the telephone: "tomorrow at ten in the morning", "mardi à 18 heures", "this evening". Pure.

The way back of `spoken_time`, for telling the callee when they will be called.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal

from robot.dialogue.spoken_time import SpokenTime

_Part = Literal["morning", "afternoon", "evening"]
_How = Literal["at", "about", "before"]

# What spoken_time makes of "at ten" and of "around ten": so much, which tells one from the other.
_POINT: Final = timedelta(minutes=30)
_ROUGHLY: Final = timedelta(minutes=45)
_ROUGHLY_BEFORE: Final = timedelta(minutes=15)
_STEP: Final = 5
_NOON: Final = 12
_EVENING: Final = 18
_EVENING_BEGINS: Final = 17.5  # "after work" is an evening, too
_WEEK: Final = 7

_HOURS: Final = ("twelve", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven")
_MINUTES: Final = {
    5: "five past", 10: "ten past", 15: "a quarter past", 20: "twenty past", 25: "twenty-five past", 30: "half past",
    35: "twenty-five to", 40: "twenty to", 45: "a quarter to", 50: "ten to", 55: "five to",
}  # fmt: skip
_ENGLISH_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_ENGLISH_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_FRENCH_DAYS: Final = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
_FRENCH_MONTHS: Final = (
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
    "décembre",
)  # fmt: skip
_FRENCH_PARTS: Final[dict[_Part, str]] = {"morning": "matin", "afternoon": "après-midi", "evening": "soir"}
_FRENCH_HOW: Final[dict[_How, str]] = {"at": "à", "about": "vers", "before": "avant"}


def say_time(when: SpokenTime | datetime, now: datetime, language: str) -> str:
    """`when` (aware, in the callee's zone) as seen from `now` (aware). In other languages than English and French in
    figures."""
    span = SpokenTime(when, when + _POINT, exact=True) if isinstance(when, datetime) else when
    words = _LANGUAGES.get(language)
    if words is None:
        return f"{span.earliest:%Y-%m-%d %H:%M}"
    today = now.astimezone(span.earliest.tzinfo).date()
    if span.exact:
        return _exact(span, today, words)
    first, last = span.earliest.date(), span.latest.date()
    if last > first:
        return words.days(first, last, today)
    part = _part_of(span)
    return words.day(first, today) if part is None else words.part(first, today, part)


def _exact(span: SpokenTime, today: date, words: _Words) -> str:
    begin, end = span.earliest, span.latest
    width = end - begin
    if begin.minute % _STEP or begin.second:  # it begins at no time of the clock: from now on, or "in half an hour"
        until = width > _ROUGHLY and not end.minute % _STEP and not end.second
        return words.at(end, today, "before") if until else words.at(_rounded(begin), today, "about")
    if width == _POINT:
        return words.at(begin, today, "at")
    if width == _ROUGHLY:
        return words.at(begin + _ROUGHLY_BEFORE, today, "about")
    return words.between(begin, end, today)


def _rounded(at: datetime) -> datetime:
    over = timedelta(minutes=at.minute % _STEP, seconds=at.second, microseconds=at.microsecond)
    return at - over + (timedelta(minutes=_STEP) if over >= timedelta(minutes=_STEP / 2) else timedelta())


def _part_of(span: SpokenTime) -> _Part | None:
    """The part of the day that the span lies in; None: it is more than one."""
    begin, end = (at.hour + at.minute / 60 for at in (span.earliest, span.latest))
    if end <= _NOON:
        return "morning"
    if begin >= _EVENING_BEGINS:
        return "evening"
    return "afternoon" if begin >= _NOON and end <= _EVENING + 0.5 else None


def _part_at(at: datetime) -> _Part:
    return "morning" if at.hour < _NOON else "afternoon" if at.hour < _EVENING else "evening"


# ── English ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _english_clock(at: datetime) -> str:
    if (at.hour, at.minute) in ((0, 0), (_NOON, 0)):
        return "noon" if at.hour else "midnight"
    if not at.minute:
        return _HOURS[at.hour % 12]
    if at.minute in _MINUTES:
        return f"{_MINUTES[at.minute]} {_HOURS[(at.hour + (at.minute > 30)) % 12]}"
    return f"{at.minute} minutes past {_HOURS[at.hour % 12]}"


def _english_part(at: datetime, today: date) -> str:
    """What comes after the hour."""
    if (at.hour, at.minute) in ((0, 0), (_NOON, 0)):
        return " today" if at.date() == today else ""
    return f" {'this' if at.date() == today else 'in the'} {_part_at(at)}"


def _english_day(day: date, today: date) -> str:
    away = (day - today).days
    if away == 1:
        return "tomorrow"
    weekday = f"on {_ENGLISH_DAYS[day.weekday()]}"
    return weekday if 0 < away < _WEEK else f"{weekday}, {_ENGLISH_MONTHS[day.month - 1]} {_ordinal(day.day)}"


def _ordinal(number: int) -> str:
    suffix = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if 10 < number < 14 else suffix}"


def _english_at(at: datetime, today: date, how: _How) -> str:
    day = "" if at.date() == today else f"{_english_day(at.date(), today)} "
    return f"{day}{'around' if how == 'about' else how} {_english_clock(at)}{_english_part(at, today)}"


def _english_between(begin: datetime, end: datetime, today: date) -> str:
    day = "" if begin.date() == today else f"{_english_day(begin.date(), today)} "
    begins, ends = _english_part(begin, today), _english_part(end, today)
    first = _english_clock(begin) + ("" if begins == ends else begins)
    return f"{day}between {first} and {_english_clock(end)}{ends}"


def _english_whole_day(day: date, today: date) -> str:
    return "later today" if day == today else _english_day(day, today)


def _english_part_of_day(day: date, today: date, part: _Part) -> str:
    return f"this {part}" if day == today else f"{_english_day(day, today)} {_in_the(day, today)}{part}"


def _in_the(day: date, today: date) -> str:
    # "tomorrow morning", "on Tuesday morning", "on Tuesday, December 1st in the morning"
    return "" if (day - today).days < _WEEK else "in the "


def _english_days(first: date, last: date, today: date) -> str:
    from_ = "today" if first == today else _english_day(first, today).removeprefix("on ")
    # In one week the date of the first day tells that of the last.
    near = (last - first).days < _WEEK
    to = _ENGLISH_DAYS[last.weekday()] if near else _english_day(last, today).removeprefix("on ")
    return f"between {from_} and {to}"


# ── French ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _french_clock(at: datetime) -> str:
    if not at.minute and at.hour in (0, _NOON):
        return "midi" if at.hour else "minuit"
    minutes = f" {at.minute}" if at.minute else ""
    return f"{'une' if at.hour == 1 else at.hour} heure{'s' if at.hour > 1 else ''}{minutes}"


def _french_day(day: date, today: date) -> str:
    away = (day - today).days
    if away in (0, 1):
        return "demain" if away else "aujourd'hui"
    weekday = _FRENCH_DAYS[day.weekday()]
    if 0 < away < _WEEK:
        return weekday
    return f"{weekday} {'premier' if day.day == 1 else day.day} {_FRENCH_MONTHS[day.month - 1]}"


def _french_begin(at: datetime, today: date) -> str:
    evening = at.date() == today and _part_at(at) == "evening"
    return "ce soir" if evening else _french_day(at.date(), today)


def _french_at(at: datetime, today: date, how: _How) -> str:
    return f"{_french_begin(at, today)} {_FRENCH_HOW[how]} {_french_clock(at)}"


def _french_between(begin: datetime, end: datetime, today: date) -> str:
    return f"{_french_begin(begin, today)} entre {_french_clock(begin)} et {_french_clock(end)}"


def _french_whole_day(day: date, today: date) -> str:
    return "plus tard dans la journée" if day == today else _french_day(day, today)


def _french_part_of_day(day: date, today: date, part: _Part) -> str:
    if day == today:
        return f"{'cet' if part == 'afternoon' else 'ce'} {_FRENCH_PARTS[part]}"
    joined = "" if (day - today).days < _WEEK else "dans l'" if part == "afternoon" else "au "
    return f"{_french_day(day, today)} {joined}{_FRENCH_PARTS[part]}"


def _french_days(first: date, last: date, today: date) -> str:
    to = _FRENCH_DAYS[last.weekday()] if (last - first).days < _WEEK else _french_day(last, today)
    return f"entre {_french_day(first, today)} et {to}"


@dataclass(frozen=True, slots=True)
class _Words:
    """How a language says each kind of time; the last `date` is today."""

    at: Callable[[datetime, date, _How], str]
    between: Callable[[datetime, datetime, date], str]
    day: Callable[[date, date], str]
    part: Callable[[date, date, _Part], str]
    days: Callable[[date, date, date], str]


_LANGUAGES: Final = {
    "en": _Words(_english_at, _english_between, _english_whole_day, _english_part_of_day, _english_days),
    "fr": _Words(_french_at, _french_between, _french_whole_day, _french_part_of_day, _french_days),
}
