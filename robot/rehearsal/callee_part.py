"""The callee's part of a written conversation, as the script of a virtual callee. Pure.

The callee of the simulator knows moments: the answer, the n-th prompt's start or end, the end of the n-th thing that it
said itself. A turn of the robot is one prompt, whatever it is (a step, a reprompt, the rest of a prompt that was
stopped by no words), so the robot's turns before a turn of the callee say the number of the prompt that it waits for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from robot.rehearsal.conversations_file import Conversation, Turn
from robot.simulator.callee import DTMF_GAP_MS
from robot.simulator.callees_file import Callee, Dtmf, HangUp, Moment, Say, Trigger

# What a person takes to put the telephone to the ear, and to answer; between two sentences, and before hanging up.
PICKED_UP_MS: Final = 500
ANSWERS_AFTER_MS: Final = 600
GOES_ON_AFTER_MS: Final = 800


@dataclass(slots=True)
class _Since:
    """What the callee's next turn waits for: a moment, and what they have done since without words."""

    moment: Moment = "answer"
    count: int = 1
    elapsed_ms: int = 0
    usual_wait_ms: int = PICKED_UP_MS


def callee_of(conversation: Conversation, number: str) -> Callee:
    """The virtual callee with `number` who plays the part."""
    says: list[Say] = []
    keys: list[Dtmf] = []
    hang_up: HangUp | None = None
    since = _Since()
    prompts = 0
    for turn in conversation.turns:
        if turn.by_robot:
            prompts += 1
            since = _Since("prompt_end", prompts, usual_wait_ms=ANSWERS_AFTER_MS)
            continue
        trigger = _trigger(turn, since, prompts)
        if turn.silent:
            since.elapsed_ms += turn.wait_ms or 0
        if turn.speaks:
            text = None if turn.audio is not None else turn.callee
            says.append(Say(**trigger.model_dump(), text=text, audio=turn.audio))
            if turn.over_prompt_ms is None or turn.stops_prompt:
                since = _Since("said", len(says), usual_wait_ms=GOES_ON_AFTER_MS)
        elif turn.keys is not None:
            keys.append(Dtmf(**trigger.model_dump(), digits=turn.keys))
            if turn.over_prompt_ms is None:
                since.elapsed_ms = trigger.wait_ms + DTMF_GAP_MS * len(turn.keys)
                since.usual_wait_ms = GOES_ON_AFTER_MS
        if turn.hangs_up:
            if turn.speaks:
                trigger = Trigger(after="said", count=len(says), wait_ms=GOES_ON_AFTER_MS)
            hang_up = HangUp(**trigger.model_dump())
    return Callee(
        number=number,
        answer=conversation.answer,
        says=tuple(says),
        dtmf=tuple(keys),
        hang_up=hang_up,
        beep=conversation.beep,
        noise_db=conversation.noise_db,
        echo_db=conversation.echo_db,
    )


def _trigger(turn: Turn, since: _Since, prompts: int) -> Trigger:
    if turn.over_prompt_ms is not None:
        return Trigger(after="prompt_start", count=prompts, wait_ms=turn.over_prompt_ms)
    wait_ms = since.usual_wait_ms if turn.wait_ms is None else turn.wait_ms
    return Trigger(after=since.moment, count=since.count, wait_ms=since.elapsed_ms + wait_ms)
