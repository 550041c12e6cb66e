from __future__ import annotations

import numpy as np
import pytest

from robot.simulator.audio_stream import FramePacker, StreamRequest

CALLEE = np.full(160, 1000, np.int16)
ROBOT = np.full(160, 300, np.int16)


def packer(mix: str, rate: str = "8k", buffer_ms: int = 20, *, send_silence: bool = False) -> FramePacker:
    request = StreamRequest.parse(f"ws://127.0.0.1:8080/x {mix} {rate}")
    assert request is not None
    return FramePacker(request, 8000, buffer_ms, send_silence=send_silence)


def test_the_first_two_frames_come_together() -> None:
    mono = packer("mono")
    assert [len(mono.pack(CALLEE, None)) for _ in range(4)] == [0, 2, 1, 1]


@pytest.mark.parametrize(
    ("mix", "rate", "size"),
    [("mono", "16k", 640), ("mono", "8000", 320), ("mixed", "16k", 640), ("stereo", "16000", 1280)],
)
def test_sizes(mix: str, rate: str, size: int) -> None:
    packed = packer(mix, rate)
    messages = [message for _ in range(5) for message in packed.pack(CALLEE, ROBOT)]
    assert {len(message) for message in messages} == {size}


def test_a_bigger_buffer_makes_bigger_messages() -> None:
    buffered = packer("mono", "16k", buffer_ms=100)
    messages = [message for _ in range(15) for message in buffered.pack(CALLEE, None)]
    assert [len(message) for message in messages] == [3200] * 3


def test_mono_is_the_callee_alone() -> None:
    mono = packer("mono")
    mono.pack(CALLEE, ROBOT)
    (first, _) = mono.pack(CALLEE, ROBOT)
    assert set(np.frombuffer(first, "<i2")) == {1000}


def test_mixed_is_the_sum_and_stereo_both_sides() -> None:
    mixed, stereo = packer("mixed"), packer("stereo")
    for one in (mixed, stereo):
        one.pack(CALLEE, ROBOT)
    assert set(np.frombuffer(mixed.pack(CALLEE, ROBOT)[0], "<i2")) == {1300}
    both = np.frombuffer(stereo.pack(CALLEE, ROBOT)[0], "<i2").reshape(-1, 2)
    assert set(both[:, 0]) == {1000}
    assert set(both[:, 1]) == {300}


@pytest.mark.parametrize("mix", ["mixed", "stereo"])
def test_while_we_are_silent_nothing_comes_unless_asked_for(mix: str) -> None:
    idle, kept_going = packer(mix), packer(mix, send_silence=True)
    assert [idle.pack(CALLEE, None) for _ in range(10)] == [[]] * 10
    assert sum(len(kept_going.pack(CALLEE, None)) for _ in range(10)) == 10


@pytest.mark.parametrize(
    "arguments",
    ["", "ws://x", "http://127.0.0.1:8080/x mono 16k", "ws://127.0.0.1/x quadro 16k", "ws://127.0.0.1/x mono 44100",
     "ws://a_b/x mono 16k", "ws://127.0.0.1:99999/x mono 16k", "ws:///x mono 16k"],
)  # fmt: skip
def test_what_the_module_refuses(arguments: str) -> None:
    assert StreamRequest.parse(arguments) is None


def test_metadata_is_everything_after_the_rate() -> None:
    request = StreamRequest.parse('ws://h-1.example:80/p?q=1 mono 16k {"call": "x y", "a": 1}')
    assert request is not None
    assert (request.url, request.rate, request.metadata) == (
        "ws://h-1.example:80/p?q=1",
        16000,
        '{"call": "x y", "a": 1}',
    )
