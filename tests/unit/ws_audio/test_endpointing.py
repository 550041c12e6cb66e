"""When speech starts, goes on, and ends; in frames, without a clock."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ws_audio.endpointing import Decision, Endpointer, EndpointSettings, SpeechPaused, State
from ws_audio.events import SpeechContinues, SpeechEnded, SpeechStarted

SETTINGS = EndpointSettings()
FRAME = SETTINGS.frame_ms


def frames(*lengths_ms: int) -> list[bool]:
    """Silence and speech in turns, silence first."""
    return [bool(index % 2) for index, ms in enumerate(lengths_ms) for _ in range(ms // FRAME)]


def hear(voicing: list[bool], settings: EndpointSettings = SETTINGS, *, flush: bool = False) -> list[Decision]:
    endpointer = Endpointer(settings)
    decisions = [decision for voiced in voicing for decision in endpointer.push(voiced)]
    return [*decisions, *endpointer.flush()] if flush else decisions


def runs(decisions: list[Decision]) -> list[tuple[int, int]]:
    """Start and end of each run, in ms."""
    ends = {each.run_started_ms: each.at_ms for each in decisions if isinstance(each, SpeechContinues)}
    return sorted(ends.items())


def test_a_word_has_a_start_and_an_end() -> None:
    decisions = hear(frames(100, 400, 1000))
    assert decisions[0] == SpeechStarted(100)  # back-dated to the first voiced frame
    assert decisions[1] == SpeechContinues(100, 160, 60, 0.0)  # decided by the third
    assert decisions[-1] == SpeechEnded(1, 100, 500, 1200)
    assert runs(decisions) == [(100, 500)]


def test_every_voiced_frame_of_a_run_is_told_with_its_arrival() -> None:
    endpointer = Endpointer()
    told = [decision for number in range(100) for decision in endpointer.push(True, arrived_at=float(number))]
    continues = [each for each in told if isinstance(each, SpeechContinues)]
    assert [each.run_ms for each in continues] == list(range(60, 2001, 20))
    assert [each.arrived_at for each in continues] == [float(number) for number in range(2, 100)]


@pytest.mark.parametrize("click", [20, 40])
def test_a_click_is_no_speech(click: int) -> None:
    assert hear(frames(100, click, 500)) == []


def test_speech_with_a_hole_in_its_first_frames_starts_at_the_first_of_them() -> None:
    assert hear([True, False, True, False, True])[0] == SpeechStarted(0)
    assert hear([True, False, False, True, False, True, True])[0] == SpeechStarted(60)


def test_a_gap_shorter_than_gap_ms_does_not_reset_a_run() -> None:
    assert runs(hear(frames(0, 400, 280, 400))) == [(0, 1080)]


def test_a_gap_of_gap_ms_does() -> None:
    assert runs(hear(frames(0, 400, 300, 400))) == [(0, 400), (700, 1100)]


def test_a_click_after_a_gap_neither_resumes_speech_nor_puts_off_its_end() -> None:
    assert hear(frames(0, 400, 400, 40, 400))[-1] == SpeechEnded(1, 0, 400, 1100)


def test_the_pause_is_told_once_and_before_the_end() -> None:
    decisions = hear(frames(0, 400, 700))
    assert decisions[-2:] == [SpeechPaused(1, 600), SpeechEnded(1, 0, 400, 1100)]
    assert sum(isinstance(each, SpeechPaused) for each in decisions) == 1


def test_speech_after_the_pause_takes_it_back() -> None:
    decisions = hear(frames(0, 400, 240, 200, 240))
    kinds = [type(each) for each in decisions if not isinstance(each, SpeechContinues)]
    assert kinds == [SpeechStarted, SpeechPaused, SpeechPaused]


def test_no_pause_is_told_when_speculation_is_off() -> None:
    decisions = hear(frames(0, 400, 700), replace(SETTINGS, speculate_ms=None))
    assert not any(isinstance(each, SpeechPaused) for each in decisions)


def test_endless_speech_is_cut_and_its_run_goes_on() -> None:
    settings = replace(SETTINGS, max_utterance_ms=2000)
    decisions = hear(frames(0, 5000), settings, flush=True)
    ended = [(each.started_ms, each.ended_ms) for each in decisions if isinstance(each, SpeechEnded)]
    assert ended == [(0, 2000), (2000, 4000), (4000, 5000)]
    assert runs(decisions) == [(0, 5000)]


def test_the_end_of_the_stream_ends_the_utterance() -> None:
    assert hear(frames(0, 400, 100), flush=True)[-1] == SpeechEnded(1, 0, 400, 500)
    assert hear(frames(0, 400, 1000), flush=True)[-1] == SpeechEnded(1, 0, 400, 1100)
    assert hear([], flush=True) == []


def test_settings_change_in_mid_speech() -> None:
    endpointer = Endpointer()
    for voiced in frames(0, 400, 100):
        endpointer.push(voiced)
    endpointer.configure(replace(SETTINGS, end_silence_ms=300, gap_ms=200, onset_window=3))
    ends = [decision for voiced in frames(1000) for decision in endpointer.push(voiced)]
    assert ends[-1] == SpeechEnded(1, 0, 400, 700)
    with pytest.raises(ValueError, match="frame_ms cannot change"):
        endpointer.configure(replace(SETTINGS, frame_ms=10))


@pytest.mark.parametrize(
    "wrong",
    [
        {"onset_voiced": 6}, {"onset_voiced": 0}, {"gap_ms": 800}, {"end_silence_ms": 280}, {"speculate_ms": 10},
        {"max_utterance_ms": 700}, {"onset_window": 15}, {"pre_roll_ms": -1}, {"frame_ms": 0},
    ],
)  # fmt: skip
def test_settings_that_contradict_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"must|cannot"):
        EndpointSettings(**wrong)


# Stretches of speech and silence with clicks and holes in them, about as VAD output looks like.
voicing = st.lists(
    st.tuples(st.booleans(), st.integers(1, 60), st.lists(st.integers(0, 59), max_size=4)), max_size=12
).map(lambda stretches: [voiced != (at in flips) for voiced, length, flips in stretches for at in range(length)])


@given(voicing)
def test_each_start_has_one_end_and_they_alternate(heard: list[bool]) -> None:
    decisions = hear(heard, flush=True)
    edges = [each for each in decisions if isinstance(each, SpeechStarted | SpeechEnded)]
    assert [type(each) for each in edges] == [SpeechStarted, SpeechEnded] * (len(edges) // 2)
    ended = [each for each in edges if isinstance(each, SpeechEnded)]
    assert [each.utterance for each in ended] == list(range(1, len(ended) + 1))
    for start, end in zip(edges[::2], ended, strict=True):
        assert isinstance(start, SpeechStarted)
        assert start.at_ms == end.started_ms < end.ended_ms <= end.decided_ms <= len(heard) * FRAME


@given(voicing)
def test_a_run_is_never_longer_than_the_time_and_begins_and_ends_voiced(heard: list[bool]) -> None:
    endpointer = Endpointer()
    for index, voiced in enumerate(heard):
        for each in endpointer.push(voiced):
            if isinstance(each, SpeechContinues):
                assert voiced
                assert heard[each.run_started_ms // FRAME]
                assert each.at_ms == (index + 1) * FRAME
                assert 0 < each.run_ms == each.at_ms - each.run_started_ms <= each.at_ms


@given(voicing)
def test_no_run_holds_a_gap_of_gap_ms_and_no_shorter_gap_parts_two(heard: list[bool]) -> None:
    found = runs(hear(heard))
    for start, end in found:
        inside = heard[start // FRAME : end // FRAME]
        text = "".join("x" if voiced else "." for voiced in inside)
        assert "." * (SETTINGS.gap_ms // FRAME) not in text
    for (_, end), (start, _) in itertools.pairwise(found):
        assert start - end >= SETTINGS.gap_ms


@given(voicing)
def test_every_stretch_of_speech_that_is_long_enough_is_in_a_run(heard: list[bool]) -> None:
    covered = {at for start, end in runs(hear(heard)) for at in range(start, end, FRAME)}
    text = "".join("x" if voiced else "." for voiced in heard)
    at = text.find("xxx")
    while at >= 0:
        assert {(at + offset) * FRAME for offset in range(3)} <= covered
        at = text.find("xxx", at + 1)


@given(voicing)
def test_the_end_of_an_utterance_is_silent_for_700_ms_unless_it_was_cut(heard: list[bool]) -> None:
    for each in hear(heard):
        if isinstance(each, SpeechEnded) and each.decided_ms - each.started_ms < SETTINGS.max_utterance_ms:
            assert each.decided_ms - each.ended_ms == SETTINGS.end_silence_ms


@given(voicing)
def test_long_silence_always_leads_back_to_silence(heard: list[bool]) -> None:
    endpointer = Endpointer()
    for voiced in [*heard, *frames(700)]:
        endpointer.push(voiced)
    assert endpointer.state is State.SILENCE
    assert endpointer.flush() == ()
