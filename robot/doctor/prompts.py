"""Makes a campaign's prompts ready as its calls do, for FreeSWITCH to read them. Blocking."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from robot.campaign.definition import Campaign
from robot.dialogue.scenario import Prompt, Variant
from robot.prompts.errors import PromptError
from robot.prompts.library import PromptLibrary


@dataclass(frozen=True, slots=True)
class ReadyPrompts:
    """In `folder`, each once. personal: how many say something else to each contact. errors: why some are not ready."""

    folder: Path
    prompts: tuple[Prompt, ...] = ()
    personal: int = 0
    errors: tuple[str, ...] = ()


def prepare(campaign: Campaign, library: PromptLibrary) -> ReadyPrompts:
    """All that are the same for everybody."""
    ready: dict[Path, Prompt] = {}
    errors: dict[str, None] = {}
    personal = 0
    for variant in variants_of(campaign):
        try:
            prompt = _prepared(variant, campaign, library)
        except PromptError as error:
            errors[str(error)] = None
            continue
        if prompt is None:
            personal += 1
        else:
            ready[prompt.file] = prompt
    return ReadyPrompts(library.folder, tuple(ready.values()), personal, tuple(errors))


def variants_of(campaign: Campaign) -> list[Variant]:
    """All that the campaign may say, each once."""
    said = (variant for wording in campaign.scenario.wordings() for variant in wording.variants)
    return list(dict.fromkeys(said))


def _prepared(variant: Variant, campaign: Campaign, library: PromptLibrary) -> Prompt | None:
    """None for what depends on the contact."""
    if variant.audio is not None:
        return library.recorded(variant.audio, variant.text.source)
    if not variant.text.fixed:
        return None
    return library.spoken(variant.text.render({}), campaign.voice)
