"""One check and how it ended, and what the whole of them means to whoever started the programme."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from typing import Any


class State(StrEnum):
    OK = "ok"
    WARNING = "warning"  # calls work, and something will not go as expected
    FAILED = "failed"  # calls do not work like this
    SKIPPED = "skipped"  # not looked at; `found` says why


class Trouble(Enum):
    """What kind of failure, by the exit status that it means."""

    CHECK = 1
    CONFIGURATION = 2
    UNREACHABLE = 3  # FreeSWITCH or the database


@dataclass(frozen=True, slots=True)
class Check:
    """`found`: one sentence, with the number. `fix`: what to type or write, and where. `node`: of which FreeSWITCH."""

    name: str
    state: State
    found: str
    fix: str | None = None
    node: str | None = None
    trouble: Trouble = Trouble.CHECK

    def of(self, node: str) -> Check:
        return replace(self, node=node)

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "node": self.node, "state": self.state, "found": self.found, "fix": self.fix}


def ok(name: str, found: str) -> Check:
    return Check(name, State.OK, found)


def warning(name: str, found: str, fix: str) -> Check:
    return Check(name, State.WARNING, found, fix)


def failed(name: str, found: str, fix: str, trouble: Trouble = Trouble.CHECK) -> Check:
    return Check(name, State.FAILED, found, fix, trouble=trouble)


def skipped(name: str, found: str, fix: str | None = None) -> Check:
    return Check(name, State.SKIPPED, found, fix)


@dataclass(frozen=True, slots=True)
class Report:
    """All checks in the order in which they were made."""

    checks: Sequence[Check]

    @property
    def exit_status(self) -> int:
        """0: calls work. Otherwise of the failure to repair first: configuration, what cannot be reached, the rest."""
        troubles = {check.trouble for check in self.checks if check.state is State.FAILED}
        order = (Trouble.CONFIGURATION, Trouble.UNREACHABLE, Trouble.CHECK)
        return next((trouble.value for trouble in order if trouble in troubles), 0)

    def count(self, state: State) -> int:
        return sum(check.state is state for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        return {
            "exit_status": self.exit_status,
            "counts": {state.value: self.count(state) for state in State},
            "checks": [check.as_json() for check in self.checks],
        }
