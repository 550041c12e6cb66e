"""How fast is the robot silent when somebody talks over it, with many calls at once?

Everything is real but the telephone: the simulator runs in a process of its own, all calls are up at the same time with
audio, VAD, Whisper and the database, and every callee talks over the first prompt. detect_ms is from the arrival of the
frame that crosses the threshold to `uuid_break` on the wire, break_ms from there to PLAYBACK_STOP. The calls are spread
over a few seconds, so that some are interrupted while what others said is being recognised.
"""

from __future__ import annotations

import asyncio
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from robot.bench.figures import memory_mb, spread
from robot.call.report import CallReport
from robot.campaign.definition import Campaign, load_campaign
from robot.config import Settings
from robot.daemon import Daemon
from robot.direct_call import demo_campaign_folder

_CALLEES: Final = """
[[callee]]
number = "+331400*"
ring_ms = 300
answer = "human"
noise_db = -60
says = [
  { after = "prompt_start", wait_ms = 2000, text = "Yes hello, I am listening, I am quite interested in your offer." },
]
"""
_PASSWORD: Final = "of the benchmark"  # noqa: S105 - of a simulator on loopback
_SPREAD_S: Final = 3.0
_START_LIMIT_S: Final = 60.0


def run(settings: Settings, *, calls: int = 50, rounds: int = 3) -> dict[str, Any]:
    """Measure `calls` simultaneous calls, `rounds` times.

    The database is one of the benchmark's own, the model that of `settings`.
    """
    with tempfile.TemporaryDirectory() as folder, _simulator(Path(folder)) as port:
        reachable = settings.model_copy(
            update={
                "freeswitch": settings.freeswitch.model_copy(
                    update={"host": "127.0.0.1", "port": port, "password": SecretStr(_PASSWORD)}
                ),
                "audio": settings.audio.model_copy(update={"host": "127.0.0.1", "port": 0}),
                "database": settings.database.model_copy(update={"url": f"sqlite:///{folder}/bench.db"}),
            }
        )
        return asyncio.run(_measure(reachable, calls, rounds))


async def _measure(settings: Settings, calls: int, rounds: int) -> dict[str, Any]:
    campaign = load_campaign(demo_campaign_folder())
    async with Daemon(settings) as daemon:
        [first], with_one_mb = await _call_all(daemon, campaign, 1)
        cpu = resource.getrusage(resource.RUSAGE_SELF)
        reports: list[CallReport] = []
        with_all_mb: float | None = None
        for _ in range(rounds):
            finished, memory_mb = await _call_all(daemon, campaign, calls)
            reports += finished
            with_all_mb = with_all_mb or memory_mb
        used = resource.getrusage(resource.RUSAGE_SELF)
    barge_ins = [barge_in for report in reports for barge_in in report.barge_ins]
    latencies = [latency for report in reports for latency in report.latencies]
    call_s = sum(report.talk_ms or 0 for report in reports) / 1000
    return {
        "benchmark": "barge-in",
        "calls": calls,
        "rounds": rounds,
        "playback": settings.freeswitch.playback,
        "failed": sum(not report.worked for report in [first, *reports]),
        "barge_ins": len(barge_ins),
        "detect_ms": spread([each.detect_ms for each in barge_ins if each.detect_ms is not None]),
        "break_ms": spread([each.break_ms for each in barge_ins if each.break_ms is not None]),
        "reply_after_ms": spread([each.total_ms for each in latencies]),
        "cpu_ms_per_call_second": round(
            (used.ru_utime + used.ru_stime - cpu.ru_utime - cpu.ru_stime) * 1000 / max(call_s, 1), 1
        ),
        "memory_mb": None if with_all_mb is None else round(with_all_mb, 1),
        "memory_mb_per_further_call": (
            None
            if with_all_mb is None or with_one_mb is None or calls < 2
            else round((with_all_mb - with_one_mb) / (calls - 1), 2)
        ),
    }


async def _call_all(daemon: Daemon, campaign: Campaign, calls: int) -> tuple[list[CallReport], float | None]:
    """All calls at once: their reports, and the most memory that was in use meanwhile."""

    async def one(index: int) -> CallReport:
        await asyncio.sleep(_SPREAD_S * index / calls)
        return await daemon.call(campaign.plan(f"+331400{index:05}")).run()

    all_calls = asyncio.gather(*(one(index) for index in range(calls)))
    most_mb = memory_mb()
    while not all_calls.done():
        await asyncio.wait({all_calls}, timeout=0.25)
        now_mb = memory_mb()
        most_mb = now_mb if most_mb is None or now_mb is None else max(most_mb, now_mb)
    return all_calls.result(), most_mb


@contextmanager
def _simulator(folder: Path) -> Iterator[int]:
    """A simulator in another process; yields its port."""
    callees = folder / "callees.toml"
    callees.write_text(_CALLEES)
    command = [sys.executable, "-m", "robot", "simulate", "--port", "0", "--password", _PASSWORD, "--callees"]
    process = subprocess.Popen([*command, str(callees)], stdout=subprocess.PIPE, text=True)  # noqa: S603
    try:
        yield _port_of(process)
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


def _port_of(process: subprocess.Popen[str]) -> int:
    if process.stdout is None:
        raise RuntimeError("the simulator was started without a pipe for its output")
    for line in process.stdout:
        if found := re.search(r"[Ee]vent socket: \S+:(\d+)", line):
            return int(found[1])
    raise RuntimeError(f"the simulator ended with status {process.wait(_START_LIMIT_S)} before it was ready")
