"""One virtual callee on one call of a real FreeSWITCH: rings, answers or refuses, speaks, presses keys, hangs up.

Decides nothing: the callee's script (`robot.simulator.callee`) does. Is told what happens on both sides of the call.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

import structlog

from robot.esl import commands
from robot.esl.client import EventSocketClient, Reply
from robot.esl.commands import Command
from robot.loopback.speech import SpokenCallee
from robot.simulator.callee import Act, Press, PutDown, Script, Speak
from robot.simulator.callees_file import Moment
from robot.simulator.heard import Ending, HeardKey, HeardPrompt, Said

log = structlog.get_logger(__name__)

#: With which cause a callee's leg is ended instead of answered; FreeSWITCH tells its own other end the same cause.
_REFUSALS: Final = MappingProxyType(
    {
        "busy": "USER_BUSY",  # SIP 486
        "reject": "CALL_REJECTED",  # 603
        "unallocated": "NO_ROUTE_DESTINATION",  # 404
        "gateway_down": "NORMAL_TEMPORARY_FAILURE",  # 503
    }
)


@dataclass(slots=True)
class CalleesView:
    """One call as the callee lived through it, in ms from the answer.

    recording: both sides of it, once the call is over: what the callee heard on the left, what it said on the right.
    """

    prompts: list[HeardPrompt] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    keys: list[HeardKey] = field(default_factory=list)
    recording: Path | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)


class CalleeLeg:
    """The callee's leg of one call, from its arrival. `uuid` is the leg's own, not that of the robot's."""

    def __init__(self, uuid: str, spoken: SpokenCallee, switch: EventSocketClient, folder: Path) -> None:
        """`folder`: what is said lies below it, and the recording goes there."""
        self.uuid = uuid
        self.robots_uuid: str | None = None  # its leg of this call, known once it is answered
        self.view = CalleesView()
        self.recording = folder / "recordings" / f"{uuid}.wav"
        self._spoken = spoken
        self._switch = switch
        self._folder = folder
        self._loop = asyncio.get_running_loop()
        self._script = Script(spoken.callee)
        self._answered_at: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._over = False

    # What the callee does by itself

    def arrive(self) -> None:
        """The call has come in."""
        callee = self._spoken.callee
        if callee.rings_ms or callee.answer == "no_answer":
            self._send(commands.execute(self.uuid, "pre_answer") if callee.early_media else commands.ring(self.uuid))
        if callee.answer != "no_answer":
            self._timer = self._loop.call_later(callee.rings_ms / 1000, self._take_or_refuse)

    def _take_or_refuse(self) -> None:
        refusal = _REFUSALS.get(self._spoken.callee.answer)
        if refusal is not None:
            self._send(commands.kill(self.uuid, refusal))
            return
        self._send(commands.setvar(self.uuid, "send_silence_when_idle", self._spoken.idle_noise))
        self._send(commands.setvar(self.uuid, "RECORD_STEREO", "true"))
        self._send(commands.answer(self.uuid))

    def _act(self) -> None:
        """Do what is due and ask to be called for what is next."""
        if self._timer is not None:
            self._timer.cancel()
        if self._over or self._answered_at is None:
            return
        for act in self._script.due(self._now_ms + 0.5):  # the loop's timers are as exact as its clock: a hair early
            self._send(self._command_for(act))
        if (next_ms := self._script.next_ms) is not None:
            self._timer = self._loop.call_at(self._answered_at + next_ms / 1000, self._act)

    def _command_for(self, act: Act) -> Command:
        match act:
            case Speak(index):
                return commands.play(self.uuid, self._spoken.files[index], root=self._folder)
            case Press(digit):
                return commands.send_dtmf(self.uuid, digit)
            case PutDown():
                return commands.kill(self.uuid)

    def _send(self, command: Command) -> None:
        self._switch.send(command).add_done_callback(self._on_reply)

    def _on_reply(self, reply: asyncio.Future[Reply]) -> None:
        # The robot may hang up at any moment: what fails after that is no news.
        error = None if reply.cancelled() else reply.exception()
        if error is not None and not self._over:
            log.warning("loopback.callee_failed", uuid=self.uuid, reason=str(error))

    # What happens to it

    @property
    def _now_ms(self) -> float:
        assert self._answered_at is not None
        return (self._loop.time() - self._answered_at) * 1000

    def answered(self) -> None:
        # Not right after the command to answer: now and then the tape would have one side only (measured).
        self._send(commands.record(self.uuid, self.recording, root=self._folder))
        self._answered_at = self._loop.time()
        self._happened("answer")

    def prompt_started(self, file: str) -> None:
        """The robot began to play `file`."""
        if self._answered_at is not None:
            self.view.prompts.append(HeardPrompt(file, self._now_ms, self._now_ms))
            self._happened("prompt_start")

    def prompt_stopped(self, file: str, how: Ending) -> None:
        playing = next((each for each in self.view.prompts if each.how == "playing" and each.prompt == file), None)
        if playing is not None:
            playing.to_ms = self._now_ms
            playing.how = how
            self._happened("prompt_end")

    def speech_started(self, file: str) -> None:
        """The callee began to say `file`."""
        index = next((index for index, each in enumerate(self._spoken.files) if str(each) == file), None)
        if index is not None and self._answered_at is not None:
            say = self._spoken.callee.says[index]
            self.view.said.append(Said(say.text or file, self._now_ms, self._now_ms))

    def speech_stopped(self) -> None:
        if self.view.said:
            self.view.said[-1].to_ms = self._now_ms
            self._happened("said")

    def key_heard(self, digit: str) -> None:
        """The robot pressed a key."""
        if self._answered_at is not None:
            self.view.keys.append(HeardKey(digit, self._now_ms))

    def hung_up(self) -> None:
        """Nothing is done on the leg any more."""
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
        for prompt in self.view.prompts:
            if prompt.how == "playing":
                prompt.to_ms, prompt.how = self._now_ms, "hangup"

    def gone(self, recording: Path | None) -> None:
        """The leg is no more; its recording is complete."""
        self.hung_up()
        self.view.recording = recording
        self.view.over.set()

    def _happened(self, moment: Moment) -> None:
        self._script.happened(moment, self._now_ms)
        self._act()
