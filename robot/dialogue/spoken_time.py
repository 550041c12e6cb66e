"""When to call back: "tomorrow at ten", "ce soir", "dans une demi-heure" as a span of time in the callee's zone. Pure.

The span is never in the past. What may mean two times ("at ten") means the next one at which people are called; "next
Monday" is the Monday that comes. A time at which nobody is called is put off to the next moment at which they are, and
the result says so. Which days and hours are allowed otherwise is for the campaign's rules to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from robot.dialogue.time_phrases import SaidTime, TimeParser
from robot.dialogue.time_words import DAY_MINUTES, TIME_WORDS
from robot.dialogue.words import reader_of

_POINT: Final = timedelta(minutes=30)  # "at ten" is until half past
_ABOUT: Final = timedelta(minutes=15)  # "around ten" begins so much earlier
_AFTER: Final = timedelta(hours=2)  # "after six" is until eight
_SOONEST: Final = timedelta(minutes=15)  # who says "this evening" in the evening does not mean at once
_LATER: Final = timedelta(hours=2)
_DAYS_AHEAD: Final = 8
# "10:07", "10.30", "10 07", "ten oh five": between an hour and its minutes, which lose their zero as a number.
_BEFORE_MINUTES: Final = re.compile(
    r"(?<=\d)(?:[:.]|\s(?=0))(?=\d\d(?!\d))|(?<=\w)[\s-]oh?[\s-](?=(?:[1-9]|one|two|three|four|five|six|seven|eight|nine)\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class CallingHours:
    """The hours of the day, local time, at which people are called."""

    start: time = time(9)
    end: time = time(20)

    def __post_init__(self) -> None:
        if not self.start < self.end:
            raise ValueError(f"calling hours from {self.start} to {self.end}: the start must be before the end")


@dataclass(frozen=True, slots=True)
class SpokenTime:
    """Call between `earliest` and `latest`, both aware and in the callee's zone; `earliest` is before `latest`.

    exact: a time of day was named, not a part of the day or a day. put_off: what was said is outside the calling hours.
    unfinished: a time of day was begun and not understood ("tomorrow at tin"): the span is of what was.
    """

    earliest: datetime
    latest: datetime
    exact: bool
    put_off: bool = False
    unfinished: bool = False


def spoken_time(
    text: str, now: datetime, zone: ZoneInfo, language: str, hours: CallingHours | None = None
) -> SpokenTime | None:
    """The time that is named in `text`, seen from `now` (aware); None when there is none, or in other languages."""
    words = TIME_WORDS.get(language)
    if words is None:
        return None
    spoken = [word.text for word in reader_of(language).read(_BEFORE_MINUTES.sub(" h ", text)).words]
    said = TimeParser(spoken, words, language).parse(now.astimezone(zone).date())
    if said.empty:
        return None
    resolved = _Resolver(now, zone, hours or CallingHours()).resolve(said)
    return replace(resolved, unfinished=said.unfinished)


class _Resolver:
    """From what was said to a span of time. It compares in UTC: in a zone Python compares what the clocks show."""

    def __init__(self, now: datetime, zone: ZoneInfo, hours: CallingHours) -> None:
        self._now = now.astimezone(UTC)
        self._zone = zone
        self._hours = hours
        self._today = now.astimezone(zone).date()

    def resolve(self, said: SaidTime) -> SpokenTime:
        if said.later:
            return self._within_hours(self._now + _LATER, self._now + 2 * _LATER, exact=False)
        if said.span is not None:
            if said.span < timedelta(days=1):
                begin = self._now + said.span
                return self._within_hours(begin, begin + max(_ABOUT, said.span / 4), exact=True)
            said.day = (self._now + said.span).astimezone(self._zone).date()
        if said.clock:
            return self._clock(said)
        return self._part(said)

    def _clock(self, said: SaidTime) -> SpokenTime:
        spans = [self._around(day, minutes, said) for day in self._days(said) for minutes in said.clock]
        # "After one" and "before six" may go on now; "at two" a little later than that is tomorrow's.
        goes_on = said.relation in ("after", "until")
        coming = sorted(
            (begin, end) for begin, end in spans if begin > self._now or (goes_on and end > self._now + _SOONEST)
        )
        begin, end = next((span for span in coming if self._allowed(span)), coming[0])
        return self._within_hours(max(begin, self._now), end, exact=True)

    def _around(self, day: date, minutes: int, said: SaidTime) -> tuple[datetime, datetime]:
        named = self._at(day, minutes)
        match said.relation:
            case "after":
                return named, named + _AFTER
            case "about":
                return named - _ABOUT, named + _POINT
            case "until":
                return min(self._at(day, self._minutes(self._hours.start)), named - _POINT), named
            case "between":
                ends = [self._at(day, each) for each in said.until]
                return named, min((end for end in ends if end > named), default=named + _AFTER)
            case _:
                return named, named + _POINT

    def _part(self, said: SaidTime) -> SpokenTime:
        whole = (self._minutes(self._hours.start), self._minutes(self._hours.end))
        first, last = said.part or whole
        for day in self._days(said):
            begin = max(self._at(day, first), self._now + _SOONEST)
            last_day = day + timedelta(days=said.days - 1) if said.part is None and day == said.day else day
            end = self._at(last_day, last)
            if end > begin and (self._allowed((begin, end)) or not self._allowed((self._at(day, first), end))):
                return self._within_hours(begin, end, exact=False)
        raise AssertionError("one of so many days is in the future")

    def _days(self, said: SaidTime) -> Iterator[date]:
        """The days on which it may be, the likeliest first: a day that is over comes again."""
        first, step = said.day or self._today, 7 if said.weekly else 1
        for count in range(_DAYS_AHEAD):
            yield first + timedelta(days=count * step)

    def _within_hours(self, begin: datetime, end: datetime, *, exact: bool) -> SpokenTime:
        """The part of the span at which people are called; the next time after it when there is none."""
        day = begin.astimezone(self._zone).date()
        while True:
            opening = self._at(day, self._minutes(self._hours.start))
            closing = self._at(day, self._minutes(self._hours.end))
            earliest, latest = max(begin, opening), min(end, closing)
            if earliest < latest:
                last_day = end.astimezone(self._zone).date()
                if last_day > day:  # several days: to the last moment of them
                    latest = max(latest, min(end, self._at(last_day, self._minutes(self._hours.end))))
                return self._result(earliest, latest, exact=exact, put_off=False)
            if opening < closing and (end <= opening or day > end.astimezone(self._zone).date()):
                return self._result(opening, min(opening + _AFTER, closing), exact=exact, put_off=True)
            day += timedelta(days=1)

    def _result(self, earliest: datetime, latest: datetime, *, exact: bool, put_off: bool) -> SpokenTime:
        return SpokenTime(earliest.astimezone(self._zone), latest.astimezone(self._zone), exact, put_off)

    def _allowed(self, span: tuple[datetime, datetime]) -> bool:
        day = span[0].astimezone(self._zone).date()
        opening, closing = (self._at(day, self._minutes(each)) for each in (self._hours.start, self._hours.end))
        return max(span[0], opening) < min(span[1], closing)

    def _at(self, day: date, minutes: int) -> datetime:
        """That moment of a local day, in UTC. What the clock skips in spring is as much later."""
        midnight = datetime.combine(day + timedelta(days=minutes // DAY_MINUTES), time(), self._zone)
        return (midnight + timedelta(minutes=minutes % DAY_MINUTES)).astimezone(UTC)

    @staticmethod
    def _minutes(of: time) -> int:
        return of.hour * 60 + of.minute
