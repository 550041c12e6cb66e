"""Barge-in: one decision a voiced frame, in audio time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot.call.barge_in import BENEFIT_MS, BargeInDetector, BargeInRule
from robot.dialogue.interruption import interruption_words

FRAME_MS = 20
ENGLISH = BargeInRule(1500, interruption_words("en"))


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


def armed(rule: BargeInRule = ENGLISH, prompt_started_ms: float = 0) -> BargeInDetector:
    detector = BargeInDetector()
    detector.arm(rule, prompt_started_ms)
    return detector


def test_a_stop_word_stops_the_prompt_below_the_threshold() -> None:
    detector = armed(prompt_started_ms=500)
    assert frames_until_fired(detector, 3000, 3400) == []
    assert detector.heard("Stop.", 3000, 3400) == 400
    assert detector.began_ms == 3000
    assert detector.heard("Stop.", 3000, 3400) is None, "once"
    assert frames_until_fired(detector, 3000, 9000) == []


@pytest.mark.parametrize("text", ["I know.", "There is no hurry", "Mm-hmm.", "", "Okay."])
def test_other_words_do_not_below_the_threshold(text: str) -> None:
    detector = armed()
    assert frames_until_fired(detector, 3000, 3400) == []
    assert detector.heard(text, 3000, 3400) is None


def test_a_stop_word_from_before_the_prompt_that_is_recognised_late_does_not_stop_it() -> None:
    assert armed(prompt_started_ms=3500).heard("Stop.", 3000, 3400) is None


def test_a_prompt_that_may_not_be_interrupted_is_not_by_words_either() -> None:
    detector = armed(BargeInRule(None, interruption_words("en")))
    assert detector.heard("Stop!", 3000, 3400) is None
    assert BargeInDetector().heard("Stop!", 3000, 3400) is None


def test_words_that_are_no_stop_words_change_nothing_about_the_threshold() -> None:
    detector = armed()
    assert frames_until_fired(detector, 3000, 3800) == []
    assert detector.heard("I would", 3000, 3600) is None
    assert frames_until_fired(detector, 3000, 6000) == [(4500, 1500)]
    assert detector.began_ms == 3000


def test_a_hum_past_the_threshold_goes_on_until_another_word_is_recognised() -> None:
    detector = armed()
    assert frames_until_fired(detector, 3000, 3800) == []
    assert detector.heard("Mm-hmm", 3000, 3600) is None
    assert frames_until_fired(detector, 3000, 5000) == []
    assert detector.heard("Mm-hmm, okay", 3000, 4900) is None
    assert frames_until_fired(detector, 3000, 5400) == []
    assert detector.heard("Mm-hmm, okay, but who", 3000, 5300) == 2400
    assert detector.began_ms == 3000


def test_words_that_stay_are_speech_whatever_they_sound_like() -> None:
    detector = armed(prompt_started_ms=2000)
    said = "Yes, please tell me more"
    assert detector.heard(said, 3000, 4400, said) is None, "below the threshold"
    assert detector.heard("Yes, please tell me more about it", 3000, 5000) is None, "another draft may say otherwise"
    assert detector.heard("woof woof woof woof woof woof", 3000, 5000, "woof woof woof woof woof") is None
    assert detector.heard("Yes, please tell me more", 3000, 5200, said) == 2200
    assert detector.began_ms == 3000


def test_another_word_below_the_threshold_ends_the_benefit_of_the_doubt() -> None:
    detector = armed()
    assert frames_until_fired(detector, 3000, 3800) == []
    detector.heard("Okay", 3000, 3600)
    assert frames_until_fired(detector, 3000, 4200) == []
    assert detector.heard("Okay, but", 3000, 4200) is None
    assert frames_until_fired(detector, 3000, 6000) == [(4500, 1500)]


def test_nobody_hums_for_ever() -> None:
    detector = armed()
    detector.heard("Mm-hmm", 3000, 3600)
    assert frames_until_fired(detector, 3000, 9000) == [(3000 + 1500 + BENEFIT_MS, 1500 + BENEFIT_MS)]


def test_what_is_known_of_one_run_says_nothing_of_the_next() -> None:
    detector = armed()
    assert frames_until_fired(detector, 3000, 3400) == []
    assert detector.heard("Okay.", 3000, 3400) is None
    assert frames_until_fired(detector, 3800, 9000) == [(5300, 1500)]


def test_what_is_known_of_one_prompt_says_nothing_of_the_next() -> None:
    detector = armed()
    detector.heard("Okay", 3000, 3600)
    detector.arm(ENGLISH, prompt_started_ms=3200)
    assert frames_until_fired(detector, 3000, 9000) == [(4700, 1500)]


def test_sound_in_which_no_words_are_found_is_taken_for_noise_when_it_is_long_enough() -> None:
    detector = armed()
    detector.heard("", 3000, 3600)
    assert frames_until_fired(detector, 3000, 9000) == [(4500, 1500)]
    detector = armed()
    detector.heard("...", 3000, 4200)
    assert frames_until_fired(detector, 3000, 9000) == [(6000, 3000)]


def test_a_time_to_resume_after_is_not_negative() -> None:
    with pytest.raises(ValueError, match="cannot be negative"):
        BargeInRule(resume_after_ms=-1)


@given(
    prompt=st.integers(0, 3000),
    runs=st.lists(
        st.tuples(
            st.integers(300, 2000),
            st.integers(20, 5000),
            st.lists(st.sampled_from(["", "mm-hmm", "okay", "hello", "stop", "I would like"]), max_size=4),
        ),
        max_size=6,
    ),
)
def test_with_words_it_fires_once_for_a_stop_word_or_between_the_threshold_and_the_limit(
    prompt: int, runs: list[tuple[int, int, list[str]]]
) -> None:
    detector = armed(prompt_started_ms=prompt)
    at, over = 0, None
    fired: list[tuple[str | None, float]] = []
    for gap_ms, length_ms, texts in runs:
        start = at + gap_ms
        at = start
        drafts = iter(texts)
        while at < start + length_ms:
            at += FRAME_MS
            over = detector.speech(start, at)
            if over is not None:
                fired.append((None, over))
            if (at - start) % 600 == 0 and (text := next(drafts, None)) is not None:
                over = detector.heard(text, start, at)
                if over is not None:
                    fired.append((text, over))
    assert len(fired) <= 1
    for cause, over in fired:
        if cause == "stop":
            assert over > 0
        else:
            assert 1500 <= over < 1500 + BENEFIT_MS + FRAME_MS
    longest = max((min(length, at_end - prompt) for length, at_end in _ends(runs)), default=0)
    if longest >= 1500 + BENEFIT_MS + FRAME_MS:
        assert fired


def _ends(runs: list[tuple[int, int, list[str]]]) -> list[tuple[int, int]]:
    """Length and end of each run, in ms."""
    ends, at = [], 0
    for gap_ms, length_ms, _ in runs:
        at += gap_ms + -(-length_ms // FRAME_MS) * FRAME_MS
        ends.append((length_ms, at))
    return ends
