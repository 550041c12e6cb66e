"""A step that a language model holds, in campaign.toml and in what is told of a campaign."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from robot.campaign.agent_table import AgentTable, MayTable
from robot.campaign.definition import CampaignError, load_campaign
from robot.campaign.diagram import mermaid, tree
from robot.campaign.review import review
from robot.dialogue.error_codes import ErrorCode
from robot.dialogue.scenario import Held
from robot.prompts.library import PromptLibrary

SCRIPT = """
name = "c"
gateway = "trunk"
[objections]
do_not_call = "sorry"
[[step]]
name = "talk"
[step.agent]
instructions = "Be kind."
facts = ["It is free."]
end_of_turn_ms = 300
filler_after_ms = 1200
fallback = "sorry"
[step.agent.may]
outcomes = ["sold"]
keep = ["size"]
[[step]]
name = "sorry"
text = "Sorry."
outcome = "do_not_call"
"""


def written(folder: Path, *changes: tuple[str, str]) -> Path:
    script = SCRIPT
    for old, new in changes:
        assert old in script
        script = script.replace(old, new)
    (folder / "campaign.toml").write_text(script, encoding="utf-8")
    return folder


def test_what_it_says_is_what_holds_the_step(tmp_path: Path) -> None:
    scenario = load_campaign(written(tmp_path)).scenario
    held = scenario.step("talk").does
    assert isinstance(held, Held)
    assert held.by.instructions == "Be kind."
    assert held.by.may.outcomes == ("sold",)
    assert held.patience.complete_ms == 300
    assert held.patience.open_ms == 450
    assert held.fillers is not None
    assert held.failed == "sorry"
    assert held.apology.variants  # the language has one
    assert "size" in scenario.kept_fields()


def test_instructions_may_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "agent.md").write_text("Be short.", encoding="utf-8")
    folder = written(tmp_path, ('instructions = "Be kind."', 'instructions_file = "agent.md"'))
    held = load_campaign(folder).scenario.step("talk").does
    assert isinstance(held, Held)
    assert held.by.instructions == "Be short."


def test_fillers_may_be_sounds(tmp_path: Path) -> None:
    (tmp_path / "cough.wav").write_bytes(b"RIFF")
    fillers = 'filler_after_ms = 1200\nfillers = ["(cough)"]\nfillers_audio = ["cough.wav"]'
    held = load_campaign(written(tmp_path, ("filler_after_ms = 1200", fillers))).scenario.step("talk").does
    assert isinstance(held, Held)
    assert held.fillers is not None
    assert [variant.audio for variant in held.fillers.variants] == [tmp_path / "cough.wav"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('instructions = "Be kind."\n', "", "needs either `instructions"),
        ('instructions = "Be kind."', 'instructions_file = "away.md"', "there is no file"),
        ('instructions = "Be kind."', 'instructions_file = "../away.md"', "outside the campaign's folder"),
        ('fallback = "sorry"', 'fallback = "sory"', "did you mean 'sorry'?"),
        ('facts = ["It is free."]', 'never_say = ["/(/"]', "is no regular expression"),
        ("filler_after_ms = 1200", 'fillers_audio = ["cough.wav"]', "as many `fillers`"),
        ('outcomes = ["sold"]', 'go_to = ["away"]', "no [[step]] has that name"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    with pytest.raises(CampaignError) as error:
        load_campaign(written(tmp_path, (old, new)))
    assert told in str(error.value)


def test_it_is_drawn_with_all_ways_out_of_it(tmp_path: Path) -> None:
    scenario = load_campaign(written(tmp_path)).scenario
    assert tree(scenario)[:3] == [
        "talk",
        "├─ the model → ■ sold",
        '└─ it cannot go on → sorry  "Sorry."  ■ do_not_call',
    ]
    assert '-- "the model" --> end_0' in mermaid(scenario)
    assert 'end_0(["sold"])' in mermaid(scenario)


@pytest.mark.parametrize(
    ("changes", "instead"),
    [([], "goes on with 'sorry'"), ([('fallback = "sorry"\n', "")], "ends with an apology")],
)
def test_a_campaign_for_a_model_is_warned_of_where_there_is_none(
    tmp_path: Path, changes: list[tuple[str, str]], instead: str
) -> None:
    campaign = load_campaign(written(tmp_path, *changes))
    library = PromptLibrary(tmp_path / "prompts")
    try:
        assert [each.key for each in review(campaign, library, has_model=True).warnings if "agent" in each.key] == []
        [warning] = [each for each in review(campaign, library, has_model=False).warnings if "agent" in each.key]
    finally:
        library.close()
    assert warning.line == 8
    assert instead in warning.message
    assert "llm.url" in warning.message


def test_every_key_and_every_code_is_documented() -> None:
    text = (Path(__file__).parents[3] / "docs" / "campaigns.md").read_text(encoding="utf-8")
    part = text.partition("### Steps that a language model holds\n")[2].partition("\n### ")[0]
    rows = [line.split("|")[1] for line in part.splitlines() if line.startswith("| ")]
    named = {name for row in rows for name in re.findall(r"`(\w+)", row)}
    wanted = {*AgentTable.model_fields, *MayTable.model_fields, *ErrorCode}
    assert named == wanted
