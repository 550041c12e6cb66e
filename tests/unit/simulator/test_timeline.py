from __future__ import annotations

import asyncio

from robot.simulator.timeline import PacedTimeline, Timeline


def test_what_is_due_happens_in_order_and_at_its_own_time() -> None:
    timeline = Timeline()
    seen: list[tuple[str, float]] = []
    for name, delay in (("b", 20), ("a", 10), ("also b", 20), ("late", 50)):
        timeline.call_in(delay, lambda name=name: seen.append((name, timeline.now_ms)))  # type: ignore[misc]
    timeline.advance(30)
    assert seen == [("a", 10), ("b", 20), ("also b", 20)]
    assert timeline.now_ms == 30


def test_an_action_may_ask_for_another_in_the_same_advance() -> None:
    timeline = Timeline()
    seen: list[float] = []

    def tick() -> None:
        seen.append(timeline.now_ms)
        timeline.call_in(20, tick)

    timeline.call_in(20, tick)
    timeline.advance(100)
    assert seen == [20, 40, 60, 80, 100]


def test_a_cancelled_action_does_not_happen() -> None:
    timeline = Timeline()
    seen: list[int] = []
    timeline.call_in(10, lambda: seen.append(1)).cancel()
    timeline.advance(100)
    assert seen == []


async def test_a_paced_timeline_follows_the_loop_without_drift() -> None:
    timeline = PacedTimeline()
    ticks: list[float] = []
    done = asyncio.Event()

    def tick() -> None:
        ticks.append(timeline.now_ms)
        if len(ticks) == 5:
            done.set()
        else:
            timeline.call_at(ticks[0] + len(ticks) * 2, tick)

    pace = asyncio.create_task(timeline.run())
    timeline.call_in(2, tick)
    async with asyncio.timeout(5):
        await done.wait()
    pace.cancel()
    await asyncio.gather(pace, return_exceptions=True)
    assert [round(now - ticks[0]) for now in ticks] == [0, 2, 4, 6, 8]


async def test_after_a_long_pause_it_goes_on_instead_of_running_after_time() -> None:
    timeline = PacedTimeline()
    timeline._origin_s -= 3600  # as if the machine had slept for an hour
    seen: list[float] = []
    timeline.call_at(60_000, lambda: seen.append(timeline.now_ms))
    timeline.catch_up()
    assert seen == []
    assert timeline.now_ms < 1000
