"""What keeps a prompt from being made ready; each message tells what to do about it."""

from __future__ import annotations

from typing import ClassVar

from robot.dialogue.error_codes import ErrorCode


class PromptError(Exception):
    """A prompt cannot be made ready."""

    code: ClassVar[ErrorCode] = ErrorCode.TTS_FAIL


class PromptMissing(PromptError):
    """There is no such file."""


class SoundError(PromptError):
    """What was read or spoken cannot become a prompt."""


class PromptUnreadable(SoundError):
    """The file is there and is no sound that can be read."""


class NoSound(SoundError):
    """There is nothing to hear in it."""


class PromptTooLong(SoundError):
    """Longer than a prompt may be."""


class NoVoice(PromptError):
    """A text is to be spoken, and the synthesis or its voice is not there."""


class TtsFailed(PromptError):
    """A voice could not speak a text this time."""


class TtsTimeout(TtsFailed):
    """It took longer than it may."""


class PhraseUnwanted(PromptError):
    """Nobody waits for it any more."""


class PromptsFolderUnusable(PromptError):
    """Prompts cannot be written to the folder for them."""


class PromptsOverloaded(PromptError):
    """More is to be made ready than can be."""
