"""How long does somebody wait for the reply of a language model, stage by stage, with one call or several at once?

Every callee says ten things, and each is replied to in other words. The model is a server of its own, whose first token
comes 50 ms after it was asked (`chat_endpoint`): what is measured is everything around it. Stages are medians, in ms
after the last voiced frame. The robot has its cores for itself as far as there are others: the callees, who speak and
hear in a process of their own, and the model are kept off them.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import random
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import fmean, median
from typing import Any, Final

from robot.bench.chat_endpoint import Answer, chat_endpoint
from robot.bench.far_end import FarEnd, Live, far_end
from robot.bench.figures import spread
from robot.call.report import CallReport
from robot.campaign.definition import Campaign, load_campaign
from robot.daemon import Daemon, put_audio_first
from robot.dialogue.phrases import PhraseCutter
from robot.settings import Settings
from robot.store.records import LatencyRecord
from ws_audio.transcription.scheduler import available_cores

FIRST_TOKEN_MS: Final = 50
TOKEN_MS: Final = 10  # a hundred a second, as hosted models write
# As people talk to somebody who knows what they say: questions, answers, second thoughts.
_SAID: Final = (
    "When are you open?",
    "Yes, please.",
    "How much does it cost?",
    "I would like to come on Tuesday morning.",
    "Do I have to bring anything?",
    "No, I have never been there before.",
    "My wife would like to come, too.",
    "Is there a place where I can park my car?",
    "What happens if I am late?",
    "Okay, that sounds good.",
)
# As models reply: first sentences from two words to more than a phrase may have.
_REPLIES: Final = (
    "We are open from nine to five.",
    "Good. On which day would you like to come?",
    "The first visit is free. After that it is forty euros an hour.",
    "Tuesday is fine, I have put you down for ten in the morning, and you will get a message about it today.",
    "Only your insurance card, please.",
    "Then please come ten minutes earlier. There is a form to fill in.",
    "Of course. Shall I put her down for the same time?",
    "There are free places behind the house.",
    "That is no problem, as long as you give us a short call before you arrive.",
    "Wonderful. We are looking forward to seeing you both.",
)
_OPENING: Final = "Hello, this is the practice in Mill Road. How can I help you?"
_GOODBYE: Final = "Goodbye."
_CALLEE_WAITS_MS: Final = (250, 900)
_SPREAD_S: Final = 5.0
_LOOK_S: Final = 0.1
_SEED: Final = 6
_START_LIMIT_S: Final = 20.0
_STAGES: Final = ("text_at_ms", "model_at_ms", "token_at_ms", "phrase_at_ms", "synthesis_at_ms")


def run(
    settings: Settings, *, calls: int = 1, rounds: int = 3, live: Live | None = None, playback: str | None = None
) -> dict[str, Any]:
    """Measure `calls` simultaneous calls, `rounds` times. live: on the FreeSWITCH of `settings`; else the simulator."""
    with _model_server() as url:
        llm = settings.llm.model_copy(update={"url": url, "api_key": None})
        with far_end(settings.model_copy(update={"llm": llm}), _callees(calls), live, playback) as far:
            return asyncio.run(_measure(far, calls, rounds))


async def _measure(far: FarEnd, calls: int, rounds: int) -> dict[str, Any]:
    campaign = _campaign(far)
    reports: list[CallReport] = []
    async with Daemon(far.settings) as daemon:
        put_audio_first()
        queues = _Queues(daemon)
        watching = asyncio.create_task(queues.watch())
        try:
            for _ in range(rounds):
                reports += await asyncio.gather(*(_one(daemon, campaign, index, calls) for index in range(calls)))
        finally:
            watching.cancel()
            await asyncio.wait({watching})
    latencies = [each for report in reports for each in report.latencies if each.model_at_ms is not None]
    return {
        "benchmark": "respond --agent",
        "on": "the simulator" if far.recordings is None else "FreeSWITCH",
        "recognition": far.settings.stt.model,
        "voice": campaign.voice.model,
        "cores": available_cores(),
        "calls": calls,
        "rounds": rounds,
        "failed": sum(not report.worked or bool(report.faults) for report in reports),
        "barge_ins": sum(len(report.barge_ins) for report in reports),
        "replies": len(latencies),
        "total_ms": spread([each.total_ms for each in latencies]),
        "stages_ms": _stages(latencies),
        "ahead": sum((each.model_at_ms or 0) < (each.text_at_ms or 0) for each in latencies),
        **queues.figures(),
    }


def _stages(latencies: list[LatencyRecord]) -> dict[str, int]:
    """What a reply goes through, in its order: the median of when that was, after the last voiced frame."""
    stages = {name.removesuffix("_at_ms"): [getattr(each, name) for each in latencies] for name in _STAGES}
    stages["spoken"] = [
        None if each.synthesis_at_ms is None or each.tts_ms is None else each.synthesis_at_ms + each.tts_ms
        for each in latencies
    ]
    stages["first_sample"] = [each.total_ms for each in latencies]
    known = {name: [value for value in values if value is not None] for name, values in stages.items()}
    return {name: round(median(values)) for name, values in known.items() if values}


class _Queues:
    """What waits, looked at ten times a second: a queue that grows has more in it in the second half than in the
    first."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._seen: dict[str, list[int]] = {}

    async def watch(self) -> None:
        while True:
            speech, heard = self._daemon.parts.thinking.speech, self._daemon.transcription
            for name, value in (
                ("phrases_waiting", speech.waiting),
                ("phrases_in_synthesis", speech.busy),
                ("utterances_waiting", sum(heard.queued.values())),
                ("utterances_in_recognition", heard.busy),
            ):
                self._seen.setdefault(name, []).append(value)
            await asyncio.sleep(_LOOK_S)

    def figures(self) -> dict[str, Any]:
        return {name: _grown(seen) for name, seen in self._seen.items()}


