"""The service by itself, for whoever has no FreeSWITCH: what the README promises of it."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from tests.acceptance.shell import Shell, free_port

pytestmark = pytest.mark.slow


def test_robot_run_simulate_has_the_campaigns_their_lists_and_a_place_to_talk(tmp_path: Path) -> None:
    shell = Shell(tmp_path, ROBOT_INCOMING__PORT=str(free_port()))
    with shell.service("--simulate") as (running, ready):
        assert "demo" in ready
        assert running.stderr is not None
        page = running.stderr.readline().partition("Look at it: ")[2].partition(". ")[0]

        campaigns = httpx2.get(f"{page}/api/campaigns", timeout=20).json()["campaigns"]
        left = {campaign["name"]: campaign["contacts"]["left"] for campaign in campaigns}
        assert left["demo"] == 6
        assert left["lead-qualification-fr"] == 6
        assert "<html" in httpx2.get(f"{page}/talk", timeout=20).text
    assert not shell.database.exists(), "nothing of it is the user's"
