"""Holds written conversations: real calls through the whole chain, to virtual callees on a simulated FreeSWITCH.

Everything of such a run is its own: the simulator, the database, the recordings. Only prepared prompts are shared with
the robot's other work, for they are the same files.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from rich.console import Console

from robot.call.holding import Thinking
from robot.call.plan import CallPlan
from robot.call.report import CallReport
from robot.campaign.definition import Campaign
from robot.daemon import Daemon
from robot.dialogue.conversation import BUILT_IN
from robot.dialogue.scenario import CALLBACK_TIME, Held, Scenario, Step, Transfer, Webhook
from robot.direct_call import running_daemon, simulated_switch
from robot.prompts.errors import PromptError
from robot.rehearsal.callee_part import callee_of
from robot.rehearsal.conversations_file import Known, WrittenConversation
from robot.rehearsal.receiver import WebhookReceiver
from robot.rehearsal.result import ConversationResult
from robot.rehearsal.scripted_model import ScriptedModel
from robot.rehearsal.verdict import Happened, HeardTurn, deviations
from robot.rehearsal.wordings import Wordings
from robot.settings import Settings
from robot.simulator.callees_file import Callee, HangUp, Moment
from robot.store.records import StoredAttempt
from ws_audio.transcription.models import resolve_model
from ws_audio.transcription.scheduler import available_cores

#: Calls at the same time for each core. With more, what is recognised late makes conversations fail that are good.
CALLS_PER_CORE: Final = 4
# Callees say hello half a second after they picked up: not all of them in the same moment.
_BETWEEN_CALLS_S: Final = 0.7
#: A model that knows all languages, where the configured one knows English alone.
MULTILINGUAL_MODEL: Final = "base"
_ENGLISH_ONLY: Final = ".en"
# An agent who has taken the call over says nothing that is rehearsed.
_AGENT_TALKS_MS: Final = 2000
# More than a call takes beside its `max_call_s`.
_OVERTIME_S: Final = 60


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What is rehearsed, and told as it goes on. at_once: calls at the same time; None: as many as the cores bear."""

    campaign: Campaign
    conversations: Sequence[WrittenConversation]
    began: Callable[[WrittenConversation], None]
    ended: Callable[[ConversationResult], None]
    at_once: int | None = None


def known_of(campaign: Campaign) -> Known:
    """What conversations of this campaign can name."""
    scenario = campaign.scenario
    outcomes = {step.outcome for step in scenario.steps if step.outcome is not None}
    outcomes |= {each for step in scenario.steps if isinstance(step.does, Held) for each in step.does.by.may.outcomes}
    return Known(
        steps=[step.name for step in scenario.steps],
        intents={*(intent.name for intent in scenario.intents), *BUILT_IN},
        outcomes=outcomes,
        fields=scenario.kept_fields(),
    )


async def rehearse(settings: Settings, rehearsal: Rehearsal, console: Console) -> list[ConversationResult]:
    """Hold all conversations; results in the order in which they are written.

    Raises what starting the simulator and the daemon raises: nothing was rehearsed then.
    """
    campaign = rehearsal.campaign
    callees = [
        callee
        for place, written in enumerate(rehearsal.conversations)
        for callee in (callee_of(written.conversation, _number(place)), _agent(place, written, campaign.scenario))
    ]
    gateway = next(iter(campaign.gateways))
    with (
        _apart(settings, campaign.table.language) as own,
        simulated_switch(own, callees, console, gateway=gateway) as reachable,
    ):
        async with WebhookReceiver() as receiver, running_daemon(reachable, console) as daemon:
            stage = _Stage(daemon, campaign, Wordings(campaign.scenario), receiver)
            places = asyncio.Semaphore(rehearsal.at_once or CALLS_PER_CORE * available_cores())
            dialling = asyncio.Lock()

            async def hold(place: int, written: WrittenConversation) -> ConversationResult:
                async with places:
                    async with dialling:
                        await asyncio.sleep(_BETWEEN_CALLS_S)
                    rehearsal.began(written)
                    result = await stage.hold(place, written)
                rehearsal.ended(result)
                return result

            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(hold(place, written)) for place, written in enumerate(rehearsal.conversations)
                ]
            return [task.result() for task in tasks]


