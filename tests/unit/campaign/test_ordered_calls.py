"""Calls that somebody orders one by one: each once, told when it has begun, seen to its end."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from robot.call.call import Parts
from robot.call.plan import CallPlan
from robot.call.report import CallBegan, Observer
from robot.campaign import ordered_calls
from robot.campaign.ordered_calls import NoMoreCalls, OrderedCalls
from robot.store.errors import JustOptedOut
from robot.store.records import Direction


class FakeCall:
    """Begins at once, unless it is `refused`, and lasts until it is stopped."""

    refused = False
    made = 0

    def __init__(self, plan: object, beginning: object, parts: object, observer: Observer) -> None:
        type(self).made += 1
        self.uuid = f"call {self.made}"
        self._observer = observer
        self._stopped = asyncio.Event()

    async def run(self) -> None:
        await asyncio.sleep(0)
        if self.refused:
            raise JustOptedOut
        self._observer(CallBegan(self.uuid, "spring", Direction.OUTGOING, None, "paris"))
        await self._stopped.wait()

    def stop(self, reason: str) -> None:
        self._stopped.set()


class Anything:
    def __getattr__(self, name: str) -> Any:
        return self

    def __call__(self, *_: object) -> Any:
        return self


PARTS, PLAN = cast(Parts, Anything()), cast(CallPlan, Anything())


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> type[FakeCall]:
    class Calls(FakeCall):
        pass

    monkeypatch.setattr(ordered_calls, "Call", Calls)
    monkeypatch.setattr(ordered_calls, "Outgoing", Anything())
    return Calls


async def test_an_order_that_comes_twice_is_one_call(calls: type[FakeCall]) -> None:
    ordered = OrderedCalls(PARTS)
    both = await asyncio.gather(ordered.place(PLAN, "mine"), ordered.place(PLAN, "mine"))
    assert [*both] == ["call 1", "call 1"]
    assert await ordered.place(PLAN, "mine") == "call 1"
    assert await ordered.place(PLAN, "another") == "call 2"
    assert await ordered.place(PLAN) == "call 3"
    assert ordered.live_calls == 3
    ordered.end_calls("the end")
    assert await ordered.finish(5) == 0


async def test_an_order_that_was_refused_may_come_again(calls: type[FakeCall]) -> None:
    ordered = OrderedCalls(PARTS)
    calls.refused = True
    with pytest.raises(JustOptedOut):
        await ordered.place(PLAN, "mine")
    assert ordered.live_calls == 0
    calls.refused = False
    assert await ordered.place(PLAN, "mine") == "call 2"
    ordered.end_calls("the end")
    await ordered.finish(5)


async def test_whoever_ordered_it_and_went_away_takes_nothing_with_them(calls: type[FakeCall]) -> None:
    ordered = OrderedCalls(PARTS)
    gone = asyncio.create_task(ordered.place(PLAN, "mine"))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait({gone})
    assert await ordered.place(PLAN, "mine") == "call 1"
    ordered.end_calls("the end")
    assert await ordered.finish(5) == 0


async def test_a_robot_that_is_being_stopped_takes_no_orders(calls: type[FakeCall]) -> None:
    ordered = OrderedCalls(PARTS)
    ordered.stop_taking()
    with pytest.raises(NoMoreCalls):
        await ordered.place(PLAN)
    assert calls.made == 0
