from __future__ import annotations

from robot.simulator.callee import DTMF_GAP_MS, Press, PutDown, Script, Speak, counts_of
from robot.simulator.callees_file import Callee, Dtmf, HangUp, Say


def says(*entries: tuple[str, int | None, int]) -> tuple[Say, ...]:
    return tuple(
        Say.model_validate({"after": after, "count": count, "wait_ms": wait, "text": "x"})
        for after, count, wait in entries
    )


def test_entries_without_a_count_take_the_next_free_moment() -> None:
    entries = says(
        ("answer", None, 0),
        ("prompt_end", None, 0),
        ("prompt_end", None, 0),
        ("prompt_end", 5, 0),
        ("prompt_end", None, 0),
    )
    assert counts_of(entries) == [1, 1, 2, 5, 6]


def test_lists_count_for_themselves() -> None:
    callee = Callee(
        number="1",
        says=says(("prompt_end", None, 100)),
        dtmf=(Dtmf(after="prompt_end", wait_ms=200, digits="1#"),),
        hang_up=HangUp(after="prompt_end", count=2, wait_ms=50),
    )
    script = Script(callee)
    script.happened("prompt_end", 1000)
    assert script.due(1099) == []
    assert script.due(1100) == [Speak(0)]
    assert script.due(1200) == [Press("1")]
    assert script.due(1200 + DTMF_GAP_MS) == [Press("#")]
    script.happened("prompt_end", 5000)
    assert script.due(6000) == [PutDown()]
    assert script.due(9999) == []


def test_what_was_waited_for_and_never_came_is_not_done() -> None:
    script = Script(Callee(number="1", says=says(("prompt_start", 2, 0))))
    script.happened("prompt_start", 0)
    assert script.due(10_000) == []


def test_acts_come_in_the_order_of_their_times() -> None:
    script = Script(Callee(number="1", says=says(("answer", None, 500), ("prompt_start", None, 100))))
    script.happened("answer", 0)
    script.happened("prompt_start", 100)
    assert script.due(1000) == [Speak(1), Speak(0)]
