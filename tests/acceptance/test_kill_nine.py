"""The robot is killed with SIGKILL at any moment, again and again: nobody is called twice, and no call is forgotten.

FreeSWITCH, simulated in another process, lives on, and what it was told to dial is the truth. How often the robot is
killed is for ROBOT_TEST_KILLS to say.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from robot.bench.dialled import dialled_switch
from robot.settings import Settings
from robot.store.campaign_records import CampaignState
from robot.store.database import Database
from tests.acceptance.killing import CALLEES, Called, alive, campaigns_in, settings_of, wait_until

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("ROBOT_TEST_KILLS", "8"))
# From the first call that a robot places to its end; it places one each 20 ms.
LONGEST_LIFE_S = 1.2


def test_nobody_is_called_twice_however_often_the_robot_is_killed(tmp_path: Path) -> None:
    dice = random.Random(1)  # noqa: S311 - the same each time
    began_at = time.monotonic()
    with dialled_switch(Settings(), tmp_path, CALLEES) as switch:
        settings = settings_of(switch, campaigns_in(tmp_path))
        database = Database(settings.database.url)
        database.upgrade()
        called = Called(switch, database)
        for kill in range(KILLS):
            called.list_more()
            before = called.dialled
            with alive(settings) as robot:
                if kill % 10:  # and one of ten before it has called anybody
                    called.wait_for(before + 1, robot)
                time.sleep(dice.uniform(0, LONGEST_LIFE_S))
            called.check()
        killed_at = time.monotonic()
        with alive(settings) as robot:
            wait_until(lambda: called.state() == CampaignState.DONE, robot)
            robot.terminate()
            robot.join(30)
            assert robot.exitcode == 0
        outcomes = called.check_end()
        print(
            f"{KILLS} kills in {killed_at - began_at:.0f} s, {called.dialled} calls, none twice;",
            ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common()),
        )
        database.close()
    assert outcomes["unknown"] >= KILLS / 4, "it was killed in the middle of calls"
