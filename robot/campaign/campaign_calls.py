"""One campaign while it calls people: whom it has claimed, through which gateways, as whom, and why it waits.

Puts the pure parts (rules, rotation of gateways, caller ids, breaker, agents) together; times are seconds of one
monotonic clock, or aware datetimes where a calendar counts. The database and the calls themselves are `dialer`'s.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from robot.call.outcome import Outcome
from robot.campaign.agents import AgentPace, Handovers
from robot.campaign.breaker import Breaker, Ticket
from robot.campaign.caller_ids import AllRest, CallerIds
from robot.campaign.definition import Campaign
from robot.campaign.gateways import Gateways, Rotation
from robot.campaign.numbers import ZONE_FIELD
from robot.campaign.pace import Limits
from robot.campaign.rules import Allowed, Candidate, Never, NotNow
from robot.store.campaign_records import (
    ClaimedContact,
    GivenUp,
    NextTry,
    PastAttempt,
    Priority,
    StoredContact,
)
from robot.store.records import AttemptResult

# So many seconds of calls are claimed ahead: enough to bridge a slow database, and few enough that a claim is not old
# when it is its turn.
_AHEAD_S: Final = 3.0
_MOST_AHEAD: Final = 200
_UNLIMITED_AHEAD: Final = 50
# A claim this close to the end of its lease is not used any more: the attempt is written within a second.
_LEASE_MARGIN: Final = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Who is called next. caller_id: None: the gateway's own."""

    contact: ClaimedContact
    caller_id: str | None


class CampaignCalls:
    """`reason` says for people why nobody is called now; None: somebody is, or is about to be."""

    def __init__(self, campaign: Campaign, gateways: Gateways, handovers: Mapping[date, Handovers]) -> None:
        """handovers: of earlier days, which count for the abandon limit."""
        self.ready: deque[ClaimedContact] = deque()
        self.expected = 0  # claimed, whose prompts are being made
        self.live = 0  # calls that go on
        self.handed_over = 0  # of them, those that talk to an agent
        self.look_again_at = 0.0  # nobody was due when the list was last looked at
        self.reason: str | None = None
        self._gateways = gateways
        self._handovers = handovers
        self.campaign = campaign
        self.limits = campaign.limits
        self.rotation = Rotation(campaign.gateways)
        self.caller_ids = CallerIds(campaign.caller_ids)
        self.breaker = Breaker(campaign.table.breaker.settings())
        self.agents: AgentPace | None = None
        self.agent_lines = 0
        self.change(campaign)

    def change(self, campaign: Campaign) -> None:
        """From the next call on the campaign is as it is written now. Calls that go on keep what they began with; what
        was counted of earlier ones stays, but where its setting was changed."""
        before, self.campaign = self.campaign, campaign
        self.rules = campaign.rules()
        self.caller_ids.change(campaign.caller_ids)
        if campaign.gateways != before.gateways:
            self.rotation = Rotation(campaign.gateways)
        if campaign.table.breaker != before.table.breaker:
            self.breaker = Breaker(campaign.table.breaker.settings())
        agents = campaign.table.agents
        if agents is None:
            self.agents = None
        elif self.agents is None:
            self.agents = AgentPace(agents.settings(), self._handovers)
        else:
            self.agents.change(agents.settings())

    def limit(self, changed: Mapping[str, float], part: Callable[[Limits], Limits]) -> None:
        """As written, but for what an operator has `changed` meanwhile, by the name of the setting; and of that the
        `part` of this daemon."""
        limits, agents = self.campaign.limits, self.campaign.table.agents
        calls = changed.get("max_calls", limits.max_calls)
        self.limits = part(
            Limits(changed.get("calls_per_s", limits.calls_per_s), None if calls is None else int(calls))
        )
        self.agent_lines = (part(Limits(max_calls=agents.lines)).max_calls or 0) if agents else 0

    def wanted_ahead(self) -> int:
        """How many more contacts should be claimed now."""
        limits = self.limits
        if limits.max_calls == 0:
            return 0
        ahead = _UNLIMITED_AHEAD if limits.calls_per_s is None else math.ceil(limits.calls_per_s * _AHEAD_S)
        ahead = max(1, min(ahead, _MOST_AHEAD))
        if limits.max_calls is not None:
            ahead = min(ahead, max(1, limits.max_calls - self.live))
        held = len(self.ready) + self.expected
        return ahead - held if held <= ahead // 2 else 0

    def open_gateways(self, now: float, today: date) -> Sequence[str]:
        """Through which the next call may go, the one whose turn it is first; none, with a `reason`, when none may."""
        if not self.breaker.lets_through(now):
            self.reason = self.breaker.reason
            return ()
        if self.agents is not None:
            free = max(0, self.agent_lines - self.handed_over)
            why = self.agents.why(free, self.live - self.handed_over, today)
            if why is not None:
                self.reason = why
                return ()
        usable = [name for name in self.campaign.gateways if self._gateways.usable(name, now)]
        if not usable:
            self.reason = "none of its gateways works"
        return self.rotation.order(usable)

    def choose(self, now: float, at: datetime) -> tuple[Chosen | None, list[tuple[ClaimedContact, NextTry | GivenUp]]]:
        """The next contact, and those before it that may not be called now after all, each with what becomes of it."""
        refused: list[tuple[ClaimedContact, NextTry | GivenUp]] = []
        while self.ready:
            contact = self.ready.popleft()
            if contact.lease_until - at < _LEASE_MARGIN:
                refused.append((contact, NextTry(at, contact.priority)))
                continue
            match self.rules.decide(candidate_of(contact), contact.history, at):
                case NotNow(until, reason):
                    refused.append((contact, NextTry(until, contact.priority, reason)))
                    continue
                case Never(reason):
                    refused.append((contact, GivenUp(reason)))
                    continue
                case Allowed():
                    pass
            shown = self.caller_ids.choose(contact.number, now)
            if isinstance(shown, AllRest):
                self.reason = "every caller id rests after its calls"
                rest = timedelta(seconds=shown.until - now)
                refused.append((contact, NextTry(at + rest, contact.priority, self.reason)))
                continue
            if shown.number is not None:
                self.caller_ids.used(shown.number, now)
            self.reason = None
            return Chosen(contact, shown.number), refused
        return None, refused

    def placed(self, gateway: str, now: float) -> Ticket:
        """A call goes out."""
        usable = [name for name in self.campaign.gateways if self._gateways.usable(name, now)]
        self.rotation.used(gateway, [*{*usable, gateway}])
        self.live += 1
        return self.breaker.placed(now)

    def next_try(self, contact: ClaimedContact, result: AttemptResult, created_at: datetime) -> NextTry | None:
        """When the contact may be called again, after a call with that result; None: it is done."""
        attempt = PastAttempt(self.campaign.name, created_at, result.ended_at, result.outcome, result.callback_earliest)
        verdict = self.rules.decide(candidate_of(contact), (*contact.history, attempt), result.ended_at)
        match verdict:
            case NotNow(until, reason):
                callback = result.outcome == Outcome.CALLBACK
                return NextTry(until, Priority.CALLBACK if callback else Priority.LISTED, reason)
            case Allowed():
                return NextTry(result.ended_at)
            case Never():
                return None


def candidate_of(contact: ClaimedContact | StoredContact) -> Candidate:
    return Candidate(contact.number, contact.fields.get(ZONE_FIELD) or None)
