"""A speech model that hangs does not spoil the end of the process: its exit status and its last words are ours."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

# Without a deliberate end, CTranslate2 ends this process with SIGSEGV or SIGABRT.
_COMMAND = """
import asyncio
import random

from robot.cli import main
from robot.commands.common import finish, run
from ws_audio.transcription.scheduler import TranscriptionScheduler
from ws_audio.transcription.whisper import WhisperEngine

class Endless(WhisperEngine):
    def transcribe(self, *audio):
        while True:
            super().transcribe(*audio)

async def work():
    scheduler = TranscriptionScheduler(Endless("tiny.en", workers=1), workers=1)
    scheduler.start()
    scheduler.submit("stream", random.Random(1).randbytes(2 * 16000 * 5), rate=16000)
    await asyncio.sleep(0.5)
    await scheduler.close(0)

@main.command("hang")
def hang():
    run(work())
    print("written")
    finish(3)

main(["hang"], prog_name="robot")
"""


def test_the_process_ends_with_its_own_status(capfd: pytest.CaptureFixture[str]) -> None:
    ended = subprocess.run([sys.executable, "-c", _COMMAND], timeout=60, stdout=subprocess.PIPE, text=True)
    assert (ended.returncode, ended.stdout) == (3, "written\n")
    assert "terminate" not in capfd.readouterr().err
