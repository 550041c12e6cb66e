"""How evenly calls are placed: the dialer, the event socket and the database against a simulator, without audio.

Every callee is busy after a second. What counts is when the simulator was told to call, not when we meant to.
"""

from __future__ import annotations

import asyncio
import math
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

from robot.bench.dialled import GATEWAY, dialled_switch
from robot.bench.figures import spread
from robot.bench.own_database import own_database
from robot.campaign.definition import Campaign, load_campaign
from robot.campaign.dialer import Dialer
from robot.campaign.pace import Limits
from robot.daemon import Daemon, put_audio_first
from robot.settings import Settings
from robot.store.campaign_records import CampaignState, NewContact
from ws_audio.frames import Samples
from ws_audio.transcription.engine import Transcript

_CALLEES: Final = '[[callee]]\nnumber = "*"\nanswer = "busy"\nring_ms = 1000\n'
_EVERY_DAY: Final = 'daily = "00:00-24:00"\ndays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]'
_CAMPAIGN: Final = """
name = "bench"
gateway = "{gateway}"
[amd]
enabled = false
[hours]
{every_day}
[hours.regions.FR]
{every_day}
[pace]
calls_per_s = {rate}
max_calls = 10000
[retries]
busy = []
[[step]]
name = "a"
text = "Nobody hears this."
"""
_ROWS: Final = 1000
# The first claim takes its time, and so do connections.
_WARM_UP_S: Final = 2.0
_END_LIMIT_S: Final = 30.0


def run(
    settings: Settings, *, rate: float = 50.0, seconds: float = 60.0, database: str | None = None
) -> dict[str, Any]:
    """database: of a PostgreSQL on which the user may create databases; None: SQLite.

    The count of calls is that of `seconds` after a warm-up; gaps are those between two calls in that time.
    """
    with tempfile.TemporaryDirectory(prefix="robot-bench-") as name:
        folder = Path(name)
        place = nullcontext() if database is None else own_database(database)
        with dialled_switch(settings, folder, _CALLEES) as switch, place as url:
            settings = switch.settings
            if url is not None:
                settings = settings.model_copy(update={"database": settings.database.model_copy(update={"url": url})})
            used = asyncio.run(_dial(settings, _campaign(folder, rate), math.ceil((seconds + 10) * rate), seconds))
            return figures([each.at for each in switch.dialled()], used.began_at, rate, seconds) | {
                "database": "sqlite" if url is None else "postgresql",
                "dialled_twice": sum(calls - 1 for calls in Counter(each.number for each in switch.dialled()).values()),
                "outcomes": used.outcomes,
                "cpu_percent": round(100 * used.cpu_s / seconds, 1),
            }


def figures(times: Sequence[float], begin: float, rate: float, seconds: float) -> dict[str, Any]:
    """times: of the calls, in seconds, in their order; those from `begin` on and before `seconds` later count."""
    counted = [at for at in times if begin <= at < begin + seconds]
    gaps_ms = [(later - earlier) * 1000 for earlier, later in pairwise(counted)]
    by_second = np.bincount([int(at - begin) for at in counted], minlength=int(seconds))
    return {
        "rate": rate,
        "seconds": seconds,
        "calls": len(counted),
        "calls_per_second": round(len(counted) / seconds, 2),
        "count_error_percent": round(100 * abs(len(counted) / (rate * seconds) - 1), 2),
        "calls_in_a_second": {"least": int(by_second.min()), "most": int(by_second.max())},
        "gap_ms": spread(gaps_ms),
        "gap_off_ms": spread([abs(gap - 1000 / rate) for gap in gaps_ms]),
    }


class _Used:
    began_at: float
    cpu_s: float
    outcomes: dict[str, int]


class NoRecognition:
    """Hears nothing: for whoever measures or tries all but the audio."""

    def transcribe(self, audio: Samples, language: str | None, vocabulary: tuple[str, ...]) -> Transcript:
        return Transcript("", 1.0)


async def _dial(settings: Settings, campaign: Campaign, contacts: int, seconds: float) -> _Used:
    used = _Used()
    async with Daemon(settings, lambda _: NoRecognition()) as daemon:
        store, now = daemon.store, datetime.now(UTC)
        for first in range(0, contacts, _ROWS):
            rows = [NewContact(f"+336{number:08}", {}) for number in range(first, min(first + _ROWS, contacts))]
            await store.add_contacts(campaign.name, rows, now)
        await store.move_campaign(campaign.name, CampaignState.RUNNING, now)
        dialer = Dialer(daemon.parts, [campaign], limits=Limits())
        put_audio_first()
        running = asyncio.create_task(dialer.run())
        await asyncio.wait({running}, timeout=_WARM_UP_S)
        used.began_at, cpu_s = time.monotonic(), time.process_time()
        await asyncio.wait({running}, timeout=seconds)
        used.cpu_s = time.process_time() - cpu_s
        dialer.stop_dialling()
        await dialer.finish(_END_LIMIT_S)
        await dialer.close()
        await running
        used.outcomes = await store.outcomes(campaign.name)
    return used


def _campaign(folder: Path, rate: float) -> Campaign:
    file = folder / "campaign" / "campaign.toml"
    file.parent.mkdir()
    file.write_text(_CAMPAIGN.format(gateway=GATEWAY, every_day=_EVERY_DAY, rate=rate))
    return load_campaign(file.parent)
