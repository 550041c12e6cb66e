"""A reviewed campaign in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from robot.campaign.diagram import tree
from robot.campaign.review import Review
from robot.toml_file import Problem


def print_review(console: Console, review: Review) -> None:
    table = review.campaign.table
    contacts = "no contacts.csv" if review.contacts is None else f"{review.contacts} contacts"
    steps = len(review.campaign.scenario.steps)
    console.print(f"[bold]{escape(review.campaign.name)}[/] ({table.language}): {steps} steps, {contacts}\n")
    console.print("[bold]The script[/]")
    for line in tree(review.campaign.scenario):
        console.print(Text(line), no_wrap=True, overflow="ellipsis")
    console.print("\n[bold]What is said[/] (level: of the speech, prepared)")
    console.print(_prompts(review))
    intents = ", ".join(f"{name} {count}" for name, count in sorted(review.intents.items()))
    console.print(f"\n[bold]What is understood[/] (intents, and how many phrases each has)\n{escape(intents)}")
    _print_problems(console, review.warnings, "Warnings", "yellow")
    _print_problems(console, review.errors, "Mistakes", "red")
    if review.good:
        console.print(f"\n[green]{escape(str(review.campaign.folder))}: good[/]", soft_wrap=True)


def _print_problems(console: Console, problems: Sequence[Problem], heading: str, style: str) -> None:
    if problems:
        console.print(f"\n[bold {style}]{heading}[/]")
        for problem in problems:
            console.print(escape(str(problem)), soft_wrap=True)


def _prompts(review: Review) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("step", no_wrap=True)
    table.add_column("by")
    table.add_column("length", justify="right", no_wrap=True)
    table.add_column("level", justify="right", no_wrap=True)
    table.add_column("text", overflow="fold")
    for prompt in review.prompts:
        table.add_row(
            prompt.step,
            "recording" if prompt.recorded else "voice",
            "in the call" if prompt.length_s is None else f"{prompt.length_s:.1f} s",
            "" if prompt.level_db is None else f"{prompt.level_db:.0f} dB",
            escape(" ".join(prompt.text.split())),
        )
    return table
