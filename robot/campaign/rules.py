"""Whether a contact may be called now: the hours where they are, how often they were called, what came of it.

Pure: takes what is known of the contact, gives a verdict; no clock, no database. The do-not-call list is asked by the
store, in the transaction that writes the attempt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        try:
            zones = (ZoneInfo(candidate.zone),) if candidate.zone else zones_of(candidate.number)
        except (KeyError, ValueError, OSError):
            return Never("its time zone is not one that is known: write an IANA name, like Europe/Paris")
        if not zones:
            return Never("its time zone cannot be told from the number: give it in a column of the list")
        past = sorted(history, key=lambda attempt: attempt.created_at)
        if any(attempt.outcome is None for attempt in past):
            return NotNow(now + _LOOK_AGAIN, "is in a call")
        wait = self._after_last(past)
        if isinstance(wait, Never):
            return wait
        due, callback = wait
        waits = [] if due is None else [(due, "a callback later" if callback else "a retry later")]
        waits += self._limits(past, zones, now, callback=callback)
        until, reason = max(waits, default=(now, ""), key=lambda each: each[0])
        places = [(self._hours_at(candidate.number), zone) for zone in zones]
        opening = first_common_opening(max(now, until), places)
        if opening is None:
            return Never("there is no hour at which it may be called")
        if opening <= now:
            return Allowed(callback)
        return NotNow(opening, reason if until > now else "outside the hours of its time zone")

    def _after_last(self, past: Sequence[PastAttempt]) -> tuple[datetime | None, bool] | Never:
        """When what came of the last attempt allows the next one, None: at any time; and whether that is a callback."""
        own = [attempt for attempt in past if attempt.campaign == self.campaign]
        if not own:
            return None, False
        if len(own) >= self.per_contact:
            return Never(f"was called {len(own)} times")
        last = own[-1]
        if last.outcome == Outcome.CALLBACK and last.callback_earliest is not None:
            return last.callback_earliest, True
        retry = self.retries.get(str(last.outcome))
        if retry is None:
            return Never(f"is done: {last.outcome}")
        tries = sum(attempt.outcome == last.outcome for attempt in own)
        if tries > len(retry.delays):
            return Never(f"is done: {last.outcome} {tries} times")
        return _end(last) + retry.delays[tries - 1], False

    def _limits(
        self, past: Sequence[PastAttempt], zones: Sequence[ZoneInfo], now: datetime, *, callback: bool
    ) -> list[tuple[datetime, str]]:
        """Until when each limit keeps the number from being called, and why."""
        limits = []
        if past and not callback:
            limits.append((_end(past[-1]) + self.gap, "was called a moment ago"))
        for zone in zones:
            today = now.astimezone(zone).date()
            if sum(attempt.created_at.astimezone(zone).date() == today for attempt in past) >= self.per_day:
                limits.append((end_of_day(now, zone), "was called often enough today"))
        for window in self.per_number:
            if len(past) >= window.count:
                # When the oldest of the last `count` is out of the window, there is room for one.
                limits.append((past[-window.count].created_at + window.per, "was called often enough lately"))
        return limits

    def _hours_at(self, number: str) -> CallingHours:
        if not self.regional:
            return self.hours
        return next((self.regional[region] for region in regions_of(number) if region in self.regional), self.hours)


def _end(attempt: PastAttempt) -> datetime:
    return attempt.ended_at or attempt.created_at
