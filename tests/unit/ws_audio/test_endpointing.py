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
    assert decisions[-2:] == [SpeechPaused(1, 0, 400, 600), SpeechEnded(1, 0, 400, 1100)]
    assert sum(isinstance(each, SpeechPaused) for each in decisions) == 1


def test_speech_after_the_pause_takes_it_back() -> None:
    decisions = hear(frames(0, 400, 240, 200, 240))
    kinds = [type(each) for each in decisions if not isinstance(each, SpeechContinues)]
    assert kinds == [SpeechStarted, SpeechPaused, SpeechPaused]


def test_an_utterance_may_be_ended_from_its_pause_until_speech_goes_on() -> None:
    endpointer = Endpointer()
    for voiced in frames(0, 400, 180):
        endpointer.push(voiced)
    assert endpointer.end(1) is None, "the pause is not long enough"
    for voiced in frames(20, 100, 240):
        endpointer.push(voiced)
    assert endpointer.end(2) is None, "there is no such utterance"
    assert endpointer.end(1) == SpeechEnded(1, 0, 700, 940)
    assert endpointer.end(1) is None, "it has ended"
    assert endpointer.state is State.SILENCE
    assert endpointer.flush() == ()


def test_speech_that_goes_on_cannot_be_ended() -> None:
    endpointer = Endpointer()
    for voiced in frames(0, 400, 240, 20):
        endpointer.push(voiced)
    assert endpointer.end(1) is None


def test_a_word_that_begins_while_the_utterance_is_ended_is_the_next_utterance() -> None:
    endpointer = Endpointer()
    for voiced in frames(0, 400, 400, 40):  # two frames of the next word: not sure yet
        endpointer.push(voiced)
    assert endpointer.end(1) == SpeechEnded(1, 0, 400, 840)
    assert endpointer.push(True)[0] == SpeechStarted(800)
    assert endpointer.utterance == 2


def test_what_is_said_right_after_an_early_end_is_of_the_same_run() -> None:
    endpointer = Endpointer()
    for voiced in frames(0, 400, 200):
        endpointer.push(voiced)
    endpointer.end(1)
    [started, continues] = [decision for voiced in frames(0, 60) for decision in endpointer.push(voiced)]
    assert started == SpeechStarted(600)
    assert continues == SpeechContinues(0, 660, 660, 0.0), "the gap was shorter than gap_ms"


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


def hear_and_end(heard: list[bool], ends: set[int]) -> list[Decision]:
    """With an attempt to end the utterance after each frame of `ends`."""
    endpointer = Endpointer()
    decisions: list[Decision] = []
    for index, voiced in enumerate(heard):
        decisions += endpointer.push(voiced)
        ended = endpointer.end(endpointer.utterance) if index in ends else None
        decisions += [] if ended is None else [ended]
    return [*decisions, *endpointer.flush()]


ends = st.sets(st.integers(0, 700), max_size=60)


@given(voicing, ends)
def test_early_ends_leave_one_end_to_each_start_and_no_overlap(heard: list[bool], at: set[int]) -> None:
    decisions = hear_and_end(heard, at)
    edges = [each for each in decisions if isinstance(each, SpeechStarted | SpeechEnded)]
    assert [type(each) for each in edges] == [SpeechStarted, SpeechEnded] * (len(edges) // 2)
    before = 0
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        assert isinstance(start, SpeechStarted)
        assert isinstance(end, SpeechEnded)
        assert before <= start.at_ms == end.started_ms < end.ended_ms <= end.decided_ms
        assert heard[end.ended_ms // FRAME - 1]
        before = end.ended_ms


@given(voicing, ends)
def test_early_ends_come_in_silence_only_and_change_no_run(heard: list[bool], at: set[int]) -> None:
    decisions = hear_and_end(heard, at)
    for each in decisions:
        if isinstance(each, SpeechEnded) and each.decided_ms < len(heard) * FRAME:
            assert SETTINGS.speculate_ms is not None
            assert each.decided_ms - each.ended_ms >= SETTINGS.speculate_ms
    for start, end in runs(decisions):
        text = "".join("x" if voiced else "." for voiced in heard[start // FRAME : end // FRAME])
        assert "." * (SETTINGS.gap_ms // FRAME) not in text


@given(voicing, ends)
def test_early_ends_lose_no_speech(heard: list[bool], at: set[int]) -> None:
    covered = {
        ms
        for each in hear_and_end(heard, at)
        if isinstance(each, SpeechEnded)
        for ms in range(each.started_ms, each.ended_ms, FRAME)
    }
    text = "".join("x" if voiced else "." for voiced in heard)
    found = text.find("xxx")
    while found >= 0:
        assert {(found + offset) * FRAME for offset in range(3)} <= covered
        found = text.find("xxx", found + 1)
