"""How what a benchmark has measured is shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
from rich.console import Console

from robot.commands.common import print_json


def print_figures(measure: Callable[[], dict[str, Any]], as_json: bool) -> None:
    with Console(stderr=True).status("Measuring ..."):
        figures = measure()
    if as_json:
        print_json(figures)
    else:
        echo_figures(figures)


def echo_figures(figures: dict[str, Any]) -> None:
    width = max(len(name) for name in figures)
    for name, value in figures.items():
        if isinstance(value, dict):
            value = "  ".join(f"{part} {figure}" for part, figure in value.items())
        if not isinstance(value, list):
            click.echo(f"{name:<{width}}  {value}")
