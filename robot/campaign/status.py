"""How a campaign goes at the moment, for people and programs: figures of its standing, and why it calls nobody.

Pure, of what `robot.store.standing` has read, but for `look`, which has it read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from robot.store.campaign_records import CampaignState, ContactState
from robot.store.database import Database
from robot.store.standing import LivingDaemon, Standing, StandingRepository

#: Who is not reached at once is tried about three times (see `rules.DEFAULT_RETRIES`).
_TRIES: Final = 3
# Of fewer calls it is not told how many of them end it with a contact.
_ENOUGH_CALLS: Final = 20


@dataclass(frozen=True, slots=True)
class NotCalling:
    """until: when that may change by itself; None: not known, or not before somebody does something."""

    reason: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class CampaignStatus:
    """time_left: at this pace, retries included, hours in which nobody may be called not; None: not known.

    not_calling: None: it places calls. answer_rate: 0 to 1, of the last calls that ended; None: there is none.
    """

    standing: Standing
    calls_per_minute: float
    answer_rate: float | None
    time_left: timedelta | None
    not_calling: NotCalling | None

    @property
    def name(self) -> str:
        return self.standing.campaign.name

    @property
    def total(self) -> int:
        return sum(self.standing.contacts.values())

    @property
    def done(self) -> int:
        return self.standing.contacts.get(ContactState.DONE, 0)

    @property
    def left(self) -> int:
        return self.total - self.done

    def as_json(self) -> dict[str, Any]:
        campaign, standing = self.standing.campaign, self.standing
        waits = self.not_calling
        return {
            "name": campaign.name,
            "state": campaign.state,
            "since": _iso(campaign.changed_at),
            "reason": campaign.reason,
            "contacts": {
                "total": self.total,
                "left": self.left,
                **{state.value: standing.contacts.get(state, 0) for state in ContactState},
            },
            "calls": {"ended": sum(standing.outcomes.values()), "going_on": standing.in_call},
            "outcomes": dict(sorted(standing.outcomes.items(), key=lambda item: (-item[1], item[0]))),
            "answer_rate": None if self.answer_rate is None else round(self.answer_rate, 4),
            "answer_rate_of_calls": standing.last.ended,
            "calls_per_minute": round(self.calls_per_minute, 2),
            "time_left_s": None if self.time_left is None else round(self.time_left.total_seconds()),
            "not_calling": None if waits is None else {"reason": waits.reason, "until": _iso(waits.until)},
        }


def look(database: Database, name: str | None, now: datetime) -> tuple[list[CampaignStatus], list[LivingDaemon]]:
    """At all campaigns, or at `name`. Raises UnknownCampaign."""
    with database.read() as session:
        repository = StandingRepository(session)
        daemons = repository.daemons(now)
        return [status_of(standing, daemons, now) for standing in repository.standings(now, name)], daemons


def as_document(campaigns: Sequence[CampaignStatus], daemons: Sequence[LivingDaemon]) -> dict[str, Any]:
    """The document of `robot campaign status --json`."""
    return {
        "robots": [
            {
                "host": each.daemon.host,
                "started_at": each.daemon.started_at.isoformat(),
                "seen_at": each.daemon.seen_at.isoformat(),
            }
            for each in daemons
        ],
        "campaigns": [campaign.as_json() for campaign in campaigns],
    }


def status_of(standing: Standing, daemons: Sequence[LivingDaemon], now: datetime) -> CampaignStatus:
    last = standing.last
    # A campaign that was started a moment ago has no pace yet: what it did is told of half a minute at least.
    minutes = max(last.over, timedelta(seconds=30)).total_seconds() / 60
    pace = last.begun / minutes
    waits = _not_calling(standing, daemons, now)
    return CampaignStatus(
        standing=standing,
        calls_per_minute=pace,
        answer_rate=last.answered / last.ended if last.ended else None,
        # While it waits for something the pace of before says nothing.
        time_left=None if waits is not None and not standing.in_call else _time_left(standing, pace),
        not_calling=waits,
    )


def _time_left(standing: Standing, calls_per_minute: float) -> timedelta | None:
    left = sum(count for state, count in standing.contacts.items() if state is not ContactState.DONE)
    if not calls_per_minute or not left:
        return None
    calls, done = sum(standing.outcomes.values()), standing.contacts.get(ContactState.DONE, 0)
    per_contact = 1.0
    if calls >= _ENOUGH_CALLS and done < calls:
        # With so many of the calls being the last one with their contact, it takes so many calls, three at most.
        last_one = done / calls
        per_contact = (1 - (1 - last_one) ** _TRIES) / last_one if last_one else float(_TRIES)
    return timedelta(minutes=left * per_contact / calls_per_minute)


def _not_calling(standing: Standing, daemons: Sequence[LivingDaemon], now: datetime) -> NotCalling | None:
    campaign, contacts = standing.campaign, standing.contacts
    told = f": {campaign.reason}" if campaign.reason else ""
    match campaign.state:
        case CampaignState.STOPPED:
            return NotCalling(f"it is stopped{told}; `robot campaign start` starts it")
        case CampaignState.PAUSED:
            return NotCalling(f"it is paused{told}; `robot campaign resume` goes on")
        case CampaignState.DRAINING:
            return NotCalling(f"it is being stopped{told}; {standing.in_call} calls go on")
        case CampaignState.DONE:
            return NotCalling(f"it is done{told}")
        case CampaignState.RUNNING:
            pass
    if not daemons:
        return NotCalling("no robot is running: start one with `robot run`")
    if not contacts:
        return NotCalling("its list is empty: `robot campaign import`")
    claimed = standing.contacts.get(ContactState.CLAIMED)
    if not claimed and (standing.next_at is None or standing.next_at > now):
        return _nobody_due(standing)
    return _as_daemons_say(campaign.name, [daemon.reasons for daemon in daemons])


def _nobody_due(standing: Standing) -> NotCalling | None:
    if standing.next_at is not None:
        why = f": {standing.next_reason}" if standing.next_reason else ""
        return NotCalling(f"nobody is due{why}", standing.next_at)
    if standing.contacts.get(ContactState.IN_CALL):
        return NotCalling("everybody who is left is in a call")
    return NotCalling("nobody is left to be called")


def _as_daemons_say(campaign: str, said: Sequence[Mapping[str, str]]) -> NotCalling | None:
    """As long as one of several has no reason, it calls."""
    reasons = list(dict.fromkeys(each[campaign] for each in said if campaign in each))
    return NotCalling("; ".join(reasons)) if all(campaign in each for each in said) else None


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
