"""The recording of one call: FreeSWITCH is told to make it, and the database how long it may be kept.

A call whose recording cannot be made goes on without it, and says so in the log and in its report.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

import structlog

from robot.call.channel import Channel
from robot.esl import commands
from robot.esl.errors import BadArgument, EventSocketError
from robot.store.facts import RecordingBegan
from robot.store.store import Store

log = structlog.get_logger(__name__)


class Sides(StrEnum):
    """Who is heard on a recording."""

    CALLEE = "callee"
    BOTH = "both"  # the callee on the left, the robot on the right


@dataclass(frozen=True, slots=True)
class RecordingPlan:
    """keep: after that time the recording is deleted; None: never."""

    sides: Sides
    keep: timedelta | None

    @property
    def robot_too(self) -> bool:
        return self.sides is Sides.BOTH


class Recording:
    """`path` on FreeSWITCH's host, and when it is to be deleted, once FreeSWITCH has begun it."""

    def __init__(self, plan: RecordingPlan, folder: Path, channel: Channel, store: Store) -> None:
        self.path: str | None = None
        self.expires_at: datetime | None = None
        self._plan = plan
        self._folder = folder
        self._channel = channel
        self._store = store

    async def start(self) -> None:
        """Have FreeSWITCH record from now to the hangup."""
        uuid = self._channel.uuid
        variable = "RECORD_STEREO" if self._plan.robot_too else "RECORD_READ_ONLY"
        # A flat folder with the uuid as the name: what FreeSWITCH makes below it could be deleted by nobody else
        # (folders of mode 0750), and a number in a file's name would be read by whoever may list the folder.
        file = self._folder / f"{uuid}.wav"
        try:
            await self._channel.api(commands.setvar(uuid, variable, "true"))
            await self._channel.api(commands.record(uuid, file, root=self._folder))
        except (EventSocketError, BadArgument) as error:
            log.warning("recording.not_started", uuid=uuid, reason=str(error), folder=str(self._folder))
            return
        self.path = str(file)
        self.expires_at = None if self._plan.keep is None else datetime.now(UTC) + self._plan.keep
        # Now and not with the outcome: a recording must be found and deleted although the robot dies before that.
        self._store.record(RecordingBegan(uuid, self.path, self.expires_at))

    async def stop(self) -> None:
        """Record no more of a call that goes on without us: it was the robot's callee who was told of the recording,
        and not whom they talk to now."""
        if self.path is None:
            return
        try:
            await self._channel.api(commands.stop_recording(self._channel.uuid, self.path, root=self._folder))
        except (EventSocketError, BadArgument) as error:
            log.warning("recording.not_stopped", uuid=self._channel.uuid, reason=str(error))
