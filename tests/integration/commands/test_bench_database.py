"""`robot bench claims` and `robot bench import` on an SQLite file: that they measure what they say."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from robot.cli import main

pytestmark = pytest.mark.slow


def measured(*arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(main, ["bench", *arguments, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def test_several_daemons_claim_each_contact_once() -> None:
    figures = measured("claims", "--processes", "2", "--contacts", "300", "--seconds", "20")
    assert (figures["database"], figures["contacts"], figures["claimed_twice"]) == ("sqlite", 300, 0)
    assert figures["claims_per_second"] > 0


def test_an_import_is_whole_and_done_again() -> None:
    figures = measured("import", "--rows", "300")
    assert (figures["database"], figures["rows"]) == ("sqlite", 300)
    assert min(figures[name] for name in ("rows_per_second", "again_rows_per_second", "status_ms")) > 0
