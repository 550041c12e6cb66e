"""When the next call may be placed, and of which campaign: calls per second, simultaneous calls, fair shares.

Pure: times are seconds of one monotonic clock, passed in. Three limits hold for each call: of its campaign, of its
gateway (shared by all campaigns that use it) and of the system. Who is to be called is decided elsewhere, as is whether
a gateway works.

    next(now, wanting) ──▶ Go    the call is counted: write it down, `depart`, dial, then `ended`; or `not_placed`
                       └─▶ Wait  until when at least, and for each campaign why
"""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import count
from typing import Final

from robot.campaign.spacing import Spacing

# Calls of so many seconds may be in the making, not dialled yet; more are not let go.
_PENDING_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Limits:
    """calls_per_s: calls placed in a second, 0.5 is one every two. max_calls: at a time. None: no limit.

    Raises ValueError.
    """

    calls_per_s: float | None = None
    max_calls: int | None = None

    def __post_init__(self) -> None:
        if self.calls_per_s is not None and not 0 < self.calls_per_s < math.inf:
            raise ValueError("calls per second should be more than 0; to place none, pause the campaign")
        if self.max_calls is not None and self.max_calls < 0:
            raise ValueError("simultaneous calls should be 0 or more")

    def both(self, other: Limits) -> Limits:
        """The stricter of each: what several campaigns say of one gateway."""
        rates = [each.calls_per_s for each in (self, other) if each.calls_per_s is not None]
        calls = [each.max_calls for each in (self, other) if each.max_calls is not None]
        return Limits(min(rates, default=None), min(calls, default=None))

    def part(self, index: int, of: int) -> Limits:
        """What is left for the `index`th (from 0) of several daemons that keep them together."""
        calls = None
        if self.max_calls is not None:
            calls = self.max_calls // of + (index < self.max_calls % of)
        return Limits(None if self.calls_per_s is None else self.calls_per_s / of, calls)


@dataclass(frozen=True, slots=True)
class Go:
    """Place this call now. Give it to `ended` when it is over."""

    serial: int
    campaign: str
    gateway: str
    at: float


@dataclass(frozen=True, slots=True)
class Wait:
    """until: when to ask again; None: when a call ends or other campaigns want to call. reasons: for people, by
    campaign; those that only wait for their next turn have none."""

    until: float | None
    reasons: Mapping[str, str]


