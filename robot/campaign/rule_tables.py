"""[hours], [attempts] and [retries] of campaign.toml: when people may be called, how often, and when again.

What is not written is careful, and the law where we know it. Whoever calls knows the law of their own callees.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import date, timedelta
from difflib import get_close_matches
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator

from robot.call.outcome import Outcome
from robot.campaign.calling_hours import CallingHours, Span
from robot.campaign.rules import DEFAULT_RETRIES, Retry, RuleBook, Window
from robot.campaign.whereabouts import is_region
from robot.toml_file import Location

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: Final[tuple[Weekday, ...]] = get_args(Weekday)

#: Spain (Real Decreto Legislativo 1/2007, art. 96.2) and Portugal let nobody call at week-ends, several states of the
#: USA not on Sundays; 9:00 to 20:00 is within what nearly all of them and the TCPA (47 CFR 64.1200(c)(1)) allow.
DEFAULT_DAILY: Final = (Span.parse("09:00-20:00"),)
DEFAULT_DAYS: Final = WEEKDAYS[:5]
#: Code de la consommation, D. 223-9: Monday to Friday, 10-13 and 14-20, on no public holiday, also in the overseas
#: departments. Nobody more than 4 times in 30 days: that is what is kept everywhere, see `AttemptsTable`.
_FRENCH_LAW: Final = CallingHours(((Span.parse("10:00-13:00"), Span.parse("14:00-20:00")),) * 5 + ((), ()))
LAWS: Final[Mapping[str, CallingHours]] = MappingProxyType(
    dict.fromkeys(("FR", "GP", "GF", "MQ", "RE", "YT"), _FRENCH_LAW)
)
#: After these nobody is called again, whatever is written: they said so, or may have been reached.
_NEVER_AGAIN: Final = frozenset((Outcome.DO_NOT_CALL, Outcome.UNKNOWN))
_UNITS: Final[Mapping[str, timedelta]] = MappingProxyType(
    {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
)
_LONGEST_DELAY: Final = timedelta(days=90)


def _span(value: Any) -> Span:
    if not isinstance(value, str):
        raise ValueError(f'should be hours of one day, like "09:00-20:00"; it is {value!r}')
    return Span.parse(value)


def _delay(value: Any) -> timedelta:
    found = re.fullmatch(r"([1-9][0-9]{0,4})([mhd])", value) if isinstance(value, str) else None
    delay = int(found[1]) * _UNITS[found[2]] if found else None
    if delay is None or delay > _LONGEST_DELAY:
        raise ValueError(f'should be minutes, hours or days, like "10m", "2h" or "1d", up to 90 days; it is {value!r}')
    return delay


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Hours = Annotated[list[Annotated[Span, PlainValidator(_span)]], BeforeValidator(_as_list)]
Delays = Annotated[list[Annotated[timedelta, PlainValidator(_delay)]], Field(max_length=20)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RegionHoursTable(_Table):
    """[hours.regions.FR]: what is not written is as in [hours].

    daily: on each of `days`. mon to sun: on that day instead, `[]` for not at all.
    """

    daily: Hours | None = None
    days: list[Weekday] | None = None
    mon: Hours | None = None
    tue: Hours | None = None
    wed: Hours | None = None
    thu: Hours | None = None
    fri: Hours | None = None
    sat: Hours | None = None
    sun: Hours | None = None
    holidays: list[date] = []

    @property
    def says_hours(self) -> bool:
        """Whether it says more than holidays."""
        return bool(self.model_fields_set - {"holidays"})

    def hours(self, general: RegionHoursTable | None = None) -> CallingHours:
        """general: where what this one does not say is found; its holidays count, too."""
        tables = [self] if general is None else [self, general]
        daily = next((table.daily for table in tables if table.daily is not None), DEFAULT_DAILY)
        days = next((table.days for table in tables if table.days is not None), DEFAULT_DAYS)
        week = []
        for day in WEEKDAYS:
            own: list[list[Span]] = [spans for table in tables if (spans := getattr(table, day)) is not None]
            week.append(tuple(own[0] if own else daily if day in days else ()))
        return CallingHours(tuple(week), frozenset(day for table in tables for day in table.holidays))


class HoursTable(RegionHoursTable):
    """[hours]: in the callee's own time, wherever the campaign is. regions: by country, or state of the USA."""

    regions: dict[str, RegionHoursTable] = {}

    def regional(self) -> dict[str, CallingHours]:
        """Where other hours count: those of the law within those of [hours], unless the campaign says its own."""
        here = self.hours()
        regional = {region: here.within(law) for region, law in LAWS.items()}
        for region, table in self.regions.items():
            hours = table.hours(self)
            law = None if table.says_hours else LAWS.get(region)
            regional[region] = hours if law is None else hours.within(law)
        return regional


class WindowTable(_Table):
    """{ count = 4, days = 30 }: at most so many attempts in any so many days."""

    count: Annotated[int, Field(ge=1, le=1000)]
    days: Annotated[int, Field(ge=1, le=366)]


class AttemptsTable(_Table):
    """[attempts]: per_contact in this campaign; the others in all campaigns, per number."""

    per_contact: Annotated[int, Field(ge=1, le=100)] = 6
    per_day: Annotated[int, Field(ge=1, le=100)] = 2
    gap_minutes: Annotated[int, Field(ge=0, le=43_200)] = 10
    per_number: list[WindowTable] = [WindowTable(count=4, days=30)]


def rule_book(campaign: str, hours: HoursTable, attempts: AttemptsTable, retries: Mapping[str, Delays]) -> RuleBook:
    """retries: by outcome, how long to wait before each further try; an empty list is never again, and an outcome that
    is not named keeps what is usual."""
    again = {**DEFAULT_RETRIES, **{outcome: Retry(tuple(delays)) for outcome, delays in retries.items()}}
    return RuleBook(
        campaign,
        hours.hours(),
        hours.regional(),
        per_contact=attempts.per_contact,
        per_day=attempts.per_day,
        per_number=tuple(Window(window.count, timedelta(days=window.days)) for window in attempts.per_number),
        gap=timedelta(minutes=attempts.gap_minutes),
        retries={outcome: retry for outcome, retry in again.items() if retry.delays},
    )


def rule_mistakes(
    hours: HoursTable, retries: Mapping[str, Delays], own_outcomes: Collection[str]
) -> Iterator[tuple[Location, str]]:
    """What is wrong with the names in the tables, and what to write. own_outcomes: that the script ends with."""
    for region in hours.regions:
        if not is_region(region):
            yield (
                ("hours", "regions", region),
                f"{region!r} is no region: write a country, like FR, or a state of the USA, like US-CA",
            )
    if not any(any(each.days) for each in (hours.hours(), *hours.regional().values())):
        yield ("hours",), "leaves no hour in which anybody could be called: give it `daily` and `days`"
    for outcome, delays in retries.items():
        if (mistake := unknown_outcome(outcome, own_outcomes)) is not None:
            yield ("retries", outcome), mistake
        elif outcome in _NEVER_AGAIN and delays:
            yield ("retries", outcome), f"nobody is called again after {outcome!r}: remove it"


def unknown_outcome(outcome: str, own_outcomes: Collection[str]) -> str | None:
    """What to write instead; None: it is one of the robot's, or of `own_outcomes`."""
    known = sorted({*map(str, Outcome), *own_outcomes})
    if outcome in known:
        return None
    alike = get_close_matches(outcome, known, n=1)
    hint = f"did you mean {alike[0]!r}?" if alike else f"known are: {', '.join(known)}"
    return f"{outcome!r} is an outcome of neither the robot nor a step; {hint}"
