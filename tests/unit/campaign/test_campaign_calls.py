"""What a running campaign keeps when it is read again, and which part of it is one daemon's."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

import pytest

from robot.campaign.agents import Handovers
from robot.campaign.breaker import BreakerState
from robot.campaign.campaign_calls import CampaignCalls
from robot.campaign.definition import Campaign, load_campaign
from robot.campaign.gateways import Gateways
from robot.campaign.pace import Limits

_CAMPAIGN = """
name = "spring"
{gateways}
[hours]
daily = "09:00-20:00"
[pace]
calls_per_s = 9
max_calls = 5
[caller_ids]
numbers = ["+33140000001", "+33140000002"]
rest_after = 1
rest_minutes = {rest_minutes}
[breaker]
at_least_calls = {least}
[agents]
lines = 3
{agents}
[[step]]
name = "a"
text = "{text}"
transfer = {{ extension = "1000" }}
"""
TODAY = date(2026, 11, 21)
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def read(
    folder: Path, text: str = "Hello.", gateway: str = "trunk", least: int = 2, rest_minutes: int = 60, agents: str = ""
) -> Campaign:
    gateways = f'[[gateways]]\nname = "{gateway}"'
    told = _CAMPAIGN.format(text=text, gateways="", least=least, rest_minutes=rest_minutes, agents=agents)
    (folder / "campaign.toml").write_text(told + gateways)
    return load_campaign(folder)


@pytest.fixture
def calling(tmp_path: Path) -> CampaignCalls:
    """After two failed calls, for which the breaker opened, and with a caller id that rests."""
    calling = CampaignCalls(read(tmp_path), Gateways(), {TODAY: Handovers(connected=97, abandoned=3)})
    for _ in range(2):
        calling.breaker.ended(calling.placed("trunk", 0), 0, "failed in the call")
    calling.caller_ids.used("+33140000001", 0)
    assert calling.breaker.state is BreakerState.OPEN
    return calling


def test_what_was_counted_stays_when_a_text_is_changed(calling: CampaignCalls, tmp_path: Path) -> None:
    rotation = calling.rotation
    calling.change(read(tmp_path, text="Good morning."))
    assert calling.campaign.plan("+33140000009", {}).scenario.steps
    assert calling.breaker.state is BreakerState.OPEN
    assert calling.rotation is rotation
    shown = [calling.caller_ids.choose("+33140000009", 1) for _ in range(2)]
    assert {str(each) for each in shown} == {"ShowNumber(number='+33140000002')"}
    assert calling.agents is not None
    assert calling.agents.handovers(TODAY) == Handovers(97, 3)


def test_what_has_other_settings_begins_anew_but_abandoned_calls_stay(calling: CampaignCalls, tmp_path: Path) -> None:
    rotation = calling.rotation
    calling.change(read(tmp_path, least=3, gateway="other", agents="over_days = 7"))
    assert calling.breaker.state is BreakerState.CLOSED
    assert calling.rotation is not rotation
    assert calling.agents is not None
    assert calling.agents.handovers(TODAY) == Handovers(97, 3)


def test_of_several_daemons_each_keeps_to_its_part(calling: CampaignCalls) -> None:
    parts = []
    for index in range(6):
        calling.limit({"calls_per_s": 12}, partial(Limits.part, index=index, of=6))
        parts.append((calling.limits, calling.agent_lines))
    assert {limits.calls_per_s for limits, _ in parts} == {2.0}
    assert [limits.max_calls for limits, _ in parts] == [1, 1, 1, 1, 1, 0]
    assert [lines for _, lines in parts] == [1, 1, 1, 0, 0, 0]


def test_who_may_call_nobody_claims_nobody(calling: CampaignCalls) -> None:
    calling.limit({}, partial(Limits.part, index=5, of=6))
    assert calling.wanted_ahead() == 0
    calling.limit({}, partial(Limits.part, index=0, of=1))
    assert calling.wanted_ahead() == 3, "the two calls that go on leave room for so many"
