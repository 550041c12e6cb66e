"""Who picked up, with a real voice on a telephone line, and real recognition."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from robot.bench.amd import Ear, decide
from robot.bench.greeting_set import Greeting
from robot.call.amd.greetings import AmdClass
from robot.cli import main
from robot.simulator.sound import read_clip, through_mulaw
from ws_audio.frames import double_rate
from ws_audio.transcription.whisper import WhisperEngine

_FRENCH = Path(__file__).parents[3] / "shared/speech/fr"


@pytest.mark.slow
def test_a_sample_of_the_greetings() -> None:
    done = CliRunner().invoke(main, ["bench", "amd", "--every", "9", "--json"])
    assert done.exit_code == 0, done.output
    figures = json.loads(done.stdout)
    assert figures["all"]["greetings"] >= 25
    assert figures["all"]["accuracy"] >= 0.9, figures["mistakes"]
    assert figures["all"]["human_after_ms"]["p50"] <= 1200
    assert figures["all"]["messages_before_the_beep"] == 0
    assert figures["all"]["messages_never_begun"] == 0


@pytest.mark.slow
@pytest.mark.skipif(not _FRENCH.is_dir(), reason="the French recordings are not part of the project")
def test_french_greetings() -> None:
    expected = {
        "human_allo": AmdClass.HUMAN, "human_oui_allo": AmdClass.HUMAN, "human_bonjour": AmdClass.HUMAN,
        "human_qui": AmdClass.HUMAN, "voicemail_martin": AmdClass.VOICEMAIL, "voicemail_operator": AmdClass.VOICEMAIL,
        "mailbox_full": AmdClass.MAILBOX_FULL, "screening": AmdClass.CALL_SCREENING, "ivr": AmdClass.IVR,
    }  # fmt: skip
    ear = Ear(WhisperEngine("base"), stt_ms=500, language="fr")
    decided = {}
    for name, kind in expected.items():
        words = through_mulaw(read_clip(str(_FRENCH / f"{name}.wav"), 8000).samples)
        audio = double_rate(np.pad(words, (4000, 6 * 8000)))
        decided[name] = decide(Greeting(name, kind, "french", audio, None, None), ear.hear(audio), language="fr").kind
    assert decided == expected
