from __future__ import annotations

import pytest

from robot.toml_file import Location, line_of

TEXT = '''name = "x"
[[conversation]]
name = "one"
turns = [ { callee = "A" }, { robot = "b" } ]
[[conversation]]
contact = { first_name = "Ann, or = [Anna]" }  # a } comment
turns = [
  # { callee = "left out" },
  { callee = "Hello, {you}" },
  { robot = 'greeting' }, { callee = """two
lines""" },
  { callee = "Yes", intent = "yes",
    wait_ms = 400 },
]
outcome = "confirmed"
'''


@pytest.mark.parametrize(
    ("location", "line"),
    [
        (("name",), 1),
        (("conversation", 0, "turns", 1, "robot"), 4),
        (("conversation", 1), 5),
        (("conversation", 1, "contact", "first_name"), 6),
        (("conversation", 1, "turns"), 7),
        (("conversation", 1, "turns", 0), 9),
        (("conversation", 1, "turns", 1, "robot"), 10),
        (("conversation", 1, "turns", 2), 10),
        (("conversation", 1, "turns", 3, "intent"), 12),
        (("conversation", 1, "turns", 3, "wait_ms"), 13),
        (("conversation", 1, "turns", 3, "outcome"), 12),  # not there: the element it should be in
        (("conversation", 1, "turns", 9), 7),
        (("conversation", 1, "outcome"), 15),
        (("conversation", 2), None),
    ],
)
def test_the_line_of_a_key(location: Location, line: int | None) -> None:
    assert line_of(TEXT, location) == line
