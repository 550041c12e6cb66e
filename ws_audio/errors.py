"""What can go wrong in ws_audio, as a small tree whose messages say what to do.

AudioError
├── ServerNotStarted        the WebSocket server could not listen
│   └── PortInUse
├── ModelNotFound           no speech recognition model under that name
├── LanguageNotSupported    the model does not know the language
└── TranscriptionError      one utterance has no text; its message becomes `TranscriptionFailed.reason`
    ├── TranscriptionRefused    more work was waiting than the limit allows
    ├── TranscriptionTimedOut   the model did not answer in time
    └── SchedulerClosed         the daemon is stopping
"""

from __future__ import annotations


class AudioError(Exception):
    """Base of all errors of this package."""


class ServerNotStarted(AudioError):
    """The WebSocket server cannot listen where it was told to."""


class PortInUse(ServerNotStarted):
    """Another program listens on the address."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            f"port {port} of {host} is in use: is another robot running? Stop it, or choose another port for the "
            "audio server."
        )


class ModelNotFound(AudioError):
    """The speech recognition model is neither a folder, nor installed, nor to be had."""


class LanguageNotSupported(AudioError):
    """The loaded model cannot hear this language."""

    def __init__(self, model: str, language: str) -> None:
        super().__init__(f"the model {model!r} does not know the language {language!r}: choose a multilingual model")


class TranscriptionError(AudioError):
    """An utterance could not be turned into text."""


class TranscriptionRefused(TranscriptionError):
    """More utterances wait than the limit allows: fewer calls at a time, or more cores."""


class TranscriptionTimedOut(TranscriptionError):
    """The model did not answer within the time limit of one job."""


class SchedulerClosed(TranscriptionError):
    """Transcription has stopped, or was never started."""
