"""One prompt on its way through FreeSWITCH: a Playback fed with events, replies and deadlines, and the breaks it wants.

The thin shell around `playback`; which prompt is played, and when it is to stop, is decided by others.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from robot.call.failures import PromptNotPlayed
from robot.call.playback import Playback, PlaybackState
from robot.dialogue.scenario import Prompt
from robot.esl import commands
from robot.esl.client import EventSocketClient, Reply
from robot.esl.commands import Command
from robot.esl.errors import CommandStage, ConnectionLost
from robot.esl.events import ApplicationCompleted, PlaybackStarted, PlaybackStatus, PlaybackStopped

# How long a call goes on without its event socket. A restarted FreeSWITCH is back within it, but without the call.
LINK_GRACE_S: Final = 10.0


class PlayingPrompt:
    """A prompt on its way through FreeSWITCH: feeds events and deadlines to a Playback and sends the breaks it wants.

    `ended` holds the final PlaybackState, or raises PromptNotPlayed when FreeSWITCH refused the command.
    """

    def __init__(
        self,
        uuid: str,
        prompt: Prompt,
        command: Command,
        switch: EventSocketClient,
        hung_up: asyncio.Future[str],
        *,
        start_ms: int = 0,
    ) -> None:
        """`command` plays `prompt` from `start_ms` on."""
        self._uuid = uuid
        self._file = str(prompt.file)
        self._start_s = min(start_ms / 1000, prompt.length_s)
        self._command = command
        self._switch = switch
        self._hung_up = hung_up  # of the channel
        self._unsent = False  # the command waits for the event socket to come back
        self._loop = asyncio.get_running_loop()
        self.playback = Playback(prompt.length_s - self._start_s, self._loop.time())
        self.started: asyncio.Future[float] = self._loop.create_future()  # when PLAYBACK_START came
        self.ended: asyncio.Future[PlaybackState] = self._loop.create_future()
        self._first_break: asyncio.Future[Reply] | None = None
        self._timer = self._loop.call_at(self.playback.deadline(), self._on_deadline)
        switch.send(command).add_done_callback(self._on_reply)

    def stop(self) -> bool:
        """Silence it now. True the first time, when there was something to stop."""
        if not self.playback.stop(self._loop.time()):
            return False
        self._first_break = self._send_break()
        self._settle()
        return True

    @property
    def stop_sent_at(self) -> float | None:
        """When the first break was on the wire; None unless FreeSWITCH has answered it."""
        reply = self._first_break
        if reply is None or not reply.done() or reply.cancelled() or reply.exception() is not None:
            return None
        return reply.result().sent_at

    def played_ms(self, now: float) -> int:
        """Up to where the file had been played at `now`, or when it ended before: in ms from the beginning of the file.

        Where a prompt that was stopped can go on, 20 to 40 ms late: events are polled.
        """
        return round((self._start_s + self.playback.played_s(now)) * 1000)

    def on_event(self, event: PlaybackStarted | PlaybackStopped | ApplicationCompleted) -> None:
        match event:
            case PlaybackStarted(file=file, at=at) if file == self._file:
                lost_break = self.playback.on_started(at)
                if not self.started.done():
                    self.started.set_result(at)
                if lost_break:
                    self._send_break()
            case PlaybackStopped(file=file, status=status, at=at) if file == self._file:
                self.playback.on_stopped(at, broken=status is PlaybackStatus.BREAK)
            case ApplicationCompleted(argument=argument, file_missing=True, at=at) if self._is_file(argument):
                self.playback.on_missing(at)
        self._settle()

    def events_missed(self) -> None:
        """The event socket is back, after nobody knows which events."""
        now = self._loop.time()
        if self._unsent:
            self._unsent = False
            self._switch.send(self._command).add_done_callback(self._on_reply)
            return
        if self.playback.on_events_missed(now):
            self._send_break()
        if self.playback.started_at is not None and not self.started.done():
            self.started.set_result(now)
        self._settle()

    def channel_gone(self) -> None:
        self.playback.on_gone(self._loop.time())
        self._settle()

    def _is_file(self, argument: str) -> bool:
        """Unlike the events of playing, the application's argument has the sample from which the file is played."""
        return argument.partition("@@")[0] == self._file

    def _send_break(self) -> asyncio.Future[Reply]:
        reply = self._switch.send(commands.break_(self._uuid))
        # The prompt's own deadlines see to a break that failed; its error is told by the channel's end.
        reply.add_done_callback(retrieve)
        return reply

    def _on_reply(self, reply: asyncio.Future[Reply]) -> None:
        error = None if reply.cancelled() else reply.exception()
        if isinstance(error, ConnectionLost):
            # The call goes on, and so does what was sent: the channel looks when the event socket is back.
            self._unsent = error.stage is CommandStage.NOT_SENT
            self.playback.postpone(self._loop.time() + LINK_GRACE_S)
            self._settle()
        elif error is not None and not self.ended.done() and not self._hung_up.done():
            self._timer.cancel()
            self.ended.set_exception(PromptNotPlayed(f"FreeSWITCH did not take the prompt: {error}"))

    def _on_deadline(self) -> None:
        if self.playback.expired(self._loop.time()):
            self._send_break()
        self._settle()

    def _settle(self) -> None:
        self._timer.cancel()
        if self.ended.done():
            return
        if self.playback.over:
            self.ended.set_result(self.playback.state)
        else:
            self._timer = self._loop.call_at(self.playback.deadline(), self._on_deadline)


def retrieve(future: asyncio.Future[Any]) -> None:
    """Look at the exception of a future that nobody waits for, because something else tells its story."""
    if not future.cancelled():
        future.exception()
