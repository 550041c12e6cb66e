"""How fast is the robot silent when somebody talks over it, with many calls at once?

All calls are up at the same time with audio, VAD, Whisper and the database, and every callee talks over the first
prompt. detect_ms is from the arrival of the frame that crosses the threshold to `uuid_break` on the wire, break_ms from
there to PLAYBACK_STOP. On a real FreeSWITCH both sides of each call are recorded at the callee: silence_ms is from the
frame that crosses the threshold, as it leaves the callee, to silence in the callee's ear. The calls are spread over a
few seconds, so that some are interrupted while what others said is being recognised.
"""

from __future__ import annotations

import asyncio
import resource
from typing import Any, Final

from robot.bench.ear import read_tape, threshold_to_silence_ms
from robot.bench.far_end import FarEnd, Live, far_end, humming_campaign
from robot.bench.figures import memory_mb, spread
from robot.call.report import CallReport
from robot.campaign.definition import Campaign
from robot.daemon import Daemon, put_audio_first
from robot.settings import Settings

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
_SPREAD_S: Final = 3.0
# A recording is there one event poll after the call is over.
_RECORDING_S: Final = 1.0


def run(
    settings: Settings, *, calls: int = 50, rounds: int = 3, live: Live | None = None, playback: str | None = None
) -> dict[str, Any]:
    """Measure `calls` simultaneous calls, `rounds` times. live: on the FreeSWITCH of `settings`; else the simulator.

    The database is one of the benchmark's own, the model that of `settings`.
    """
    with far_end(settings, _CALLEES, live, playback) as far:
        return asyncio.run(_measure(far, calls, rounds))


async def _measure(far: FarEnd, calls: int, rounds: int) -> dict[str, Any]:
    campaign = humming_campaign(far)
    async with Daemon(far.settings) as daemon:
        put_audio_first()
        [first], with_one_mb = await _call_all(daemon, campaign, 1)
        cpu = resource.getrusage(resource.RUSAGE_SELF)
        reports: list[CallReport] = []
        with_all_mb: float | None = None
        for _ in range(rounds):
            finished, memory_mb = await _call_all(daemon, campaign, calls)
            reports += finished
            with_all_mb = with_all_mb or memory_mb
        used = resource.getrusage(resource.RUSAGE_SELF)
    await asyncio.sleep(_RECORDING_S)
    barge_ins = [barge_in for report in reports for barge_in in report.barge_ins]
    latencies = [latency for report in reports for latency in report.latencies]
    call_s = sum(report.talk_ms or 0 for report in reports) / 1000
    return {
        "benchmark": "barge-in",
        "on": "the simulator" if far.recordings is None else "FreeSWITCH",
        "calls": calls,
        "rounds": rounds,
        "playback": far.settings.freeswitch.playback,
        "failed": sum(not report.worked for report in [first, *reports]),
        "barge_ins": len(barge_ins),
        "detect_ms": spread([each.detect_ms for each in barge_ins if each.detect_ms is not None]),
        "break_ms": spread([each.break_ms for each in barge_ins if each.break_ms is not None]),
        **_in_the_ear(far, reports, campaign.table.barge_in.threshold_ms),
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


def _in_the_ear(far: FarEnd, reports: list[CallReport], threshold_ms: int) -> dict[str, Any]:
    if far.recordings is None:
        return {}
    tapes = [file for report in reports if (file := far.recording(report.uuid)) is not None]
    aggressiveness = far.settings.stt.vad_aggressiveness
    silences = [threshold_to_silence_ms(read_tape(tape), threshold_ms, aggressiveness) for tape in tapes]
    return {"recordings": len(tapes), "silence_ms": spread([each for each in silences if each is not None])}


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