@dataclass(frozen=True, slots=True)
class _Stage:
    """What all conversations of a rehearsal share."""

    daemon: Daemon
    campaign: Campaign
    wordings: Wordings
    receiver: WebhookReceiver

    async def hold(self, place: int, written: WrittenConversation) -> ConversationResult:
        loop = asyncio.get_running_loop()
        plan = self._plan(place, written)
        started = loop.time()
        call = self.daemon.call(plan, thinking=self._thinking(written))
        too_long = loop.call_later(plan.max_call_s + _OVERTIME_S, call.stop, "the conversation does not end")
        try:
            report = await call.run()
        except PromptError as error:
            report = CallReport(call.uuid, plan.number, error=str(error))
            happened = Happened(outcome=None, error=str(error))
        else:
            happened = _happened(report, await self.daemon.store.attempt(call.uuid), plan)
        finally:
            too_long.cancel()
        found = deviations(written, happened, self.wordings.names)
        return ConversationResult(written, report, tuple(found), loop.time() - started)

    def _thinking(self, written: WrittenConversation) -> Thinking:
        """Nobody's model is asked."""
        model = None if written.model is None else ScriptedModel(written.model)
        return Thinking(model, self.daemon.parts.thinking.speech)

    def _plan(self, place: int, written: WrittenConversation) -> CallPlan:
        """The campaign's own, but for whom it reaches: this conversation's callee, its agent, our web server."""
        plan = replace(self.campaign.plan(_number(place), written.conversation.contact), outcome_webhook=None)
        scenario = plan.scenario
        if not any(isinstance(step.does, Transfer | Webhook) for step in scenario.steps):
            return plan
        url = self.receiver.url(written.conversation.webhooks)
        steps = [_rerouted(step, _agents_number(place), url) for step in scenario.steps]
        return replace(plan, scenario=Scenario(steps, scenario.intents, scenario.language, scenario.objections))


def _rerouted(step: Step, agent: str, url: str) -> Step:
    match step.does:
        case Transfer():
            return replace(step, does=replace(step.does, number=agent, extension=None))
        case Webhook():
            return replace(step, does=replace(step.does, url=url))
        case _:
            return step


def _happened(report: CallReport, stored: StoredAttempt, plan: CallPlan) -> Happened:
    kept = dict(stored.answers)
    if stored.callback_earliest is not None:
        kept[CALLBACK_TIME] = f"{stored.callback_earliest.astimezone(plan.zone):%Y-%m-%d %H:%M}"
    return Happened(
        outcome=report.outcome,
        amd=report.amd,
        turns=[
            HeardTurn(
                by_robot=turn.speaker == "robot",
                text=turn.text,
                start_ms=turn.start_ms,
                end_ms=turn.end_ms,
                step=turn.step,
                intent=turn.intent,
                interrupted=turn.interrupted,
            )
            for turn in report.turns
        ],
        kept=kept,
        pauses_ms=[latency.total_ms for latency in report.latencies],
        error=report.error,
    )


@contextmanager
def _apart(settings: Settings, language: str) -> Iterator[Settings]:
    """Settings with which nothing of the user's is touched, and with a model that knows `language`."""
    stt = settings.stt
    if language != "en" and stt.model.endswith(_ENGLISH_ONLY) and Path(resolve_model(MULTILINGUAL_MODEL)).is_dir():
        stt = stt.model_copy(update={"model": MULTILINGUAL_MODEL})
    with TemporaryDirectory(prefix="robot-rehearsal-") as folder:
        database = settings.database.model_copy(update={"url": f"sqlite:///{folder}/robot.db"})
        recordings = settings.recordings.model_copy(update={"folder": Path(folder) / "recordings"})
        (Path(folder) / "recordings").mkdir()
        llm = settings.llm.model_copy(update={"url": None})
        yield settings.model_copy(update={"database": database, "recordings": recordings, "stt": stt, "llm": llm})


# Numbers that nobody has: kept free for films and the like (ARCEP, French numbering plan, 01 99 00).
def _number(place: int) -> str:
    return f"+331990{place:05d}"


def _agents_number(place: int) -> str:
    return f"+331991{place:05d}"


def _agent(place: int, written: WrittenConversation, scenario: Scenario) -> Callee:
    """Who takes the call over, and hangs up soon after that."""
    transfers = (step.does for step in scenario.steps if isinstance(step.does, Transfer))
    taken: Moment = "prompt_end" if any(each.announce is not None for each in transfers) else "answer"
    answer = written.conversation.agent
    hang_up = HangUp(after=taken, wait_ms=_AGENT_TALKS_MS) if answer == "human" else None
    return Callee(number=_agents_number(place), answer=answer, ring_ms=500, hang_up=hang_up)
