from __future__ import annotations

from pathlib import Path

import pytest

from robot.rehearsal.conversations_file import ConversationsError, Known, load_conversations

KNOWN = Known(steps=("greeting", "confirmed"), intents=("yes", "no"), outcomes=("booked",), fields=("reason",))
GOOD = """
[[conversation]]
name = "says yes"
contact = { first_name = "Ann", age = 42 }
turns = [
  { callee = "Hello?" },
  { robot = "greeting" },
  { callee = "Yes.", intent = "yes" },
  { robot = "confirmed", robot_says = "at ten" },
]
outcome = "booked"
"""


def written(folder: Path, text: str, name: str = "one.toml") -> Path:
    (folder / "tests").mkdir(exist_ok=True)
    (folder / "tests" / name).write_text(text, encoding="utf-8")
    return folder


def test_conversations_come_with_their_places(tmp_path: Path) -> None:
    written(tmp_path, GOOD.replace("says yes", "second"), "b.toml")
    first, second = load_conversations(written(tmp_path, GOOD, "a.toml"), KNOWN)
    assert (first.name, second.name) == ("says yes", "second")
    assert (first.line, first.lines) == (2, (6, 7, 8, 9))
    assert first.conversation.contact == {"first_name": "Ann", "age": "42"}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('robot = "greeting"', 'robot = "greting"', "there is no step 'greting'; did you mean 'greeting'?"),
        ('intent = "yes"', 'intent = "maybe"', "intent: there is no intent 'maybe'; there are: no, yes"),
        ('outcome = "booked"', 'outcome = "boked"', ":11: conversation[1].outcome: there is no outcome 'boked'"),
        ('outcome = "booked"', "", ":2: conversation[1].outcome: is missing"),
        ('callee = "Hello?"', 'calee = "Hello?"', ":6: conversation[1].turns[1].calee: is not a key"),
        ('callee = "Hello?"', 'audio = "none.wav"', ":6: conversation[1].turns[1].audio: there is no file"),
        ('callee = "Hello?"', 'callee = "Hello?", over_prompt_ms = 10', "before the robot says anything"),
        ('callee = "Hello?"', 'callee = "Hello?", hangs_up = true', "hanging up is the last turn"),
        ('callee = "Hello?"', 'callee = "Hello?", keys = "1"', "make two turns of it"),
        ('callee = "Hello?"', 'silent = true, keys = "1"', "is silent and does something"),
        ('callee = "Hello?"', "wait_ms = 5", "says nothing: write"),
        ('callee = "Hello?"', 'callee = "x", interrupts = false', "add `over_prompt_ms`"),
        ('callee = "Hello?"', 'callee = "x", robot = "greeting"', "make that a turn of its own"),
        ('outcome = "booked"', 'outcome = "booked"\nkept = { reson = "*" }', "did you mean 'reason'?"),
        ('outcome = "booked"', 'outcome = "booked"\nanswer = "busy"', "nobody picks up"),
        ('outcome = "booked"', 'outcome = "booked"\nbeep = {}', 'add `answer = "machine"`'),
    ],
)  # fmt: skip
def test_mistakes_are_told_with_line_and_remedy(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in GOOD
    with pytest.raises(ConversationsError) as raised:
        load_conversations(written(tmp_path, GOOD.replace(old, new)), KNOWN)
    assert told in str(raised.value)
    assert len(raised.value.problems) == 1


def test_all_mistakes_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    written(tmp_path, GOOD, "a.toml")
    written(tmp_path, "[[conversation]", "b.toml")
    with pytest.raises(ConversationsError) as raised:
        load_conversations(written(tmp_path, GOOD.replace("greeting", "nowhere"), "c.toml"), KNOWN)
    assert [problem.file.name for problem in raised.value.problems] == ["b.toml", "c.toml", "c.toml"]
    assert "two conversations are called 'says yes'" in str(raised.value)


def test_a_campaign_without_conversations_says_where_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(ConversationsError, match=r"tests: there is no conversation: write one into .*NAME\.toml"):
        load_conversations(tmp_path, KNOWN)
