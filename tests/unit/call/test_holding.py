"""What a model decides, and what becomes of a call whose model cannot go on, as the script's next action."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from robot.call.holding import Holding, HoldingParts, Thinking
from robot.call.prompting import CallPrompts
from robot.campaign.definition import load_campaign
from robot.dialogue.conversation import Action, Conversation, Converse, HangUp, OptOut, Say
from robot.dialogue.llm import LlmFailed, Request
from robot.dialogue.scenario import Prompt, Variant
from robot.prompts.live import LiveSpeech
from robot.prompts.voice import VoiceSettings
from tests.unit.call.held_world import HeldWorld, Piece, in_no_time, prompt_of, tool

SCRIPT = """
name = "c"
gateway = "trunk"
[[step]]
name = "talk"
next = "bye"
[step.agent]
instructions = "Be kind."
apology = "I am broken."
farewell = "I must go."
longest_talk_s = 10
[step.agent.may]
go_to = ["bye"]
transfer = ["agent"]
keep = ["size"]
callback = true
[[step]]
name = "agent"
transfer = { extension = "1000" }
[[step]]
name = "bye"
text = "Goodbye, size {size|unknown}."
outcome = "sold"
"""
WITH_OUTCOMES = ("[step.agent.may]\n", '[step.agent.may]\noutcomes = ["lost"]\n')
WITH_FALLBACK = ("longest_talk_s", 'fallback = "bye"\nlongest_talk_s')
TO_NOWHERE = ('next = "bye"\n', 'outcome = "late"\n')


@dataclass
class Voice:
    """Speaks at once, and keeps no file."""

    spoken: list[str] = field(default_factory=list)

    async def speak(self, text: str, voice: VoiceSettings, *, owner: str) -> Prompt:
        self.spoken.append(text)
        return prompt_of(text)

    async def prompt(self, variant: Variant, values: Mapping[str, str]) -> Prompt:
        return prompt_of(variant.text.render(values))


class HeldStep:
    """A call at the step, up to what the script does next."""

    def __init__(self, folder: Path, changes: Sequence[tuple[str, str]], script: Callable[[Request], Sequence[Piece]]):
        text = SCRIPT
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (folder / "campaign.toml").write_text(text, encoding="utf-8")
        self.world = HeldWorld(script)
        self.conversation = Conversation(load_campaign(folder).scenario)
        self.faults: list[str] = []

    async def run(self, *, has_model: bool = True) -> Action:
        world, voice = self.world, Voice()
        thinking = Thinking(world.model if has_model else None, cast(LiveSpeech, voice))
        parts: dict[str, Any] = {
            "thinking": thinking, "voice": VoiceSettings(), "values": {}, "zone": ZoneInfo("UTC"),
            "conversation": self.conversation, "door": world.door, "hearing": world.hearing,
            "speaking": world.speaking, "prompts": cast(CallPrompts, voice), "enter": lambda state: None,
            "tell": lambda notice: None, "fault": lambda code, reason: self.faults.append(code),
            "opted_out": lambda: None, "conclude": world.concluded.append, "ends_at": lambda: 10_000.0,
        }  # fmt: skip
        action = self.conversation.begin()
        assert isinstance(action, Converse)
        return await Holding("uuid", HoldingParts(**parts)).run(action, world.talk._parts.rule, None)


def decided(
    folder: Path, *pieces: Piece, changes: Sequence[tuple[str, str]] = (), has_model: bool = True
) -> tuple[Action, HeldStep]:
    """What comes of a model that gives `pieces` to everything."""

    async def call() -> tuple[Action, HeldStep]:
        held = HeldStep(folder, changes, lambda request: pieces)
        return await held.run(has_model=has_model), held

    return in_no_time(call())


def step_of(action: Action) -> str:
    assert isinstance(action, Say)
    return action.step.name


@pytest.mark.parametrize(
    ("call", "step"), [(tool("end_call"), "bye"), (tool("go_to", step="bye"), "bye"), (tool("do_not_call"), None)]
)
def test_what_it_decides_is_done_by_the_script(tmp_path: Path, call: Piece, step: str | None) -> None:
    action, held = decided(tmp_path, "All right.", call)
    assert held.world.spoken == ["All right."]
    if step is None:
        assert action == HangUp("do_not_call")
    else:
        assert step_of(action) == step


def test_an_outcome_ends_the_call(tmp_path: Path) -> None:
    action, held = decided(tmp_path, tool("end_call", outcome="lost", farewell="Bye."), changes=[WITH_OUTCOMES])
    assert action == HangUp("lost")
    assert held.world.spoken == ["Bye."]
    assert held.world.concluded == ["lost"]


def test_a_handover_is_that_of_its_step(tmp_path: Path) -> None:
    action, _ = decided(tmp_path, tool("transfer_call", to="agent"))
    assert not isinstance(action, HangUp | OptOut)


def test_what_it_keeps_is_said_by_the_script(tmp_path: Path) -> None:
    kept = [tool("keep_fact", name="size", value="nine"), tool("schedule_callback", when="tomorrow at ten")]
    action, held = decided(tmp_path, "All right.", *kept, tool("go_to", step="bye"))
    assert step_of(action) == "bye"
    assert held.conversation.values["size"] == "nine"
    assert held.conversation.callback is not None


@pytest.mark.parametrize("has_model", [True, False])
def test_without_a_fallback_a_model_that_fails_or_is_not_there_ends_the_call_politely(
    tmp_path: Path, has_model: bool
) -> None:
    action, held = decided(tmp_path, LlmFailed("broken"), has_model=has_model)
    assert action == HangUp("failed")
    assert held.world.spoken == ["I am broken."]
    assert set(held.faults) == {"LLM_FAIL"}


@pytest.mark.parametrize("has_model", [True, False])
def test_with_a_fallback_the_script_goes_on(tmp_path: Path, has_model: bool) -> None:
    action, held = decided(tmp_path, LlmFailed("broken"), changes=[WITH_FALLBACK], has_model=has_model)
    assert step_of(action) == "bye"
    assert held.world.spoken == []


def test_who_talks_for_too_long_is_told_goodbye(tmp_path: Path) -> None:
    action, held = decided(tmp_path, "One more thing.", changes=[TO_NOWHERE])
    assert action == HangUp("late")
    assert held.world.spoken[-1] == "I must go."
    assert held.faults == ["MAX_DURATION_EXCEEDED"]
