"""The callee's line as a conversation sees it: what is said through it, and what it is told about listening.

Who talks does not know what is behind it: a channel of FreeSWITCH (`switch_door`), a browser, a gateway's WebSocket.
What is heard comes through `hearing`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from robot.call.playback import Playback, PlaybackState
from robot.dialogue.scenario import Prompt, Transfer


class Playing(Protocol):
    """One prompt that is being played. `ended` may raise PromptNotPlayed. Times are the loop's, in seconds."""

    @property
    def playback(self) -> Playback: ...

    @property
    def started(self) -> asyncio.Future[float]:
        """When the callee began to hear it."""

    @property
    def ended(self) -> asyncio.Future[PlaybackState]: ...

    @property
    def stop_sent_at(self) -> float | None:
        """When the first command to stop it was on the wire, once that is known to have been taken."""

    def stop(self) -> bool:
        """Silence it now. True the first time, when there was something to stop."""

    def played_ms(self, now: float) -> int:
        """Up to where it had been played at `now`, in ms from the beginning of the file."""


class Door(Protocol):
    """One callee's."""

    on_key: Callable[[str, float], None] | None  # a key of the callee's telephone, and the loop's time of it

    @property
    def hung_up(self) -> asyncio.Future[str]:
        """The cause, once the callee is gone."""

    @property
    def handed_over(self) -> bool:
        """Somebody else talks to the callee, and not the robot any more."""

    async def ready(self, prompt: Prompt) -> Prompt:
        """The prompt as a file that `play` takes. Raises PromptNotPlayed."""

    def play(self, prompt: Prompt, *, start_ms: int = 0) -> Playing:
        """Begin to play a prompt from `start_ms` on; one at a time. Raises PromptNotPlayed."""

    async def press(self, keys: str) -> None:
        """Press keys of a telephone: 0-9 A-D * #, and w or W for a pause of 0.5 or 1 s. Raises KeysNotSent."""

    async def hand_over(self, order: Transfer, announce: Prompt | None, wait: Prompt | None) -> bool:
        """Whether somebody took the callee over; may be cancelled. announce, wait: what is said to the two sides.

        Raises CallFailure.
        """

    async def stop_listening(self) -> None:
        """Hear no more of a callee whose call goes on without us."""

    def expect(self, phrases: tuple[str, ...], *, silence_ms: int | None = None) -> None:
        """Tell recognition what is likely to be said from now on, the likeliest first.

        silence_ms: what ends an utterance, where nobody who waits for it ends it before; None: as usual.
        """

    def hear_over_prompt(self, wanted: bool) -> None:
        """Have told what is said while it is being said, as long as a prompt plays that words can stop."""
