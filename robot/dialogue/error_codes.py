"""What can go wrong in a call that a machine holds, and what becomes of the call. Pure data.

One set of codes for recognition, language model, speech and the call itself: they stand in the log, in the record of
the call and in the metrics. What each one means to the callee is decided here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum, unique
from types import MappingProxyType
from typing import Final


@unique
class ErrorCode(StrEnum):
    ASR_TIMEOUT = "ASR_TIMEOUT"  # no transcript within the time for it
    ASR_FAIL = "ASR_FAIL"  # recognition broke
    LLM_TIMEOUT = "LLM_TIMEOUT"  # no first token, or no end of the reply, within the time for it
    LLM_FAIL = "LLM_FAIL"  # the model refused, broke off, or said what nobody can read
    TTS_FAIL = "TTS_FAIL"  # a text could not be spoken
    PROTOCOL_VIOLATION = "PROTOCOL_VIOLATION"  # the other side sent what its protocol does not allow
    MAX_DURATION_EXCEEDED = "MAX_DURATION_EXCEEDED"  # the call took as long as it may
    INTERNAL = "INTERNAL"  # a defect of the robot


@unique
class Consequence(StrEnum):
    REPEAT = "repeat"  # the callee is asked again
    FALLBACK = "fallback"  # the scripted prompt is said instead
    END = "end"  # the call is ended politely


#: What happens to the call. All of it is recorded with its code.
CONSEQUENCES: Final[Mapping[ErrorCode, Consequence]] = MappingProxyType(
    {
        ErrorCode.ASR_TIMEOUT: Consequence.REPEAT,
        ErrorCode.ASR_FAIL: Consequence.REPEAT,
        ErrorCode.LLM_TIMEOUT: Consequence.FALLBACK,
        ErrorCode.LLM_FAIL: Consequence.FALLBACK,
        ErrorCode.TTS_FAIL: Consequence.FALLBACK,
        ErrorCode.PROTOCOL_VIOLATION: Consequence.END,
        ErrorCode.MAX_DURATION_EXCEEDED: Consequence.END,
        ErrorCode.INTERNAL: Consequence.END,
    }
)
