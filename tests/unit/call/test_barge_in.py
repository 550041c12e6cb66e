"""Barge-in: one decision a voiced frame, in audio time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot.call.barge_in import BargeInDetector, BargeInRule

FRAME_MS = 20


def frames_until_fired(detector: BargeInDetector, run_started_ms: float, until_ms: float) -> list[tuple[float, float]]:
    """(time, speech over the prompt) of each frame of a run that fired."""
    fired = []
    at = run_started_ms
    while at < until_ms:
        at += FRAME_MS
        over = detector.speech(run_started_ms, at)
        if over is not None:
            fired.append((at, over))
    return fired


def test_the_very_frame_that_crosses_the_threshold_fires_and_no_other() -> None:
    detector = BargeInDetector()
    detector.arm(BargeInRule(1500), prompt_started_ms=1000)
    assert frames_until_fired(detector, 3000, 8000) == [(4500, 1500)]


def test_speech_just_below_the_threshold_does_not_fire() -> None:
    detector = BargeInDetector()
    detector.arm(BargeInRule(1500), prompt_started_ms=0)
    assert frames_until_fired(detector, 3000, 4480) == []


def test_what_was_said_before_the_prompt_does_not_count() -> None:
    detector = BargeInDetector()
    detector.arm(BargeInRule(1500), prompt_started_ms=2000)
    assert frames_until_fired(detector, 500, 6000) == [(3500, 1500)]


def test_a_run_that_was_reset_starts_over() -> None:
    detector = BargeInDetector()
    detector.arm(BargeInRule(1500), prompt_started_ms=0)
    assert frames_until_fired(detector, 1000, 2400) == []
    assert frames_until_fired(detector, 2800, 4200) == []


def test_nothing_fires_without_a_prompt_or_when_it_may_not_be_interrupted() -> None:
    detector = BargeInDetector()
    assert frames_until_fired(detector, 0, 5000) == []
    detector.arm(BargeInRule(None), prompt_started_ms=0)
    assert frames_until_fired(detector, 0, 5000) == []
    detector.arm(BargeInRule(500), prompt_started_ms=0)
    detector.disarm()
    assert frames_until_fired(detector, 0, 5000) == []


def test_each_prompt_is_watched_anew() -> None:
    detector = BargeInDetector()
    detector.arm(BargeInRule(500), prompt_started_ms=0)
    assert len(frames_until_fired(detector, 0, 2000)) == 1
    detector.arm(BargeInRule(500), prompt_started_ms=3000)
    assert frames_until_fired(detector, 3200, 9000) == [(3700, 500)]


@pytest.mark.parametrize("threshold_ms", [0, -20])
def test_a_threshold_is_positive(threshold_ms: int) -> None:
    with pytest.raises(ValueError, match="not positive"):
        BargeInRule(threshold_ms)


@given(
    threshold=st.integers(1, 4000),
    prompt=st.integers(0, 3000),
    runs=st.lists(st.tuples(st.integers(300, 2000), st.integers(20, 5000)), max_size=6),
)
def test_it_fires_once_and_never_early(threshold: int, prompt: int, runs: list[tuple[int, int]]) -> None:
    detector = BargeInDetector()
    detector.arm(BargeInRule(threshold), prompt_started_ms=prompt)
    at = 0
    fired = []
    for gap_ms, length_ms in runs:
        fired += frames_until_fired(detector, at + gap_ms, at + gap_ms + length_ms)
        at += gap_ms + length_ms
    assert len(fired) <= 1
    for _, over in fired:
        assert threshold <= over < threshold + FRAME_MS
