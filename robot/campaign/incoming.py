"""Calls that come in through the dialplan hook: which campaign's conversation each gets, and its whole life here.

The campaign is the one that the channel variable `robot_campaign` names, or whose `incoming_numbers` hold the dialled
number, or that called this number last. A call for which there is none goes back to the dialplan, with a line in the
log and a row in the database. While the robot is being stopped every call goes back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog

from robot.call.beginning import Incoming
from robot.call.call import Call, Parts
from robot.call.nodes import Node
from robot.call.outcome import Outcome
from robot.campaign.definition import Campaign, CampaignError, load_campaign
from robot.campaign.numbers import BadNumber, normalise_number
from robot.esl.hook import IncomingCall
from robot.store.errors import StoreError
from robot.store.facts import Finished
from robot.store.records import AttemptResult, NewIncomingCall
from robot.store.store import AWAY
from robot.toml_file import Problem

log = structlog.get_logger(__name__)

#: The channel variable by which a dialplan names a campaign.
CAMPAIGN_VARIABLE: Final = "robot_campaign"


class Refused(Exception):
    """The call is not taken; the message says why, for the log and the database, without the caller's number."""


class CampaignsByCall:
    """The campaigns of the daemon, found by what a call brings with it."""

    def __init__(self, campaigns: Sequence[Campaign]) -> None:
        """Raises CampaignError when two campaigns have the same name, or answer the same number."""
        self._by_name: dict[str, Campaign] = {}
        self._by_number: dict[str, Campaign] = {}
        problems: list[Problem] = []
        for campaign in campaigns:
            file = campaign.folder / "campaign.toml"
            if (other := self._by_name.setdefault(campaign.name, campaign)) is not campaign:
                problems.append(Problem(file, "name", None, f"{other.folder} has the same name: give it another"))
            for number in campaign.incoming_numbers:
                if (other := self._by_number.setdefault(number, campaign)) is not campaign:
                    told = f"{other.folder} answers the same number: one campaign must do without it"
                    problems.append(Problem(file, "incoming_numbers", None, told))
        if problems:
            raise CampaignError(problems)

    def named(self, name: str) -> Campaign | None:
        return self._by_name.get(name)

    def answering(self, dialled: str) -> Campaign | None:
        """Whose number was dialled; `dialled` as the provider writes it."""
        return next((self._by_number[number] for number in self._readings(dialled) if number in self._by_number), None)

    def caller(self, text: str | None) -> str | None:
        """The caller's number as E.164; None when it is withheld or is none."""
        return next(iter(self._readings(text or "")), None)

    def _readings(self, text: str) -> list[str]:
        """`text` as E.164: as it stands, as a number of one of the campaigns' regions, or with the `+` that many
        providers leave out."""
        regions = dict.fromkeys(campaign.table.region for campaign in self._by_name.values())
        attempts = [(text, None), *((text, region) for region in regions if region), (f"+{text}", None)]
        readings = []
        for written, region in attempts:
            try:
                readings.append(normalise_number(written, region))
            except BadNumber:
                continue
        return readings


def load_campaigns(folder: Path) -> list[Campaign]:
    """Every campaign in `folder`. Raises CampaignError with all that is wrong in any of them."""
    campaigns: list[Campaign] = []
    problems: list[Problem] = []
    for file in sorted(folder.glob("*/campaign.toml")):
        try:
            campaigns.append(load_campaign(file.parent))
        except CampaignError as error:
            problems += error.problems
    if problems:
        raise CampaignError(problems)
    return campaigns


