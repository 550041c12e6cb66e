"""Which gateway takes the next call: those that work, in proportion to their weights. Pure; times are seconds of one
monotonic clock.

    UP ── too many of the last calls failed by it, or FreeSWITCH says it is down ──▶ RESTING
    RESTING ── its time is over: one call goes through it ──▶ PROBING
    PROBING ── the call got through ──▶ UP        PROBING ── it did not ──▶ RESTING, twice as long
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from robot.campaign.blame import Blame

#: How many of the last calls are looked at, and how old they may be: what was an hour ago says nothing of now.
LAST_CALLS: Final = 20
LAST_S: Final = 120.0
# What a call that failed counts. UNSURE alone needs ten in a row.
_POINTS: Final[Mapping[Blame, float]] = {Blame.GATEWAY: 1.0, Blame.UNSURE: 0.3}
_ENOUGH_POINTS: Final = 3.0
# A gateway that lets every second call through is better than none: carriers refuse some numbers with SIP 503, too.
_SHARE: Final = 0.5


class GatewayState(Enum):
    UP = auto()
    RESTING = auto()
    PROBING = auto()


@dataclass(frozen=True, slots=True)
class Rest:
    """How long a gateway that failed is left alone: first_s, then twice as long each time its probe fails."""

    first_s: float = 30.0
    longest_s: float = 900.0


@dataclass(frozen=True, slots=True)
class Through:
    """A call on its way through a gateway. Give it to `heard` once: at the answer, or when it ended without one."""

    gateway: str
    probe: bool


@dataclass(frozen=True, slots=True)
class GatewayChange:
    """reason: for the log and for people."""

    gateway: str
    state: GatewayState
    reason: str


class Gateways:
    """The health of all gateways, whichever campaigns use them."""

    def __init__(self, rest: Rest = Rest(), dice: random.Random | None = None) -> None:
        self._rest = rest
        self._dice = dice or random.Random()  # noqa: S311 - spreads load, hides nothing
        self._health: dict[str, _Health] = {}

    def state(self, gateway: str) -> GatewayState:
        return self._of(gateway).state

    def usable(self, gateway: str, now: float) -> bool:
        """Whether the next call may go through it."""
        health = self._of(gateway)
        return health.state is GatewayState.UP or (health.state is GatewayState.RESTING and now >= health.rests_until)

    def usable_at(self, gateway: str) -> float | None:
        """When it may be tried again; None: it is up, or its probe call is on."""
        health = self._of(gateway)
        return health.rests_until if health.state is GatewayState.RESTING else None

    def placed(self, gateway: str, now: float) -> Through:
        """A call goes out through it. Of a gateway that rested this is the probe, until whose end no other goes."""
        health = self._of(gateway)
        probe = self.usable(gateway, now) and health.state is GatewayState.RESTING
        if probe:
            health.state = GatewayState.PROBING
        return Through(gateway, probe)

    def heard(self, through: Through, now: float, blame: Blame) -> GatewayChange | None:
        """What became of a call. CALLEE: it was answered, or the callee was reached or is to blame. OURS: it never came
        to the gateway. Returns what has changed by it."""
        health = self._of(through.gateway)
        if through.probe:
            return self._probed(through.gateway, health, now, blame)
        if health.state is not GatewayState.UP:
            return None  # was placed before: says nothing of now
        if blame is Blame.OURS:
            return None
        health.last.append((now, blame))
        reason = health.failing(now)
        return None if reason is None else self._put_to_rest(through.gateway, health, now, reason)

    def reported(self, gateway: str, now: float, *, up: bool) -> GatewayChange | None:
        """What FreeSWITCH says of it, by its registration and pings. When it is up again it is probed at once."""
        health = self._of(gateway)
        news = up is not health.reported_up
        health.reported_up = up
        if not up and health.state is GatewayState.UP:
            return self._put_to_rest(gateway, health, now, "FreeSWITCH says that it is down")
        if up and news and health.state is GatewayState.RESTING:
            health.rests_until = now
        return None

    def _probed(self, gateway: str, health: _Health, now: float, blame: Blame) -> GatewayChange | None:
        if blame is Blame.OURS:
            health.state = GatewayState.RESTING  # not tried: the next call is the probe
            return None
        if blame is not Blame.CALLEE:
            return self._put_to_rest(gateway, health, now, "its probe call failed")
        health.state = GatewayState.UP
        health.rests = 0
        health.last.clear()
        return GatewayChange(gateway, GatewayState.UP, "its probe call got through")

    def _put_to_rest(self, gateway: str, health: _Health, now: float, reason: str) -> GatewayChange:
        rest_s = min(self._rest.longest_s, self._rest.first_s * 2 ** min(health.rests, 30))
        # Never sooner; a little later, so that gateways that failed together are not all tried together.
        rest_s *= self._dice.uniform(1.0, 1.1)
        health.state = GatewayState.RESTING
        health.rests += 1
        health.rests_until = now + rest_s
        health.last.clear()
        return GatewayChange(gateway, GatewayState.RESTING, f"{reason}; it is tried again in {rest_s:.0f} s")

    def _of(self, gateway: str) -> _Health:
        return self._health.setdefault(gateway, _Health())


@dataclass(slots=True)
class _Health:
    state: GatewayState = GatewayState.UP
    rests: int = 0  # in a row
    rests_until: float = 0.0
    reported_up: bool = True
    last: deque[tuple[float, Blame]] = field(default_factory=lambda: deque(maxlen=LAST_CALLS))

    def failing(self, now: float) -> str | None:
        blames = [blame for at, blame in self.last if now - at <= LAST_S]
        if blames[-1] is Blame.GATEWAY_AWAY:
            return "FreeSWITCH cannot use it"
        failed = [blame for blame in blames if blame is not Blame.CALLEE]
        points = sum(_POINTS.get(blame, 0.0) for blame in failed)
        if points < _ENOUGH_POINTS - 1e-9 or len(failed) < _SHARE * len(blames):
            return None
        return f"{len(failed)} of its last {len(blames)} calls did not get through"


class Rotation:
    """The gateways of one campaign, in turn: smooth weighted round robin, so that 3 and 1 give a a b a, not a a a b."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        """weights: more than 0."""
        self._weights = dict(weights)
        self._credit = dict.fromkeys(weights, 0.0)

    def order(self, usable: Sequence[str]) -> list[str]:
        """Those of the campaign's that are `usable`, the one whose turn it is first."""
        known = [gateway for gateway in self._weights if gateway in usable]
        return sorted(known, key=lambda gateway: self._credit[gateway] + self._weights[gateway], reverse=True)

    def used(self, gateway: str, usable: Sequence[str]) -> None:
        """A call went through `gateway`, of those that were `usable`: only they gain by it, or a gateway that comes
        back would get all the calls that it missed."""
        known = [each for each in self._weights if each in usable]
        for each in known:
            self._credit[each] += self._weights[each]
        self._credit[gateway] -= sum(self._weights[each] for each in known)
