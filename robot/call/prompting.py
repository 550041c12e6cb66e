"""The prompts of one call: which file says a variant of the script to this callee.

Everything that is known ahead of the call is made ready ahead of it; only what depends on the conversation itself
("then I will call you tomorrow at ten") is synthesised while it goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from robot.dialogue.prompt_text import MissingField
from robot.dialogue.scenario import Prompt, Scenario, Variant
from robot.prompts.errors import PromptError
from robot.prompts.library import PromptLibrary, Recorded, Spoken
from robot.prompts.voice import VoiceSettings


class FieldMissing(PromptError):
    """A prompt speaks of a field that this contact does not have."""


class CallPrompts:
    """`voice` speaks the texts that have no recording."""

    def __init__(self, library: PromptLibrary, voice: VoiceSettings) -> None:
        self._library = library
        self._voice = voice
        self._ready: dict[Recorded | Spoken, Prompt] = {}

    @property
    def root(self) -> Path:
        """Nothing outside it is played."""
        return self._library.folder

    @property
    def rate(self) -> int:
        """Of every prompt, in Hz."""
        return self._library.rate

    async def prepare(self, scenario: Scenario, values: Mapping[str, str]) -> None:
        """Make ready what may be said. Raises PromptError when one of the prompts cannot be played to this callee."""
        for variant in scenario.told_before(values):
            await self.prompt(variant, values)

    async def prompt(self, variant: Variant, values: Mapping[str, str]) -> Prompt:
        """Raises PromptError."""
        source = self._source(variant, values)
        ready = self._ready.get(source)
        if ready is None:
            ready = self._ready[source] = await self._library.prepare(source)
        return ready

    def _source(self, variant: Variant, values: Mapping[str, str]) -> Recorded | Spoken:
        if variant.audio is not None:
            return Recorded(variant.audio, variant.text.source)
        try:
            return Spoken(variant.text.render(values), self._voice)
        except MissingField as missing:
            raise FieldMissing(str(missing)) from missing
