"""Why a call did not go as planned: each with the outcome it means and a message that says what to do.

CallFailure
├── NotAnswered          nobody took the call; the hangup cause says why
├── CallerGone           who called in hung up before the robot could answer
├── DialRefused          nothing was dialled: FreeSWITCH or our own checks refused the command
├── DialNotSent          nothing was dialled: FreeSWITCH was not there
├── NoFreeNode           nothing was dialled: no FreeSWITCH takes the call now
├── CalleeNotHeard       no audio from the callee: module missing, WebSocket refused, silent or lost stream
├── PromptNotPlayed      FreeSWITCH could not play a prompt
├── KeysNotSent          FreeSWITCH could not send keys to the far end
├── SwitchLost           FreeSWITCH went away in the middle: the fate of the call is unknown
└── Stopped              the operator or the daemon ended the call
"""

from __future__ import annotations

from robot.call.outcome import Outcome, advice_on_cause, outcome_of_cause


class CallFailure(Exception):
    """The call ends with `outcome`; the message is for the person who runs the robot.

    `switch_away`: FreeSWITCH cannot be reached, which is nobody's number's fault (exit status 3).
    """

    outcome: Outcome = Outcome.FAILED
    hangup_cause: str | None = None
    switch_away: bool = False


class NotAnswered(CallFailure):
    def __init__(self, cause: str) -> None:
        self.hangup_cause = cause
        self.outcome = outcome_of_cause(cause)
        advice = advice_on_cause(cause)
        super().__init__(f"not answered: {cause}" + (f". {advice}" if advice else ""))


class CallerGone(CallFailure):
    """Who called in hung up before the robot could answer."""

    outcome = Outcome.HUNG_UP

    def __init__(self, cause: str | None) -> None:
        self.hangup_cause = cause
        super().__init__("the caller hung up before the robot could answer")


class DialRefused(CallFailure):
    """Nothing was dialled: FreeSWITCH refused the command, or our own checks did."""


class CalleeNotHeard(CallFailure):
    """The callee cannot be heard, and a robot that does not hear does not talk: the call is ended."""


class PromptNotPlayed(CallFailure):
    """A prompt could not be played."""


class KeysNotSent(CallFailure):
    """Keys could not be sent, or nobody knows whether they were: what answers them hears half of a choice."""


class SwitchLost(CallFailure):
    """FreeSWITCH went away while the call was on: whether the callee was reached, or still is, cannot be known."""

    outcome = Outcome.UNKNOWN
    switch_away = True


class DialNotSent(CallFailure):
    """FreeSWITCH could not be reached; nothing was dialled, so the call may be placed again."""

    switch_away = True


class NoFreeNode(CallFailure):
    """No FreeSWITCH takes the call now; nothing was dialled or written down, so it may be placed later."""

    def __init__(self, message: str, *, switch_away: bool = False) -> None:
        self.switch_away = switch_away
        super().__init__(message)


class Stopped(CallFailure):
    """The operator or the daemon ended the call."""
