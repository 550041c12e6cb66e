from __future__ import annotations

from pathlib import Path

from robot.campaign.definition import Campaign, load_campaign
from robot.campaign.diagram import dead_ends, mermaid, reachable, tree

SCRIPT = """
name = "c"
gateway = "trunk"
[objections]
price = "price"
[[step]]
name = "ask"
text = "Do you \\"really\\" want it?"
listen_ms = 3000
answers = { yes = "gold", no = "bye" }
keys = { 1 = "gold" }
otherwise = "ask_again"
[[step]]
name = "ask_again"
text = "Well?"
listen_ms = 3000
otherwise = "ask_again"
silence = "ask_again"
[[step]]
name = "gold"
branch = [{ field = "plan", one_of = ["gold", "silver"], step = "agent" }]
next = "bye"
[[step]]
name = "agent"
text = "One moment."
transfer = { number = "+33140000009", failed = "bye" }
[[step]]
name = "bye"
text = "Goodbye."
outcome = "completed"
[[step]]
name = "price"
text = "Ten."
[[step]]
name = "nowhere"
text = "Never said."
next = "bye"
"""


def campaign(folder: Path) -> Campaign:
    (folder / "campaign.toml").write_text(SCRIPT, encoding="utf-8")
    return load_campaign(folder)


def test_a_tree_draws_each_step_once(tmp_path: Path) -> None:
    assert tree(campaign(tmp_path).scenario) == [
        'ask  "Do you "really" want it?"',
        "├─ yes → gold",
        '│  ├─ plan one of gold, silver → agent  "One moment."',
        "│  │  ├─ taken → ■ transferred",
        '│  │  └─ nobody → bye  "Goodbye."  ■ completed',
        "│  └─ else → bye ↑",
        "├─ no → bye ↑",
        "├─ key 1 → gold ↑",
        '├─ anything else → ask_again  "Well?"',
        "│  ├─ anything else → ask_again ↑",
        "│  └─ silence → ask_again ↑",
        "└─ silence → ■ the end",
        "at any time, price →",
        '└─ price  "Ten."  ■ back, or the end',
    ]


def test_mermaid_names_each_step_and_each_way(tmp_path: Path) -> None:
    lines = [line.strip() for line in mermaid(campaign(tmp_path).scenario).splitlines()]
    assert lines[0] == "flowchart TD"
    assert 's_ask{{"ask: Do you &quot;really&quot; want it?"}}' in lines
    assert 's_ask -- "yes" --> s_gold' in lines
    assert 'any -. "price" .-> s_price' in lines
    ends = dict(line.removesuffix('"])').split('(["') for line in lines if line.startswith("end_"))
    assert set(ends.values()) == {"the end", "transferred", "completed"}
    completed = next(name for name, outcome in ends.items() if outcome == "completed")
    assert f"s_bye --> {completed}" in lines


def test_what_can_be_reached_and_what_never_ends(tmp_path: Path) -> None:
    scenario = campaign(tmp_path).scenario
    everything = {step.name for step in scenario.steps}
    assert everything - reachable(scenario) == {"nowhere"}
    assert reachable(scenario, ["nowhere"]) == everything
    assert dead_ends(scenario) == {"ask_again"}
