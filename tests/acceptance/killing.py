"""Robots in processes of their own that may be killed, and what FreeSWITCH and the database say afterwards."""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess
from pathlib import Path

from sqlalchemy import func, select

from robot.bench.dialled import GATEWAY, DialledSwitch
from robot.settings import Settings
from robot.simulator.sound import tone, write_wav
from robot.store.campaign_records import CampaignState, ContactState, NewContact, Scope
from robot.store.campaigns import CampaignRepository
from robot.store.contacts import ContactRepository
from robot.store.database import Database
from robot.store.schema import Attempt, Contact
from tests.acceptance.dialling import AT_ANY_HOUR
from tests.acceptance.robot_to_kill import run

LIMIT_S = 120.0
# The list is never empty: more than a robot dials in its life, and each is called once.
AHEAD = 100

CALLEES = """
[[callee]]
number = "*1"
answer = "busy"
ring_ms = 200

[[callee]]
number = "*2"
answer = "busy"

[[callee]]
number = "*3"
answer = "unallocated"

[[callee]]
number = "*4"
answer = "no_answer"

[[callee]]
number = "*"
ring_ms = 100
hang_up = { after = "answer", wait_ms = 300 }
"""

CAMPAIGN = f"""
name = "list"
gateway = "{GATEWAY}"
ring_timeout_s = 5
[amd]
enabled = false
{AT_ANY_HOUR}
[pace]
calls_per_s = 50
max_calls = 500
[retries]
busy = []
no_answer = []
hung_up = []
[breaker]
failed_percent = 100
at_least_calls = 1000
of_last_calls = 1000
[[step]]
name = "a"
text = "Good morning."
audio = "audio/hello.wav"
outcome = "completed"
"""


@contextmanager
def alive(settings: Settings, heartbeat_s: float | None = None) -> Iterator[BaseProcess]:
    # Forked from a process that has read the robot's modules already: they take two seconds.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.acceptance.robot_to_kill"])
    robot = context.Process(target=run, args=(settings, heartbeat_s), name="robot to kill")
    robot.start()
    try:
        yield robot
    finally:
        robot.kill()
        robot.join()  # a process that nobody waited for still has its number


def campaigns_in(folder: Path, calls_per_s: float = 50) -> Path:
    """The folder of campaigns, with one that is called list."""
    campaign = folder / "campaigns" / "list"
    (campaign / "audio").mkdir(parents=True)
    (campaign / "campaign.toml").write_text(CAMPAIGN.replace("calls_per_s = 50", f"calls_per_s = {calls_per_s}"))
    write_wav(campaign / "audio" / "hello.wav", tone(300, 1000, 8000), 8000)
    return campaign.parent


def settings_of(switch: DialledSwitch, campaigns: Path) -> Settings:
    settings = switch.settings
    parts = {
        "campaigns": settings.campaigns.model_copy(update={"folder": campaigns}),
        "incoming": settings.incoming.model_copy(update={"enabled": False}),
        "metrics": settings.metrics.model_copy(update={"enabled": False}),
        "console": settings.console.model_copy(update={"enabled": False}),
        "prompts": settings.prompts.model_copy(update={"folder": switch.folder / "prompts"}),
        "recordings": settings.recordings.model_copy(update={"folder": switch.folder}),
    }
    return settings.model_copy(update=parts)


class Called:
    """What FreeSWITCH and the database say; `check` compares them."""

    def __init__(self, switch: DialledSwitch, database: Database) -> None:
        self._switch = switch
        self._database = database
        self._listed = 0

    @property
    def dialled(self) -> int:
        return len(self._switch.dialled())

    def wait_for(self, calls: int, robot: BaseProcess) -> None:
        wait_until(lambda: self.dialled >= calls, robot)

    def list_more(self) -> None:
        """As many as a robot can call before it is killed."""
        now = datetime.now(UTC)
        with self._database.write() as session:
            waiting = ContactRepository(session).states("list").get(ContactState.WAITING, 0)
            rows = [NewContact(f"+3366{self._listed + place:07}", {}) for place in range(max(0, AHEAD - waiting))]
            self._listed += len(rows)
            campaign = CampaignRepository(session).ensure("list")
            ContactRepository(session).add(campaign, rows, now, Scope.CAMPAIGN, update_known=False)
            CampaignRepository(session).move("list", CampaignState.RUNNING, now, None)

    def check(self) -> None:
        dialled = self._switch.dialled()
        twice = [number for number, calls in Counter(each.number for each in dialled).items() if calls > 1]
        assert not twice, "nobody is called twice"
        with self._database.read() as session:
            attempts = dict(session.execute(select(Attempt.uuid, Attempt.number)).all())
        assert len(set(attempts.values())) == len(attempts), "there is one attempt at each"
        unknown = [each for each in dialled if attempts.get(each.uuid) != each.number]
        assert not unknown, "each call was written down before it was dialled"

    def state(self) -> str:
        with self._database.read() as session:
            return str(CampaignRepository(session).get("list").state)

    def check_end(self) -> Counter[str]:
        """Outcomes by name: of every attempt one."""
        self.check()
        with self._database.read() as session:
            outcomes = session.execute(select(Attempt.outcome, func.count()).group_by(Attempt.outcome)).all()
            states = session.execute(select(Contact.state, func.count()).group_by(Contact.state)).all()
        counted = Counter({str(outcome): count for outcome, count in outcomes})
        assert "None" not in counted, "every attempt has an outcome"
        assert counted.total() == self._listed, "everybody was tried once"
        assert [tuple(row) for row in states] == [("done", self._listed)]
        # Who was not dialled is one whose attempt was written down a moment before a kill: nobody can tell.
        assert self._listed - self.dialled <= counted["unknown"]
        return counted


def wait_until(true: Callable[[], bool], robot: BaseProcess) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not true():
        assert robot.exitcode is None, "it ended by itself: see what it said"
        assert time.monotonic() < deadline
        time.sleep(0.01)
