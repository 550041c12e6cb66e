"""When somebody may be called: hours of the day by weekday, in the callee's own time zone, but for holidays.

Pure. An hour that a clock change takes away or gives twice is what the clock on the callee's wall shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

_DAY_MINUTES: Final = 24 * 60
_MINUTE: Final = timedelta(minutes=1)
#: Who cannot be called within a year cannot be called.
HORIZON_DAYS: Final = 366


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Minutes of a day, from the first on, up to the second exclusive; 1440 is midnight at its end.

    Raises ValueError.
    """

    begin: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.begin < self.end <= _DAY_MINUTES:
            raise ValueError("should be hours of one day, the earlier first, like 09:00-20:00")

    @classmethod
    def parse(cls, text: str) -> Span:
        """`09:00-20:00`; `24:00` is midnight at the end. Raises ValueError."""
        try:
            begin, end = (_minutes(part) for part in text.split("-"))
        except ValueError:
            raise ValueError(f"{text!r} should be hours of one day, like 09:00-20:00") from None
        return cls(begin, end)


def _minutes(text: str) -> int:
    hours, minutes = text.strip().split(":")
    if not (len(minutes) == 2 and hours.isdecimal() and minutes.isdecimal() and int(minutes) < 60):
        raise ValueError(text)
    return int(hours) * 60 + int(minutes)


@dataclass(frozen=True, slots=True)
class CallingHours:
    """days: of Monday to Sunday, the hours in which one may call, none for a day without. holidays: dates of the
    callee's calendar on which one may not."""

    days: tuple[tuple[Span, ...], ...]
    holidays: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        if len(self.days) != 7:
            raise ValueError("a week has seven days")

    @classmethod
    def daily(
        cls, hours: str, weekdays: Sequence[int] = range(5), holidays: frozenset[date] = frozenset()
    ) -> CallingHours:
        """The same `hours` (`09:00-20:00`) on each of `weekdays`, 0 is Monday."""
        span = Span.parse(hours)
        return cls(tuple((span,) if weekday in weekdays else () for weekday in range(7)), holidays)

    def within(self, other: CallingHours) -> CallingHours:
        """Open when both are."""
        days = (
            tuple(
                Span(max(mine.begin, theirs.begin), min(mine.end, theirs.end))
                for mine in here
                for theirs in there
                if max(mine.begin, theirs.begin) < min(mine.end, theirs.end)
            )
            for here, there in zip(self.days, other.days, strict=True)
        )
        return CallingHours(tuple(days), self.holidays | other.holidays)

    def open_at(self, at: datetime, zone: ZoneInfo) -> bool:
        local = at.astimezone(zone)
        minute = local.hour * 60 + local.minute
        if local.date() in self.holidays:
            return False
        return any(span.begin <= minute < span.end for span in self.days[local.weekday()])

    def next_open(self, after: datetime, zone: ZoneInfo) -> datetime | None:
        """The first moment from `after` on; None: not within a year. UTC."""
        if self.open_at(after, zone):
            return after.astimezone(UTC)
        today = after.astimezone(zone).date()
        for day in (today + timedelta(days=ahead) for ahead in range(HORIZON_DAYS + 1)):
            if day in self.holidays:
                continue
            openings = [at for at in self._openings(day, zone) if at >= after and self.open_at(at, zone)]
            if openings:
                return min(openings)
        return None

    def _openings(self, day: date, zone: ZoneInfo) -> Iterator[datetime]:
        """Moments at which it may become open on `day`: when hours begin, twice if the clock shows that twice, and when
        the clock is changed into the midst of them."""
        for span in self.days[day.weekday()]:
            for fold in (0, 1):
                begin = time(span.begin // 60, span.begin % 60)
                yield datetime.combine(day, begin.replace(fold=fold), zone).astimezone(UTC)
        if (change := _clock_change(day, zone)) is not None:
            yield change


def first_common_opening(after: datetime, places: Sequence[tuple[CallingHours, ZoneInfo]]) -> datetime | None:
    """The first moment from `after` on at which all of them are open; None: there is none within a year. UTC."""
    at = after.astimezone(UTC)
    horizon = at + timedelta(days=HORIZON_DAYS)
    while at <= horizon:
        latest = at
        for hours, zone in places:
            opening = hours.next_open(at, zone)
            if opening is None:
                return None
            latest = max(latest, opening)
        if latest == at:
            return at
        at = latest
    return None


def end_of_day(at: datetime, zone: ZoneInfo) -> datetime:
    """The callee's next midnight. UTC."""
    return _midnight(at.astimezone(zone).date() + timedelta(days=1), zone)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _clock_change(day: date, zone: ZoneInfo) -> datetime | None:
    """When on `day` the clock is put forward or back, to the minute; None: it is not."""
    low, high = _midnight(day, zone), _midnight(day + timedelta(days=1), zone)
    before = low.astimezone(zone).utcoffset()
    if high.astimezone(zone).utcoffset() == before:
        return None
    while high - low > _MINUTE:
        middle = low + ((high - low) // (2 * _MINUTE)) * _MINUTE
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high