class Pace:
    """All limits. Campaigns that want to call at the same time get calls in proportion to their weights; what one
    cannot use is for the others, and is not made up for later."""

    def __init__(self, system: Limits = Limits()) -> None:
        self._system = _Gauge("the robot", system)
        self._gateways: dict[str, _Gauge] = {}
        self._said_of_gateways: dict[str, dict[str, Limits]] = {}
        self._campaigns: dict[str, _Share] = {}
        self._live: dict[int, Go] = {}
        self._pending: set[int] = set()  # of them, by serial, those that did not depart yet
        self._serials = count(1)
        self._virtual = 0.0

    # -- limits, which may change at any time --------------------------------------------------------------------------

    def limit_system(self, limits: Limits) -> None:
        self._system.limit(limits)

    def limit_gateway(self, gateway: str, limits: Limits, by: str = "") -> None:
        """by: who says so, a campaign; of several the strictest counts."""
        said = self._said_of_gateways.setdefault(gateway, {})
        said[by] = limits
        self._gateway(gateway).limit(reduce(Limits.both, said.values()))

    def limit_campaign(self, campaign: str, limits: Limits, weight: float = 1.0) -> None:
        """weight: more than 0; twice the weight is twice the calls."""
        if not 0 < weight < math.inf:
            raise ValueError("a campaign's weight should be more than 0")
        share = self._campaign(campaign)
        share.gauge.limit(limits)
        share.weight = weight

    def forget_campaign(self, campaign: str, but: Container[str] = ()) -> None:
        """It calls nobody any more, or only through the gateways in `but`: what it said of others does not count. Its
        own limits stay, for it may come back."""
        for gateway, said in self._said_of_gateways.items():
            if gateway not in but and said.pop(campaign, None) is not None:
                self._gateway(gateway).limit(reduce(Limits.both, said.values(), Limits()))

    # -- calls ---------------------------------------------------------------------------------------------------------

    def next(self, now: float, wanting: Mapping[str, Sequence[str]]) -> Go | Wait:
        """The next call. wanting: the campaigns that have somebody to call, each with the gateways through which it
        may, the preferred first."""
        chances = [self._chance(now, campaign, gateways) for campaign, gateways in wanting.items()]
        open_now = [chance for chance in chances if chance.opens_at <= now]
        if not open_now:
            soonest = min((chance.opens_at for chance in chances), default=math.inf)
            reasons = {chance.campaign: chance.reason for chance in chances if chance.opens_at == math.inf}
            return Wait(None if soonest == math.inf else soonest, reasons)
        # Start-time fair queueing: who has had least for their weight; of several, who waits longest.
        chosen = min(open_now, key=lambda chance: self._turn_of(chance.campaign))
        share = self._campaign(chosen.campaign)
        self._virtual = max(self._virtual, share.finish)
        share.finish = self._virtual + 1 / share.weight
        go = self._count(chosen.campaign, chosen.gateway, now)
        self._pending.add(go.serial)
        for gauge in self._gauges(go):
            gauge.take(now)
        share.last = go.serial
        return go

    def depart(self, go: Go, now: float) -> float:
        """When the call may be dialled that was let go: `now`, unless what was done in between took its time, and calls
        come together that were apart. Ask again when that moment was missed."""
        gauges = self._gauges(go)
        if go.serial in self._pending:
            self._pending.discard(go.serial)
            for gauge in gauges:
                gauge.pending -= 1
        at = max(now, *(gauge.departs_at for gauge in gauges))
        for gauge in gauges:
            gauge.depart(at)
        return at

    def adopt(self, campaign: str, gateway: str, now: float) -> Go:
        """Count a call that is going on already, as after a restart. It may exceed the limits."""
        return self._count(campaign, gateway, now)

    def ended(self, go: Go) -> None:
        """Raises KeyError when it had ended before."""
        del self._live[go.serial]
        pending = go.serial in self._pending
        self._pending.discard(go.serial)
        for gauge in self._gauges(go):
            gauge.calls -= 1
            gauge.pending -= pending

    def not_placed(self, go: Go) -> None:
        """Nothing was dialled: the call does not count, and its time is for the next. Raises KeyError as `ended`."""
        self.ended(go)
        for gauge in self._gauges(go):
            gauge.give_back(go.at)
        share = self._campaign(go.campaign)
        share.finish -= 1 / share.weight

    @property
    def live(self) -> Sequence[Go]:
        return tuple(self._live.values())

    # ------------------------------------------------------------------------------------------------------------------

    def _chance(self, now: float, campaign: str, gateways: Sequence[str]) -> _Chance:
        """When the campaign can place a call, by its best gateway; what it waits for until then."""
        if not gateways:
            return _Chance(campaign, "", math.inf, "none of its gateways can be used")
        through = [(self._gateway(gateway).opens_at(), gateway) for gateway in gateways]
        # The preferred of those that are free; else the one that is free first.
        opens_at, gateway = next((each for each in through if each[0] <= now), min(through, key=lambda each: each[0]))
        others = (self._campaign(campaign).gauge, self._system)
        blocking = max(self._gateway(gateway), *others, key=lambda gauge: gauge.opens_at())
        opens_at = max(opens_at, *(gauge.opens_at() for gauge in others))
        return _Chance(campaign, gateway, opens_at, blocking.why())

    def _turn_of(self, campaign: str) -> tuple[float, int]:
        share = self._campaign(campaign)
        return max(self._virtual, share.finish), share.last

    def _count(self, campaign: str, gateway: str, now: float) -> Go:
        go = Go(next(self._serials), campaign, gateway, now)
        self._live[go.serial] = go
        for gauge in self._gauges(go):
            gauge.calls += 1
        return go

    def _gauges(self, go: Go) -> tuple[_Gauge, _Gauge, _Gauge]:
        return self._system, self._gateway(go.gateway), self._campaign(go.campaign).gauge

    def _gateway(self, name: str) -> _Gauge:
        return self._gateways.setdefault(name, _Gauge(f"the gateway {name}", Limits()))

    def _campaign(self, name: str) -> _Share:
        return self._campaigns.setdefault(name, _Share(_Gauge("the campaign", Limits())))


class _Gauge:
    """One place where calls are limited."""

    def __init__(self, label: str, limits: Limits) -> None:
        self._label = label
        self._spacing: Spacing | None = None
        self._departures: Spacing | None = None
        self._most_pending = math.inf
        self._max_calls: int | None = None
        self.calls = 0
        self.pending = 0  # let go, and not dialled yet
        self.limit(limits)

    def limit(self, limits: Limits) -> None:
        self._max_calls = limits.max_calls
        if limits.calls_per_s is None:
            self._spacing = self._departures = None
            self._most_pending = math.inf
            return
        self._most_pending = max(1, math.ceil(limits.calls_per_s * _PENDING_S))
        if self._spacing is None or self._departures is None:
            self._spacing, self._departures = Spacing(limits.calls_per_s), Spacing(limits.calls_per_s)
        else:
            self._spacing.change(limits.calls_per_s)
            self._departures.change(limits.calls_per_s)

    @property
    def _full(self) -> bool:
        return self._max_calls is not None and self.calls >= self._max_calls

    def opens_at(self) -> float:
        """inf: not before a call ends, or departs."""
        if self._full or self.pending >= self._most_pending:
            return math.inf
        return -math.inf if self._spacing is None else self._spacing.next_at

    def why(self) -> str:
        """What is waited for, when it lets no call through."""
        if self._full:
            return f"{self._label} has {self.calls} of {self._max_calls} calls"
        return "the calls before are being written down"

    @property
    def departs_at(self) -> float:
        return -math.inf if self._departures is None else self._departures.next_at

    def depart(self, at: float) -> None:
        if self._departures is not None:
            self._departures.take(at)

    def take(self, now: float) -> None:
        self.pending += 1
        if self._spacing is not None:
            self._spacing.take(now)

    def give_back(self, at: float) -> None:
        if self._spacing is not None:
            self._spacing.give_back(at)


@dataclass(slots=True)
class _Share:
    """finish: the virtual time at which the campaign has used up its last call; last: the serial of that call."""

    gauge: _Gauge
    weight: float = 1.0
    finish: float = 0.0
    last: int = 0


@dataclass(frozen=True, slots=True)
class _Chance:
    campaign: str
    gateway: str
    opens_at: float
    reason: str
