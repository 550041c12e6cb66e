"""What all checks together mean, and how they read in a terminal."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
from rich.console import Console

from robot.doctor.check import Check, Report, State, Trouble, failed, ok, skipped, warning
from robot.doctor.table import CheckTable

CONFIGURATION = failed("campaign", "is wrong", "correct it", Trouble.CONFIGURATION)
UNREACHABLE = failed("FreeSWITCH", "is away", "start it", Trouble.UNREACHABLE)
BROKEN = failed("modules", "one is missing", "load it")


@pytest.mark.parametrize(
    ("checks", "status"),
    [
        ([], 0),
        ([ok("a", "good")], 0),
        ([ok("a", "good"), warning("b", "poor", "better it"), skipped("c", "not looked at")], 0),
        ([BROKEN, ok("a", "good")], 1),
        ([BROKEN, UNREACHABLE], 3),
        ([UNREACHABLE, CONFIGURATION, BROKEN], 2),
    ],
)
def test_the_exit_status_is_of_the_failure_to_repair_first(checks: Sequence[Check], status: int) -> None:
    assert Report(checks).exit_status == status


def test_a_check_that_only_warns_of_an_unreachable_thing_is_no_failure() -> None:
    assert Report([Check("FreeSWITCH", State.WARNING, "slow", "move", trouble=Trouble.UNREACHABLE)]).exit_status == 0


def test_the_document_holds_every_check_and_counts_them() -> None:
    document = Report([ok("clock", "right"), BROKEN.of("nodes.paris")]).as_json()
    assert document["exit_status"] == 1
    assert document["counts"] == {"ok": 1, "warning": 0, "failed": 1, "skipped": 0}
    assert document["checks"][1] == {
        "name": "modules", "node": "nodes.paris", "state": "failed", "found": "one is missing", "fix": "load it",
    }  # fmt: skip


def printed(report: Report, width: int) -> str:
    text = io.StringIO()
    console = Console(file=text, width=width, highlight=False)
    table = CheckTable(console)
    with table:
        table.working("Looking at a clock ...")
        for check in report.checks:
            table.add(check)
    table.summary(report)
    return text.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_what_people_see_is_whole_at_any_width(width: int) -> None:
    found = "5 of 5 files play, the slowest begins after 143 ms, which is longer than a line of any terminal " * 2
    text = printed(Report([ok("prompts", found.strip()), BROKEN.of("nodes.paris")]), width)
    assert max(map(len, text.splitlines())) <= width
    assert " ".join(text.split()).startswith(f"ok prompts {found.strip()}")
    assert "[nodes.paris]" in text
    assert text.split("[nodes.paris]")[1].split() == [
        "failed", "modules", "one", "is", "missing", "to", "do", "load", "it",
        "Something", "is", "to", "be", "repaired", "first.", "1", "ok,", "1", "failed.",
    ]  # fmt: skip


def test_a_name_or_a_path_in_brackets_is_no_markup() -> None:
    text = printed(Report([failed("campaign", "/srv/[red]x: wrong", "write [steps]")]), 100)
    assert "/srv/[red]x: wrong" in text
    assert "write [steps]" in text
