"""The checks for people, each as soon as it is made: state, name, what was found, and under it what to do."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

from robot.doctor.check import Check, Report, State

_STYLES: Final[Mapping[State, str]] = {
    State.OK: "green",
    State.WARNING: "yellow",
    State.FAILED: "bold red",
    State.SKIPPED: "dim",
}
_STATE_COLUMNS: Final = 7
_NAME_COLUMNS: Final = 19


class CheckTable:
    """Prints to `console`; says between the checks what is going on."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status = console.status("Looking ...")
        self._node: str | None = None

    def __enter__(self) -> Self:
        self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._status.stop()

    def working(self, what: str) -> None:
        self._status.update(what)

    def add(self, check: Check) -> None:
        if check.node != self._node:
            self._node = check.node
            self._console.print(f"\\[{check.node}]" if check.node else "", style="bold")
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(width=_STATE_COLUMNS, no_wrap=True)
        grid.add_column(width=_NAME_COLUMNS, no_wrap=True)
        grid.add_column(overflow="fold")
        grid.add_row(Text(check.state, style=_STYLES[check.state]), check.name, Text(check.found))
        if check.fix is not None:
            grid.add_row("", Text("to do", style="cyan", justify="right"), Text(check.fix, style="cyan"))
        self._console.print(grid)

    def summary(self, report: Report) -> None:
        counts = ", ".join(f"{report.count(state)} {state}" for state in State if report.count(state))
        good = report.exit_status == 0
        verdict = "Nothing found that keeps calls from working." if good else "Something is to be repaired first."
        self._console.print(f"\n{verdict} {counts}.", style="bold")
