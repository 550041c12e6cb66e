"""A rehearsal in the terminal: one line a conversation as it ends, then what went otherwise, and a summary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from robot.rehearsal.conversations_file import WrittenConversation
from robot.rehearsal.result import ConversationResult
from robot.terminal import timeline


class RehearsalView:
    """Use as a context manager while conversations are held: it shows how many are left."""

    def __init__(self, console: Console, conversations: Sequence[WrittenConversation]) -> None:
        self._console = console
        self._left = len(conversations)
        self.results: list[ConversationResult] = []  # as they come
        self._going_on: list[str] = []
        self._status = console.status("")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()

    def began(self, written: WrittenConversation) -> None:
        self._going_on.append(written.name)
        self._update()
        self._status.start()

    def ended(self, result: ConversationResult) -> None:
        self._going_on.remove(result.written.name)
        self._left -= 1
        self.results.append(result)
        verdict = Text("passed", "green") if result.passed else Text("FAILED", "bold red")
        outcome = result.report.outcome or "no call"
        line = Text.assemble(
            verdict, f"  {result.seconds:5.1f} s  ", (f"{outcome:<14}", "dim"), "  ", result.written.name
        )
        self._console.print(line, no_wrap=True, overflow="ellipsis")
        self._update()

    def _update(self) -> None:
        self._status.update(f"{self._left} to go, {len(self._going_on)} of them on the line ...")


def print_failures(console: Console, results: Sequence[ConversationResult]) -> None:
    """What went otherwise in each conversation that failed, and how the call went on."""
    for result in results:
        if result.passed:
            continue
        console.print(f"\n[bold red]{escape(result.written.name)}[/]")
        for deviation in result.deviations:
            console.print(f"  {escape(str(deviation))}", highlight=False, soft_wrap=True)
        talk = Table.grid(padding=(0, 2, 0, 0))
        for time, who, what in result.transcript():
            talk.add_row(Text(time, "dim"), who, Text(what))
        console.print(Padding(talk, (0, 0, 0, 4), expand=False))
        console.print(Padding(timeline(result.report), (0, 0, 0, 4), expand=False))


def print_summary(console: Console, results: Sequence[ConversationResult], took_s: float) -> None:
    failed = sum(not result.passed for result in results)
    passed = len(results) - failed
    parts = [f"[bold red]{failed} failed[/]"] if failed else []
    parts += [f"[green]{passed} passed[/]"] if passed else []
    console.print(f"\n{', '.join(parts)} in {took_s:.0f} s")
