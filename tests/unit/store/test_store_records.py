"""What a record refuses when it is made."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from robot.store.records import NewAttempt, TurnRecord, check_number
from robot.store.schema import FreeText, UtcDateTime

UUID = "8e30c25c-033f-41b3-bdcb-a0339ea83b97"


def new_attempt(uuid: str, number: str) -> NewAttempt:
    return NewAttempt(uuid, "spring", number, None, "carrier", "fs1", datetime.now(UTC))


@pytest.mark.parametrize("uuid", ["", "call-7", UUID.upper(), UUID.replace("-", ""), f"{{{UUID}}}"])
def test_an_attempt_is_named_as_freeswitch_names_its_channel(uuid: str) -> None:
    with pytest.raises(ValueError, match="UUID"):
        new_attempt(uuid, "+33140000001")


@pytest.mark.parametrize(
    "number", ["", "33140000077", "+", "+0140000001", "+33 140000001", "+33140000001\n", "+3314000000١", "+" + "1" * 16]
)
def test_a_number_is_e164_and_is_not_repeated_when_it_is_not(number: str) -> None:
    with pytest.raises(ValueError, match=r"E\.164") as refused:
        new_attempt(UUID, number)
    assert len(number) < 2 or number not in str(refused.value)


@given(st.from_regex(r"\+[1-9][0-9]{2,14}", fullmatch=True))
def test_every_e164_number_is_taken(number: str) -> None:
    check_number(number)


def test_only_two_speak() -> None:
    with pytest.raises(ValueError, match="speaker"):
        TurnRecord(1, "operator", "Hello", None, 0, 1, interrupted=False)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="make it aware"):
        UtcDateTime().process_bind_param(datetime(2026, 1, 1), sqlite.dialect())  # noqa: DTZ001 - that is the point


@given(st.text())
def test_any_text_can_be_stored(text: str) -> None:
    stored = FreeText().process_bind_param(text, sqlite.dialect())
    assert stored is not None
    assert "\0" not in stored
    stored.encode("utf-8")
