"""Tools: shown as the campaign allows them, and calls of them that are done or refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot.dialogue.agent_settings import Abilities
from robot.dialogue.agent_tools import (
    EndCall,
    GoTo,
    KeepFact,
    OptOut,
    PressKeys,
    ScheduleCallback,
    ToolRefused,
    Tools,
    TransferTo,
)
from robot.dialogue.llm import ToolCall

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)  # a Saturday, 15:00 in Paris
ALL = Abilities(("sold", "no"), ("sales",), True, True, True, ("city",), ("offer",))


def tools(may: Abilities = ALL, language: str = "en") -> Tools:
    return Tools(may, language, PARIS, lambda: NOW)


def decided(name: str, arguments: dict[str, Any], may: Abilities = ALL) -> object:
    return tools(may).decide(ToolCall("c1", name, arguments))


def test_only_what_is_allowed_is_shown() -> None:
    assert [tool.name for tool in tools().shown] == [
        "end_call", "transfer_call", "schedule_callback", "do_not_call", "press_keys", "keep_fact", "go_to",
    ]  # fmt: skip
    assert [tool.name for tool in tools(Abilities(do_not_call=False)).shown] == ["end_call"]


def test_the_schema_names_what_may_be_chosen() -> None:
    end, transfer = tools().shown[:2]
    assert end.parameters["properties"]["outcome"]["enum"] == ["sold", "no"]
    assert end.parameters["required"] == ["outcome"]
    assert transfer.parameters == {
        "type": "object",
        "properties": {"to": {"description": "To whom.", "type": "string", "enum": ["sales"]}},
        "required": ["to"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("name", "arguments", "decision"),
    [
        ("end_call", {"outcome": "sold", "farewell": "Bye."}, EndCall("sold", "Bye.")),
        ("end_call", {"outcome": "no"}, EndCall("no")),
        ("transfer_call", {"to": "sales"}, TransferTo("sales")),
        ("do_not_call", {}, OptOut()),
        ("press_keys", {"keys": "1w#"}, PressKeys("1w#")),
        ("keep_fact", {"name": "city", "value": " Lyon\n"}, KeepFact("city", "Lyon")),
        ("go_to", {"step": "offer"}, GoTo("offer")),
    ],
)
def test_what_is_allowed_is_decided(name: str, arguments: dict[str, Any], decision: object) -> None:
    assert decided(name, arguments) == decision


def test_an_end_without_outcomes_to_choose_from() -> None:
    assert decided("end_call", {}, Abilities()) == EndCall(None)
    assert isinstance(decided("end_call", {"outcome": "sold"}, Abilities()), ToolRefused)


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("end_call", {"outcome": "stolen"}, "outcome: Input should be 'sold' or 'no'"),
        ("end_call", {}, "outcome: Field required"),
        ("end_call", {"outcome": "no", "farewell": "x" * 301}, "farewell: "),
        ("transfer_call", {"to": "+33140000001"}, "to: Input should be 'sales'"),
        ("press_keys", {"keys": "1,2"}, "keys: String should match"),
        ("press_keys", {"keys": "1\n"}, "keys: String should match"),
        ("keep_fact", {"name": "iban", "value": "x"}, "name: Input should be 'city'"),
        ("keep_fact", {"name": "city", "value": "<>"}, "value: is empty"),
        ("keep_fact", {"name": "city", "value": 7}, "value: "),
        ("do_not_call", {"why": "rude"}, "why: Extra inputs are not permitted"),
        ("rm", {}, "There is no tool of that name. The tools are: end_call, "),
    ],
)
def test_what_is_not_allowed_is_refused_with_the_reason(name: str, arguments: dict[str, Any], reason: str) -> None:
    refused = decided(name, arguments)
    assert isinstance(refused, ToolRefused)
    assert refused.reason.startswith(reason)


def test_arguments_that_are_no_json_are_refused() -> None:
    refused = tools().decide(ToolCall("c1", "end_call", {}, '{"outco'))
    assert refused == ToolRefused("The arguments are no JSON object. Call the tool again with a JSON object.")


@pytest.mark.parametrize(
    ("when", "at"),
    [
        ("tomorrow at ten", "2026-11-22T10:00"),
        ("2026-11-23T16:30", "2026-11-23T16:30"),
        ("2026-11-23T15:30Z", "2026-11-23T16:30"),
    ],
)
def test_a_callback_is_in_the_time_of_the_callee(when: str, at: str) -> None:
    decision = decided("schedule_callback", {"when": when})
    assert isinstance(decision, ScheduleCallback)
    assert decision.time.earliest == datetime.fromisoformat(at).replace(tzinfo=PARIS)
    assert decision.time.latest - decision.time.earliest == timedelta(minutes=30)


@pytest.mark.parametrize(
    ("when", "reason"),
    [
        ("some day", "That names no time."),
        ("2026-11-21T14:59", "That time is not within the next 60 days."),
        ("2031-01-01T10:00", "That time is not within the next 60 days."),
        ("2026-11-23T03:00", "People are called from 09:00 to 20:00."),
    ],
)
def test_a_callback_at_no_time(when: str, reason: str) -> None:
    refused = decided("schedule_callback", {"when": when})
    assert isinstance(refused, ToolRefused)
    assert refused.reason.startswith(reason)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from([tool.name for tool in tools().shown])
ARGUMENTS = st.dictionaries(
    st.sampled_from(["outcome", "farewell", "to", "when", "keys", "name", "value", "step"]), JSON, max_size=4
)


@settings(deadline=None)
@given(NAMES, ARGUMENTS)
def test_whatever_a_model_writes_is_decided_or_refused(name: str, arguments: dict[str, Any]) -> None:
    match tools().decide(ToolCall("c1", name, arguments)):
        case EndCall(outcome):
            assert outcome in ALL.outcomes
        case TransferTo(to):
            assert to in ALL.transfer
        case KeepFact(kept, value):
            assert kept in ALL.keep
            assert value.isprintable()
        case GoTo(step):
            assert step in ALL.go_to
        case PressKeys(keys):
            assert set(keys) <= set("0123456789ABCD*#wW")
        case ScheduleCallback(time):
            assert time.latest > NOW
        case OptOut():
            assert arguments == {}
        case ToolRefused(reason):
            assert reason
