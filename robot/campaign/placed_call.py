"""A call on its way: tells the pace, the gateways, the breaker and the agents what becomes of it, each once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import structlog

from robot.call.report import CallReport, Notice, Observer, StateChanged, TransferEnded
from robot.call.states import CallState
from robot.campaign.blame import Blame, blame_of, fault_of
from robot.campaign.campaign_calls import CampaignCalls
from robot.campaign.gateways import Gateways
from robot.campaign.pace import Go, Pace

log = structlog.get_logger(__name__)


class PlacedCall:
    """Counted from its making to `over`, or to `not_dialled`."""

    def __init__(
        self, calling: CampaignCalls, go: Go, pace: Pace, gateways: Gateways, observer: Observer | None
    ) -> None:
        self._calling = calling
        self._go = go
        self._pace = pace
        self._gateways = gateways
        self._observer = observer
        self._loop = asyncio.get_running_loop()
        now = self._loop.time()
        self._through = gateways.placed(go.gateway, now)
        self._ticket = calling.placed(go.gateway, now)
        self._gateway_heard = False
        self._handed_over = False
        self._came_to_transfer = False
        self._counted = True

    def observe(self, notice: Notice) -> None:
        """A notice of the call, as it comes."""
        match notice:
            case StateChanged(state=CallState.ACTIVE):
                self._hear_of_gateway(Blame.CALLEE)
            case TransferEnded(taken=taken):
                self._transferred(taken)
        if self._observer is not None:
            self._observer(notice)

    def over(self, report: CallReport) -> None:
        """The call has an outcome."""
        if not self._counted:
            return
        self._counted = False
        calling, now = self._calling, self._loop.time()
        self._pace.ended(self._go)
        calling.live -= 1
        if self._handed_over:
            calling.handed_over -= 1
        self._hear_of_gateway(blame_of(report.hangup_cause))
        if calling.agents is not None:
            calling.agents.call_ended(came_to_transfer=self._came_to_transfer)
        fault = fault_of(str(report.outcome), report.hangup_cause)
        if calling.breaker.ended(self._ticket, now, fault) and calling.breaker.reason is not None:
            log.error("campaign.breaker", campaign=self._go.campaign, reason=calling.breaker.reason)

    def not_dialled(self) -> None:
        """It came to nothing before anybody was called; after `over` this is nothing."""
        if not self._counted:
            return
        self._counted = False
        self._pace.not_placed(self._go)
        self._calling.live -= 1
        self._calling.breaker.not_placed(self._ticket)
        self._hear_of_gateway(Blame.OURS)

    def _hear_of_gateway(self, blame: Blame) -> None:
        if self._gateway_heard:
            return
        self._gateway_heard = True
        change = self._gateways.heard(self._through, self._loop.time(), blame)
        if change is not None:
            log.warning("gateway.changed", gateway=change.gateway, state=change.state.name, reason=change.reason)

    def _transferred(self, taken: bool) -> None:
        self._came_to_transfer = True
        agents, today = self._calling.agents, datetime.now(UTC).date()
        if taken:
            self._handed_over = True
            self._calling.handed_over += 1
        if agents is not None:
            agents.connected(today) if taken else agents.abandoned(today)
