"""What is told of a campaign that goes on, and why it calls nobody."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from robot.campaign.status import CampaignStatus, NotCalling, status_of
from robot.campaign.status_view import status_page, told_span, told_time
from robot.store.campaign_records import CampaignState, ContactState, Daemon, StoredCampaign
from robot.store.standing import LastCalls, LivingDaemon, Standing

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SPRING = StoredCampaign("spring", CampaignState.RUNNING, NOW - 60 * MINUTE, None, None, {})
STANDING = Standing(
    campaign=SPRING,
    contacts={ContactState.WAITING: 600, ContactState.DONE: 400},
    outcomes={"busy": 400, "completed": 400},
    in_call=3,
    last=LastCalls(begun=50, over=5 * MINUTE, ended=200, answered=90),
    next_at=NOW - MINUTE,
    next_reason=None,
)


def robot(reasons: Mapping[str, str] | None = None, host: str = "one") -> LivingDaemon:
    return LivingDaemon(Daemon(host, host, "1", NOW, NOW), reasons or {})


def why_not(standing: Standing, *daemons: LivingDaemon) -> NotCalling | None:
    return status_of(standing, daemons, NOW).not_calling


def test_figures_of_a_campaign_that_calls() -> None:
    status = status_of(STANDING, [robot()], NOW)
    assert (status.total, status.done, status.left) == (1000, 400, 600)
    assert (status.calls_per_minute, status.answer_rate, status.not_calling) == (10.0, 0.45, None)
    # Every second call is the last one with its contact; three are tried: 1 + 1/2 + 1/4 calls each.
    assert status.time_left == timedelta(minutes=600 * 1.75 / 10)


def test_time_that_is_left() -> None:
    few = replace(STANDING, outcomes={"busy": 10})
    assert status_of(few, [robot()], NOW).time_left == timedelta(minutes=60), "nothing is known of retries yet"
    never_done = replace(STANDING, contacts={ContactState.WAITING: 600})
    assert status_of(never_done, [robot()], NOW).time_left == timedelta(minutes=180)
    waits = replace(STANDING, next_at=NOW + MINUTE)
    assert status_of(waits, [robot()], NOW).time_left is not None, "three are in a call"
    assert status_of(replace(waits, in_call=0), [robot()], NOW).time_left is None
    silent = replace(STANDING, last=LastCalls(0, 5 * MINUTE, 0, 0))
    assert (status_of(silent, [], NOW).time_left, status_of(silent, [], NOW).answer_rate) == (None, None)
    at_once = replace(STANDING, last=LastCalls(4, timedelta(seconds=1), 0, 0))
    assert status_of(at_once, [], NOW).calls_per_minute == 8.0


@pytest.mark.parametrize(
    ("state", "reason", "told"),
    [
        (CampaignState.STOPPED, None, "it is stopped; `robot campaign start` starts it"),
        (CampaignState.PAUSED, "by ann on one", "it is paused: by ann on one; `robot campaign resume` goes on"),
        (CampaignState.DRAINING, None, "it is being stopped; 3 calls go on"),
        (CampaignState.DONE, "everybody was called", "it is done: everybody was called"),
    ],
)
def test_a_campaign_that_does_not_run_says_why(state: CampaignState, reason: str | None, told: str) -> None:
    standing = replace(STANDING, campaign=replace(SPRING, state=state, reason=reason))
    assert why_not(standing, robot()) == NotCalling(told)


def test_why_a_campaign_that_runs_calls_nobody() -> None:
    assert why_not(STANDING) == NotCalling("no robot is running: start one with `robot run`")
    assert why_not(replace(STANDING, contacts={}), robot()) == NotCalling("its list is empty: `robot campaign import`")
    morning = NOW + 20 * 60 * MINUTE
    asleep = replace(STANDING, next_at=morning, next_reason="outside the hours of its time zone")
    assert why_not(asleep, robot()) == NotCalling("nobody is due: outside the hours of its time zone", morning)
    nobody = replace(STANDING, next_at=None, contacts={ContactState.DONE: 400})
    assert why_not(nobody, robot()) == NotCalling("nobody is left to be called")
    last_ones = replace(nobody, contacts={ContactState.DONE: 400, ContactState.IN_CALL: 2})
    assert why_not(last_ones, robot()) == NotCalling("everybody who is left is in a call")
    claimed = replace(nobody, contacts={ContactState.CLAIMED: 4})
    assert why_not(claimed, robot()) is None
    assert why_not(claimed, robot({"spring": "the gateway is down"})) == NotCalling("the gateway is down")


def test_as_long_as_one_robot_calls_the_campaign_does() -> None:
    down = robot({"spring": "none of its gateways works", "autumn": "no"})
    assert why_not(STANDING, down, robot({"autumn": "no"}, "two")) is None
    assert why_not(STANDING, down, robot({"spring": "the node is full"}, "two")) == NotCalling(
        "none of its gateways works; the node is full"
    )


def page(*campaigns: CampaignStatus, daemons: tuple[LivingDaemon, ...] = ()) -> str:
    console = Console(file=io.StringIO(), width=120)
    console.print(status_page(campaigns, daemons, NOW))
    return str(console.file.getvalue())  # type: ignore[attr-defined]


def test_what_people_see() -> None:
    seen = page(status_of(STANDING, [robot()], NOW), daemons=(robot(), robot(host="two")))
    assert "2 robots on one, two" in seen
    assert "600 left, 400 done of 1,000 (40%)" in seen
    assert "10.0 calls a minute, about 1.8 h left at this pace" in seen
    assert "45% of the last 200 calls" in seen
    assert "busy 400, completed 400" in seen
    assert "no new call" not in seen
    waiting = replace(STANDING, next_at=NOW + 5 * MINUTE, next_reason="a retry later")
    seen = page(status_of(waiting, [robot()], NOW))
    assert f"nobody is due: a retry later, until {(NOW + 5 * MINUTE).astimezone():%H:%M}" in seen
    assert "No campaign yet" in page()


def test_what_programs_get() -> None:
    document = status_of(replace(STANDING, next_at=NOW + MINUTE), [robot()], NOW).as_json()
    assert document["contacts"] == {"total": 1000, "left": 600, "waiting": 600, "claimed": 0, "in_call": 0, "done": 400}
    assert document["calls"] == {"ended": 800, "going_on": 3}
    assert document["not_calling"] == {"reason": "nobody is due", "until": "2026-11-23T12:01:00+00:00"}
    assert (document["answer_rate"], document["calls_per_minute"], document["time_left_s"]) == (0.45, 10.0, 6300)


def test_times_are_as_short_as_they_are_clear() -> None:
    local = datetime(2026, 11, 23, 12, 0).astimezone()
    assert told_time(local.replace(hour=9), local) == "09:00"
    assert told_time(local.replace(day=25, hour=9), local) == "Wed 09:00"
    assert told_time(local.replace(month=12, day=24, hour=9), local) == "2026-12-24 09:00"
    spans = [timedelta(seconds=40), timedelta(minutes=12), timedelta(hours=5.5), timedelta(days=3)]
    assert [told_span(span) for span in spans] == ["40 s", "12 min", "5.5 h", "3.0 days"]
