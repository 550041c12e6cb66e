"""What a campaign says of the part of a call that a language model holds. Data, checked."""

from __future__ import annotations

from dataclasses import dataclass

from robot.dialogue.guards import Forbidden


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the model may do besides talk. Everything is forbidden that is not here.

    outcomes: those that it may end the call with; without any it may end the call without one. transfer: to whom, by
    the names of the steps that hand over. keep: names of the facts that it may note. go_to: steps of the script.
    """

    outcomes: tuple[str, ...] = ()
    transfer: tuple[str, ...] = ()
    callback: bool = False
    do_not_call: bool = True
    press: bool = False
    keep: tuple[str, ...] = ()
    go_to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """instructions: who it is and what it is to reach, in words. facts: what it may say and rely on.

    never_say: phrases, or regular expressions between slashes. longest_reply_chars: of one reply; what is more is not
    said. robot_answer: to "are you a robot?"; None: the shipped one. longest_history_chars: of what the model is told
    of the talk so far. Raises ValueError.
    """

    instructions: str
    facts: tuple[str, ...] = ()
    may: Abilities = Abilities()
    never_say: tuple[str, ...] = ()
    longest_reply_chars: int = 400
    robot_answer: str | None = None
    longest_history_chars: int = 12_000

    def __post_init__(self) -> None:
        if not self.instructions.strip():
            raise ValueError("the instructions are empty: say who the agent is, and what it is to reach in the call")
        for each in self.never_say:
            Forbidden.parse(each)
