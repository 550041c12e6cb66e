"""Takes the calls that a real FreeSWITCH makes to itself and gives each to its virtual callee.

The robot calls through the gateway `loopback`, a SIP trunk of FreeSWITCH to itself; in the dialplan context of the far
end every call is parked unanswered (freeswitch_conf/loopback_trunk). From there an event socket of our own has it: the
callee is found by the dialled number. Both legs of a call are in the same FreeSWITCH and have one SIP Call-ID, so that
what the robot plays is seen as well. FreeSWITCH reads and writes the files of `folder`: it is on this machine.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import structlog

from robot.esl import commands
from robot.esl.client import EventSocketClient, EventSocketSettings, Reply
from robot.esl.events import LinkRestored, NodeEvent
from robot.esl.frames import Event
from robot.loopback.leg import CalleeLeg, CalleesView
from robot.loopback.speech import SpokenCallee, speak_all
from robot.simulator.callees_file import Callee, CalleesFile, find_callee, load_callees
from robot.simulator.voice import CalleeVoice

log = structlog.get_logger(__name__)

#: The dialplan context in which freeswitch_conf/loopback_trunk parks the calls.
CONTEXT: Final = "robot-callees"
# Older calls are forgotten.
_MAX_REMEMBERED_CALLS: Final = 1_000


class LoopbackCallees:
    """The virtual callees of one FreeSWITCH. Use as an async context manager.

    Entering raises NotOnARealLine, NoVoice or SoundError for a callee that cannot be played, CannotConnect for a
    FreeSWITCH that is not there.
    """

    def __init__(
        self,
        switch: EventSocketSettings,
        callees: CalleesFile | Sequence[Callee],
        folder: Path,
        *,
        context: str = CONTEXT,
        voice_cache: Path | None = None,
    ) -> None:
        """`folder` must be open to FreeSWITCH's user: recordings are written there. The [simulator] table of a callees
        file does not count here."""
        self.callees = tuple(callees.callee if isinstance(callees, CalleesFile) else callees)
        self._folder = folder.resolve()
        self._context = context
        self._voice_cache = voice_cache
        self._spoken: dict[str, SpokenCallee] = {}
        self._switch = EventSocketClient(replace(switch, node=f"{switch.node} (callees)"))
        self._legs: dict[str, CalleeLeg] = {}
        self._legs_of_call: dict[str, CalleeLeg] = {}  # by SIP Call-ID
        self._views: OrderedDict[str, CalleesView] = OrderedDict()  # by the uuid of the robot's leg

    async def __aenter__(self) -> Self:
        recordings = self._folder / "recordings"
        recordings.mkdir(parents=True, exist_ok=True)
        for each in (self._folder, recordings):
            each.chmod(0o777)  # FreeSWITCH has a user of its own
        voice = CalleeVoice(self._voice_cache)
        spoken = await asyncio.to_thread(speak_all, self.callees, self._folder, voice)
        self._spoken = {each.callee.number: each for each in spoken}
        self._switch.look_on(self._on_event)
        self._switch.watch(self._on_node)
        await self._switch.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for leg in self._legs.values():
            leg.hung_up()
        await self._switch.close()

    @property
    def ready(self) -> bool:
        """Calls are taken; not while the event socket is away."""
        return self._switch.connected

    def seen(self, uuid: str) -> CalleesView | None:
        """The call whose robot's leg is `uuid`, as its callee lives or lived through it; None when it has not come that
        far, or is long gone."""
        return self._views.get(uuid)

    # Events

    def _on_event(self, event: Event) -> None:
        leg = self._legs.get(event.uuid)
        if leg is not None:
            self._on_callees_side(leg, event)
        elif event.name == "CHANNEL_PARK" and event.get("Call-Direction") == "inbound":
            if event.get("Caller-Context") == self._context:
                self._arrived(event)
        elif event.name in ("CHANNEL_ANSWER", "PLAYBACK_START", "PLAYBACK_STOP", "CHANNEL_HANGUP_COMPLETE"):
            leg = self._legs_of_call.get(event.get("variable_sip_call_id") or "")
            if leg is not None:
                self._on_robots_side(leg, event)

    def _arrived(self, event: Event) -> None:
        callee = find_callee(self.callees, event.get("Caller-Destination-Number") or "")
        if callee is None:
            # Nobody has that number.
            self._switch.send(commands.kill(event.uuid, "NO_ROUTE_DESTINATION")).add_done_callback(_look_at)
            return
        leg = CalleeLeg(event.uuid, self._spoken[callee.number], self._switch, self._folder)
        self._legs[leg.uuid] = leg
        self._legs_of_call[event.get("variable_sip_call_id") or leg.uuid] = leg
        leg.arrive()

    def _on_callees_side(self, leg: CalleeLeg, event: Event) -> None:
        match event.name:
            case "CHANNEL_ANSWER":
                leg.answered()
            case "PLAYBACK_START":
                leg.speech_started(event.get("Playback-File-Path") or "")
            case "PLAYBACK_STOP":
                leg.speech_stopped()
            case "DTMF":
                leg.key_heard(event.get("DTMF-Digit") or "")
            case "CHANNEL_HANGUP":
                leg.hung_up()
            case "CHANNEL_HANGUP_COMPLETE":
                self._forget(leg, _kept(leg))

    def _on_robots_side(self, leg: CalleeLeg, event: Event) -> None:
        file = event.get("Playback-File-Path") or ""
        match event.name:
            case "CHANNEL_ANSWER":
                leg.robots_uuid = event.uuid
                self._remember(event.uuid, leg.view)
            case "PLAYBACK_START":
                leg.prompt_started(file)
            case "PLAYBACK_STOP":
                hung_up = event.get("Answer-State") == "hangup"
                broken = event.get("Playback-Status") == "break"
                leg.prompt_stopped(file, "hangup" if hung_up else "break" if broken else "done")

    def _remember(self, robots_uuid: str, view: CalleesView) -> None:
        self._views[robots_uuid] = view
        while len(self._views) > _MAX_REMEMBERED_CALLS:
            self._views.popitem(last=False)

    def _forget(self, leg: CalleeLeg, recording: Path | None) -> None:
        self._legs.pop(leg.uuid, None)
        self._legs_of_call = {call_id: each for call_id, each in self._legs_of_call.items() if each is not leg}
        leg.gone(recording)

    def _on_node(self, event: NodeEvent) -> None:
        if isinstance(event, LinkRestored):
            # A FreeSWITCH that was started again knows nothing of its calls, and says nothing of them.
            for leg in [*self._legs.values()]:
                asked = self._switch.send(commands.exists(leg.uuid))
                asked.add_done_callback(partial(self._after_link_loss, leg))

    def _after_link_loss(self, leg: CalleeLeg, reply: asyncio.Future[Reply]) -> None:
        if reply.cancelled() or reply.exception() is not None or reply.result().text != "true":
            self._forget(leg, None)


def _kept(leg: CalleeLeg) -> Path | None:
    """The leg's recording under the name by which the robot knows the call."""
    if leg.robots_uuid is None or not leg.recording.exists():
        return None
    return leg.recording.replace(leg.recording.with_stem(leg.robots_uuid))


def _look_at(reply: asyncio.Future[Reply]) -> None:
    """The caller may have hung up already."""
    if not reply.cancelled() and (error := reply.exception()) is not None:
        log.info("loopback.not_refused", reason=str(error))


async def serve(switch: EventSocketSettings, callees: Path, folder: Path) -> None:
    """`robot loopback`: be the callees of a file until cancelled. Raises what entering LoopbackCallees does."""
    async with LoopbackCallees(switch, load_callees(callees), folder) as loopback:
        for callee in loopback.callees:
            print(f"  {callee.number}  {callee.answer}")
        print("Ready. Ctrl-C ends it.", flush=True)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
