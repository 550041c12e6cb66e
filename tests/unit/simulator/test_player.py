"""The player alone, tick by tick: delays, the queue, breaks that come too early, files inside files."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot.simulator.playback import Began, Completed, Execution, Player, Started, Stopped
from robot.simulator.sound import Clip

RATE = 8000
FRAME = 160


def file(name: str, frames: float = 10) -> Execution:
    clip = Clip(np.arange(int(frames * FRAME), dtype=np.int16), RATE)
    return Execution("playback", name, f"uuid of {name}", path=name, clip=clip)


class Ear:
    """Ticks the player every 20 ms from 0 on and notes what changes when."""

    def __init__(self, player: Player) -> None:
        self.player = player
        self.now_ms = 0.0
        self.log: list[tuple[float, str]] = []
        self.samples = 0

    def until(self, ms: float) -> list[tuple[float, str]]:
        seen = len(self.log)
        while self.now_ms < ms:
            self.now_ms += 20
            changes, piece = self.player.tick(self.now_ms)
            self.samples += 0 if piece is None else len(piece.samples)
            for change in changes:
                match change:
                    case Started(execution):
                        self.log.append((self.now_ms, f"start {execution.path}"))
                    case Stopped(execution, status):
                        self.log.append((self.now_ms, f"{status.value} {execution.path}"))
                    case Completed(execution, "FILE NOT FOUND"):
                        self.log.append((self.now_ms, f"missing {execution.path}"))
        return self.log[seen:]


@pytest.fixture
def ear() -> Ear:
    return Ear(Player(RATE))


def test_a_broadcast_starts_late_and_plays_to_its_last_sample(ear: Ear) -> None:
    ear.player.broadcast(file("a", 10.5), 0)
    assert ear.until(1000) == [(100, "start a"), (320, "done a")]
    assert ear.samples == int(10.5 * FRAME)


def test_right_after_the_park_it_starts_later(ear: Ear) -> None:
    ear.player.parked(0)
    ear.player.broadcast(file("a"), 0)
    assert ear.until(400) == [(300, "start a")]


def test_broadcasts_queue_with_a_tenth_of_a_second_between(ear: Ear) -> None:
    ear.player.broadcast(file("a"), 0)
    ear.player.broadcast(file("b"), 0)
    assert ear.until(1000) == [(100, "start a"), (300, "done a"), (400, "start b"), (600, "done b")]


@pytest.mark.parametrize("at_ms", [20, 60, 80])
def test_a_break_before_the_start_is_lost(ear: Ear, at_ms: float) -> None:
    ear.player.broadcast(file("a"), 0)
    ear.until(at_ms)
    ear.player.break_all()
    assert ear.until(1000) == [(100, "start a"), (300, "done a")]


def test_a_break_before_the_next_frame_drops_the_file_without_a_word(ear: Ear) -> None:
    ear.player.broadcast(file("a"), 0)
    ear.player.execute(file("b"), 0)
    ear.player.break_all()
    assert ear.until(1000) == []


def test_break_all_stops_in_one_frame_and_empties_the_queue(ear: Ear) -> None:
    ear.player.broadcast(file("a", 100), 0)
    ear.player.broadcast(file("b"), 0)
    ear.until(500)
    ear.player.break_all()
    assert ear.until(2000) == [(520, "break a")]


def test_break_of_one_file_lets_the_next_follow(ear: Ear) -> None:
    ear.player.broadcast(file("a", 100), 0)
    ear.player.broadcast(file("b"), 0)
    ear.until(500)
    ear.player.break_one()
    assert ear.until(2000) == [(520, "break a"), (680, "start b"), (880, "done b")]


def test_a_break_of_an_execution_that_has_begun_is_never_lost(ear: Ear) -> None:
    ear.player.execute(file("a", 100), 0)
    assert ear.until(20) == [(20, "start a")]
    ear.player.break_all()
    assert ear.until(1000) == [(40, "break a")]


def test_an_execution_plays_inside_another(ear: Ear) -> None:
    ear.player.execute(file("a", 10), 0)
    ear.until(100)
    ear.player.execute(file("b", 5), 100)
    assert ear.until(1000) == [(120, "start b"), (220, "done b"), (320, "done a")]


def test_unless_that_is_locked(ear: Ear) -> None:
    locked = file("a", 10)
    locked.locked = True
    ear.player.execute(locked, 0)
    ear.until(100)
    ear.player.execute(file("b", 5), 100)
    assert ear.until(1000) == [(220, "done a"), (220, "start b"), (320, "done b")]


def test_a_missing_file_only_completes(ear: Ear) -> None:
    ear.player.broadcast(Execution("playback", "x", "u", path="x"), 0)
    assert ear.until(1000) == [(100, "missing x")]


def test_a_hangup_ends_what_plays_as_done(ear: Ear) -> None:
    ear.player.broadcast(file("a", 100), 0)
    ear.player.broadcast(file("b"), 0)
    ear.until(500)
    stopped, completed = ear.player.end(hangup=True)
    assert isinstance(stopped, Stopped)
    assert (stopped.status, stopped.hangup) == ("done", True)
    assert isinstance(completed, Completed)
    assert ear.until(2000) == []


def test_what_is_to_be_played_before_the_channel_is_parked_ends_with_an_error(ear: Ear) -> None:
    plays, waits, queued = file("plays", 100), file("waits"), file("queued")
    ear.player.execute(plays, 0)
    ear.until(40)
    ear.player.execute(waits, 40)
    ear.player.broadcast(queued, 40)
    changes = ear.player.end(hangup=False, tell_waiting=True)
    completed = [change for change in changes if isinstance(change, Completed)]
    assert {each.execution.path: each.response for each in completed} == {
        "plays": "PLAYBACK ERROR", "waits": "PLAYBACK ERROR", "queued": "PLAYBACK ERROR"
    }  # fmt: skip
    assert [change.status for change in changes if isinstance(change, Stopped)] == ["done"]
    assert ear.until(2000) == [], "nothing of it is heard"


def test_another_application_begins_and_is_over() -> None:
    player = Player(RATE)
    player.execute(Execution("set", "a=b", "u"), 0)
    changes, piece = player.tick(20)
    assert [type(change) for change in changes] == [Began, Completed]
    assert piece is None


@given(
    st.lists(
        st.tuples(st.sampled_from(["broadcast", "execute", "break", "break all"]), st.integers(0, 600)), max_size=12
    )
)
def test_whatever_comes_each_start_has_its_stop_and_nothing_plays_on(commands: list[tuple[str, int]]) -> None:
    ear = Ear(Player(RATE))
    for number, (command, wait_ms) in enumerate(commands):
        ear.until(ear.now_ms + wait_ms)
        match command:
            case "broadcast":
                ear.player.broadcast(file(f"{number}", 8), ear.now_ms)
            case "execute":
                ear.player.execute(file(f"{number}", 8), ear.now_ms)
            case "break":
                ear.player.break_one()
            case _:
                ear.player.break_all()
    ear.until(ear.now_ms + 20_000)
    started = sorted(text.split()[1] for _, text in ear.log if text.startswith("start"))
    stopped = sorted(text.split()[1] for _, text in ear.log if not text.startswith("start"))
    assert started == stopped
    assert not ear.player.playing


def test_a_file_that_is_played_from_a_sample_on_has_only_its_rest(ear: Ear) -> None:
    part = file("a", 10)
    part.begin_at(8 * FRAME)
    ear.player.execute(part, 0)
    ear.until(1000)
    assert ear.samples == 2 * FRAME
    assert part.played == 2 * FRAME
    whole = Execution("playback", "b", "uuid of b", clip=Clip(np.zeros(10 * FRAME, np.int16), RATE, 2 * RATE))
    whole.begin_at(8 * FRAME)
    assert whole.start == 4 * FRAME, "counted at the rate of the file"
    whole.begin_at(10_000 * FRAME)
    assert whole.start == 10 * FRAME
