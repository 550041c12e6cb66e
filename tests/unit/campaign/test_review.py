from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from robot.campaign.definition import load_campaign
from robot.campaign.review import Review, review
from robot.prompts.library import PromptLibrary
from robot.simulator.sound import write_wav

SCRIPT = """
name = "c"
gateway = "trunk"
[objections]
do_not_call = "sorry"
[intents.gone]
phrases = ["no thanks"]
[[step]]
name = "ask"
audio = "hello.wav"
text = "Hello {first_name}, would you?"
listen_ms = 3000
answers = { yes = "bye", no = "sorry" }
otherwise = "bye"
silence = "bye"
[[step]]
name = "bye"
audio = "bye.wav"
text = "Goodbye."
outcome = "completed"
[[step]]
name = "sorry"
audio = "bye.wav"
text = "Sorry."
outcome = "do_not_call"
"""


@pytest.fixture
def library(tmp_path: Path) -> Iterator[PromptLibrary]:
    opened = PromptLibrary(tmp_path / "prompts")
    yield opened
    opened.close()


def written(folder: Path, script: str, contacts: str | None = None) -> Path:
    (folder / "campaign.toml").write_text(script, encoding="utf-8")
    if contacts is not None:
        (folder / "contacts.csv").write_text(contacts, encoding="utf-8")
    tone = (np.sin(np.arange(8000) / 5) * 8000).astype(np.int16)
    for name in ("hello.wav", "bye.wav"):
        write_wav(folder / name, tone, 8000)
    return folder


def told(found: Review) -> list[str]:
    return [f"{problem.file.name}:{problem.line}: {problem.key}: {problem.message}" for problem in found.warnings]


def test_a_good_campaign_is_summed_up(tmp_path: Path, library: PromptLibrary) -> None:
    found = review(load_campaign(written(tmp_path, SCRIPT, "number,first_name\n+33140000001,Ann\n")), library)
    assert found.good
    assert told(found) == []
    assert [(prompt.step, prompt.recorded) for prompt in found.prompts] == [
        ("ask", True),
        ("bye", True),
        ("sorry", True),
    ]
    for prompt in found.prompts:
        assert prompt.length_s == pytest.approx(1.0, abs=0.2)
        assert prompt.level_db == pytest.approx(-25, abs=1)
    assert (found.contacts, found.intents["gone"]) == (1, 1)
    assert found.as_json()["good"] is True


ANSWERS = 'answers = { yes = "bye", no = "sorry" }'


@pytest.mark.parametrize(
    ("changes", "warnings"),
    [
        ({'[objections]\ndo_not_call = "sorry"': ""}, ["nobody is told that they will not be called again"]),
        ({ANSWERS: 'answers = { yes = "bye" }\nkeys = { 2 = "ask" }'}, []),
        # Phrases of an intent of one's own may be shipped with another one, but not be in two of one's own.
        ({ANSWERS: 'answers = { no = "bye", gone = "sorry" }'}, []),
        (
            {
                ANSWERS: 'answers = { later = "bye", gone = "sorry" }',
                "[intents.gone]": '[intents.later]\nphrases = ["no thanks"]\n[intents.gone]',
            },
            ["step[1].answers: 'no thanks' of "],
        ),
        (
            {ANSWERS: "", 'otherwise = "bye"\nsilence = "bye"': 'otherwise = "ask"\nsilence = "ask"'},
            ["from 'ask' the robot never ends the call", "'bye' is a step that no other leads to"],
        ),
    ],
)
def test_what_may_not_be_meant_is_a_warning(
    tmp_path: Path, library: PromptLibrary, changes: dict[str, str], warnings: list[str]
) -> None:
    script = SCRIPT
    for old, new in changes.items():
        assert old in script
        script = script.replace(old, new)
    found = review(load_campaign(written(tmp_path, script)), library)
    assert found.good
    assert len(told(found)) == len(warnings), told(found)
    for warning, wanted in zip(told(found), warnings, strict=True):
        assert wanted in warning


def test_contacts_are_compared_with_what_is_said(tmp_path: Path, library: PromptLibrary) -> None:
    found = review(load_campaign(written(tmp_path, SCRIPT, "number,name\n+33140000001,Ann\n")), library)
    assert told(found)[0].startswith("campaign.toml:8: step[1]: says {first_name}, which is no column of contacts.csv")
    listed = "number,first_name\n+33140000001,Ann\n+33140000002,\n0140,Ben\n"
    found = review(load_campaign(written(tmp_path, SCRIPT, listed)), library)
    assert [each.split(": ", 1)[1] for each in told(found)] == [
        "step[1]: says {first_name}, which is empty for 1 contact(s), first in line 3: add it, or write what is said "
        "without it: {first_name|...}",
        "number: 1 number(s) that cannot be called, in line 4: write them like +33140000001",
    ]


def test_what_cannot_be_played_or_read_is_a_mistake(tmp_path: Path, library: PromptLibrary) -> None:
    written(tmp_path, SCRIPT, "name\nAnn\n")
    (tmp_path / "bye.wav").write_bytes(b"no sound at all")
    found = review(load_campaign(tmp_path), library)
    assert not found.good
    assert [problem.file.name for problem in found.errors] == ["contacts.csv", "campaign.toml", "campaign.toml"]
    assert found.as_json()["problems"][0]["message"].startswith("has no column `number`")
