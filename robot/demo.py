"""`robot demo`: the sample campaign against the built-in simulator, everybody called at once, then what happened."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.padding import Padding

from robot.call.report import CallReport
from robot.campaign.definition import load_campaign
from robot.direct_call import SIMULATOR_NODE, demo_campaign_folder, place_calls, running_daemon, simulated_switch
from robot.settings import Settings
from robot.store.store import Store
from robot.terminal import CallView, calls_table, timeline


@dataclass(frozen=True, slots=True)
class DemoReport:
    """What became of every call of the demo."""

    campaign: str
    calls: tuple[CallReport, ...]

    @property
    def worked(self) -> bool:
        """No call failed for a reason of ours; that somebody is busy is what happens to callers."""
        return all(call.worked or call.hangup_cause == "USER_BUSY" for call in self.calls)

    def as_json(self) -> dict[str, Any]:
        return {"campaign": self.campaign, "calls": [call.as_json() for call in self.calls]}


async def run_demo(settings: Settings, callees: Path | None, console: Console) -> DemoReport:
    """Call all contacts of the demo campaign, who are played by `callees` (TOML), and show it."""
    folder = demo_campaign_folder()
    campaign = load_campaign(folder)
    names = _contacts(folder / "contacts.csv")
    console.print(
        f"Calling {len(names)} people at once for the campaign '{campaign.name}', on a simulated FreeSWITCH.\n"
        "They speak aloud into the line, and what they say is recognised on this machine.\n"
    )
    with simulated_switch(settings, callees or folder / "callees.toml", console) as reachable:
        async with running_daemon(reachable, console) as daemon:
            await forget_wishes(daemon.store, campaign.name, names)
            plans = [campaign.plan(number) for number in names]
            reports = await place_calls(daemon, plans, CallView(console, names))
    _print_summary(console, reports, names)
    return DemoReport(campaign.name, tuple(reports))


async def forget_wishes(store: Store, campaign: str, numbers: Iterable[str]) -> None:
    """Whoever asked an earlier demo not to be called again is a virtual callee, who does not mind."""
    for number in numbers:
        wish = await store.is_do_not_call(number, campaign)
        if wish is None or wish.attempt_uuid is None:
            continue
        if (await store.attempt(wish.attempt_uuid)).node == SIMULATOR_NODE:
            await store.remove_do_not_call_entry(wish.id)


def _print_summary(console: Console, reports: list[CallReport], names: dict[str, str]) -> None:
    console.print("\n[bold]Who spoke when[/bold] (from the answer; the yellow mark is a barge-in)\n")
    for report in reports:
        console.print(f"{names[report.number]}: {report.outcome}", style="bold")
        console.print(Padding(timeline(report), (0, 0, 1, 2), expand=False))
    console.print(calls_table(reports, names))
    console.print(
        "\nsilent after: from the frame of speech that crossed 1.5 s to the prompt's stop. "
        "reply after: from the callee's last sound to the robot's first.\n"
        "Next: robot call +33140000003 --simulate, or README for the first real call.",
        style="dim",
    )


def _contacts(file: Path) -> dict[str, str]:
    """Number to name."""
    with file.open(encoding="utf-8", newline="") as rows:
        return {row["number"]: row["name"] for row in csv.DictReader(rows)}
