"""What the dialler gives to the store and gets from it: campaigns, contacts, claims, daemons. Plain frozen records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Final


class CampaignState(StrEnum):
    """Whether a campaign calls people."""

    STOPPED = "stopped"
    RUNNING = "running"
    PAUSED = "paused"  # by an operator, or by the robot itself, which says why
    DRAINING = "draining"  # no new calls; stopped when the last one is over
    DONE = "done"  # nobody is left to be called


#: From each state, the states that may follow. One that follows itself is no change and no mistake.
CAMPAIGN_TRANSITIONS: Final[Mapping[CampaignState, frozenset[CampaignState]]] = MappingProxyType(
    {
        CampaignState.STOPPED: frozenset({CampaignState.RUNNING}),
        CampaignState.RUNNING: frozenset(set(CampaignState) - {CampaignState.RUNNING}),
        CampaignState.PAUSED: frozenset({CampaignState.RUNNING, CampaignState.DRAINING, CampaignState.STOPPED}),
        CampaignState.DRAINING: frozenset({CampaignState.STOPPED, CampaignState.RUNNING, CampaignState.PAUSED}),
        CampaignState.DONE: frozenset({CampaignState.RUNNING, CampaignState.STOPPED}),
    }
)


@dataclass(frozen=True, slots=True)
class StoredCampaign:
    """changed_at: when `state` became what it is, and `reason` why. folder: where its campaign.toml is.

    pace: what was changed while it runs, by the name of the setting; the rest is as campaign.toml says.
    """

    name: str
    state: CampaignState
    changed_at: datetime | None
    reason: str | None
    folder: str | None
    pace: Mapping[str, float]


class ContactState(StrEnum):
    """Where a contact is on its way through a campaign."""

    WAITING = "waiting"
    CLAIMED = "claimed"  # a daemon is about to call it, or waits again when its lease has run out
    IN_CALL = "in_call"  # has an attempt without an outcome
    DONE = "done"


class Priority(IntEnum):
    """Of those who are due, the highest go first."""

    LISTED = 0
    CALLBACK = 1  # asked to be called at that time


@dataclass(frozen=True, slots=True)
class NewContact:
    """A row of a contact list. number: E.164. fields: what is known of the person, by name."""

    number: str
    fields: Mapping[str, str]


class Scope(StrEnum):
    """Where a number is looked for before it is added to a list."""

    CAMPAIGN = "campaign"
    EVERYWHERE = "everywhere"  # in the lists of all campaigns


class Placed(StrEnum):
    """What became of a row of a contact list."""

    ADDED = "added"
    UPDATED = "updated"  # was on the list, and has the row's fields now
    IN_FILE = "in_file"  # stands further up in the same file
    IN_CAMPAIGN = "in_campaign"  # is on the list already
    ELSEWHERE = "elsewhere"  # is on the list of another campaign


@dataclass(frozen=True, slots=True)
class StoredContact:
    """next_at: when it may be claimed next; None: it is in a call, or done. attempts: so far, in this campaign.

    reason: why it waits, or is done without a call. owner: the daemon that has claimed it.
    """

    id: int
    campaign: str
    number: str
    fields: Mapping[str, str]
    state: ContactState
    next_at: datetime | None
    priority: Priority
    attempts: int
    last_outcome: str | None
    reason: str | None
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to call a contact: nobody else has it until it is given back, or its lease runs out.

    seq: the how manyth claim of the contact it is, so that one that was lost is known even when the same owner claims
    again.
    """

    contact_id: int
    owner: str
    seq: int


@dataclass(frozen=True, slots=True)
class PastAttempt:
    """An attempt to reach a number, in whatever campaign. outcome: None while the call goes on.

    callback_earliest: when the callee then wished to be called.
    """

    campaign: str
    created_at: datetime
    ended_at: datetime | None
    outcome: str | None
    callback_earliest: datetime | None


@dataclass(frozen=True, slots=True)
class ClaimedContact:
    """A contact, ours until `lease_until`. history: of its number in all campaigns, the oldest attempt first."""

    claim: Claim
    lease_until: datetime
    campaign: str
    number: str
    fields: Mapping[str, str]
    priority: Priority
    attempts: int
    last_outcome: str | None
    history: tuple[PastAttempt, ...]


@dataclass(frozen=True, slots=True)
class NextTry:
    """When a contact may be claimed next. reason: why not before."""

    at: datetime
    priority: Priority = Priority.LISTED
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class GivenUp:
    """The contact is done without a call. reason: why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Daemon:
    """One run of the robot as a service. id: new for each. process: where and what it is, on its host."""

    id: str
    host: str
    process: str
    started_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class TakenOver:
    """What dead daemons left to the one that found them. calls: attempts without an outcome, now of its own."""

    daemons: tuple[str, ...] = ()
    claims: int = 0
    calls: int = 0


#: A daemon that was not seen for so long is dead; it says that it lives several times meanwhile.
SILENT_FOR: Final = timedelta(seconds=30)
