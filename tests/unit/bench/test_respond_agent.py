"""The benchmark of replies that a model writes: its callees, its model, what it makes of the figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from robot.bench.respond_agent import _callees, _grown, _stages, reply_to
from robot.simulator.callees_file import load_callees
from robot.store.records import LatencyRecord


def messages(replies: int) -> list[dict[str, Any]]:
    """The opening, and so many replies since."""
    return [{"role": "system", "content": ""}, *[{"role": "assistant", "content": ""}] * (replies + 1)]


def test_everybody_says_ten_things_each_after_the_reply_before(tmp_path: Path) -> None:
    (tmp_path / "callees.toml").write_text(_callees(3), encoding="utf-8")
    for callee in load_callees(tmp_path / "callees.toml").callee:
        counts = [say.count or 0 for say in callee.says]
        assert len(counts) == 10
        assert counts[0] == 1, "the opening is one prompt"
        assert counts == sorted(set(counts))
        assert counts[-1] > 10, "some replies are two phrases"


def test_the_model_has_ten_replies_and_ends_with_the_last() -> None:
    replies = [reply_to(messages(number)) for number in range(10)]
    assert len({reply.text for reply in replies}) == 10
    assert [bool(reply.tools) for reply in replies] == [False] * 9 + [True]


def test_stages_are_medians_in_their_order() -> None:
    latencies = [
        LatencyRecord(
            turn, 400, 0, 90, tts, 500 + tts, text_at_ms=400, model_at_ms=280, token_at_ms=330, phrase_at_ms=370,
            synthesis_at_ms=370,
        )
        for turn, tts in enumerate((80, 100, 300))
    ]  # fmt: skip
    stages = _stages([*latencies, LatencyRecord(9, 400, 0, None, None, 600, text_at_ms=400, model_at_ms=280)])
    assert stages == {
        "text": 400,
        "model": 280,
        "token": 330,
        "phrase": 370,
        "synthesis": 370,
        "spoken": 470,
        "first_sample": 600,
    }


def test_a_queue_that_grows_is_seen() -> None:
    assert _grown([0, 0, 1, 5]) == {"mean_first_half": 0.0, "mean_second_half": 3.0, "max": 5, "at_end": 5}
    assert _grown([2]) == {"mean_second_half": 2.0, "max": 2, "at_end": 2}
