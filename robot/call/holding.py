"""Steps of one call that a language model holds: what holds them, and what it decides as the script's next action.

    Talk ── Converse ──▶ Holding ── AgentTalk ── ending ──▶ Conversation ── Action ──▶ Talk

Who holds a step is made when the script first comes to it, and kept: a model to which the script returns remembers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from robot.call.agent_talk import AgentParts, AgentTalk, Failed, Gone, Opening, OptsOut
from robot.call.barge_in import BargeInRule
from robot.call.door import Door
from robot.call.hearing import Hearing, Utterance
from robot.call.outcome import Outcome
from robot.call.prompting import CallPrompts
from robot.call.reply import MOST_WAITING, ReplySources
from robot.call.report import Notice, ReplyChanged
from robot.call.speaking import Speaking
from robot.call.states import CallState
from robot.dialogue.agent import Agent
from robot.dialogue.agent_tools import EndCall, GoTo, KeepFact, OptOut, ScheduleCallback, TransferTo
from robot.dialogue.conversation import Action, Conversation, Converse, HangUp
from robot.dialogue.error_codes import ErrorCode
from robot.dialogue.llm import LanguageModel
from robot.dialogue.scenario import Prompt, Wording
from robot.prompts.live import LiveSpeech
from robot.prompts.voice import VoiceSettings


@dataclass(frozen=True, slots=True)
class Thinking:
    """What holds conversations, of the house. model: None: there is none, and scripts go on without.

    pending_phrases: by which the model may be ahead of what is heard.
    """

    model: LanguageModel | None
    speech: LiveSpeech
    pending_phrases: int = MOST_WAITING


@dataclass(frozen=True, slots=True)
class HoldingParts:
    """What it needs of its call.

    values: of the contact. zone: where the callee's clocks are. fault: what went wrong, with the reason for the log.
    opted_out: what the callee said over a prompt to be called no more. conclude: what the call ends with if the callee
    hangs up now. ends_at: until when, on the loop's clock, the call may be held.
    """

    thinking: Thinking
    voice: VoiceSettings
    values: Mapping[str, str]
    zone: ZoneInfo
    conversation: Conversation
    door: Door
    hearing: Hearing
    speaking: Speaking
    prompts: CallPrompts
    enter: Callable[[CallState], None]
    tell: Callable[[Notice], None]
    fault: Callable[[ErrorCode, str], None]
    opted_out: Callable[[], Utterance | None]
    conclude: Callable[[str], None]
    ends_at: Callable[[], float]


class Holding:
    """Of one call."""

    def __init__(self, uuid: str, parts: HoldingParts) -> None:
        self._uuid = uuid
        self._parts = parts
        self._talks: dict[str, AgentTalk] = {}

    async def run(self, action: Converse, rule: BargeInRule, opening: Opening | None) -> Action:
        """Have the conversation; what the script does next. opening: what the step itself has said; None: nothing.

        Raises CallFailure and PromptError.
        """
        parts, conversation, held = self._parts, self._parts.conversation, action.held
        model = parts.thinking.model
        if model is None:
            parts.fault(ErrorCode.LLM_FAIL, "no language model is configured: see [llm] in robot.toml")
            return await self._failed(action, Failed(ErrorCode.LLM_FAIL))
        talk = self._talks.get(action.step.name)
        if talk is None:
            talk = self._talks[action.step.name] = self._new(action, rule, model)
        parts.door.expect((), silence_ms=held.patience.unfinished_ms)
        # While the callee speaks, who has heard the opening.
        warming = asyncio.get_running_loop().create_task(model.warm())
        try:
            ending = await talk.run(opening)
        finally:
            warming.cancel()
        match ending:
            case EndCall(outcome):
                return conversation.end(outcome)
            case TransferTo(to):
                return conversation.go_to(to)
            case GoTo(step):
                return conversation.go_to(step)
            case OptOut() | OptsOut():
                return conversation.opt_out()
            case Gone():
                return HangUp(None)
            case Failed() as failed:
                return await self._failed(action, failed)

    async def _failed(self, action: Converse, failed: Failed) -> Action:
        """The script goes on, or the call ends politely."""
        held, conversation = action.held, self._parts.conversation
        if held.failed is not None:
            return conversation.failed()
        too_long = failed.code is ErrorCode.MAX_DURATION_EXCEEDED
        prompt = await self._prompt(held.farewell if too_long else held.apology)
        await self._parts.speaking.play(prompt, action.step.name, BargeInRule(None))
        return HangUp(action.step.outcome if too_long else Outcome.FAILED)

    def _new(self, action: Converse, rule: BargeInRule, model: LanguageModel) -> AgentTalk:
        parts, conversation = self._parts, self._parts.conversation
        agent = Agent(action.held.by, parts.values, conversation.language, parts.zone)
        return AgentTalk(
            action.step.name,
            action.held,
            agent,
            AgentParts(
                hearing=parts.hearing,
                speaking=parts.speaking,
                sources=ReplySources(model, self._speak, agent.judge, self._changed, parts.thinking.pending_phrases),
                prompt=self._prompt,
                text=self._speak,
                opts_out=conversation.opts_out,
                opted_out=parts.opted_out,
                press=parts.door.press,
                keep=self._keep,
                conclude=parts.conclude,
                rule=rule,
                enter=parts.enter,
                fault=parts.fault,
                language=conversation.language,
                ends_at=parts.ends_at(),
            ),
        )

    async def _speak(self, text: str) -> Prompt:
        return await self._parts.thinking.speech.speak(text, self._parts.voice, owner=self._uuid)

    async def _prompt(self, wording: Wording) -> Prompt:
        variant = self._parts.conversation.variant(wording)
        return await self._parts.prompts.prompt(variant, self._parts.conversation.values)

    def _changed(self, writing: bool, speaking: bool) -> None:
        self._parts.tell(ReplyChanged(self._uuid, writing, speaking))

    def _keep(self, kept: KeepFact | ScheduleCallback) -> None:
        match kept:
            case KeepFact(name, value):
                self._parts.conversation.keep(name, value)
            case ScheduleCallback(time):
                self._parts.conversation.call_back(time)
