"""What virtual callees on a real FreeSWITCH say: files with their noise and beep; what cannot be done is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from robot.loopback.speech import NotOnARealLine, SpokenCallee, speak_all
from robot.simulator.callees_file import Beep, Callee, Say, StreamFault
from robot.simulator.sound import read_clip, tone, write_wav
from robot.simulator.voice import CalleeVoice


@pytest.fixture
def hello(tmp_path: Path) -> Say:
    write_wav(tmp_path / "hello.wav", tone(440, 500, 16_000), 16_000)
    return Say(after="answer", audio=tmp_path / "hello.wav")


def spoken(callee: Callee, folder: Path) -> SpokenCallee:
    [one] = speak_all([callee], folder / "callees", CalleeVoice(folder / "voices"))
    return one


def test_each_sentence_is_a_file_at_a_telephones_rate(hello: Say, tmp_path: Path) -> None:
    [file] = spoken(Callee(number="1", says=(hello,)), tmp_path).files
    clip = read_clip(str(file), 8000)
    assert clip.duration_ms == pytest.approx(500, abs=1)


def test_a_machine_beeps_after_its_greeting(hello: Say, tmp_path: Path) -> None:
    machine = Callee(number="1", answer="machine", says=(hello,), beep=Beep(hz=1000, ms=500))
    [file] = spoken(machine, tmp_path).files
    assert read_clip(str(file), 8000).duration_ms == pytest.approx(500 + 300 + 500, abs=1)


def test_the_noise_of_the_line_is_there_while_the_callee_speaks_and_while_not(tmp_path: Path) -> None:
    write_wav(tmp_path / "nothing.wav", np.zeros(8000, np.int16), 8000)
    noisy = Callee(number="1", says=(Say(after="answer", audio=tmp_path / "nothing.wav"),), noise_db=-50)
    one = spoken(noisy, tmp_path)
    rms = np.sqrt(np.mean(read_clip(str(one.files[0]), 8000).samples.astype(float) ** 2))
    assert 20 * np.log10(rms / 32768) == pytest.approx(-50, abs=0.5)
    # FreeSWITCH adds six 16-bit random numbers and divides by this.
    drawn = np.random.default_rng(1).integers(-32768, 32768, (20_000, 6)).sum(axis=1) / int(one.idle_noise)
    assert 20 * np.log10(np.sqrt(np.mean(drawn**2)) / 32768) == pytest.approx(-50, abs=0.5)


def test_a_line_without_noise_sends_digital_silence(tmp_path: Path) -> None:
    assert spoken(Callee(number="1"), tmp_path).idle_noise == "-1"


@pytest.mark.parametrize(
    ("callee", "key"),
    [(Callee(number="1", echo_db=-25), "echo_db"), (Callee(number="1", stream=StreamFault(fault="drop")), "stream")],
)
def test_what_a_real_freeswitch_cannot_do_is_refused(callee: Callee, key: str, tmp_path: Path) -> None:
    with pytest.raises(NotOnARealLine, match=key):
        spoken(callee, tmp_path)
