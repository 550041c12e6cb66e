"""A stream that hears by script, and what it tells."""

from __future__ import annotations

from collections.abc import Callable

from tests.unit.ws_audio.conftest import SILENT, VOICED, ScriptedDetector, until
from ws_audio.events import AudioEvent, FinalTranscript, TranscriptionFailed
from ws_audio.stream import Stream, StreamOptions
from ws_audio.transcription.scheduler import TranscriptionScheduler
from ws_audio.transcription.streaming import StreamingRecogniser


class Ear:
    """A stream and all that it told."""

    def __init__(
        self,
        scheduler: TranscriptionScheduler | None,
        options: StreamOptions | None = None,
        recogniser: StreamingRecogniser | None = None,
    ) -> None:
        self.events: list[AudioEvent] = []
        self.failures = 0
        self.listen: Callable[[AudioEvent], None] = self.events.append
        self.stream = Stream(
            "s1",
            options or StreamOptions(),
            lambda event: self.listen(event),
            scheduler,
            detector=ScriptedDetector,
            recogniser=recogniser,
            failed=self._failed,
        )
        self.stream.open()

    def _failed(self) -> None:
        self.failures += 1

    def hear(self, *lengths_ms: int) -> None:
        """Silence and speech in turns, silence first."""
        for index, ms in enumerate(lengths_ms):
            for _ in range(ms // 20):
                self.stream.audio(VOICED if index % 2 else SILENT, arrived_at=1.5)

    def told(self, *kinds: type[AudioEvent]) -> list[AudioEvent]:
        return [event for event in self.events if isinstance(event, kinds)]

    def outcomes(self) -> list[FinalTranscript | TranscriptionFailed]:
        """What became of utterances."""
        return [event for event in self.events if isinstance(event, FinalTranscript | TranscriptionFailed)]

    async def text(self) -> FinalTranscript | TranscriptionFailed:
        """The outcome of the only utterance."""
        await until(self.outcomes)
        [outcome] = self.outcomes()
        return outcome
