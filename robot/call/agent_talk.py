"""A conversation that a language model holds: hears, has a reply written and spoken, plays it, and is interrupted.

    Hearing ── likely text ──▶ a reply ahead of time ──┐ dropped when the callee goes on
            ── the turn's text ─▶ Agent (pure) ── request ─▶ Reply ── phrases ──▶ Speaking ──▶ Door
                                   ▲                                                 │
                                   └────────── what the callee has heard of it ──────┘

What the model decides (to end, to hand over, to go on with a step of the script) is returned to the script. What goes
wrong has a code, and what becomes of the call then is in `dialogue.error_codes`: here it is carried out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog

from robot.call.barge_in import BargeInRule
from robot.call.hearing import Hearing, Utterance
from robot.call.outcome import Outcome
from robot.call.reply import Reply, ReplySources
from robot.call.speaking import Played, Speaking
from robot.call.states import CallState
from robot.call.waiting import first_of
from robot.dialogue.agent import Agent, Scripted
from robot.dialogue.agent_tools import (
    EndCall,
    GoTo,
    KeepFact,
    OptOut,
    PressKeys,
    ScheduleCallback,
    ToolRefused,
    TransferTo,
)
from robot.dialogue.error_codes import ErrorCode
from robot.dialogue.guards import Verdict
from robot.dialogue.llm import LlmError, LlmFailed
from robot.dialogue.scenario import Held, Prompt, Wording
from robot.dialogue.turn_end import patience_ms
from robot.prompts.errors import PromptError

log = structlog.get_logger(__name__)

_MOST_SILENCES: Final = 2  # in a row, before the callee is taken to be gone
_MOST_MISHEARD: Final = 2  # in a row, before nobody asks again
_MOST_ROUNDS: Final = 4  # of a model that calls tools and says nothing
_FOR_EVER_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Failed:
    """The model cannot go on: the script has to."""

    code: ErrorCode


@dataclass(frozen=True, slots=True)
class OptsOut:
    """The callee does not want to be called again, whatever the model thinks of it."""

    words: Utterance


@dataclass(frozen=True, slots=True)
class Gone:
    """Nobody says anything any more."""


Ending = EndCall | TransferTo | OptOut | GoTo | Failed | OptsOut | Gone


@dataclass(frozen=True, slots=True)
class Opening:
    """What the script has said before, and how much of it was heard."""

    prompt: Prompt
    played: Played


@dataclass(frozen=True, slots=True)
class AgentParts:
    """What it needs of its call.

    sources: where replies come from. prompt: a wording of the script, and text: any text, as a prompt; both raise
    PromptError. opts_out: whether a text asks never to be called again; opted_out: what of that was said over a prompt.
    press, keep: what the model decides and goes on talking. conclude: what the call ends with if the callee hangs up
    now. rule: how talking over a reply stops it. fault: what went wrong, with the reason for the log. ends_at: until
    when the call may last, on the loop's clock.
    """

    hearing: Hearing
    speaking: Speaking
    sources: ReplySources
    prompt: Callable[[Wording], Awaitable[Prompt]]
    text: Callable[[str], Awaitable[Prompt]]
    opts_out: Callable[[str], bool]
    opted_out: Callable[[], Utterance | None]
    press: Callable[[str], Awaitable[None]]
    keep: Callable[[KeepFact | ScheduleCallback], None]
    conclude: Callable[[str], None]
    rule: BargeInRule
    enter: Callable[[CallState], None]
    fault: Callable[[ErrorCode, str], None]
    language: str | None
    ends_at: float


@dataclass(slots=True)
class _Said:
    """What the callee has heard of a reply. played: how its last phrase ended; None: there was none."""

    phrases: list[str]
    played: Played | None = None
    cut: bool = False  # there was more

    @property
    def text(self) -> str:
        return " ".join(phrase for phrase in self.phrases if phrase)


class AgentTalk:
    """One step of one call that is held by a model. `run` may be called again when the script comes back to it."""

    def __init__(self, step: str, held: Held, agent: Agent, parts: AgentParts) -> None:
        self._step = step
        self._held = held
        self._agent = agent
        self._parts = parts
        self._loop = asyncio.get_running_loop()
        self._ends_at = min(self._loop.time() + held.longest_talk_s, parts.ends_at)
        self._ahead: tuple[str, Reply | Scripted] | None = None  # to what the callee has probably said
        self._closing: set[asyncio.Task[None]] = set()

    async def run(self, opening: Opening | None) -> Ending:
        """Until the model, the callee or a fault ends it. opening: what the step said by itself; None: nothing.

        Raises CallFailure.
        """
        parts = self._parts
        silences = misheard = 0
        played: Played | None = None
        words: Utterance | None = None
        if opening is not None:
            played, words = opening.played, opening.played.words
            self._agent.replied(played.heard_of(opening.prompt), interrupted=played.heard_ms is not None)
        try:
            while True:
                if played is not None and words is None:
                    failures = parts.hearing.failures
                    words = await self._hear(played)
                    if words is None and parts.hearing.failures > failures and misheard < _MOST_MISHEARD:
                        misheard += 1
                        played = await self._say(self._held.say_again)
                        words = played.words
                        continue
                    silences = 0 if words is not None else silences + 1
                if (opted_out := self._opted_out(words)) is not None:
                    return OptsOut(opted_out)
                if silences > _MOST_SILENCES:
                    return Gone()
                if self._loop.time() > self._ends_at:
                    parts.fault(ErrorCode.MAX_DURATION_EXCEEDED, "the model held the call for as long as it may")
                    return Failed(ErrorCode.MAX_DURATION_EXCEEDED)
                ending = await self._turn(words)
                if not isinstance(ending, Played):
                    return ending
                played, words, misheard = ending, ending.words, 0
        finally:
            self._drop_ahead()
            if self._closing:
                await asyncio.wait(self._closing)

    def _opted_out(self, words: Utterance | None) -> Utterance | None:
        said_over = self._parts.opted_out()
        if said_over is not None or words is None:
            return said_over
        return words if self._parts.opts_out(words.text) else None

    # -- hear ----------------------------------------------------------------------------------------------------------

    async def _hear(self, played: Played) -> Utterance | None:
        parts, held = self._parts, self._held
        parts.enter(CallState.LISTENING)
        words = await parts.hearing.answer(
            played.ended_at,
            held.listen_ms / 1000,
            said_after=played.answers_from,
            counts=lambda text, ended_at: ended_at > played.ended_at or not parts.rule.words.ignorable(text),
            patience=self._patience_ms,
            pausing=self._pausing,
        )
        parts.enter(CallState.PROCESSING)
        return words

    def _patience_ms(self, text: str) -> int:
        return patience_ms(text, self._parts.language, self._held.patience)

    def _pausing(self, text: str | None) -> None:
        """The callee has probably said `text`, and that is all; None: it is not."""
        if self._ahead is not None and self._ahead[0] == text:
            return
        self._drop_ahead()
        if text is not None and self._held.think_ahead and not self._parts.opts_out(text):
            self._ahead = text, self._begin(text, likely=True)

    def _drop_ahead(self) -> None:
        """From within the audio path, where nobody can wait for it."""
        if self._ahead is not None and isinstance(reply := self._ahead[1], Reply):
            task = self._loop.create_task(reply.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
        self._ahead = None

    def _begin(self, text: str, *, likely: bool = False) -> Reply | Scripted:
        request = self._agent.heard(text, likely=likely)
        return request if isinstance(request, Scripted) else Reply(request, self._parts.sources)

    def _reply_to(self, words: Utterance | None) -> Reply | Scripted:
        if words is None:
            return Reply(self._agent.request(), self._parts.sources)
        if self._ahead is not None and self._ahead[0] == words.text:
            reply, self._ahead = self._ahead[1], None
            return reply
        self._drop_ahead()
        return self._begin(words.text)

    # -- one turn of the robot -----------------------------------------------------------------------------------------

    async def _turn(self, words: Utterance | None) -> Ending | Played:
        """Reply to `words`, or to silence: what the model decided, or how its reply was played."""
        retried = False
        reply = self._reply_to(words)
        for _ in range(_MOST_ROUNDS):
            if isinstance(reply, Scripted):
                return await self._answer(reply.text, words)
            said = _Said([])
            error = await self._play_out(reply, words, said)
            if error is not None:
                self._parts.fault(error.code, str(error))
                if said.played is not None:  # what was said may do
                    self._agent.replied(said.text, interrupted=True)
                    return said.played
                if retried or isinstance(error, PromptError):
                    return Failed(error.code)
                retried = True
            elif said.cut and said.played is not None:
                self._agent.replied(said.text, interrupted=True)
                if said.played.words is not None or said.played.heard_ms is not None:
                    return said.played
                words = None  # a false alarm had stopped the model: it goes on
            else:
                ending = await self._decide(reply)
                if said.played is not None:
                    self._agent.replied(said.text)
                if ending is not None:
                    await self._bid_farewell(ending, said, words)
                    return ending
                if said.played is not None:
                    return said.played
            reply = Reply(self._agent.request(), self._parts.sources)
        self._parts.fault(ErrorCode.LLM_FAIL, "the language model calls tools and says nothing")
        return Failed(ErrorCode.LLM_FAIL)

    async def _play_out(self, reply: Reply, words: Utterance | None, said: _Said) -> LlmError | PromptError | None:
        """Play it, and stop what is left of it; what kept it from being said."""
        try:
            await self._play(reply, words, said)
            if said.played is None and not reply.tool_calls:
                return LlmFailed("the language model said nothing that may be said")
        except (LlmError, PromptError) as error:
            return error
        except asyncio.CancelledError:
            self._decide_without(reply)
            raise
        finally:
            await reply.close()
        return None

    async def _bid_farewell(self, ending: Ending, said: _Said, words: Utterance | None) -> None:
        if not isinstance(ending, EndCall):
            return
        if ending.outcome is not None:
            self._parts.conclude(ending.outcome)
        farewell = ending.farewell
        if farewell and farewell not in said.text and self._agent.judge(farewell) is Verdict.SAY:
            await self._answer(farewell, words if said.played is None else None)

    async def _decide(self, reply: Reply) -> EndCall | TransferTo | OptOut | GoTo | None:
        """Carry out what the model wants done; what ends its part is returned."""
        for call in reply.tool_calls:
            match self._agent.tool(call):
                case EndCall() | TransferTo() | OptOut() | GoTo() as ending:
                    return ending
                case ToolRefused():
                    log.info("agent.tool_refused", tool=call.name)
                case PressKeys(keys):
                    await self._parts.press(keys)
                case KeepFact() | ScheduleCallback() as kept:
                    self._parts.keep(kept)
        return None

    def _decide_without(self, reply: Reply) -> None:
        """The callee hangs up over the reply, often after the goodbye: what it decided holds."""
        for call in reply.tool_calls:
            match self._agent.tool(call):
                case EndCall(outcome=str() as outcome):
                    self._parts.conclude(outcome)
                case OptOut():
                    self._parts.conclude(Outcome.DO_NOT_CALL)
                case KeepFact() | ScheduleCallback() as kept:
                    self._parts.keep(kept)
                case _:
                    pass

    async def _play(self, reply: Reply, words: Utterance | None, said: _Said) -> None:
        """Phrase by phrase, until it is over or the callee has something to say. Raises LlmError and PromptError."""
        speaking = self._parts.speaking
        while (coming := await self._next(reply, words, first=said.played is None)) is not None:
            if isinstance(coming, Played):  # the callee went on
                said.played, said.cut = coming, True
                return
            if said.played is None:
                speaking.replies_to, speaking.reply_times = words, reply.times
            said.played = await self._play_prompt(coming, stopped=reply.halt)
            said.phrases.append(said.played.heard_of(coming))
            if said.played.heard_ms is not None:
                said.cut = True
                return
        said.cut = reply.halted

    async def _next(self, reply: Reply, words: Utterance | None, *, first: bool) -> Prompt | Played | None:
        """The next phrase; what the callee says before it comes; None: the reply is over."""
        hearing, held = self._parts.hearing, self._held
        since = words.ended_at if first and words is not None else self._loop.time()
        coming = self._loop.create_task(reply.next())
        try:
            fillers = held.fillers if first else None
            more = await self._unless_spoken(coming, since, None if fillers is None else held.filler_after_ms)
            if more is None and not coming.done() and fillers is not None:
                await self._say(fillers)
                more = await self._unless_spoken(coming, since, None)
            if more is None and not hearing.quiet:  # the callee goes on: let them
                more = await hearing.answer(since, 0.0, patience=self._patience_ms)
            if more is None:
                return coming.result()
            now = self._loop.time()
            return Played(now, now, more)
        finally:
            coming.cancel()
            await asyncio.wait({coming})

    async def _unless_spoken(
        self, coming: asyncio.Task[Prompt | None], since: float, within_ms: int | None
    ) -> Utterance | None:
        """Wait for `coming`; what the callee says meanwhile."""
        hearing, ignorable = self._parts.hearing, self._parts.rule.words.ignorable
        spoken = self._loop.create_task(
            hearing.answer(since, _FOR_EVER_S, counts=lambda text, _: not ignorable(text), patience=self._patience_ms)
        )
        try:
            await first_of(coming, spoken, within_s=None if within_ms is None else within_ms / 1000)
        finally:
            spoken.cancel()
            await asyncio.wait({spoken})
        return None if spoken.cancelled() else spoken.result()

    async def _answer(self, text: str, words: Utterance | None) -> Played:
        """Say what no model wrote. It counts as the reply."""
        self._parts.speaking.replies_to = words
        prompt = await self._parts.text(text)
        played = await self._play_prompt(prompt)
        self._agent.replied(played.heard_of(prompt), interrupted=played.heard_ms is not None)
        return played

    async def _say(self, wording: Wording) -> Played:
        return await self._play_prompt(await self._parts.prompt(wording))

    async def _play_prompt(self, prompt: Prompt, stopped: Callable[[], None] = lambda: None) -> Played:
        return await self._parts.speaking.say(
            prompt,
            self._step,
            self._parts.rule,
            clear=lambda text: False,
            settled=lambda: self._parts.opted_out() is not None,
            stopped=stopped,
        )
