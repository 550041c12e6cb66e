from __future__ import annotations

import numpy as np
import pytest

from robot.simulator import sound
from robot.simulator.callee import Press, PutDown
from robot.simulator.callees_file import Beep, Callee, Dtmf, HangUp, Say
from robot.simulator.line import BEEP_AFTER_MS, CalleeLine, Sentence
from robot.simulator.playback import Execution, Piece
from robot.simulator.sound import Clip, Samples

RATE = 8000
FRAME = 160


def line(callee: Callee, *sentences: Samples, mulaw: bool = False) -> CalleeLine:
    spoken = [Sentence(f"sentence {number}", Clip(samples, RATE)) for number, samples in enumerate(sentences)]
    answered = CalleeLine(callee, spoken, RATE, mulaw=mulaw, place=0)
    answered.answered()
    return answered


def frames(one: CalleeLine, count: int) -> Samples:
    heard = []
    for _ in range(count):
        one.acts()
        heard.append(one.frame(None))
    return np.concatenate(heard)


def test_a_callee_speaks_at_its_time_to_the_sample() -> None:
    words = np.full(3 * FRAME + 50, 1000, np.int16)
    callee = line(Callee(number="1", says=(Say(after="answer", wait_ms=100, text="x"),)), words)
    sound_on_line = frames(callee, 20)
    spoken = np.flatnonzero(sound_on_line)
    assert (spoken[0], len(spoken)) == (5 * FRAME, len(words))
    (said,) = callee.heard.said
    assert (said.what, said.from_ms, said.to_ms) == ("sentence 0", 100, 100 + len(words) / 8)


def test_one_sentence_after_the_other() -> None:
    says = (Say(after="answer", text="x"), Say(after="answer", wait_ms=20, text="y"))
    callee = line(Callee(number="1", says=says), np.full(5 * FRAME, 1, np.int16), np.full(FRAME, 2, np.int16))
    assert list(frames(callee, 8)[::FRAME]) == [1, 1, 1, 1, 1, 2, 0, 0]


def test_something_can_be_said_a_while_after_what_was_said_before() -> None:
    says = (Say(after="answer", text="x"), Say(after="said", wait_ms=40, text="y"))
    callee = line(Callee(number="1", says=says), np.full(2 * FRAME, 1, np.int16), np.full(FRAME, 2, np.int16))
    assert list(frames(callee, 6)[::FRAME]) == [1, 1, 0, 2, 0, 0]


def test_prompts_are_kept_exactly_with_how_they_ended() -> None:
    callee = line(Callee(number="1"))
    prompt = np.arange(1, 1001, dtype=np.int16)
    playing = Execution("playback", "p", "u", path="p.wav", clip=Clip(prompt, RATE))
    callee.frame(None)
    callee.prompt_started(playing)
    callee.frame(Piece(prompt, 0, 160))
    callee.frame(Piece(prompt, 160, 300))
    playing.position = 300
    callee.prompt_stopped(playing, "break")
    callee.frame(None)
    (heard,) = callee.heard.prompts
    assert (heard.prompt, heard.from_ms, heard.to_ms, heard.how) == ("p.wav", 20, 20 + 300 / 8, "break")
    samples = callee.heard.samples
    assert len(samples) == 4 * FRAME
    assert np.array_equal(samples[FRAME : FRAME + 300], prompt[:300])
    assert not samples[:FRAME].any()
    assert not samples[FRAME + 300 :].any()


def test_a_prompt_that_goes_on_inside_a_gap_is_not_joined_wrongly() -> None:
    callee = line(Callee(number="1"))
    prompt = np.arange(1, 1001, dtype=np.int16)
    callee.frame(Piece(prompt, 0, 160))
    callee.frame(None)
    callee.frame(Piece(prompt, 160, 320))
    samples = callee.heard.samples
    assert not samples[FRAME : 2 * FRAME].any()
    assert np.array_equal(samples[2 * FRAME :], prompt[160:320])


def test_an_echo_comes_back_later_and_softer() -> None:
    callee = line(Callee(number="1", echo_db=-20))
    prompt = np.full(FRAME, 10_000, np.int16)
    back = [callee.frame(Piece(prompt, 0, FRAME))] + [callee.frame(None) for _ in range(5)]
    assert [int(frame[0]) for frame in back] == [0] * 4 + [1000, 0]


@pytest.mark.parametrize("echo_ms", [0, 7, 20, 233])
def test_an_echo_takes_its_time_to_the_millisecond_and_loses_nothing(echo_ms: int) -> None:
    callee = line(Callee(number="1", echo_db=-20, echo_ms=echo_ms))
    prompt = np.arange(100, 100 + 10 * 2 * FRAME, 10, dtype=np.int16)
    for pause in (0, 20):  # the second time nothing is left of the first
        back = [callee.frame(Piece(prompt, start, start + FRAME)) for start in (0, FRAME)]
        back += [callee.frame(None) for _ in range(14 + pause)]
        heard = np.concatenate(back)
        begin = echo_ms * 8
        assert not heard[:begin].any()
        assert np.array_equal(heard[begin : begin + 2 * FRAME], np.rint(prompt * 0.1).astype(np.int16))
        assert not heard[begin + 2 * FRAME :].any()


def test_noise_is_always_there_and_differs_between_calls() -> None:
    callee = Callee(number="1", noise_db=-50)
    one = CalleeLine(callee, [], RATE, mulaw=False, place=1).frame(None)
    other = CalleeLine(callee, [], RATE, mulaw=False, place=2).frame(None)
    assert one.any()
    assert not np.array_equal(one, other)


def test_a_silent_callee_is_silent() -> None:
    assert not frames(line(Callee(number="1")), 5).any()


def test_a_telephone_line_compands() -> None:
    words = sound.tone(440, 200, RATE)
    callee = line(Callee(number="1", says=(Say(after="answer", text="x"),)), words, mulaw=True)
    assert np.array_equal(frames(callee, 10), sound.through_mulaw(words))


def test_the_beep_follows_the_greeting() -> None:
    machine = Callee(number="1", answer="machine", says=(Say(after="answer", text="x"),), beep=Beep(hz=1000, ms=200))
    greeting = np.full(FRAME, 500, np.int16)
    heard = frames(line(machine, greeting), 40)
    pause = BEEP_AFTER_MS * 8
    assert not heard[FRAME : FRAME + pause].any()
    beep = heard[FRAME + pause : FRAME + pause + 1600]
    assert int(np.argmax(np.abs(np.fft.rfft(beep.astype(float))))) == 200  # 1000 Hz in 0.2 s


def test_keys_and_hanging_up() -> None:
    callee = line(
        Callee(
            number="1",
            dtmf=(Dtmf(after="answer", wait_ms=20, digits="5"),),
            hang_up=HangUp(after="answer", wait_ms=40),
        )
    )
    acts = []
    for _ in range(4):
        acts.append(callee.acts())
        callee.frame(None)
    assert acts == [[], [Press("5")], [PutDown()], []]
