from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot.simulator.callees_file import Callee, CalleesError, find_callee, load_callees
from robot.simulator.sound import write_wav


def written(folder: Path, text: str) -> Path:
    file = folder / "callees.toml"
    file.write_text(text)
    return file


def test_every_key_is_read(tmp_path: Path) -> None:
    write_wav(tmp_path / "yes.wav", np.ones(80, np.int16), 8000)
    file = written(
        tmp_path,
        """
[simulator]
audio_stream = false
gateways = ["trunk", "second"]

[[callee]]
number = "+33140*"
ring_ms = 800
answer = "machine"
early_media = true
says = [ {after = "answer", wait_ms = 300, text = "Hello?"}, {after = "prompt_start", count = 2, audio = "yes.wav"} ]
hang_up = {after = "prompt_end", count = 3, wait_ms = 500}
dtmf = [ {after = "prompt_end", wait_ms = 500, digits = "1*#"} ]
echo_db = -25
noise_db = -50
beep = {hz = 1000, ms = 500}
stream = {fault = "drop", after_ms = 700, times = 1}
""",
    )
    loaded = load_callees(file)
    (callee,) = loaded.callee
    assert loaded.simulator.audio_stream is False
    assert callee.rings_ms == 800
    assert callee.says[0].text == "Hello?"
    assert callee.says[1].audio == tmp_path / "yes.wav"
    assert callee.hang_up is not None
    assert callee.hang_up.count == 3
    assert callee.stream is not None
    assert callee.stream.fault == "drop"


@pytest.mark.parametrize(
    ("line", "key", "hint"),
    [
        ('says = [{after = "answer"}]', "says", "give either `text` or `audio`"),
        ('says = [{after = "answer", audio = "nope.wav"}]', "callee[1].says[1].audio", "there is no file"),
        ('says = [{after = "answer", count = 2, text = "x"}]', "says", "answered once"),
        ('answer = "perhaps"', "callee[1].answer", "human"),
        ("ring = 5", "callee[1].ring", "not a key"),
        ('dtmf = [{after = "answer", digits = "1x"}]', "dtmf", "digits"),
        ("echo_db = 3", "callee[1].echo_db", "less than or equal to 0"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_remedy(tmp_path: Path, line: str, key: str, hint: str) -> None:
    file = written(tmp_path, f'[[callee]]\nnumber = "1"\n{line}\n')
    with pytest.raises(CalleesError) as raised:
        load_callees(file)
    message = str(raised.value)
    assert str(file) in message
    assert key in message
    assert hint in message


def test_a_file_without_callees_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(CalleesError, match="callee"):
        load_callees(written(tmp_path, "callee = []\n"))


def test_the_most_specific_number_wins() -> None:
    callees = [Callee(number=number) for number in ("*", "+33*", "+3314*1", "33140000001")]

    def found(number: str) -> str:
        callee = find_callee(callees, number)
        assert callee is not None
        return callee.number

    assert found("+33140000001") == "33140000001"
    assert found("+33149991") == "+3314*1"
    assert found("+3399") == "+33*"
    assert found("1234") == "*"
    assert find_callee(callees[1:], "1234") is None


@given(st.from_regex(r"\+?[0-9]{1,15}", fullmatch=True))
def test_a_number_written_out_is_found_with_and_without_its_plus(number: str) -> None:
    callees = [Callee(number=number), Callee(number="*")]
    assert find_callee(callees, number.lstrip("+")) is callees[0]
