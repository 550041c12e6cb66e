"""How late frames are, and how much of it is ours: from times that are made up."""

from __future__ import annotations

from array import array

import numpy as np
import numpy.typing as npt

from robot.bench.calls import Standstills, lateness

FRAME_S = 0.02


def standstills(*those: tuple[float, float]) -> Standstills:
    """Of (end, length) in seconds, among many short ones."""
    usual = [(at * 0.005, 0.0005) for at in range(1000)]
    ordered = sorted([*usual, *those])
    return Standstills(array("d", [end for end, _ in ordered]), array("d", [length for _, length in ordered]))


def stream(**late_s: float) -> npt.NDArray[np.float64]:
    """200 frames on time, but for those that are named (f17=0.2)."""
    times: npt.NDArray[np.float64] = 0.5 + np.arange(200, dtype=np.float64) * FRAME_S
    for name, late in late_s.items():
        times[int(name[1:])] += late
    return times


def test_frames_on_time_are_not_late() -> None:
    figures = lateness([stream()], standstills(), 0, 10)
    assert figures["frames"] == 200
    assert figures["later_than_100_ms"] == 0
    assert figures["late_ms"]["max"] < 0.001


def test_a_late_frame_while_the_loop_went_round_is_not_ours() -> None:
    figures = lateness([stream(f50=0.25)], standstills(), 0, 10)
    assert figures["later_than_100_ms"] == 1
    assert figures["later_than_100_ms_because_of_us"] == 0
    assert round(figures["late_ms"]["max"]) == 250


def test_a_late_frame_after_the_loop_stood_still_is_ours() -> None:
    at = 0.5 + 50 * FRAME_S + 0.25
    figures = lateness([stream(f50=0.25), stream()], standstills((at - 0.001, 0.25)), 0, 10)
    assert figures["later_than_100_ms_because_of_us"] == 1


def test_a_frame_that_would_have_been_in_time_without_us_is_ours_and_another_is_not() -> None:
    at = 0.5 + 50 * FRAME_S
    ours = lateness([stream(f50=0.13)], standstills((at + 0.129, 0.06)), 0, 10)
    assert ours["later_than_100_ms_because_of_us"] == 1
    not_ours = lateness([stream(f50=0.23)], standstills((at + 0.229, 0.06)), 0, 10)
    assert (not_ours["later_than_100_ms"], not_ours["later_than_100_ms_because_of_us"]) == (1, 0)


def test_only_frames_of_the_time_that_is_measured_count_but_all_make_the_schedule() -> None:
    times = stream()
    times[0] -= 0.05  # the one that tells best when the stream began
    figures = lateness([times], standstills(), begin=1.0, end=2.0)
    assert figures["frames"] == 50
    assert round(figures["late_ms"]["p50"]) == 50
