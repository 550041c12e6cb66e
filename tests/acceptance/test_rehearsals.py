"""`robot campaign check` and `robot campaign test` as a user types them, with real speech."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.acceptance.shell import Done, own_environment, run_robot

CAMPAIGNS = Path(__file__).parents[2] / "campaigns"

pytestmark = pytest.mark.slow


def robot(home: Path, *arguments: str | Path) -> Done:
    """In an environment of the test's own, but for the voices that are kept in the user's cache."""
    return run_robot(*arguments, folder=home, environment=own_environment(home), limit_s=240)


@pytest.mark.parametrize("name", ["demo", "appointment-reminder", "lead-qualification-fr", "appointment-agent"])
def test_shipped_campaigns_are_good_and_their_conversations_go_as_written(tmp_path: Path, name: str) -> None:
    checked = robot(tmp_path, "campaign", "check", CAMPAIGNS / name, "--json")
    assert checked.status == 0, checked.err
    keys = [warning["key"] for warning in checked.document["warnings"]]
    assert keys == (["step[1].agent"] if name == "appointment-agent" else [])  # no model is configured
    # Beside other tests: with twice as many, speech that is recognised late makes a good conversation fail.
    held = robot(tmp_path, "campaign", "test", CAMPAIGNS / name, "--at-once", "4", "--json")
    assert held.status == 0, held.err
    assert held.document["failed"] == 0
    assert held.document["passed"] == len(held.document["conversations"]) >= 8
    assert not list((tmp_path / "state").rglob("*.db"))  # nothing of it goes into the user's database


SCRIPT = """
name = "small"
gateway = "provider"
[[step]]
name = "ask"
text = "Hello {first_name|there}, what is it about?"
listen_ms = 4000
keep = "reason"
next = "tell"
[[step]]
name = "tell"
webhook = { url = "https://crm.invalid/leads", failed = "sorry" }
next = "thanks"
[[step]]
name = "thanks"
text = "Thank you. Goodbye."
outcome = "completed"
[[step]]
name = "sorry"
text = "Please call again. Goodbye."
outcome = "callback"
"""
CONVERSATIONS = """
[[conversation]]
name = "is told to the server"
contact = { first_name = "Ann" }
turns = [
  { callee = "Hello?" },
  { robot = "ask", robot_says = "hello ann" },
  { callee = "My washing machine is broken." },
  { robot = "thanks" },
]
outcome = "completed"
kept = { reason = "*washing machine*" }

[[conversation]]
name = "the server refuses"
webhooks = "refused"
turns = [
  { callee = "Hello?" },
  { robot = "ask" },
  { callee = "My washing machine is broken." },
  { robot = "sorry" },
]
outcome = "callback"

[[conversation]]
name = "goes otherwise than written"
turns = [
  { callee = "Hello?" },
  { robot = "ask" },
  { callee = "My washing machine is broken." },
  { robot = "sorry" },
]
outcome = "callback"
kept = { reason = "nothing of the kind" }
"""


def small_campaign(folder: Path, conversations: str) -> Path:
    (folder / "small" / "tests").mkdir(parents=True)
    (folder / "small" / "campaign.toml").write_text(SCRIPT, encoding="utf-8")
    (folder / "small" / "tests" / "a.toml").write_text(conversations, encoding="utf-8")
    return folder / "small"


def test_what_goes_otherwise_is_told_and_fails(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path, CONVERSATIONS)
    held = robot(tmp_path, "campaign", "test", campaign, "--json", "--junit", tmp_path / "junit.xml")
    assert held.status == 1, held.err
    document = held.document
    assert (document["campaign"], document["passed"], document["failed"]) == ("small", 2, 1)
    failed = document["conversations"][2]
    lines = CONVERSATIONS.splitlines()
    assert [(lines[each["line"] - 1].strip(), each["expected"]) for each in failed["deviations"]] == [
        ('{ robot = "sorry" },', "the robot to say sorry"),
        ("[[conversation]]", "the outcome callback"),
        ("[[conversation]]", '"nothing of the kind" to be kept as reason'),
    ]
    assert failed["deviations"][0]["happened"] == 'it said "Thank you. Goodbye." (thanks)'
    assert failed["call"]["outcome"] == "completed"
    line = failed["deviations"][0]["line"]
    assert f"a.toml:{line}: expected the robot to say sorry" in " ".join(held.err.split())
    (suite,) = ET.parse(tmp_path / "junit.xml").getroot()  # noqa: S314 - our own file
    assert (suite.get("tests"), suite.get("failures")) == ("3", "1")
    assert [case.find("failure") is None for case in suite] == [True, True, False]


def test_conversations_are_chosen_and_listed(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path, CONVERSATIONS)
    listed = robot(tmp_path, "campaign", "test", campaign, "--list", "-k", "SERVER")
    assert listed.status == 0, listed.err
    assert [line.split(": ")[1] for line in listed.out.splitlines()] == ["is told to the server", "the server refuses"]
    none = robot(tmp_path, "campaign", "test", campaign, "-k", "nobody")
    assert none.status == 2
    assert "--list" in none.err


def test_mistakes_are_wrong_input(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path, CONVERSATIONS.replace('robot = "thanks"', 'robot = "thank"'))
    held = robot(tmp_path, "campaign", "test", campaign)
    assert held.status == 2
    assert "a.toml:9: conversation[1].turns[4].robot: there is no step 'thank'; did you mean 'thanks'?" in held.err
    (campaign / "campaign.toml").write_text(SCRIPT.replace('next = "tell"', 'next = "told"'), encoding="utf-8")
    checked = robot(tmp_path, "campaign", "check", campaign)
    assert checked.status == 2
    assert "campaign.toml:9: step[1].next: leads to 'told'" in checked.err
    checked = robot(tmp_path, "campaign", "check", campaign, "--json")
    assert checked.status == 2
    assert checked.document["good"] is False
    assert [problem["line"] for problem in checked.document["problems"]] == [9]
