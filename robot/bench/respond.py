"""How long does somebody who has answered wait for the robot's reply, with several calls at once?

Every callee is asked ten questions and answers each in other words. total_ms is from the last voiced frame of the
answer to the first sample of the next prompt (PLAYBACK_START), as every call stores it; endpoint_ms is the silence
that was waited for, stt_ms the recognition that came after that. The robot has one core and one recognition worker; the
callees, who speak and hear in a process of their own, have the others.
"""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path
from typing import Any, Final

from robot.bench.far_end import HUM_HZ, HUM_RATE, FarEnd, Live, far_end
from robot.bench.figures import spread
from robot.call.report import CallReport
from robot.campaign.definition import Campaign, load_campaign
from robot.daemon import Daemon, put_audio_first
from robot.settings import Settings
from robot.simulator.sound import tone, write_wav

# As people answer: short and long, to the point and beside it.
_ANSWERS: Final = (
    "Yes.",
    "No, thank you.",
    "Yes, of course.",
    "I am not interested.",
    "Tell me more about it, please.",
    "Well, I would have to ask my husband first.",
    "No.",
    "Sure, go ahead.",
    "I am afraid I do not need that at the moment.",
    "Okay, that sounds good.",
)
_QUESTION_MS: Final = 800
_CALLEE_WAITS_MS: Final = (250, 900)
_SPREAD_S: Final = 5.0
_SEED: Final = 4
# What ends an utterance that was not clear before (ws_audio.endpointing).
_ENDPOINT_MS: Final = 700


def run(
    settings: Settings, *, calls: int = 10, rounds: int = 2, live: Live | None = None, playback: str | None = None
) -> dict[str, Any]:
    """Measure `calls` simultaneous calls, `rounds` times. live: on the FreeSWITCH of `settings`; else the simulator."""
    settings = settings.model_copy(update={"stt": settings.stt.model_copy(update={"workers": 1})})
    cores = os.sched_getaffinity(0)
    with far_end(settings, _callees(calls), live, playback) as far:
        os.sched_setaffinity(0, {min(cores)})
        try:
            return asyncio.run(_measure(far, calls, rounds))
        finally:
            os.sched_setaffinity(0, cores)


async def _measure(far: FarEnd, calls: int, rounds: int) -> dict[str, Any]:
    campaign = _campaign(far)
    reports: list[CallReport] = []
    async with Daemon(far.settings) as daemon:
        put_audio_first()
        for _ in range(rounds):
            reports += await asyncio.gather(*(_one(daemon, campaign, index, calls) for index in range(calls)))
    latencies = [latency for report in reports for latency in report.latencies]
    early = [latency for latency in latencies if (latency.endpoint_ms or 0) < _ENDPOINT_MS]
    return {
        "benchmark": "respond",
        "on": "the simulator" if far.recordings is None else "FreeSWITCH",
        "model": far.settings.stt.model,
        "calls": calls,
        "rounds": rounds,
        "playback": far.settings.freeswitch.playback,
        "failed": sum(not report.worked for report in reports),
        "answers": len(latencies),
        "understood_before_the_silence_was_over": len(early),
        "total_ms": spread([each.total_ms for each in latencies]),
        "endpoint_ms": spread([each.endpoint_ms for each in latencies if each.endpoint_ms is not None]),
        "stt_ms": spread([each.stt_ms for each in latencies if each.stt_ms is not None]),
    }


async def _one(daemon: Daemon, campaign: Campaign, index: int, calls: int) -> CallReport:
    await asyncio.sleep(_SPREAD_S * index / calls)
    return await daemon.call(campaign.plan(f"+331400{index:05}")).run()


def _callees(calls: int) -> str:
    """Everybody gives all the answers, in an order of their own."""
    chance = random.Random(_SEED)  # noqa: S311 - the same callees each time
    callees = []
    for index in range(calls):
        answers = chance.sample(_ANSWERS, len(_ANSWERS))
        says = [
            f'{{ after = "prompt_end", wait_ms = {chance.randint(*_CALLEE_WAITS_MS)}, text = "{answer}" }}'
            for answer in answers
        ]
        said = ",\n".join(says)
        callees.append(f'[[callee]]\nnumber = "+331400{index:05}"\nring_ms = 300\nnoise_db = -60\nsays = [\n{said}]\n')
    return "\n".join(callees)


def _campaign(far: FarEnd) -> Campaign:
    """Ten questions, which are short hums: what is measured is the time between them."""
    folder: Path = far.folder / "campaign"
    folder.mkdir()
    write_wav(folder / "question.wav", tone(HUM_HZ, _QUESTION_MS, HUM_RATE), HUM_RATE)
    steps = []
    for number in range(len(_ANSWERS)):
        following = f"question_{number + 1}"
        steps.append(
            f'[[step]]\nname = "question_{number}"\naudio = "question.wav"\ntext = "(hum)"\nlisten_ms = 6000\n'
            f'answers = {{ yes = "{following}", no = "{following}", interested = "{following}", '
            f'not_interested = "{following}" }}\notherwise = "{following}"\nsilence = "{following}"\n'
        )
    steps.append(
        f'[[step]]\nname = "question_{len(_ANSWERS)}"\naudio = "question.wav"\ntext = "(hum)"\noutcome = "completed"\n'
    )
    (folder / "campaign.toml").write_text(
        f'name = "respond"\ngateway = "{far.gateway}"\n[amd]\nenabled = false\n' + "\n".join(steps)
    )
    return load_campaign(folder)
