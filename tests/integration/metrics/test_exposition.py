"""What Prometheus is told: names, types and labels as its conventions want them, and nobody in them."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Gauge

from robot.call.states import CallState
from robot.metrics.errors import MetricsError
from robot.metrics.labels import OTHER, Values
from robot.metrics.live import Live
from robot.metrics.server import MetricsServer
from tests.integration.metrics.measured import NUMBER, UUID, call_notices, measured

TYPES = {"counter", "gauge", "histogram"}
# https://prometheus.io/docs/practices/naming/: base units, whole words, no type in the name.
AGAINST_THE_RULES = re.compile(
    r"_(ms|milliseconds|minutes|mb|kb|percent|ratio|gauge|counter|histogram|count|sum|bucket)(_|$)"
)


async def test_every_metric_is_named_typed_and_explained_as_prometheus_wants_it(tmp_path: Path) -> None:
    async with measured(tmp_path) as robot:
        families = await robot.families()
    ours = {name: family for name, family in families.items() if name.startswith("robot_")}
    assert len(ours) > 40
    for name, family in ours.items():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name), name
        assert family.type in TYPES, name
        assert len(family.documentation) > 15, name
        assert family.documentation.endswith("."), name
        assert not AGAINST_THE_RULES.search(name), name
        assert family.type != "histogram" or name.endswith("_seconds")
        assert family.samples, f"{name}: nothing of it was measured here"
        for sample in family.samples:
            assert not sample.name.endswith("_created")
            assert (family.type == "counter") == sample.name.endswith("_total"), sample.name
            assert all(re.fullmatch(r"[a-z]+", label) for label in sample.labels)
    assert set(families) - set(ours) >= {"process_cpu_seconds", "process_resident_memory_bytes", "process_open_fds"}


async def test_a_call_is_counted_and_nothing_tells_whose_it_was(tmp_path: Path) -> None:
    async with measured(tmp_path) as robot:
        for notice in call_notices(CallState.SPEAKING):
            robot.metrics.calls(notice)
        text = await robot.text()
    for line in (
        'robot_calls_begun_total{campaign="spring",direction="outgoing"} 2.0',
        'robot_calls_answered_total{campaign="spring",direction="outgoing"} 2.0',
        'robot_calls_ended_total{campaign="spring",direction="outgoing",outcome="interested"} 1.0',
        'robot_calls_talk_seconds_total{campaign="spring",direction="outgoing"} 9.0',
        'robot_live_calls{state="speaking"} 1.0',
        'robot_live_calls{state="listening"} 0.0',
        'robot_hangups_total{cause="NORMAL_CLEARING"} 1.0',
        'robot_amd_verdicts_total{who="human"} 1.0',
        'robot_barge_in_break_seconds_bucket{le="0.02"} 0.0',
        'robot_barge_in_break_seconds_bucket{le="0.03"} 1.0',
        "robot_response_seconds_sum 0.48",
        'robot_claimed_contacts_total{campaign="spring"} 7.0',
        'robot_campaign_contacts{campaign="spring",state="waiting"} 1.0',
        'robot_gateway_up{gateway="trunk",node="paris"} 1.0',
        'robot_database_errors_total{error="DatabaseUnavailable",operation="claim"} 1.0',
    ):
        assert f"\n{line}\n" in text, line
    assert NUMBER.removeprefix("+") not in text
    assert UUID not in text


async def test_what_is_not_a_name_or_too_much_becomes_other(tmp_path: Path) -> None:
    values = Values(3, ["known"])
    assert [values.label(value) for value in ("known", "first", "second", "third", "first")] == [
        "known", "first", "second", OTHER, "first"
    ]  # fmt: skip
    assert (
        Values(10).label("")
        == Values(10).label("a\nb")
        == Values(10).label('a"b')
        == Values(10).label("x" * 65)
        == OTHER
    )


async def test_a_loop_that_does_not_answer_is_told_and_the_rest_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robot.metrics.live._ANSWER_LIMIT_S", 0.2)
    live, held, let_go = Live(), threading.Event(), threading.Event()
    live.read(list)

    def hang() -> None:
        held.set()
        let_go.wait(20)

    def collect_while_it_hangs() -> list[float]:
        held.wait(20)
        hanging = [metric.samples[0].value for metric in live.collect()]
        let_go.set()
        return hanging

    collecting = asyncio.ensure_future(asyncio.to_thread(collect_while_it_hangs))
    asyncio.get_running_loop().call_soon(hang)
    assert await collecting == [0.0]
    assert [metric.samples[0].value for metric in await asyncio.to_thread(lambda: [*live.collect()])] == [1.0]


async def test_a_port_that_is_taken_is_told_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = MetricsServer(CollectorRegistry(), "127.0.0.1", taken.getsockname()[1])
        with pytest.raises(MetricsError, match=r"the port is in use\): choose another `metrics\.port`"):
            await server.start()


async def test_a_client_that_says_nothing_does_not_keep_others_waiting_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("robot.metrics.server._Handler.timeout", 0.2)
    registry = CollectorRegistry()
    Gauge("robot_up", "It is there.", registry=registry).set(1)
    server = MetricsServer(registry, "127.0.0.1", 0)
    await server.start()
    try:
        with socket.create_connection(("127.0.0.1", server.port)):
            async with asyncio.timeout(20):
                reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
                writer.write(b"GET /metrics HTTP/1.0\r\n\r\n")
                assert b"robot_up 1.0" in await reader.read()
                writer.close()
                await writer.wait_closed()
    finally:
        await server.close()
