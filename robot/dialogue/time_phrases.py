"""The words of a time, found in what was said: a day, a part of it, a time of day, a span. Pure, and without a clock.

What they mean from now, `robot.dialogue.spoken_time` decides.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from robot.dialogue.numbers import number_at
from robot.dialogue.time_words import DAY_MINUTES, TimeWords
from robot.dialogue.words import reader_of

_ORDINALS: Final = {
    name: number
    for number, name in enumerate(
        (
            "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
            "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth",
            "twentieth",
        ), 1,
    )
} | {"premier": 1, "thirtieth": 30}  # fmt: skip
_ARTICLES: Final = frozenset({"", "the", "l", "le", "la", "les", "on"})


@dataclass(slots=True)
class SaidTime:
    """What was found. Minutes are of the day; a clock time may mean several."""

    span: timedelta | None = None
    day: date | None = None
    days: int = 1  # how many, from `day`
    weekly: bool = False  # a day of the week, which comes again
    part: tuple[int, int] | None = None
    clock: tuple[int, ...] = ()
    until: tuple[int, ...] = ()  # the other end of "between"
    relation: str = ""  # about, after, until: what the clock time is to the span
    later: bool = False
    unfinished: bool = False  # a time of day was begun after the day, and not understood

    @property
    def empty(self) -> bool:
        return not (self.span or self.day or self.part or self.clock or self.later)


@dataclass(frozen=True, slots=True)
class _Clock:
    """A time of day: its possible minutes of the day, the word after it, whether more than a number shows it is one."""

    minutes: tuple[int, ...]
    end: int
    certain: bool


class TimeParser:
    """Takes word after word out of the text, what is longest and least ambiguous first."""

    def __init__(self, spoken: list[str], words: TimeWords, language: str) -> None:
        self._spoken = spoken
        self._words = words
        self._language = language
        self._particles = reader_of(language).particles
        self._said = SaidTime()

    def parse(self, today: date) -> SaidTime:
        said = self._said
        self._span()
        self._days(today)
        part = self._part(today)
        self._between()
        if not said.clock:
            said.clock = self._clock()
        if part is not None and said.clock:
            said.clock = tuple(each for each in said.clock if _within(each, part)) or said.clock
        else:
            said.part = part
        said.later = said.empty and self._take(self._words.later) is not None
        said.unfinished = not (said.clock or said.span) and self._begun()
        return said

    def _begun(self) -> bool:
        """Whether "at" stands after the day or its part, and what comes then could have been an hour."""
        words = self._words
        return any(
            word in words.begun and at > 0 and self._at(at - 1) == "" and self._at(at + 1) not in words.no_hour
            for at, word in enumerate(self._spoken)
        )

    def _span(self) -> None:
        """ "in half an hour", "dans deux heures et demie"."""
        words = self._words
        if (span := self._take(words.spans)) is not None:
            self._said.span = timedelta(minutes=words.spans[span])
            return
        for at in range(len(self._spoken)):
            number, count = (1, 1) if self._spoken[at] in words.one else self._number(at) or (0, 0)
            unit = words.units.get(self._at(at + count)) if count else None
            if unit is None or not self._before(at, words.in_):
                continue
            minutes = number * unit
            end = at + count + 1
            if unit == 60 and (half := self._starts(end, words.after_hour)) is not None:
                minutes += words.after_hour[half]
                end += len(half.split())
            self._blank(at, end)
            self._said.span = timedelta(minutes=minutes)
            return

    def _days(self, today: date) -> None:
        said, words = self._said, self._words
        if (named := self._date(today)) is not None:
            said.day = named
        elif (weeks := self._take(words.weeks)) is not None:
            said.day = today + timedelta(days=7 * words.weeks[weeks] - today.weekday())
            said.days = 5
            if (weekday := self._take(words.weekdays)) is not None:
                said.day, said.days = said.day + timedelta(days=words.weekdays[weekday]), 1
        elif self._take(words.weekend) is not None:
            said.day = today + timedelta(days=(5 - today.weekday()) % 7)
            said.days, said.weekly = 2, True
        elif (days := self._take(words.days)) is not None:
            said.day = today + timedelta(days=words.days[days])
        elif (weekday := self._take(words.weekdays)) is not None:
            said.day = today + timedelta(days=(words.weekdays[weekday] - today.weekday() - 1) % 7 + 1)
            said.weekly = True
            if self._take(words.week_on) is not None:
                said.day += timedelta(days=7)

    def _date(self, today: date) -> date | None:
        """ "the 3rd of December", "December third", "le 25 décembre"; the next one."""
        for at, word in enumerate(self._spoken):
            month = self._words.months.get(word)
            if month is None:
                continue
            for first in (at - 1, at - 2, at - 3, at + 1):
                day = _ordinal(self._at(first))
                if day is None:
                    continue
                self._blank(min(first, at), max(first, at) + 2)
                for year in range(today.year, today.year + 9):  # 29 February may be eight years away
                    if (found := _a_date(year, month, day)) is not None and found >= today:
                        return found
        return None

    def _part(self, today: date) -> tuple[int, int] | None:
        found = self._find(self._words.parts)
        if found is None:
            return None
        at, words = found
        if (self._before(at, self._words.this) or self._at(at) in self._words.this) and self._said.day is None:
            self._said.day = today
        self._blank(at, at + len(words.split()))
        return self._words.parts[words]

    def _between(self) -> None:
        """ "between two and four", "entre dix heures et midi"."""
        for at in range(len(self._spoken)):
            first = self._time_at(at + 1) if self._at(at) in self._words.between else None
            if first is None or self._at(first.end) not in self._words.and_:
                continue
            second = self._time_at(first.end + 1)
            if second is not None:
                self._blank(at, second.end)
                self._said.clock, self._said.until, self._said.relation = first.minutes, second.minutes, "between"
                return

    def _clock(self) -> tuple[int, ...]:
        """Minutes of the day that were named. A bare number is a time only where something says so."""
        words = self._words
        for at in range(len(self._spoken)):
            found = self._time_at(at)
            if found is None:
                continue
            relations = (("after", words.after), ("until", words.until), ("about", words.about))
            relation = next((name for name, several in relations if self._before(at, several)), "")
            ends = self._at(found.end) == "" or self._at(found.end) in self._particles
            announced = relation or self._before(at, words.announced) or self._said.day or len(self._spoken) <= 2
            if found.certain or (announced and ends):
                self._said.relation = relation
                self._blank(at, found.end)
                return found.minutes
        return ()

    def _time_at(self, at: int) -> _Clock | None:
        """The time of day that begins with word `at`."""
        words = self._words
        if self._at(at) in words.noon:
            added, end = self._added(at + 1)
            minute = self._number(end) if end == at + 1 else None
            if minute is not None and minute[0] < 60 and self._at(end + minute[1]) not in words.units:
                added, end = minute[0], end + minute[1]
            return _Clock((words.noon[self._at(at)] + added,), end, certain=True)
        shift, begin = 0, at
        if (ahead := self._starts(at, words.before_hour)) is not None:
            shift, begin = words.before_hour[ahead], at + len(ahead.split())
        found = self._number(begin)
        if found is None and self._at(begin) in words.one and self._starts(begin + 1, words.shown) is not None:
            found = (1, 1)
        if found is None or found[0] > 24:
            return None
        hour, end = found[0], begin + found[1]
        certain = shift != 0
        if (shown := self._starts(end, words.shown)) is not None:
            certain, end = True, end + len(shown.split())
        elif self._at(end) in words.units:
            return None
        minute = self._number(end)
        if minute is not None and minute[0] < 60 and not shift and (certain or minute[0] >= 10):
            certain, shift, end = True, minute[0], end + minute[1]
        elif not shift:
            shift, end = self._added(end)
        for several, half_day in ((words.morning, 0), (words.afternoon, 12)):
            if (named := self._starts(end, several)) is not None:
                return _Clock((_minute(hour % 12 + half_day, shift),), end + len(named.split()), certain=True)
        both = (hour, hour + 12) if 0 < hour < 12 else (hour,)
        return _Clock(tuple(_minute(each, shift) for each in both), end, certain)

    def _added(self, at: int) -> tuple[int, int]:
        """Minutes that words at `at` add to the hour before them, and the word after those."""
        added = self._starts(at, self._words.after_hour)
        return (0, at) if added is None else (self._words.after_hour[added], at + len(added.split()))

    # -- words ---------------------------------------------------------------------------------------------------------

    def _at(self, at: int) -> str:
        return self._spoken[at] if 0 <= at < len(self._spoken) else ""

    def _number(self, at: int) -> tuple[int, int] | None:
        return number_at(self._spoken, at, self._language) if self._at(at) not in self._words.one else None

    def _blank(self, first: int, end: int) -> None:
        for at in range(max(0, first), min(end, len(self._spoken))):
            self._spoken[at] = ""

    def _starts(self, at: int, several: Collection[str]) -> str | None:
        """The longest of `several` that begins with word `at`."""
        found = (words for words in several if self._spoken[at : at + words.count(" ") + 1] == words.split())
        return max(found, key=len, default=None)

    def _before(self, at: int, several: Collection[str]) -> bool:
        """Whether one of `several` stands right before word `at`, an article or "about" aside."""
        while at > 0 and (self._at(at - 1) in _ARTICLES or self._at(at - 1) in self._words.about - set(several)):
            at -= 1
        return any(self._spoken[max(0, at - words.count(" ") - 1) : at] == words.split() for words in several)

    def _find(self, several: Collection[str]) -> tuple[int, str] | None:
        """Where one of `several` stands, and which: the longest, of those the first."""
        found = [
            (at, words) for at in range(len(self._spoken)) if (words := self._starts(at, several)) is not None
        ]  # fmt: skip
        return max(found, key=lambda each: (len(each[1]), -each[0]), default=None)

    def _take(self, several: Collection[str]) -> str | None:
        """Take the longest of `several` out of the text."""
        found = self._find(several)
        if found is None:
            return None
        at, words = found
        self._blank(at, at + len(words.split()))
        return words


def _within(minutes: int, part: tuple[int, int]) -> bool:
    """Whether a time of day may be called so: "eight in the evening", "half past twelve in the morning" not."""
    return part[0] - 120 <= minutes <= part[1] + 120


def _minute(hour: int, shift: int) -> int:
    return (hour * 60 + shift) % DAY_MINUTES


def _ordinal(word: str) -> int | None:
    """ "3" or "third"; numbers of speech are digits already."""
    if word in _ORDINALS:
        return _ORDINALS[word]
    return int(word) if word.isascii() and word.isdigit() and 1 <= int(word) <= 31 else None


def _a_date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
