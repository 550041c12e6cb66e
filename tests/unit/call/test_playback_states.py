"""One prompt in FreeSWITCH: what it does with events, breaks and deadlines, on a clock of the test's own."""

from hypothesis import given
from hypothesis import strategies as st

from robot.call.playback import (
    BREAK_LIMIT_S,
    CANCELLED_LIMIT_S,
    FINAL,
    OVERTIME_S,
    START_LIMIT_S,
    Playback,
    PlaybackState,
)


def test_a_prompt_plays_to_its_end() -> None:
    playback = Playback(length_s=8, now=0)
    assert not playback.on_started(0.12)
    assert playback.audible
    playback.on_stopped(8.12, broken=False)
    assert playback.state is PlaybackState.FINISHED
    assert (playback.started_at, playback.ended_at, playback.breaks_sent) == (0.12, 8.12, 0)


def test_a_break_counts_when_playback_stop_says_so() -> None:
    playback = Playback(length_s=8, now=0)
    playback.on_started(0.12)
    assert playback.stop(3.0)
    assert not playback.over
    playback.on_stopped(3.02, broken=True)
    assert playback.state is PlaybackState.INTERRUPTED


def test_a_break_before_the_start_is_sent_again_at_the_start() -> None:
    playback = Playback(length_s=8, now=0)
    assert playback.stop(0.05)
    assert playback.on_started(0.12), "FreeSWITCH lost the first one"
    playback.on_stopped(0.14, broken=True)
    assert playback.state is PlaybackState.INTERRUPTED
    assert playback.breaks_sent == 2


def test_a_cancelled_prompt_that_freeswitch_dropped_without_a_word_ends_at_its_limit() -> None:
    playback = Playback(length_s=8, now=0)
    playback.stop(0.001)
    assert playback.deadline() == 0.001 + CANCELLED_LIMIT_S
    assert not playback.expired(playback.deadline())
    assert playback.state is PlaybackState.INTERRUPTED


def test_a_break_that_stays_without_effect_is_sent_again_until_the_file_must_be_over() -> None:
    playback = Playback(length_s=2, now=0)
    playback.on_started(0.1)
    assert playback.stop(0.5)
    again = 0
    while not playback.over:
        again += playback.expired(playback.deadline())
    assert again >= 3
    assert playback.deadline() <= 0.1 + 2 + OVERTIME_S + BREAK_LIMIT_S
    assert playback.state is PlaybackState.INTERRUPTED


def test_a_second_stop_wants_no_second_break() -> None:
    playback = Playback(length_s=8, now=0)
    playback.on_started(0.1)
    assert playback.stop(1)
    assert not playback.stop(1.02)
    playback.on_stopped(1.04, broken=True)
    assert not playback.stop(2)


def test_the_file_may_end_before_the_break_takes_effect() -> None:
    playback = Playback(length_s=1, now=0)
    playback.on_started(0)
    playback.stop(0.99)
    playback.on_stopped(1.0, broken=False)
    assert playback.state is PlaybackState.FINISHED


def test_what_never_starts_is_told_apart_from_what_is_missing() -> None:
    never = Playback(length_s=1, now=0)
    assert not never.expired(START_LIMIT_S - 0.01)
    never.expired(START_LIMIT_S)
    assert never.state is PlaybackState.NEVER_STARTED
    missing = Playback(length_s=1, now=0)
    missing.on_missing(0.1)
    assert missing.state is PlaybackState.MISSING


def test_a_lost_playback_stop_does_not_hold_the_call() -> None:
    playback = Playback(length_s=3, now=0)
    playback.on_started(0.1)
    playback.expired(0.1 + 3 + OVERTIME_S)
    assert playback.state is PlaybackState.FINISHED


def test_a_hangup_interrupts_what_plays() -> None:
    playing = Playback(length_s=3, now=0)
    playing.on_started(0.1)
    playing.on_gone(1)
    assert playing.state is PlaybackState.INTERRUPTED
    requested = Playback(length_s=3, now=0)
    requested.on_gone(0.05)
    assert requested.state is PlaybackState.NEVER_STARTED


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["stop", "started", "done", "break", "missing", "gone", "wait", "deadline"]), st.floats(0, 3)
    ),
    max_size=25,
)


@given(EVENTS)
def test_whatever_comes_a_final_state_is_final_and_a_stopped_prompt_is_never_left_playing(
    events: list[tuple[str, float]],
) -> None:
    now = 0.0
    playback = Playback(length_s=2, now=now)
    final: PlaybackState | None = None
    for event, delay in events:
        now += delay
        was = playback.state
        match event:
            case "stop":
                wants_break = playback.stop(now)
                assert wants_break == (was in (PlaybackState.REQUESTED, PlaybackState.PLAYING))
            case "started":
                wants_break = playback.on_started(now)
                assert wants_break == (was is PlaybackState.CANCELLED)
            case "done":
                playback.on_stopped(now, broken=False)
            case "break":
                playback.on_stopped(now, broken=True)
            case "missing":
                playback.on_missing(now)
            case "gone":
                playback.on_gone(now)
            case "deadline":
                now = max(now, playback.deadline())
                playback.expired(now)
        if final is not None:
            assert playback.state is final
        if playback.state in FINAL:
            final = playback.state
    # However it stands, its deadlines end it in a bounded number of steps.
    for _ in range(40):
        if playback.over:
            break
        now = max(now, playback.deadline())
        playback.expired(now)
    assert playback.over


def test_how_much_was_played_stands_still_at_the_stop_and_is_never_more_than_there_was() -> None:
    playback = Playback(length_s=8, now=0)
    assert playback.played_s(5) == 0
    playback.on_started(0.5)
    assert playback.played_s(0.4) == 0
    assert playback.played_s(2.5) == 2
    assert playback.played_s(100) == 8
    playback.stop(3.5)
    playback.on_stopped(3.5, broken=True)
    assert playback.played_s(7) == 3
    assert playback.played_s(1.5) == 1
    finished = Playback(length_s=8, now=0)
    finished.on_started(0.5)
    finished.on_stopped(8.4, broken=False)
    assert finished.played_s(9) == 8
