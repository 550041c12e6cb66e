"""What counts as a false alarm and as a miss; situations are labelled, repeatable, and half of them held out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from robot.bench.interruption_set import PROMPT_STARTS_MS, SPLITS, STREAM_RATE, Situation, situations
from robot.bench.interruptions import Result, figures, hear
from robot.simulator.sound import write_wav
from robot.simulator.voice import CalleeVoice
from ws_audio.frames import Samples
from ws_audio.stream import StreamOptions


class Hummer(CalleeVoice):
    """Says every text as a hum of two seconds: no Piper, no cache."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._folder = folder

    def wav(self, text: str, *, pace: float | None = None) -> Path:
        times = np.arange(2 * STREAM_RATE) / STREAM_RATE
        hum = sum(np.sin(2 * np.pi * 150 * number * times) for number in range(1, 20))
        file = self._folder / "hum.wav"
        write_wav(file, np.asarray(hum * 500).astype(np.int16), STREAM_RATE)
        return file


def situation(talks_ms: tuple[float, float] | None, callee: Samples | None = None) -> Situation:
    nothing = np.zeros(8 * STREAM_RATE, np.int16)
    return Situation("s", "talk", "tuned", nothing if callee is None else callee, nothing, talks_ms)


@pytest.mark.parametrize(
    ("talks_ms", "stopped_ms", "false_alarm", "missed", "after_ms"),
    [
        (None, None, False, False, None),
        (None, 5000, True, False, None),
        ((3000, 6000), 4500, False, False, 1500),
        ((3000, 6000), 3400, True, False, None),  # something else stopped it
        ((3000, 6000), None, False, True, None),
        ((3000, 6000), 6400, False, True, None),
    ],
)
def test_what_is_a_mistake(
    talks_ms: tuple[float, float] | None,
    stopped_ms: float | None,
    false_alarm: bool,
    missed: bool,
    after_ms: float | None,
) -> None:
    result = Result(situation(talks_ms), stopped_ms, 0.0)
    assert (result.false_alarm, result.missed, result.after_ms) == (false_alarm, missed, after_ms)


def test_figures_count_both() -> None:
    results = [
        Result(situation(talks), stopped, 0.0)
        for talks, stopped in ((None, None), (None, 4000.0), ((3000.0, 6000.0), 4500.0), ((3000.0, 6000.0), None))
    ]
    counted = figures(results)
    assert (counted["quiet"], counted["talk"], counted["false_alarms"], counted["misses"]) == (2, 2, 1, 1)
    assert counted["decided_after_ms"]["p50"] == 1500


async def test_a_situation_is_heard_from_the_beginning_of_its_prompt() -> None:
    times = np.arange(8 * STREAM_RATE) / STREAM_RATE
    hum = sum(np.sin(2 * np.pi * 150 * number * times) for number in range(1, 20))
    result = await hear(situation(None, np.asarray(hum * 500).astype(np.int16)), StreamOptions(channels=2), 1500)
    assert result.stopped_ms == PROMPT_STARTS_MS + 1500


def test_situations_are_the_same_each_time_and_half_of_them_held_out(tmp_path: Path) -> None:
    first, again = (list(situations(Hummer(tmp_path), every=24)) for _ in range(2))
    assert [each.name for each in first] == [each.name for each in again]
    assert all(np.array_equal(one.callee, other.callee) for one, other in zip(first, again, strict=True))
    by_split = [[each for each in first if each.split == split] for split in SPLITS]
    assert len(by_split[0]) == len(by_split[1]) >= 10
    assert len({each.name for each in first}) == len(first)
    for each in first:
        assert each.callee.shape == each.robot.shape
        assert not each.robot[: PROMPT_STARTS_MS * STREAM_RATE // 1000 - 100].any()
        assert each.robot.any()
        assert (each.talks_ms is not None) == each.kind.startswith("talk")
