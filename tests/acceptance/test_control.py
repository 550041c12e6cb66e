"""A running robot is led from another terminal, Prometheus looks on, and a second signal ends it at once."""

from __future__ import annotations

import shutil
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from robot.simulator.callees_file import load_callees
from robot.simulator.freeswitch import SimulatorSettings
from robot.simulator.thread import SimulatorThread
from robot.store.campaign_records import NewContact, Scope
from robot.store.campaigns import CampaignRepository
from robot.store.contacts import ContactRepository
from robot.store.database import Database
from tests.acceptance.dialling import AT_ANY_HOUR
from tests.acceptance.shell import Shell
from tests.acceptance.world import DEMO, PASSWORD

pytestmark = pytest.mark.slow

LIMIT_S = 60
LISTED = 60
SHORT, LONG = "+3314000", "+3315000"

CALLEES = f"""
[[callee]]
number = "{SHORT}*"
ring_ms = 50
hang_up = {{ after = "prompt_start", wait_ms = 1000 }}

[[callee]]
number = "{LONG}*"
ring_ms = 50
"""

CAMPAIGN = """
name = "{name}"
gateway = "trunk"
[amd]
enabled = false
{hours}
[pace]
calls_per_s = 10
max_calls = 3
[[step]]
name = "a"
audio = "a.wav"
text = "Goodbye."
listen_ms = 30000
otherwise = "a"
"""


class Terminal(Shell):
    """Another terminal: commands, what is in the database, and what Prometheus sees."""

    def new_campaign(self, name: str, prefix: str) -> None:
        folder = self.folder / "campaigns" / name
        folder.mkdir(parents=True)
        shutil.copy(DEMO / "audio" / "goodbye.wav", folder / "a.wav")
        (folder / "campaign.toml").write_text(CAMPAIGN.format(hours=AT_ANY_HOUR, name=name))
        people = [NewContact(f"{prefix}{place:04}", {}) for place in range(LISTED)]
        database = Database(f"sqlite:///{self.database}")
        database.prepare()
        with database.write() as session:
            campaign = CampaignRepository(session).ensure(name)
            ContactRepository(session).add(campaign, people, datetime.now(UTC), Scope.CAMPAIGN, update_known=False)
        database.close()

    def order(self, *order: str) -> None:
        done = self("campaign", *order)
        assert done.status == 0, done.err

    def of_campaign(self, name: str) -> tuple[str, int, int]:
        """Its state, its calls, and those of them that have no outcome."""
        [(state, calls, going_on)] = self.query(
            "SELECT state, count(a.uuid), sum(a.uuid IS NOT NULL AND a.outcome IS NULL) FROM campaigns c"
            " LEFT JOIN attempts a ON a.campaign_id = c.id WHERE name = ? GROUP BY state",
            name,
        )
        return str(state), int(calls), int(going_on)

    def metrics(self) -> tuple[str, dict[str, dict[str, float]]]:
        """One scrape: as text, and by name and the values of all labels."""
        port = self.environment["ROBOT_METRICS__PORT"]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        series: dict[str, dict[str, float]] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                series.setdefault(sample.name, {})[" ".join(sample.labels.values())] = sample.value
        return text, series


def wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    file = tmp_path / "callees.toml"
    file.write_text(CALLEES)
    terminal = Terminal(tmp_path)
    with SimulatorThread(SimulatorSettings(password=PASSWORD), load_callees(file)) as simulator:
        terminal.environment |= {
            "ROBOT_FREESWITCH__PORT": str(simulator.event_socket_port),
            "ROBOT_FREESWITCH__PASSWORD": PASSWORD,
            "ROBOT_CAMPAIGNS__FOLDER": str(tmp_path / "campaigns"),
            "ROBOT_INCOMING__ENABLED": "false",
        }
        yield terminal


def test_start_pause_resume_drain_and_two_signals(terminal: Terminal) -> None:
    terminal.new_campaign("short", SHORT)
    terminal.new_campaign("long", LONG)
    with terminal.service() as (robot, _):
        terminal.order("start", "short")
        wait_until(lambda: terminal.of_campaign("short")[1] > 3)
        assert terminal.metrics()[1]["robot_campaign_dialling"] == {"short": 1.0}

        terminal.order("pause", "short")
        wait_until(lambda: terminal.of_campaign("short")[2] == 0)  # those that went on came to their end
        paused_at = terminal.of_campaign("short")[1]
        time.sleep(1.0)
        assert terminal.of_campaign("short") == ("paused", paused_at, 0)
        text, series = terminal.metrics()
        assert series["robot_calls_begun_total"] == {"short outgoing": paused_at}
        assert sum(series["robot_calls_ended_total"].values()) == paused_at
        assert sum(series["robot_live_calls"].values()) == 0
        assert series["robot_database_up"] == series["robot_loop_up"] == {"": 1.0}
        assert series["robot_audio_delay_seconds_count"][""] > 0
        assert SHORT.removeprefix("+") not in text

        terminal.order("resume", "short")
        wait_until(lambda: terminal.of_campaign("short")[1] > paused_at)
        terminal.order("drain", "short")
        wait_until(lambda: terminal.of_campaign("short")[0] == "stopped")
        drained_at = terminal.of_campaign("short")[1]
        assert paused_at < drained_at < LISTED

        terminal.order("start", "long")
        wait_until(lambda: terminal.of_campaign("long")[2] == 3)
        robot.send_signal(signal.SIGTERM)
        time.sleep(1.0)
        assert robot.poll() is None, "three calls go on"
        robot.send_signal(signal.SIGTERM)
        _, said = robot.communicate(timeout=LIMIT_S)
    assert robot.returncode == 0, said
    assert "3 call(s) may finish within" in said
    assert "3 call(s) are hung up now." in said
    assert terminal.of_campaign("long") == ("running", 3, 0)
    assert terminal.of_campaign("short") == ("stopped", drained_at, 0)
    numbers = [number for number, _ in terminal.attempts()]
    assert len(numbers) == len(set(numbers)), "nobody was called twice"
