"""Builds what speaks, from the settings: prompts that are prepared, and phrases that a call waits for."""

from __future__ import annotations

from robot.config import Settings
from robot.prompts.library import PromptLibrary
from robot.prompts.live import LiveSpeech
from robot.prompts.remote import RemoteSettings


def prompt_library(settings: Settings) -> PromptLibrary:
    tts = settings.tts
    key = None if tts.api_key is None else tts.api_key.get_secret_value()
    remote = RemoteSettings(tts.url, key, tts.model, tts.timeout_s)
    return PromptLibrary(settings.prompts.folder, settings.prompts.rate, remote)


def live_speech(settings: Settings, library: PromptLibrary) -> LiveSpeech:
    return LiveSpeech(library, settings.spool.folder, settings.tts.workers, timeout_s=settings.tts.timeout_s)