class IncomingCalls:
    """Takes calls from the hook (`take`) and sees each to its end."""

    def __init__(self, campaigns: CampaignsByCall, parts: Parts) -> None:
        self._campaigns = campaigns
        self._parts = parts
        self._tasks: set[asyncio.Task[None]] = set()
        self._calls: set[Call] = set()
        self._closing = False
        self._ending: str | None = None

    @property
    def live_calls(self) -> int:
        return len(self._tasks)

    def reload(self, campaigns: CampaignsByCall) -> None:
        """From the next call on; calls keep the script they began with."""
        self._campaigns = campaigns

    def take(self, incoming: IncomingCall) -> None:
        if self._closing:
            log.info("incoming.released", uuid=incoming.uuid, reason="the robot is being stopped")
            incoming.release()
            return
        task = asyncio.get_running_loop().create_task(self._see_through(incoming), name=f"incoming {incoming.uuid}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def stop_taking(self) -> None:
        """From now on every call goes back to the dialplan."""
        self._closing = True

    async def finish(self, within_s: float) -> int:
        """Wait for those that talk; how many were left. May be cancelled, and called again."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=within_s)
        return len(self._tasks)

    def end_calls(self, reason: str) -> None:
        """Hang up; `finish` waits until the outcomes are written."""
        self._ending = reason
        for call in self._calls:
            call.stop(reason)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("incoming.crashed", reason=type(error).__name__, exc_info=error)

    async def _see_through(self, incoming: IncomingCall) -> None:
        if self._parts.store.away:  # it would ring until the database has not answered for long enough
            log.warning("incoming.released", uuid=incoming.uuid, reason=AWAY)
            incoming.release()
            return
        caller = self._campaigns.caller(incoming.caller)
        node = self._parts.nodes.running(incoming.core_uuid)
        try:
            campaign = await self._campaign_of(incoming, caller)
            if node is None:
                raise Refused("it came from a FreeSWITCH that is not in robot.toml, or whose event socket is away")
        except Refused as refused:
            await self._refuse(incoming, caller, node, str(refused))
            return
        except StoreError as error:
            log.warning("incoming.released", uuid=incoming.uuid, reason=str(error))
            incoming.release()
            return
        await self._talk(incoming, caller, node, campaign)

    async def _talk(self, incoming: IncomingCall, caller: str | None, node: Node, campaign: Campaign) -> None:
        plan = campaign.incoming_plan(caller)
        node.take()
        call = Call(plan, Incoming(plan, node, incoming, caller), self._parts)
        self._calls.add(call)
        if self._ending is not None:  # meanwhile, as its campaign was looked up
            call.stop(self._ending)
        try:
            report = await call.run()
        except StoreError as error:
            # Not written down, so not taken: it went back to the dialplan.
            log.warning("incoming.released", uuid=incoming.uuid, reason=str(error))
        else:
            log.info("incoming.over", uuid=incoming.uuid, campaign=campaign.name, outcome=report.outcome)
        finally:
            self._calls.discard(call)

    async def _campaign_of(self, incoming: IncomingCall, caller: str | None) -> Campaign:
        """Raises Refused, or StoreError."""
        name = incoming.variables.get(CAMPAIGN_VARIABLE)
        if name:
            if (campaign := self._campaigns.named(name)) is None:
                raise Refused(f"the dialplan's {CAMPAIGN_VARIABLE} names no campaign of this robot: {name!r}")
            return campaign
        if (campaign := self._campaigns.answering(incoming.dialled)) is not None:
            return campaign
        last = None if caller is None else await self._parts.store.last_campaign(caller)
        campaign = None if last is None else self._campaigns.named(last)
        if campaign is None:
            raise Refused(
                "no campaign answers the number that was dialled: add it to a campaign's `incoming_numbers`, or have "
                f"the dialplan set {CAMPAIGN_VARIABLE}"
            )
        return campaign

    async def _refuse(self, incoming: IncomingCall, caller: str | None, node: Node | None, reason: str) -> None:
        log.warning("incoming.refused", uuid=incoming.uuid, reason=reason)
        incoming.release()
        now = datetime.now(UTC)
        place = incoming.core_uuid if node is None else node.name
        result = AttemptResult(
            outcome=Outcome.FAILED, hangup_cause=None, amd=None, ring_ms=None, talk_ms=None, answered_at=None,
            ended_at=now, recording=None, error=reason,
        )  # fmt: skip
        try:
            await self._parts.store.begin_incoming(
                NewIncomingCall(incoming.uuid, None, caller, incoming.dialled, place, now)
            )
        except StoreError as error:
            log.warning("incoming.not_written", uuid=incoming.uuid, reason=str(error))
            return
        self._parts.store.record(Finished(incoming.uuid, caller, result, (), (), ()))
