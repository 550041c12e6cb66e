"""Why somebody is called, or not: the list, the history, the do-not-call list and the rules, each told."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from robot.campaign.definition import Campaign, load_campaign
from robot.campaign.explanation import Known, explain, masked, overview
from robot.campaign.explanation_view import print_explanation, print_overview
from robot.campaign.status import NotCalling
from robot.store.campaign_records import ContactState, PastAttempt, Priority, StoredContact
from robot.store.records import DoNotCallEntry, DoNotCallSource
from robot.store.standing import Reason

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)  # a Monday, 10:00 in Paris
HOUR = timedelta(hours=1)
NUMBER = "+33140000001"
SCRIPT = """
name = "spring"
gateway = "trunk"
[amd]
enabled = false
[[step]]
name = "a"
text = "Good morning {first_name}. This is a test."
outcome = "completed"
"""


@pytest.fixture(scope="module")
def spring(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    folder = tmp_path_factory.mktemp("spring")
    (folder / "campaign.toml").write_text(SCRIPT, encoding="utf-8")
    return load_campaign(folder)


def contact(state: ContactState = ContactState.WAITING, next_at: datetime | None = NOW - HOUR) -> StoredContact:
    return StoredContact(1, "spring", NUMBER, {"first_name": "Ann"}, state, next_at, Priority.LISTED, 0, None, None)


DUE = Known(NUMBER, contact(), [], None)


def concluded(campaign: Campaign, known: Known, now: datetime = NOW) -> tuple[bool, str, datetime | None]:
    told = explain(known, campaign, now).conclusion
    return told.called, told.reason, told.until


def test_who_is_due_and_allowed_is_called(spring: Campaign) -> None:
    assert concluded(spring, DUE) == (True, "is due", None)
    tried = PastAttempt("spring", NOW - HOUR, NOW - HOUR, "callback", NOW)
    assert concluded(spring, replace(DUE, history=[tried])) == (True, "a callback is due", None)


def test_everything_that_keeps_somebody_from_being_called(spring: Campaign) -> None:
    entry = DoNotCallEntry(7, NUMBER, None, None, NOW, DoNotCallSource.OPERATOR, None, None)
    assert concluded(spring, replace(DUE, do_not_call=entry))[:2] == (False, "is on the do-not-call list")
    assert concluded(spring, replace(DUE, contact=None))[:2] == (False, "is not on the list of the campaign")
    done = replace(contact(ContactState.DONE, None), last_outcome="interested")
    assert concluded(spring, replace(DUE, contact=done)) == (False, "is done: interested", None)
    given_up = replace(done, reason="was called 6 times")
    assert concluded(spring, replace(DUE, contact=given_up)) == (False, "was called 6 times", None)
    assert concluded(spring, replace(DUE, contact=contact(ContactState.IN_CALL, None)))[1] == "is in a call"
    waits = replace(contact(next_at=NOW + HOUR), reason="a retry later")
    assert concluded(spring, replace(DUE, contact=waits)) == (False, "a retry later", NOW + HOUR)
    nameless = replace(contact(), fields={"first_name": "-"})
    assert "no value for {first_name}" in concluded(spring, replace(DUE, contact=nameless))[1]


def test_who_was_claimed_is_another_robot_s_until_its_lease_is_over(spring: Campaign) -> None:
    lease = NOW + timedelta(seconds=50)
    claimed = replace(DUE, contact=contact(ContactState.CLAIMED, lease), claimed_by="node-2")
    told = "is about to be called: the robot on node-2 has claimed it"
    assert concluded(spring, claimed) == (False, told, lease)
    assert "a robot that is gone" in concluded(spring, replace(claimed, claimed_by=None))[1]
    assert concluded(spring, claimed, lease)[0], "nobody came back for it"


def test_the_rules_and_the_list_both_let_go(spring: Campaign) -> None:
    night = NOW.replace(hour=22)
    morning = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)  # 10:00 in Paris, where the law allows no sooner
    assert concluded(spring, DUE, night) == (False, "outside the hours of its time zone", morning)
    later = replace(DUE, contact=contact(next_at=morning + HOUR))
    assert concluded(spring, later, night)[2] == morning + HOUR


def test_all_that_is_known_is_told_and_no_whole_number(spring: Campaign) -> None:
    busy = PastAttempt("autumn", NOW - HOUR, NOW - HOUR, "busy", None)
    told = explain(replace(DUE, history=[busy]), spring, NOW)
    document = told.as_json(numbers=False)
    assert (document["number"], document["would_be_called"]) == ("+33•••••••01", True)
    assert document["callee"] == {
        "regions": ["FR"], "local_times": {"Europe/Paris": "2026-11-23T10:00:00+01:00"}
    }  # fmt: skip
    assert [each["outcome"] for each in document["history"]] == ["busy"]
    assert document["rules"]["verdict"] == "now"
    assert {"rule": "calls today in Europe/Paris", "counted": "1 of 2", "verdict": "now", "callback": False} in (
        document["rules"]["each"]
    )
    assert told.as_json(numbers=True)["number"] == NUMBER
    console = Console(file=io.StringIO(), width=100)
    print_explanation(console, "spring", told, NotCalling("it is paused"), numbers=False)
    seen = console.file.getvalue()  # type: ignore[attr-defined]
    assert NUMBER not in seen
    for line in ("FR; Mon 10:00 in Europe/Paris", "autumn: busy", "calls nobody: it is paused", "if the campaign"):
        assert line in seen


def test_a_whole_list_by_what_keeps_it(spring: Campaign) -> None:
    morning = NOW + 22 * HOUR
    reasons = [
        Reason(ContactState.DONE, None, "completed", False, 500, None),
        Reason(ContactState.WAITING, "outside the hours of its time zone", None, False, 40, morning),
        Reason(ContactState.IN_CALL, None, None, False, 3, None),
        Reason(ContactState.WAITING, None, None, True, 10, NOW - HOUR),
    ]
    tired = PastAttempt("autumn", NOW - HOUR, NOW - HOUR, "busy", None)
    seen = overview(reasons, [DUE, replace(DUE, history=[tired, tired])], spring, NOW)
    assert (seen.due, seen.judged, len(seen.called)) == (10, 2, 1)
    counted = {group.reason: group.contacts for group in seen.groups}
    assert counted == {
        "is done: completed": 500,
        "outside the hours of its time zone": 40,
        "is due, after those that were looked at": 8,
        "is in a call": 3,
        "was called often enough today": 1,
    }
    assert [reason for _, reason in seen.next_openings] == [
        "outside the hours of its time zone", "was called often enough today",
    ]  # fmt: skip
    assert seen.as_json(numbers=False)["would_be_called"] == ["+33•••••••01"]
    console = Console(file=io.StringIO(), width=100)
    print_overview(console, "spring", seen, None, NOW, numbers=False)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "10 contacts are due. 1 of them would be called now, of the 2 that were looked at" in text
    assert NUMBER not in text


def test_masked_numbers_can_be_told_apart() -> None:
    assert masked("+33140000001") == "+33•••••••01"
    assert (masked("+331*"), masked("+33*")) == ("+33•*", "+33*")
