"""Calls that somebody orders one by one, beside what campaigns do by themselves; each is seen to its end."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Final

import structlog

from robot.call.beginning import Outgoing
from robot.call.call import Call, Parts
from robot.call.plan import CallPlan
from robot.call.report import CallBegan, Notice
from robot.call.waiting import first_of

log = structlog.get_logger(__name__)

# Of so many orders it is known that they were carried out.
_REMEMBERED: Final = 1000


class NoMoreCalls(Exception):
    """The robot is being stopped."""


class OrderedCalls:
    """Places them (`place`)."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._calls: dict[asyncio.Task[None], Call] = {}
        self._orders: OrderedDict[str, asyncio.Future[str]] = OrderedDict()
        self._closing = False

    @property
    def live_calls(self) -> int:
        return len(self._calls)

    async def place(self, plan: CallPlan, order: str | None = None) -> str:
        """The uuid of the call, once its attempt is written down. order: whoever says the same again gets the same
        call; one that was refused is forgotten. None: each time another call.

        Raises NoMoreCalls, NoFreeNode, PromptError and StoreError (OnDoNotCallList among them): then nobody is called.
        """
        if order is None:
            return await self._place(plan)
        known = self._orders.get(order)
        if known is None:
            known = asyncio.ensure_future(self._place(plan))
            self._orders[order] = known
            known.add_done_callback(lambda done: self._forget_if_not_placed(order, done))
            while len(self._orders) > _REMEMBERED:
                self._orders.popitem(last=False)
        return await asyncio.shield(known)

    def stop_taking(self) -> None:
        self._closing = True

    async def finish(self, within_s: float) -> int:
        """Wait for those that go on; how many were left. May be cancelled, and called again."""
        if self._calls:
            await asyncio.wait(self._calls, timeout=within_s)
        return len(self._calls)

    def end_calls(self, reason: str) -> None:
        """Hang up; `finish` waits until the outcomes are written."""
        for call in self._calls.values():
            call.stop(reason)

    # ------------------------------------------------------------------------------------------------------------------

    async def _place(self, plan: CallPlan) -> str:
        if self._closing:
            raise NoMoreCalls("the robot is being stopped: it places no more calls")
        loop = asyncio.get_running_loop()
        began: asyncio.Future[None] = loop.create_future()

        def observe(notice: Notice) -> None:
            if isinstance(notice, CallBegan):
                began.set_result(None)

        node = self._parts.nodes.take(plan.gateway)
        call = Call(plan, Outgoing(plan, node, loop.time), self._parts, observe)
        task = loop.create_task(self._see_through(call), name=f"ordered call {call.uuid}")
        self._calls[task] = call
        task.add_done_callback(lambda done: self._over(done, began))
        await first_of(began, task)
        if not began.done():
            task.result()
        return call.uuid

    async def _see_through(self, call: Call) -> None:
        await call.run()

    def _over(self, task: asyncio.Task[None], began: asyncio.Future[None]) -> None:
        del self._calls[task]
        error = None if task.cancelled() else task.exception()
        if error is not None and began.done():  # otherwise whoever ordered it is told
            log.error("ordered_call.crashed", task=task.get_name(), exc_info=error)

    def _forget_if_not_placed(self, order: str, done: asyncio.Future[str]) -> None:
        if done.cancelled() or done.exception() is not None:
            self._orders.pop(order, None)
