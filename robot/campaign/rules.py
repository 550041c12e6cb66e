"""Whether a contact may be called now: the hours where they are, how often they were called, what came of it.

Pure: takes what is known of the contact, gives a verdict; no clock, no database. The do-not-call list is asked by the
store, in the transaction that writes the attempt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from robot.call.outcome import Outcome
from robot.campaign.calling_hours import CallingHours, end_of_day, first_common_opening
from robot.campaign.whereabouts import regions_of, zones_of
from robot.store.campaign_records import PastAttempt

# An attempt without an outcome is a call that goes on; how long that lasts is not known here.
_LOOK_AGAIN: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Whom one would call. number: E.164. zone: an IANA name, where the list knows it; None: told from the number."""

    number: str
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class Allowed:
    """Now. callback: at the callee's wish, who goes before all others."""

    callback: bool = False


@dataclass(frozen=True, slots=True)
class NotNow:
    """Not before `until` (UTC), when the rules are to be asked again."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Never:
    """Not in this campaign, unless its rules are changed."""

    reason: str


Verdict = Allowed | NotNow | Never


@dataclass(frozen=True, slots=True)
class Ruling:
    """What one rule says by itself. counted: what it has counted, as `1 of 2`."""

    rule: str
    verdict: Verdict
    counted: str | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """After an outcome: how long to wait before the next try, and before the one after that; then no more.

    Counts the attempts with this outcome.
    """

    delays: tuple[timedelta, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """At most `count` attempts within `per`."""

    count: int
    per: timedelta


#: What is worth another try. The rest is done; `unknown` may have been a call that was answered.
DEFAULT_RETRIES: Final[Mapping[str, Retry]] = MappingProxyType(
    {
        Outcome.BUSY: Retry((timedelta(minutes=10), timedelta(hours=1), timedelta(hours=4))),
        Outcome.NO_ANSWER: Retry((timedelta(hours=2), timedelta(days=1))),
        Outcome.UNREACHABLE: Retry((timedelta(hours=1), timedelta(days=1))),
        Outcome.VOICEMAIL: Retry((timedelta(hours=4), timedelta(days=1))),
        Outcome.NO_SPEECH: Retry((timedelta(hours=4),)),
        Outcome.REJECTED: Retry((timedelta(days=1),)),
        Outcome.FAILED: Retry((timedelta(minutes=5), timedelta(hours=1))),
    }
)


@dataclass(frozen=True, slots=True)
class RuleBook:
    """The rules of one campaign.

    hours: where no rule for the region says otherwise. regional: by `FR`, `US`, `US-CA`; the narrowest counts.
    per_contact: attempts in this campaign, callbacks included. per_day: attempts on one day of the callee's, in all
    campaigns. per_number: attempts in any stretch of time, in all campaigns. gap: from the end of an attempt to the
    next, in all campaigns; a callback need not keep it.
    """

    campaign: str
    hours: CallingHours
    regional: Mapping[str, CallingHours] = field(default_factory=dict)
    per_contact: int = 6
    per_day: int = 2
    per_number: tuple[Window, ...] = ()
    gap: timedelta = timedelta(minutes=10)
    retries: Mapping[str, Retry] = field(default_factory=lambda: DEFAULT_RETRIES)

    def decide(self, candidate: Candidate, history: Sequence[PastAttempt], now: datetime) -> Verdict:
        """`history`: all attempts at the number, in all campaigns."""
        zones = _zones(candidate)
        if isinstance(zones, Never):
            return zones
        verdicts = [each.verdict for each in self._of_attempts(zones, history, now)]
        never = next((each for each in verdicts if isinstance(each, Never)), None)
        if never is not None:
            return never
        last = max((each for each in verdicts if isinstance(each, NotNow)), key=lambda each: each.until, default=None)
        # Whoever has to wait comes in the hours after that, whatever they are now.
        hours = self._hours(candidate.number, zones, now if last is None else last.until)
        if last is not None and not isinstance(hours, Never):
            return NotNow(hours.until if isinstance(hours, NotNow) else last.until, last.reason)
        return Allowed(Allowed(callback=True) in verdicts) if isinstance(hours, Allowed) else hours

    def rulings(self, candidate: Candidate, history: Sequence[PastAttempt], now: datetime) -> list[Ruling]:
        """What each rule says by itself, for people; `decide` makes one verdict of them."""
        zones = _zones(candidate)
        if isinstance(zones, Never):
            return [Ruling("time zone", zones)]
        hours = Ruling("calling hours", self._hours(candidate.number, zones, now))
        return [hours, *self._of_attempts(zones, history, now)]

    def _of_attempts(self, zones: Sequence[ZoneInfo], history: Sequence[PastAttempt], now: datetime) -> list[Ruling]:
        past = sorted(history, key=lambda attempt: attempt.created_at)
        if any(attempt.outcome is None for attempt in past):
            return [Ruling("one call at a time", NotNow(now + _LOOK_AGAIN, "is in a call"))]
        own = [attempt for attempt in past if attempt.campaign == self.campaign]
        wish = own[-1].callback_earliest if own and own[-1].outcome == Outcome.CALLBACK else None
        rulings = [self._per_contact(len(own))]
        if wish is not None:
            rulings.append(Ruling("callback", _from(wish, now, "a callback later", callback=True)))
        elif own:
            rulings.append(self._after(own, now))
        if past and wish is None:
            gap = _from(_end(past[-1]) + self.gap, now, "was called a moment ago")
            rulings.append(Ruling(f"{_minutes(self.gap)} between calls", gap))
        return [*rulings, *self._per_day(past, zones, now), *self._per_window(past, now)]

    def _per_contact(self, calls: int) -> Ruling:
        enough = Never(f"was called {calls} times") if calls >= self.per_contact else Allowed()
        return Ruling("calls in this campaign", enough, f"{calls} of {self.per_contact}")

    def _after(self, own: Sequence[PastAttempt], now: datetime) -> Ruling:
        """What came of the last of them allows the next one, or not."""
        last = own[-1]
        rule, retry = f"after {last.outcome}", self.retries.get(str(last.outcome))
        if retry is None:
            return Ruling(rule, Never(f"is done: {last.outcome}"))
        tries = sum(attempt.outcome == last.outcome for attempt in own)
        counted = f"{tries} of {len(retry.delays) + 1}"
        if tries > len(retry.delays):
            return Ruling(rule, Never(f"is done: {last.outcome} {tries} times"), counted)
        return Ruling(rule, _from(_end(last) + retry.delays[tries - 1], now, "a retry later"), counted)

    def _per_day(self, past: Sequence[PastAttempt], zones: Sequence[ZoneInfo], now: datetime) -> Iterator[Ruling]:
        for zone in zones:
            today = now.astimezone(zone).date()
            calls = sum(attempt.created_at.astimezone(zone).date() == today for attempt in past)
            enough = NotNow(end_of_day(now, zone), "was called often enough today")
            verdict = enough if calls >= self.per_day else Allowed()
            yield Ruling(f"calls today in {zone.key}", verdict, f"{calls} of {self.per_day}")

    def _per_window(self, past: Sequence[PastAttempt], now: datetime) -> Iterator[Ruling]:
        for window in self.per_number:
            calls = sum(attempt.created_at + window.per > now for attempt in past)
            verdict: Verdict = Allowed()
            if len(past) >= window.count:
                # When the oldest of the last `count` is out of the window, there is room for one.
                free_at = past[-window.count].created_at + window.per
                verdict = _from(free_at, now, "was called often enough lately")
            yield Ruling(f"calls in {window.per.days} days", verdict, f"{calls} of {window.count}")

    def _hours(self, number: str, zones: Sequence[ZoneInfo], at: datetime) -> Verdict:
        hours = self._hours_at(number)
        opening = first_common_opening(at, [(hours, zone) for zone in zones])
        if opening is None:
            return Never("there is no hour at which it may be called")
        holiday = any(at.astimezone(zone).date() in hours.holidays for zone in zones)
        return _from(opening, at, "it is a holiday there" if holiday else "outside the hours of its time zone")

    def _hours_at(self, number: str) -> CallingHours:
        if not self.regional:
            return self.hours
        return next((self.regional[region] for region in regions_of(number) if region in self.regional), self.hours)


def _zones(candidate: Candidate) -> tuple[ZoneInfo, ...] | Never:
    try:
        zones = (ZoneInfo(candidate.zone),) if candidate.zone else zones_of(candidate.number)
    except (KeyError, ValueError, OSError):
        return Never("its time zone is not one that is known: write an IANA name, like Europe/Paris")
    return zones or Never("its time zone cannot be told from the number: give it in a column of the list")


def _from(at: datetime, now: datetime, reason: str, *, callback: bool = False) -> Verdict:
    return NotNow(at, reason) if at > now else Allowed(callback)


def _end(attempt: PastAttempt) -> datetime:
    return attempt.ended_at or attempt.created_at


def _minutes(span: timedelta) -> str:
    return f"{span.total_seconds() / 60:g} min"
