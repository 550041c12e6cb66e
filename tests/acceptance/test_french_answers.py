"""French answers as recorded, heard by the real recognition that is told what the step expects."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from robot.dialogue.intents import Intent, IntentMatcher, typical_phrases
from robot.dialogue.language import language_of
from robot.dialogue.spoken_time import spoken_time
from robot.simulator.sound import read_clip, through_mulaw
from ws_audio.frames import Samples, double_rate
from ws_audio.transcription.whisper import WhisperEngine

_RECORDINGS = Path(__file__).parents[3] / "shared/speech/fr"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not _RECORDINGS.is_dir(), reason="the French recordings are not part of the project"),
]

INTENTS = [Intent(name, phrases) for name, phrases in language_of("fr").intents.items()]
EXPECTED = typical_phrases(
    intent
    for intent in INTENTS
    if intent.name in ("yes", "no", "interested", "not_interested", "do_not_call", "callback")
)
MEANT = {
    "human_allo": "hello", "human_oui_allo": "hello", "human_qui": "who_is_calling", "yes": "yes", "yes_polite": "yes",
    "backchannel": "yes", "no": "no", "interested": "interested", "interested_long": "interested",
    "not_interested": "not_interested", "not_interested_long": "not_interested", "opt_out": "do_not_call",
    "price": "price", "callback_tomorrow": "callback", "callback_evening": "callback", "who": "who_is_calling",
    "robot": "are_you_a_robot", "repeat": "repeat", "wait": "wait", "stop": "stop", "hum": None,
}  # fmt: skip


@pytest.fixture(scope="module")
def engine() -> WhisperEngine:
    return WhisperEngine("base")


@pytest.fixture(scope="module")
def matcher() -> IntentMatcher:
    return IntentMatcher(INTENTS, "fr")


def recorded(name: str) -> Samples:
    return np.pad(read_clip(str(_RECORDINGS / f"{name}.wav"), 16000).samples, 3200)


@pytest.mark.parametrize("expected", [(), EXPECTED], ids=["without", "with what is expected"])
def test_answers_are_understood(engine: WhisperEngine, matcher: IntentMatcher, expected: tuple[str, ...]) -> None:
    found = {name: matcher.understand(engine.transcribe(recorded(name), "fr", expected).text).intent for name in MEANT}
    assert found == MEANT


def test_most_are_understood_over_a_telephone_line(engine: WhisperEngine, matcher: IntentMatcher) -> None:
    right = 0
    for name, meant in MEANT.items():
        line = double_rate(through_mulaw(read_clip(str(_RECORDINGS / f"{name}.wav"), 8000).samples))
        right += matcher.understand(engine.transcribe(line, "fr", EXPECTED).text).intent == meant
    assert right >= 0.75 * len(MEANT)  # base makes "rapidez-moi" of "rappelez-moi" there, and "1" of "oui"


@pytest.mark.parametrize("name", ["hum", "backchannel"])
def test_the_expected_is_not_heard_where_nobody_says_it(engine: WhisperEngine, name: str) -> None:
    for level in (1.0, 0.1):
        audio = (recorded(name) * level).astype(np.int16)
        alone = engine.transcribe(audio, "fr", ()).text
        assert engine.transcribe(audio, "fr", ("Non.", "Oui.", "Ne m'appelez plus.")).text == alone


@pytest.mark.parametrize("level", [0, 3, 30, 300, 3000])
def test_nor_in_noise(engine: WhisperEngine, level: int) -> None:
    noise = (np.random.default_rng(level).normal(size=24_000) * level).astype(np.int16)
    assert engine.transcribe(noise, "fr", EXPECTED).text == ""


def test_when_to_call_back(engine: WhisperEngine) -> None:
    paris = ZoneInfo("Europe/Paris")
    now = datetime(2026, 11, 18, 14, 8, tzinfo=paris)
    times = {
        name: spoken_time(engine.transcribe(recorded(name), "fr", EXPECTED).text, now, paris, "fr")
        for name in ("callback_tomorrow", "callback_evening", "price")
    }
    tomorrow, evening = times["callback_tomorrow"], times["callback_evening"]
    assert tomorrow is not None
    assert tomorrow.earliest == datetime(2026, 11, 19, 10, 0, tzinfo=paris)
    assert evening is not None
    assert evening.earliest == datetime(2026, 11, 18, 18, 0, tzinfo=paris)
    assert times["price"] is None
