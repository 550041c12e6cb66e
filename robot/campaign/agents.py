"""How many calls may be on the way where the script hands callees over to people: no more than agents will be free.

Pure. A callee who was told that somebody would take over, and whom nobody takes, is an abandoned call:

- FCC, 47 CFR 64.1200(a)(7): a call that a person answered and that is not connected to a live representative within
  2 s of their greeting; at most 3 % of the calls that persons answered, each campaign by itself, over 30 days.
- Ofcom, Persistent misuse, 20 December 2016, annex 3: the share is counted of the calls that were abandoned or came to
  an agent, not of all that were answered. That is the stricter one, and the one that is kept here.

Here the robot talks first, within those 2 s, so the rule is carried over: abandoned is the call of a person who came to
a transfer of the script and whom no agent took, whatever the robot said to them afterwards, and also when they hung up
while an agent's telephone rang. Whether a robot may talk first at all is another rule (in the USA 47 CFR 64.1200(a)(2)
and (3): not without the callee's consent).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

# The share of calls that come to a transfer is told from so many, the last ones; of fewer nothing is told.
_LAST_CALLS: Final = 500
_LEAST_CALLS: Final = 100
# What is said of the share is true in 97.5 of 100 cases (one side of a 95 % interval).
_Z: Final = 1.96


class AgentMode(StrEnum):
    PROGRESSIVE = "progressive"  # a call for each free agent
    PREDICTIVE = "predictive"  # more, as only some of them come to a transfer, within the abandon limit


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """abandon_limit: share of the calls that came to a transfer, over any `over_days` days in a row."""

    mode: AgentMode = AgentMode.PROGRESSIVE
    abandon_limit: float = 0.03
    over_days: int = 30


@dataclass(frozen=True, slots=True)
class Handovers:
    """What became of the callees who came to a transfer."""

    connected: int = 0
    abandoned: int = 0

    @staticmethod
    def sum(counted: Iterable[Handovers]) -> Handovers:
        each = list(counted)
        return Handovers(sum(one.connected for one in each), sum(one.abandoned for one in each))

    @property
    def abandon_rate(self) -> float:
        """0 to 1."""
        total = self.connected + self.abandoned
        return self.abandoned / total if total else 0.0

    def may_abandon(self, limit: float) -> int:
        """So many of the next could all be abandoned without the rate coming over `limit`."""
        # abandoned + n <= limit * (connected + abandoned + n)
        more = (limit * (self.connected + self.abandoned) - self.abandoned) / (1 - limit)
        return max(0, math.floor(more + 1e-9))


class AgentPace:
    """Of one campaign.

    What was counted before a restart may be forgotten without harm to the limit: it begins anew with no call to spare,
    and what keeps to a share before and after keeps to it in all.
    """

    def __init__(self, settings: AgentSettings, before: Mapping[date, Handovers] | None = None) -> None:
        """before: what was counted earlier, by day, so that a restart forgets no abandoned call."""
        self._settings = settings
        self._days: dict[date, Handovers] = dict(before or {})
        self._wanted: deque[bool] = deque(maxlen=_LAST_CALLS)

    def change(self, settings: AgentSettings) -> None:
        """What was counted stays."""
        self._settings = settings

    def room(self, free: int, on_the_way: int, today: date) -> int:
        """How many further calls may be placed. free: agents to whom nobody is being put through. on_the_way: calls
        that are being dialled or talk to the robot, and may yet come to a transfer."""
        return max(0, self._most(free, today) - on_the_way)

    def _most(self, free: int, today: date) -> int:
        """How many calls may be on the way at a time."""
        if self._settings.mode is AgentMode.PROGRESSIVE or free == 0 or len(self._wanted) < _LEAST_CALLS:
            return free
        # Whatever comes, the limit holds: each call beyond the free agents may be abandoned, none of the others is.
        certain = free + self.handovers(today).may_abandon(self._settings.abandon_limit)
        return min(certain, calls_for(free, self._transfer_share(), self._settings.abandon_limit, certain))

    def call_ended(self, *, came_to_transfer: bool) -> None:
        """Each call, whoever answered or did not: this is how it is learnt how many of them will want an agent."""
        self._wanted.append(came_to_transfer)

    def connected(self, today: date) -> None:
        """An agent took a callee."""
        self._count(today, Handovers(connected=1))

    def abandoned(self, today: date) -> None:
        self._count(today, Handovers(abandoned=1))

    def handovers(self, today: date) -> Handovers:
        """Over the last days, as many as the limit is for."""
        first = today - timedelta(days=self._settings.over_days - 1)
        return Handovers.sum(each for day, each in self._days.items() if first <= day <= today)

    def why(self, free: int, on_the_way: int, today: date) -> str | None:
        """Why no call may be placed, for people; None: one may."""
        if self.room(free, on_the_way, today):
            return None
        counted = self.handovers(today)
        told = f"{free} agents are free and {on_the_way} calls on the way to them"
        if self._settings.mode is AgentMode.PREDICTIVE:
            told += f"; {counted.abandon_rate:.1%} abandoned in {self._settings.over_days} days"
        return told

    def _count(self, today: date, more: Handovers) -> None:
        self._days[today] = Handovers.sum((self._days.get(today, Handovers()), more))
        oldest = today - timedelta(days=self._settings.over_days)
        self._days = {day: each for day, each in self._days.items() if day > oldest}

    def _transfer_share(self) -> float:
        """The largest that the last calls allow for (upper bound of Wilson's interval)."""
        calls = len(self._wanted)
        share = sum(self._wanted) / calls
        middle = share + _Z**2 / (2 * calls)
        spread = _Z * math.sqrt(share * (1 - share) / calls + _Z**2 / (4 * calls**2))
        return min(1.0, (middle + spread) / (1 + _Z**2 / calls))


def calls_for(free: int, share: float, limit: float, most: int) -> int:
    """The most calls, of which each comes to a transfer with probability `share`, at which no more than `limit` of the
    transfers are expected to find none of the `free` (1 or more) agents; at least `free`, at most `most`."""
    # Of how many calls how many come to a transfer: below[k] is the probability of k, for k < free.
    below = [1.0] + [0.0] * (free - 1)
    enough, abandoned = 0.0, 0.0  # the probability that all agents are taken, and how many are expected to find none
    for calls in range(1, most + 1):
        abandoned += share * enough
        enough += share * below[-1]
        below = [same * (1 - share) + fewer * share for same, fewer in zip(below, [0.0, *below[:-1]], strict=True)]
        if calls > free and abandoned > limit * calls * share:
            return calls - 1
    return most