def _grown(seen: list[int]) -> dict[str, float]:
    middle = len(seen) // 2
    halves = {"mean_first_half": seen[:middle], "mean_second_half": seen[middle:]}
    means = {name: round(fmean(half), 3) for name, half in halves.items() if half}
    return {**means, "max": max(seen), "at_end": seen[-1]}


async def _one(daemon: Daemon, campaign: Campaign, index: int, calls: int) -> CallReport:
    await asyncio.sleep(_SPREAD_S * index / calls)
    return await daemon.call(campaign.plan(f"+331400{index:05}")).run()


# -- the model ---------------------------------------------------------------------------------------------------------


def reply_to(messages: list[dict[str, Any]]) -> Answer:
    """One reply after the other, whatever was said: the opening is the first message of the robot's own."""
    said = sum(each["role"] == "assistant" for each in messages) - 1
    if said < len(_REPLIES) - 1:
        return Answer(_REPLIES[max(0, said)])
    return Answer(f"{_REPLIES[-1]} {_GOODBYE}", [("end_call", {"outcome": "completed"})])


@contextmanager
def _model_server() -> Iterator[str]:
    """In a process of its own, which the robot does not wait for; its address."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), name="model", daemon=True)
    process.start()
    try:
        if not ours.poll(_START_LIMIT_S):
            raise RuntimeError("the server of the model does not start")
        yield ours.recv()
    finally:
        process.terminate()
        process.join()
        ours.close()


def _serve(parent: Connection) -> None:
    async def serve() -> None:
        async with chat_endpoint(reply_to, first_ms=FIRST_TOKEN_MS, token_ms=TOKEN_MS) as endpoint:
            parent.send(endpoint.url)
            await asyncio.Event().wait()

    asyncio.run(serve())


# -- the callees -------------------------------------------------------------------------------------------------------


def _callees(calls: int) -> str:
    """Everybody says the same things, in an order of their own, each when the reply to the one before is over."""
    chance = random.Random(_SEED)  # noqa: S311 - the same callees each time
    callees = []
    for index in range(calls):
        prompts = 1
        says = []
        for text, reply in zip(chance.sample(_SAID, len(_SAID)), _REPLIES, strict=True):
            wait_ms = chance.randint(*_CALLEE_WAITS_MS)
            says.append(f'{{ after = "prompt_end", count = {prompts}, wait_ms = {wait_ms}, text = "{text}" }}')
            prompts += _phrases(reply)
        said = ",\n".join(says)
        callees.append(f'[[callee]]\nnumber = "+331400{index:05}"\nring_ms = 300\nnoise_db = -60\nsays = [\n{said}]\n')
    return "\n".join(callees)


def _phrases(text: str) -> int:
    """Each is a prompt of its own."""
    cutter = PhraseCutter()
    return len(cutter.push(text, 0)) + len(cutter.end())


def _campaign(far: FarEnd) -> Campaign:
    folder: Path = far.folder / "campaign"
    folder.mkdir()
    (folder / "campaign.toml").write_text(
        f'name = "respond"\ngateway = "{far.gateway}"\nmax_call_s = 300\n[amd]\nenabled = false\n'
        f'[[step]]\nname = "talk"\ntext = "{_OPENING}"\noutcome = "no_speech"\n'
        '[step.agent]\ninstructions = "You answer the telephone of a practice."\nmay = { outcomes = ["completed"] }\n'
    )
    return load_campaign(folder)
