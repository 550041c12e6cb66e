"""L16: however the network chops it, the same frames come out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ws_audio.frames import FrameCutter, double_rate, samples


def cut(data: bytes, rate: int = 16000, channels: int = 1) -> list[bytes]:
    return [frame.callee for frame in FrameCutter(rate, channels).push(data)]


def test_a_message_of_one_frame_is_that_frame() -> None:
    assert cut(bytes(640)) == [bytes(640)]
    assert cut(bytes(320), rate=8000) == [bytes(320)]


def test_messages_of_100_ms_are_five_frames() -> None:
    data = bytes(range(256)) * 12 + bytes(128)
    assert cut(data) == [data[start : start + 640] for start in range(0, 3200, 640)]


@given(data=st.binary(max_size=4000), cuts=st.lists(st.integers(0, 4000)), channels=st.sampled_from([1, 2]))
def test_where_messages_are_cut_changes_nothing(data: bytes, cuts: list[int], channels: int) -> None:
    whole = FrameCutter(8000, channels).push(data)
    cutter = FrameCutter(8000, channels)
    edges = [0, *sorted(min(edge, len(data)) for edge in cuts), len(data)]
    pieces = [frame for start, end in itertools.pairwise(edges) for frame in cutter.push(data[start:end])]
    assert pieces == whole
    assert len(whole) == len(data) // (320 * channels)


def test_stereo_is_the_callee_on_the_left_and_the_robot_on_the_right() -> None:
    both = np.empty(640, dtype="<i2")
    both[::2], both[1::2] = np.arange(320), -np.arange(320)
    [frame] = FrameCutter(16000, 2).push(both.tobytes())
    assert frame.robot is not None
    assert samples(frame.callee).tolist() == list(range(320))
    assert samples(frame.robot).tolist() == [-value for value in range(320)]


@pytest.mark.parametrize(("rate", "channels"), [(44100, 1), (16000, 3), (0, 1)])
def test_other_formats_are_refused(rate: int, channels: int) -> None:
    with pytest.raises(ValueError, match="only 8000 or 16000 Hz"):
        FrameCutter(rate, channels)


def tone(hz: float, rate: int) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return (10000 * np.sin(2 * np.pi * hz * np.arange(rate) / rate)).astype(np.int16)


@pytest.mark.parametrize("hz", [300, 1000, 3000, 3400])
def test_doubling_the_rate_keeps_the_telephone_band_and_makes_no_image(hz: int) -> None:
    power = np.square(np.abs(np.fft.rfft(double_rate(tone(hz, 8000)).astype(float) * np.hanning(16000))))
    near = power[hz - 5 : hz + 6].sum()
    assert near / power.sum() > 0.9999
    expected = np.square(np.abs(np.fft.rfft(tone(hz, 16000) * np.hanning(16000))))[hz - 5 : hz + 6].sum()
    assert near / expected == pytest.approx(1, abs=0.05)


def test_doubling_the_rate_does_not_delay() -> None:
    click = np.zeros(100, dtype=np.int16)
    click[50] = 20000
    assert int(np.argmax(double_rate(click))) == 100
    assert double_rate(click[:0]).size == 0
