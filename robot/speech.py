"""Builds what thinks and speaks, from the settings: a language model, prompts, phrases that a call waits for."""

from __future__ import annotations

import json

from robot.dialogue.chat_completions import LlmSettings, OpenAiModel
from robot.prompts.library import PromptLibrary
from robot.prompts.live import LiveSpeech
from robot.prompts.remote import RemoteSettings
from robot.settings import Settings


def language_model(settings: Settings) -> OpenAiModel | None:
    """Who holds steps of campaigns that ask for it; None: nobody."""
    llm = settings.llm
    if llm.url is None:
        return None
    key = None if llm.api_key is None else llm.api_key.get_secret_value()
    return OpenAiModel(
        LlmSettings(
            llm.url, llm.model, key, llm.first_token_timeout_s, llm.timeout_s, llm.temperature, llm.max_tokens,
            json.loads(llm.extra),
        )
    )  # fmt: skip


def prompt_library(settings: Settings) -> PromptLibrary:
    tts = settings.tts
    key = None if tts.api_key is None else tts.api_key.get_secret_value()
    remote = RemoteSettings(tts.url, key, tts.model, tts.timeout_s)
    return PromptLibrary(settings.prompts.folder, settings.prompts.rate, remote)


def live_speech(settings: Settings, library: PromptLibrary) -> LiveSpeech:
    return LiveSpeech(library, settings.spool.folder, settings.tts.workers, timeout_s=settings.tts.timeout_s)
