"""The FreeSWITCHes that calls go through: which of them are up and have room, and which one gets the next call.

A node is down while its event socket is; it takes no calls then and the others go on. What FreeSWITCH says of itself
(sessions, its gateways) comes when the link is made and with every HEARTBEAT, so it is at most 20 s old; our own calls
are counted here and always exact.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from robot.call.failures import NoFreeNode
from robot.esl import commands
from robot.esl.client import EventSocketClient, Reply
from robot.esl.errors import CannotConnect
from robot.esl.events import Heartbeat, LinkLost, LinkRestored, NodeEvent

log = structlog.get_logger(__name__)

# FreeSWITCH's own default (switch.conf.xml), until its first HEARTBEAT tells.
_DEFAULT_SESSIONS: Final = 1000
# `sofia xmlstatus gateway` writes these two of each gateway, in this order. Status: UP or DOWN, as its pings are
# answered; UP for a gateway that is not pinged.
_GATEWAY: Final = re.compile(r"<gateway>\s*<name>([^<]+)</name>.*?<status>([A-Z]+)</status>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class NodeLimits:
    """max_calls: ours at a time; None: as many as FreeSWITCH has sessions. gateways: which may be used; None: all."""

    max_calls: int | None = None
    gateways: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """A node as it is now. free: further calls that it takes. gateways: which of them are up; empty: not known."""

    name: str
    connected: bool
    calls: int
    free: int
    gateways: dict[str, bool] = field(default_factory=dict)


class Node:
    """One FreeSWITCH with its link, limits and gateways. `name` is how messages and the database call it."""

    def __init__(
        self,
        name: str,
        switch: EventSocketClient,
        *,
        stream_host: str,
        broadcast: bool,
        limits: NodeLimits = NodeLimits(),
    ) -> None:
        self.name = name
        self.switch = switch
        self.stream_host = stream_host  # our audio server as this FreeSWITCH sees it
        self.broadcast = broadcast  # play with uuid_broadcast; otherwise with sendmsg execute
        self.core_uuid: str | None = None  # of the running FreeSWITCH: another one after each start of it
        self.calls = 0
        self._limits = limits
        self._max_sessions = _DEFAULT_SESSIONS
        self._other_sessions = 0
        self._gateways: dict[str, bool] = {}
        switch.watch(self._on_event)

    @property
    def status(self) -> NodeStatus:
        return NodeStatus(self.name, self.switch.connected, self.calls, self.free, dict(self._gateways))

    @property
    def free(self) -> int:
        """Further calls that this node takes now."""
        if not self.switch.connected:
            return 0
        sessions = self._max_sessions - self._other_sessions
        limit = sessions if self._limits.max_calls is None else min(sessions, self._limits.max_calls)
        return max(0, limit - self.calls)

    def may_use(self, gateway: str) -> bool:
        """Whether robot.toml lets calls through `gateway` go out here."""
        return self._limits.gateways is None or gateway in self._limits.gateways

    def has(self, gateway: str) -> bool:
        """Whether FreeSWITCH has said that it knows `gateway` and that it is up; True while nothing is known."""
        return self._gateways.get(gateway, not self._gateways)

    def take(self) -> None:
        """Count a call; `release` when it is over."""
        self.calls += 1

    def release(self) -> None:
        self.calls -= 1

    def _on_event(self, event: NodeEvent) -> None:
        match event:
            case Heartbeat(core_uuid=core_uuid, sessions=sessions, max_sessions=max_sessions):
                self.core_uuid = core_uuid
                self._max_sessions = max_sessions
                self._other_sessions = max(0, sessions - self.calls)
                self._ask_for_gateways()
            case LinkRestored():
                self.switch.send(commands.core_uuid()).add_done_callback(self._on_core_uuid)
                self._ask_for_gateways()
            case LinkLost():
                self._gateways = {}

    def _ask_for_gateways(self) -> None:
        self.switch.send(commands.gateways()).add_done_callback(self._on_gateways)

    def _on_core_uuid(self, reply: asyncio.Future[Reply]) -> None:
        if (text := _text_of(reply)) is not None:
            self.core_uuid = text

    def _on_gateways(self, reply: asyncio.Future[Reply]) -> None:
        if (text := _text_of(reply)) is None:
            return
        gateways = {name: status == "UP" for name, status in _GATEWAY.findall(text)}
        for name, up in gateways.items():
            if not up and self._gateways.get(name, True):
                log.warning("node.gateway_down", node=self.name, gateway=name)
            elif up and self._gateways.get(name) is False:
                log.info("node.gateway_up", node=self.name, gateway=name)
        self._gateways = gateways


def _text_of(reply: asyncio.Future[Reply]) -> str | None:
    """What was answered; None for a command that failed: it is asked again with the next HEARTBEAT."""
    return None if reply.cancelled() or reply.exception() is not None else reply.result().text


class Nodes:
    """All of them. Gives each call its node."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._nodes = tuple(nodes)

    def __iter__(self) -> Iterator[Node]:
        return iter(self._nodes)

    async def start(self) -> None:
        """Connect to all. Raises CannotConnect when none of them can be reached; others are tried again for ever."""
        failed = [error for error in await asyncio.gather(*map(self._start, self._nodes)) if error is not None]
        if len(failed) == len(self._nodes):
            await self.close()
            raise failed[0]

    async def _start(self, node: Node) -> CannotConnect | None:
        try:
            await node.switch.start()
        except CannotConnect as error:
            if len(self._nodes) > 1:
                log.warning("node.cannot_connect", node=node.name, reason=str(error))
                await node.switch.start(wait=False)
            return error
        return None

    async def close(self) -> None:
        await asyncio.gather(*(node.switch.close() for node in self._nodes))

    @property
    def status(self) -> list[NodeStatus]:
        return [node.status for node in self._nodes]

    def take(self, gateway: str) -> Node:
        """The node for a call through `gateway`: of those whose gateway is up, the one with most room; the call is
        counted. Raises NoFreeNode."""
        allowed = [node for node in self._nodes if node.may_use(gateway)]
        if not allowed:
            raise NoFreeNode(
                f"no FreeSWITCH in robot.toml may use the gateway {gateway}: add it to a node's `gateways`"
            )
        up = [node for node in allowed if node.switch.connected]
        if not up:
            raise NoFreeNode(f"no FreeSWITCH can be reached ({_names(allowed)}): see the log", switch_away=True)
        free = [node for node in up if node.free]
        if not free:
            raise NoFreeNode(f"every FreeSWITCH has as many calls as it may ({_names(up)}): try again later")
        # Where no gateway is up, FreeSWITCH's own answer to originate says it best.
        node = max(free, key=lambda each: (each.has(gateway), each.free))
        node.take()
        return node

    def named(self, name: str) -> Node | None:
        return next((node for node in self._nodes if node.name == name), None)

    def running(self, core_uuid: str) -> Node | None:
        """The node whose FreeSWITCH is `core_uuid` (the header Core-UUID of its events and channels)."""
        return next((node for node in self._nodes if node.core_uuid == core_uuid), None)


def _names(nodes: Sequence[Node]) -> str:
    return ", ".join(node.name for node in nodes)
