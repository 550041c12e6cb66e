"""Places the calls of running campaigns: claims who is due, asks the rules and the pace, dials, and writes on.

    database ── claims, ahead ──▶ CampaignCalls (ready) ── pace: whose turn? ──▶ Call ── outcome, next try ──▶ database

Nobody is called twice: a contact is claimed before it is dialled, and the attempt is written in one transaction with a
look at the claim, the do-not-call list and all other attempts at the number (`Store.begin_attempt`). What is allowed is
decided at the claim and once more right before the call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

import structlog

from robot.call.beginning import FromList, Outgoing
from robot.call.call import Call, Parts
from robot.call.failures import NoFreeNode
from robot.call.outcome_webhook import OutcomeWebhook
from robot.call.report import Observer
from robot.call.waiting import first_of
from robot.campaign.agents import Handovers
from robot.campaign.campaign_calls import CampaignCalls
from robot.campaign.claiming import Claiming, without_prompts
from robot.campaign.company import HEARTBEAT_S, Company
from robot.campaign.definition import Campaign
from robot.campaign.gateways import Gateways
from robot.campaign.pace import Go, Limits, Pace
from robot.campaign.placed_call import PlacedCall
from robot.campaign.reconciliation import Reconciliation
from robot.campaign.spacing import LATENESS_S
from robot.campaign.watching import CampaignFigures
from robot.prompts.errors import PromptError
from robot.store.campaign_records import (
    CampaignState,
    ClaimedContact,
    ContactState,
    GivenUp,
    NextTry,
    StoredCampaign,
)
from robot.store.errors import CalledMeanwhile, ClaimLost, OnDoNotCallList, StoreError
from robot.store.records import Handover
from robot.store.store import AWAY

log = structlog.get_logger(__name__)

_LOOK_EVERY_S: Final = 1.0
_NO_ROOM_S: Final = 0.5
_NO_FILES: Final = "the robot has not its files, or cannot use them: `robot campaign check` tells what is wrong"


class Dialer:
    """All of it is for the loop's thread. See `robot.service.Dialer` for what is promised."""

    def __init__(
        self,
        parts: Parts,
        campaigns: Sequence[Campaign],
        *,
        limits: Limits,
        observer: Observer | None = None,
    ) -> None:
        self._parts = parts
        self._store = parts.store
        self._observer = observer
        self._loop = asyncio.get_running_loop()
        self._campaigns = {campaign.name: campaign for campaign in campaigns}
        self._calling: dict[str, CampaignCalls] = {}
        self._limits = limits
        self._pace = Pace(limits)
        self._gateways = Gateways()
        self._company = Company(self._store)
        self._reconciliation = Reconciliation(parts, self._webhook_of)
        self._calls: dict[str, tuple[Call, asyncio.Task[None]]] = {}
        self._wake = asyncio.Event()  # something changed: look whether a call can be placed
        self._hungry = asyncio.Event()  # contacts are to be claimed
        self._claiming = Claiming(parts, self._wake.set, self._database_away)
        self._stopped = False
        self._held: str | None = None  # why nobody is called by this daemon at all, until that is over
        self._closed: asyncio.Future[None] = self._loop.create_future()

    @property
    def live_calls(self) -> int:
        return len(self._calls)

    @property
    def _blocked(self) -> str | None:
        return self._held or (AWAY if self._store.away else None)

    @property
    def owner(self) -> str:
        """This daemon, in the database."""
        return self._company.owner

    def reasons(self) -> dict[str, str]:
        """Why campaigns that run place no call at the moment, by their name."""
        told = {name: self._blocked or calls.reason for name, calls in self._calling.items()}
        return {name: reason for name, reason in told.items() if reason is not None}

    def figures(self) -> list[CampaignFigures]:
        """The campaigns that call, and those that did."""
        told = []
        for name in self._calling.keys() | self._claiming.claimed.keys():
            calling = self._calling.get(name)
            dialling = calling is not None and self._blocked is None and (calling.reason is None or calling.live > 0)
            pace = None if calling is None else calling.limits.calls_per_s
            told.append(CampaignFigures(name, pace, dialling, self._claiming.claimed[name]))
        return told

    async def run(self) -> None:
        """Until `close`. Raises AnotherDaemon on SQLite, when another robot has this database."""
        taken = await self._company.join()
        log.info("dialer.started", owner=self.owner, calls_taken_over=taken.calls)
        jobs: list[Coroutine[None, None, None]] = [
            self._live(), self._follow(), self._claim(), self._dial(), self._reconcile()
        ]  # fmt: skip
        tasks = [self._loop.create_task(job) for job in jobs]
        try:
            await first_of(*tasks, self._closed)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def stop_dialling(self) -> None:
        self._stopped = True
        self._held = "the robot is being stopped"

    async def finish(self, within_s: float) -> int:
        running = [task for _, task in self._calls.values()]
        if running:
            await asyncio.wait(running, timeout=within_s)
        return len(self._calls)

    def end_calls(self, reason: str) -> None:
        for call, _ in self._calls.values():
            call.stop(reason)

    def reload(self, campaigns: Sequence[Campaign]) -> None:
        self._campaigns = {campaign.name: campaign for campaign in campaigns}
        for name, calling in self._calling.items():
            if name in self._campaigns:
                calling.change(self._campaigns[name])
        self._wake.set()

    async def close(self) -> None:
        self._stopped = True
        if not self._closed.done():
            self._closed.set_result(None)
        await self._claiming.close()
        for _, task in self._calls.values():
            task.cancel()
        await asyncio.gather(*(task for _, task in self._calls.values()), return_exceptions=True)
        await self._company.leave()

    # -- the daemon among others ---------------------------------------------------------------------------------------

    async def _live(self) -> None:
        """Say that we live, and take over what others left who do not."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            try:
                taken = await self._company.stay()
                if taken is None:
                    self._forget_claims()
                elif taken.calls or taken.claims:
                    log.warning("dialer.took_over", calls=taken.calls, claims=taken.claims)
                    self._reconciliation.wanted.set()
            except StoreError as error:
                self._database_away(error)

    async def _reconcile(self) -> None:
        """Attempts of ours without an outcome that no call of this process is about."""
        while True:
            self._reconciliation.wanted.clear()
            try:
                await self._reconciliation.run(self.owner, self._calls.keys())
            except StoreError as error:
                self._database_away(error)
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    await self._reconciliation.wanted.wait()
            except TimeoutError:
                continue

    def _webhook_of(self, campaign: str) -> OutcomeWebhook | None:
        return self._campaigns[campaign].outcome_webhook if campaign in self._campaigns else None

    def _forget_claims(self) -> None:
        for calling in self._calling.values():
            calling.ready.clear()

    def _database_away(self, error: StoreError) -> None:
        if self._held is None:
            log.error("dialer.database_away", reason=str(error))
            self._held = "the database cannot be reached"

    # -- which campaigns run -------------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        """Do as the operators say, who write it into the database."""
        while True:
            try:
                stored = await self._store.campaigns()
                for each in stored:
                    await self._follow_one(each)
                await self._company.tell(self._not_here(stored) | self.reasons())
                if not self._stopped:
                    self._held = None
            except StoreError as error:
                self._database_away(error)
            self._pace.limit_system(self._company.part(self._limits))
            self._look_at_gateways()
            self._wake.set()
            self._hungry.set()
            await asyncio.sleep(_LOOK_EVERY_S)

    def _not_here(self, stored: Sequence[StoredCampaign]) -> dict[str, str]:
        """Campaigns that shall run and whose files this daemon has not, or cannot use."""
        running = (each.name for each in stored if each.state is CampaignState.RUNNING)
        return {name: _NO_FILES for name in running if name not in self._campaigns}

    async def _follow_one(self, stored: StoredCampaign) -> None:
        calling = self._calling.get(stored.name)
        if stored.state is CampaignState.RUNNING and stored.name in self._campaigns:
            if calling is None:
                campaign = self._campaigns[stored.name]
                before = await self._handovers(campaign)
                calling = self._calling[stored.name] = CampaignCalls(campaign, self._gateways, before)
                log.info("campaign.calling", campaign=stored.name)
            self._limit(calling, stored.pace)
            await self._end_if_done(stored, calling)
        elif calling is not None and not (calling.live or calling.expected):
            del self._calling[stored.name]
            self._pace.forget_campaign(stored.name)
            log.info("campaign.not_calling", campaign=stored.name, state=stored.state)
        if stored.state is not CampaignState.RUNNING:
            if calling is not None:
                await self._claiming.give_back(calling)
            if stored.state is CampaignState.DRAINING and not await self._in_call(stored.name):
                await self._store.move_campaign(stored.name, CampaignState.STOPPED, datetime.now(UTC), "drained")

    def _limit(self, calling: CampaignCalls, changed: Mapping[str, float]) -> None:
        campaign, part = calling.campaign, self._company.part
        calling.limit(changed, part)
        self._pace.limit_campaign(campaign.name, calling.limits, campaign.table.pace.weight)
        for gateway, limits in campaign.gateway_limits.items():
            self._pace.limit_gateway(gateway, part(limits), by=campaign.name)
        self._pace.forget_campaign(campaign.name, but=campaign.gateway_limits)

    async def _handovers(self, campaign: Campaign) -> dict[date, Handovers]:
        """Those of earlier days, so that a restart forgets no abandoned call."""
        agents = campaign.table.agents
        if agents is None:
            return {}
        since = datetime.now(UTC) - timedelta(days=agents.over_days)
        days = await self._store.handovers(campaign.name, since)
        counted = {
            day: Handovers(each.get(Handover.CONNECTED, 0), each.get(Handover.ABANDONED, 0))
            for day, each in days.items()
        }
        # What is to spare under the limit is for one daemon; another begins with nothing to spare.
        rate = Handovers.sum(counted.values()).abandon_rate
        return counted if self._company.alone or rate > agents.settings().abandon_limit else {}

    async def _end_if_done(self, stored: StoredCampaign, calling: CampaignCalls) -> None:
        """A campaign is done when its list is: nobody waits, is claimed or is in a call, with whatever daemon."""
        if calling.ready or calling.live or calling.expected or self._loop.time() >= calling.look_again_at:
            return
        left = await self._store.contact_states(stored.name)
        if left and set(left) <= {ContactState.DONE}:
            await self._store.move_campaign(stored.name, CampaignState.DONE, datetime.now(UTC), "everybody was called")
            log.info("campaign.done", campaign=stored.name)

    async def _in_call(self, campaign: str) -> int:
        return (await self._store.contact_states(campaign)).get(ContactState.IN_CALL, 0)

    def _look_at_gateways(self) -> None:
        """What FreeSWITCH says of them: up at one node is up."""
        said: dict[str, bool] = {}
        for node in self._parts.nodes.status:
            for gateway, up in node.gateways.items():
                said[gateway] = said.get(gateway, False) or up
        for gateway, up in said.items():
            change = self._gateways.reported(gateway, self._loop.time(), up=up)
            if change is not None:
                log.warning("gateway.changed", gateway=gateway, state=change.state.name, reason=change.reason)

    # -- whom to call --------------------------------------------------------------------------------------------------

    async def _claim(self) -> None:
        """Claim ahead for every campaign that runs, so that no call waits for the database."""
        while True:
            self._hungry.clear()
            for calling in [*self._calling.values()]:
                if self._blocked is None:
                    await self._claiming.claim_for(calling, self.owner)
            await self._hungry.wait()

    # -- when ----------------------------------------------------------------------------------------------------------

    async def _dial(self) -> None:
        """Place each call at its time."""
        while True:
            self._wake.clear()
            now = self._loop.time()
            decision = self._pace.next(now, self._wanting(now))
            if isinstance(decision, Go):
                await self._place(decision)
                continue
            for name, reason in decision.reasons.items():
                self._calling[name].reason = self._calling[name].reason or reason
            try:
                async with asyncio.timeout_at(decision.until):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _wanting(self, now: float) -> dict[str, Sequence[str]]:
        if self._blocked is not None or not self._company.settled(now):
            return {}
        today = datetime.now(UTC).date()
        open_now = {name: calling.open_gateways(now, today) for name, calling in self._calling.items() if calling.ready}
        return {name: gateways for name, gateways in open_now.items() if gateways}

    async def _place(self, go: Go) -> None:
        """The pace says: now. Raises nothing; what cannot be placed gives its time to the next."""
        calling, now = self._calling[go.campaign], self._loop.time()
        chosen, refused = calling.choose(now, datetime.now(UTC))
        self._claiming.release_soon(refused)
        if len(calling.ready) == 0:
            self._hungry.set()
        if chosen is None:
            self._pace.not_placed(go)
            return
        try:
            node = self._parts.nodes.take(go.gateway)
        except NoFreeNode as error:
            calling.reason = str(error)
            calling.ready.appendleft(chosen.contact)
            self._pace.not_placed(go)
            await asyncio.sleep(_NO_ROOM_S)
            return
        plan = calling.campaign.plan(
            chosen.contact.number, chosen.contact.fields, gateway=go.gateway, caller_id=chosen.caller_id
        )
        contact = chosen.contact
        listed = FromList(
            contact.claim,
            len(contact.history),
            lambda result, created_at: calling.next_try(contact, result, created_at),
            lambda: self._turn(go),
        )
        placed = PlacedCall(calling, go, self._pace, self._gateways, self._observer)
        call = Call(plan, Outgoing(plan, node, self._loop.time, listed), self._parts, placed.observe)
        task = self._loop.create_task(self._carry_out(call, placed, contact), name=f"call {call.uuid}")
        task.add_done_callback(_tell_defect)
        self._calls[call.uuid] = (call, task)

    async def _turn(self, go: Go) -> None:
        """Until the call may be dialled. If everything stood still meanwhile, not all that waited leave at once."""
        while True:
            now = self._loop.time()
            at = self._pace.depart(go, now)
            self._wake.set()
            if at <= now:
                return
            await asyncio.sleep(at - now)
            if self._loop.time() - at <= LATENESS_S:
                return

    async def _carry_out(self, call: Call, placed: PlacedCall, contact: ClaimedContact) -> None:
        refused: NextTry | GivenUp | None = None
        try:
            placed.over(await call.run())
        except OnDoNotCallList:
            refused = GivenUp("is on the do-not-call list")
        except CalledMeanwhile:
            refused = NextTry(datetime.now(UTC), contact.priority)  # with what is known now
        except ClaimLost:
            # The campaign was paused a moment ago, or the claim is somebody else's: giving that back changes nothing.
            log.info("dialer.claim_lost", campaign=contact.campaign)
            refused = NextTry(datetime.now(UTC), contact.priority)
        except PromptError as error:  # it was there, and was taken away
            refused = without_prompts(contact, error)
        except StoreError as error:
            self._database_away(error)
        finally:
            placed.not_dialled()
            del self._calls[call.uuid]
            self._wake.set()
        if refused is not None:
            await self._claiming.release([(contact, refused)])


def _tell_defect(task: asyncio.Task[None]) -> None:
    """One call's defect is its own; the campaign goes on."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("dialer.call_crashed", task=task.get_name(), exc_info=error)
