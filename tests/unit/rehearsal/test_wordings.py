from __future__ import annotations

from pathlib import Path

from robot.campaign.definition import load_campaign
from robot.rehearsal.verdict import HeardTurn
from robot.rehearsal.wordings import Wordings

SCRIPT = """
name = "c"
gateway = "trunk"
[reprompts.not_understood]
text = ["Yes or no?", "Say it again, {first_name|please}."]
[reprompts.silence]
text = "Are you there?"
[[step]]
name = "ask"
text = ["Hello {first_name|}, are you (there)?", "Hi!"]
again = "So?"
listen_ms = 3000
answers = { yes = "ask" }
"""


def test_a_prompt_is_its_step_or_a_reprompt(tmp_path: Path) -> None:
    (tmp_path / "campaign.toml").write_text(SCRIPT, encoding="utf-8")
    wordings = Wordings(load_campaign(tmp_path).scenario)

    def names(text: str, step: str | None = "ask") -> set[str]:
        return wordings.names(HeardTurn(True, text, 0, 1, step=step))

    assert names("Hello, are you (there)?") == names("Hello Ann, are you (there)?") == {"ask"}
    assert names("Hi!") == names("So?") == {"ask"}
    assert names("Yes or no?") == names("Say it again, Ann.") == {"not_understood"}
    assert names("Are you there?") == {"silence"}
    assert names("Something else") == {"ask"}
    assert names("Hi!", None) == set()
