from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot.esl.channel_data import ChannelData
from robot.esl.frames import FrameError, encode_value

HEADERS = {
    "Unique-ID": "1d6511cf-43e6-4cec-b222-7d0bac63f9f6",
    "Core-UUID": "888c700c-75da-442f-9019-4ae68a785ff4",
    "Caller-Destination-Number": "%2B33140000009",
    "Caller-Caller-ID-Number": "anonymous",
    "Answer-State": "ringing",
    "Socket-Mode": "async",
    "variable_direction": "inbound",
    "variable_sip_full_to": "%3Csip%3A2000%40127.0.0.1%3E",
}


def read(**changed: str) -> ChannelData:
    return ChannelData.read(HEADERS | {name.replace("_", "-"): value for name, value in changed.items()})


def test_what_is_read_of_a_channel() -> None:
    data = read()
    assert data.caller == "anonymous"
    assert data.dialled == "+33140000009"
    assert not data.answered
    assert data.is_async
    assert dict(data.variables) == {"direction": "inbound", "sip_full_to": "<sip:2000@127.0.0.1>"}
    assert data.variables.get("robot_campaign") is None
    assert "anonymous" not in repr(data)
    assert "33140000009" not in repr(data)


def test_one_that_the_dialplan_answered() -> None:
    assert read(Answer_State="answered").answered


def test_a_caller_of_whom_nothing_is_known() -> None:
    assert read(Caller_Caller_ID_Number="").caller is None


def test_a_dialplan_without_async() -> None:
    assert not read(Socket_Mode="static").is_async


@pytest.mark.parametrize("missing", ["Unique-ID", "Core-UUID", "Caller-Destination-Number"])
def test_what_is_no_channel(missing: str) -> None:
    with pytest.raises(FrameError, match="not the data of a channel"):
        ChannelData.read({name: value for name, value in HEADERS.items() if name != missing})


def test_a_uuid_that_could_be_a_command() -> None:
    with pytest.raises(FrameError):
        read(Unique_ID="x%0A%0Aapi shutdown")


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_value_comes_as_it_was_set(value: str) -> None:
    data = ChannelData.read(HEADERS | {"variable_x": encode_value(value)})
    assert data.variables["x"] == value
