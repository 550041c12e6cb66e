"""Two robots: on one PostgreSQL they share a list and each other's inheritance; on one SQLite file the second ends."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import URL, select

from robot.bench.dialled import dialled_switch
from robot.settings import Settings
from robot.store.campaign_records import CampaignState, NewContact, Scope
from robot.store.campaigns import CampaignRepository
from robot.store.contacts import ContactRepository
from robot.store.daemons import DaemonRepository
from robot.store.database import Database
from robot.store.schema import Attempt
from tests.acceptance.killing import CALLEES, Called, alive, campaigns_in, settings_of, wait_until
from tests.integration.store.conftest import administer, postgres_server

__all__ = ["postgres_server"]

pytestmark = pytest.mark.slow

RATE = 40
LISTED = 150
LIMIT_S = 60.0


def begin(database: Database, listed: int) -> None:
    now = datetime.now(UTC)
    with database.write() as session:
        campaign = CampaignRepository(session).ensure("list")
        rows = [NewContact(f"+3366{place:07}", {}) for place in range(listed)]
        ContactRepository(session).add(campaign, rows, now, Scope.CAMPAIGN, update_known=False)
        CampaignRepository(session).move("list", CampaignState.RUNNING, now, None)


def daemons(database: Database) -> int:
    with database.read() as session:
        return len(DaemonRepository(session).living(datetime.now(UTC)))


def test_two_on_one_postgresql_share_a_list_and_what_a_dead_one_leaves(tmp_path: Path, postgres_server: URL) -> None:
    administer(postgres_server, "CREATE DATABASE two_daemons TEMPLATE robot_template")
    url = postgres_server.set(database="two_daemons").render_as_string(hide_password=False)
    with dialled_switch(Settings(), tmp_path, CALLEES) as switch:
        settings = settings_of(switch, campaigns_in(tmp_path, RATE))
        settings = settings.model_copy(update={"database": settings.database.model_copy(update={"url": url})})
        other = settings.model_copy(
            update={"database": settings.database.model_copy(update={"url": url, "spool": tmp_path / "other"})}
        )
        database = Database(url)
        called = Called(switch, database)
        with alive(settings, heartbeat_s=0.5) as first, alive(other, heartbeat_s=0.5) as second:
            wait_until(lambda: daemons(database) == 2, second)
            time.sleep(1.0)  # each knows of the other
            begin(database, LISTED)
            called.wait_for(LISTED // 2, first)
            with database.read() as session:
                owners = session.scalars(select(Attempt.owner).distinct()).all()
            first.kill()
            wait_until(lambda: called.state() == CampaignState.DONE, second)
        called.check()
        dialled = switch.dialled()
        with database.read() as session:
            outcomes = Counter(session.scalars(select(Attempt.outcome)).all())
        database.close()
    assert len(owners) == 2, "both of them called people"
    assert outcomes.total() == LISTED
    assert outcomes[None] == 0, "also what the dead one began has an outcome"
    assert outcomes["unknown"] >= LISTED - len(dialled)
    by_second = Counter(int(each.at - dialled[0].at) for each in dialled)
    assert max(by_second.values()) <= RATE * 1.3, "together they keep to what one of them may"


def test_a_second_one_on_an_sqlite_file_ends_and_says_why(tmp_path: Path) -> None:
    with dialled_switch(Settings(), tmp_path, CALLEES) as switch:
        settings = settings_of(switch, campaigns_in(tmp_path))
        database = Database(settings.database.url)
        database.upgrade()
        with alive(settings) as first:
            wait_until(lambda: daemons(database) == 1, first)
            second = subprocess.run(
                [sys.executable, "-m", "robot", "run"],
                env=os.environ | {"ROBOT_DATABASE__URL": settings.database.url},
                capture_output=True,
                text=True,
                timeout=LIMIT_S,
            )
            assert first.is_alive()
        database.close()
    assert second.returncode == 3
    assert "robot: another robot works on this SQLite file: on " in second.stderr
    assert f", process {first.pid}," in second.stderr
    assert "End it first, or let both use PostgreSQL" in second.stderr
