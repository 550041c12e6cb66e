"""Builds the doors of a robot from its settings, and opens them."""

from __future__ import annotations

from robot.call.holding import Thinking
from robot.call.report import Observer
from robot.doors.campaigns import CampaignsToTry
from robot.doors.doors import Doors, DoorSettings
from robot.doors.parts import DoorParts
from robot.doors.visit import VisitParts, VisitSettings
from robot.prompts.library import PromptLibrary
from robot.settings import Settings
from ws_audio.server import AudioServer


def open_doors(
    settings: Settings,
    campaigns: CampaignsToTry,
    *,
    audio: AudioServer,
    prompts: PromptLibrary,
    thinking: Thinking,
    observer: Observer,
) -> Doors:
    """Whoever comes to `audio` is received from now on, until the doors are closed."""
    voice = settings.voice
    times = VisitSettings(
        settings.stt.vad_aggressiveness, voice.vad_silence_ms, voice.partial_interval_ms, voice.max_utterance_ms
    )
    visits = VisitParts(audio, prompts, thinking, times, observer)
    token = None if voice.token is None else voice.token.get_secret_value()
    doors = Doors(DoorParts(campaigns, visits, voice.log_latency), DoorSettings(token, voice.max_sessions))
    audio.visits = doors
    return doors
