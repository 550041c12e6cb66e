"""Which of our numbers the callee sees: near them where we have one, in turn, and none too often.

Pure; times are seconds of one monotonic clock. A number that calls hundreds of people an hour is taken for spam by
carriers and by telephones, and shown as such to everybody it calls: so each rests after so many calls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class CallerIdSettings:
    """numbers: of ours, E.164, for every callee. local: for callees whose number begins so (`+331`), the longest
    beginning counts. rest_after: calls from one number; None: it never rests. rest_s: for how long then."""

    numbers: tuple[str, ...] = ()
    local: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rest_after: int | None = None
    rest_s: float = 3600.0


@dataclass(frozen=True, slots=True)
class ShowNumber:
    """number: E.164; None: the campaign has none of its own, and the gateway shows what it shows."""

    number: str | None


@dataclass(frozen=True, slots=True)
class AllRest:
    """No number may be shown to this callee before `until`."""

    until: float


class CallerIds:
    """The caller ids of one campaign."""

    def __init__(self, settings: CallerIdSettings) -> None:
        self._settings = settings
        self._use: dict[str, _Use] = {}
        self._turns = 0

    def change(self, settings: CallerIdSettings) -> None:
        """Whose turn it is and who rests stays."""
        self._settings = settings

    def choose(self, callee: str, now: float) -> ShowNumber | AllRest:
        """For a call to `callee` (E.164). Tell `used` when it is placed.

        Local numbers first; while they rest, those for everybody.
        """
        groups = [group for group in (self._local(callee), self._settings.numbers) if group]
        if not groups:
            return ShowNumber(None)
        for group in groups:
            awake = [number for number in group if self._of(number).rests_until <= now]
            if awake:
                return ShowNumber(min(awake, key=lambda number: self._of(number).turn))
        return AllRest(min(self._of(number).rests_until for group in groups for number in group))

    def used(self, number: str, now: float) -> None:
        """A call showed `number`. Told of earlier calls after a restart, oldest first, it goes on from there."""
        self._turns += 1
        use = self._of(number)
        use.turn = self._turns
        if now - use.last_at >= self._settings.rest_s:
            use.calls = 0  # it rested, if not because it had to
        use.last_at = now
        use.calls += 1
        if self._settings.rest_after is not None and use.calls >= self._settings.rest_after:
            use.calls = 0
            use.rests_until = now + self._settings.rest_s

    def _local(self, callee: str) -> Sequence[str]:
        prefixes = [prefix for prefix in self._settings.local if callee.startswith(prefix)]
        return self._settings.local[max(prefixes, key=len)] if prefixes else ()

    def _of(self, number: str) -> _Use:
        return self._use.setdefault(number, _Use())


@dataclass(slots=True)
class _Use:
    """calls: since it rested. turn: when it was used last, among all."""

    calls: int = 0
    turn: int = 0
    last_at: float = float("-inf")
    rests_until: float = float("-inf")
