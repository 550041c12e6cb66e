"""A channel of FreeSWITCH as the door to the callee: plays files, presses keys, hands over to agents."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from robot.call.audio_line import AudioLine
from robot.call.channel import Channel
from robot.call.delivery import Delivery
from robot.call.failures import PromptNotPlayed
from robot.call.plan import CallPlan
from robot.call.playing import PlayingPrompt
from robot.call.prompting import CallPrompts
from robot.call.transfer import TransferEnd, TransferPlan, transfer
from robot.dialogue.scenario import Prompt, Transfer
from robot.esl.client import EventSocketClient
from robot.esl.commands import Extension, Trunk

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class SwitchDoor:
    """plan: the gateway of transfers, and how it wants numbers. spool: where what is synthesised in calls lies.

    broadcast: how this node plays prompts. delivery: None where FreeSWITCH reads our files.
    """

    channel: Channel
    line: AudioLine
    switch: EventSocketClient
    plan: CallPlan
    prompts: CallPrompts
    spool: Path
    broadcast: bool
    delivery: Delivery | None = None

    @property
    def on_key(self) -> Callable[[str, float], None] | None:
        return self.channel.on_key

    @on_key.setter
    def on_key(self, listener: Callable[[str, float], None] | None) -> None:
        self.channel.on_key = listener

    @property
    def hung_up(self) -> asyncio.Future[str]:
        return self.channel.hung_up

    @property
    def handed_over(self) -> bool:
        return self.channel.bridged

    async def ready(self, prompt: Prompt) -> Prompt:
        if self.delivery is None:
            return prompt
        try:
            return await self.delivery.deliver(prompt)
        except PromptNotPlayed:
            if self.hung_up.done():
                return prompt  # which nobody will hear
            raise

    def play(self, prompt: Prompt, *, start_ms: int = 0) -> PlayingPrompt:
        root, rate = self._root(prompt), self.prompts.rate
        return self.channel.play(prompt, root=root, broadcast=self.broadcast, start_ms=start_ms, rate=rate)

    def _root(self, prompt: Prompt) -> Path:
        if self.delivery is not None:
            return prompt.file.parent  # FreeSWITCH's own, told by it
        return self.spool if prompt.file.is_relative_to(self.spool) else self.prompts.root

    async def press(self, keys: str) -> None:
        await self.channel.press(keys)

    async def hand_over(self, order: Transfer, announce: Prompt | None, wait: Prompt | None) -> bool:
        plan = self.plan
        announce, wait = [None if prompt is None else await self.ready(prompt) for prompt in (announce, wait)]
        said = announce or wait
        to = Trunk(plan.gateway, order.number, plan.number_format) if order.number else Extension(order.extension or "")
        result = await transfer(
            self.channel,
            TransferPlan(to, announce, wait, order.ring_timeout_s, order.max_talk_s),
            self.switch,
            root=self.prompts.root if said is None else self._root(said),
            broadcast=self.broadcast,
        )
        if result.end is not TransferEnd.TAKEN:
            log.info("transfer.not_taken", uuid=self.channel.uuid, end=result.end.name, cause=result.cause)
        return result.end is TransferEnd.TAKEN

    async def stop_listening(self) -> None:
        await self.line.stop()

    def expect(self, phrases: tuple[str, ...], *, silence_ms: int | None = None) -> None:
        self.line.expect(phrases, silence_ms=silence_ms)

    def hear_over_prompt(self, wanted: bool) -> None:
        self.line.hear_over_prompt(wanted)
