"""The FreeSWITCHes: their links, their commands, what runs through them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from robot.call.nodes import Nodes
from robot.esl.watching import CommandResult
from robot.metrics.labels import Values

#: A FreeSWITCH may know gateways that are not the robot's.
MAX_GATEWAYS: Final = 50
_THREADS_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0)


class SwitchMetrics:
    """What the clients of all FreeSWITCHes tell."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._commands = Counter(
            "robot_event_socket_commands", "Commands to FreeSWITCH, by how they ended.", ["node", "command", "result"],
            registry=registry,
        )  # fmt: skip
        self._to_wire = Histogram(
            "robot_event_socket_write_seconds", "From sending a command until the other thread has written it.",
            ["node"], registry=registry, buckets=_THREADS_S,
        )  # fmt: skip
        self._handover = Histogram(
            "robot_event_socket_handover_seconds", "From the event socket's thread to the loop that runs the calls.",
            ["node"], registry=registry, buckets=_THREADS_S,
        )  # fmt: skip
        self._gateways = Values(MAX_GATEWAYS)

    def of_node(self, name: str) -> NodeWatcher:
        return NodeWatcher(name, self._commands, self._to_wire.labels(name), self._handover.labels(name))

    def read(self, nodes: Nodes) -> Iterator[Metric]:
        """On the loop, when Prometheus asks."""
        of_node = ["node"]
        up = GaugeMetricFamily("robot_event_socket_up", "1: commands can be sent and events come.", labels=of_node)
        unread = GaugeMetricFamily(
            "robot_event_socket_waiting_events",
            "Events and replies that were received and not looked at.",
            labels=of_node,
        )
        events = CounterMetricFamily("robot_event_socket_events", "Events that came.", labels=of_node)
        lost = CounterMetricFamily("robot_event_socket_connections_lost", "Links that broke.", labels=of_node)
        calls = GaugeMetricFamily("robot_node_live_calls", "Calls of ours on this FreeSWITCH.", labels=of_node)
        free = GaugeMetricFamily("robot_node_free_calls", "Further calls that it takes.", labels=of_node)
        gateways = GaugeMetricFamily("robot_gateway_up", "1: as FreeSWITCH says.", labels=["node", "gateway"])
        for node in nodes:
            client, status = node.switch, node.status
            up.add_metric([node.name], status.connected)
            unread.add_metric([node.name], client.unread)
            events.add_metric([node.name], client.counters.events)
            lost.add_metric([node.name], client.counters.connections_lost)
            calls.add_metric([node.name], status.calls)
            free.add_metric([node.name], status.free)
            # Those that are `other` are one series: it is up when all of them are.
            known: dict[str, bool] = {}
            for gateway, is_up in status.gateways.items():
                label = self._gateways.label(gateway)
                known[label] = known.get(label, True) and is_up
            for label, is_up in known.items():
                gateways.add_metric([node.name, label], is_up)
        yield from (up, unread, events, lost, calls, free, gateways)


class NodeWatcher:
    """A ClientWatcher."""

    def __init__(self, name: str, commands: Counter, to_wire: Histogram, handover: Histogram) -> None:
        self._name = name
        self._commands = commands
        self._to_wire = to_wire
        self._handover = handover

    def command_ended(self, command: str, result: CommandResult, to_wire_s: float | None) -> None:
        self._commands.labels(self._name, command, result).inc()
        if to_wire_s is not None:
            self._to_wire.observe(max(0.0, to_wire_s))

    def handed_over(self, delay_s: float) -> None:
        self._handover.observe(max(0.0, delay_s))
