"""One FreeSWITCH: connects, reads, lets it call itself, in the order in which one thing needs the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from robot.call.failures import CallFailure
from robot.campaign.definition import Campaign
from robot.doctor import own_checks, switch_checks
from robot.doctor.check import Check, skipped
from robot.doctor.itself import STREAMS_TO_TRY, CallToItself, Ears, open_streams
from robot.doctor.prompts import ReadyPrompts
from robot.doctor.readings import Pace, UnknownAnswer
from robot.doctor.switch import MODULES, read_switch
from robot.esl.client import EventSocketClient, EventSocketSettings
from robot.esl.errors import EventSocketError
from robot.settings import ConfigError, FreeSwitchSettings
from ws_audio.server import AudioServer


@dataclass(frozen=True, slots=True)
class ExaminedNode:
    """The FreeSWITCH of one `section` of robot.toml.

    most: calls at the same time, where its section does not say. prompts: those of the campaign, None when it cannot be
    read. recordings: the folder for them. audio: our server for its streams, None when there can be none.
    running_robot: the configured port, when a robot listens there already.
    """

    section: str
    settings: FreeSwitchSettings
    most: int
    campaign: Campaign | None
    prompts: ReadyPrompts | None
    recordings: Path
    audio: AudioServer | None
    ears: Ears
    running_robot: int | None = None
    send_prompts: bool = False  # through the audio stream, instead of having FreeSWITCH read our files

    async def examine(self) -> AsyncIterator[Check]:
        """Each check as it is made."""
        switch = self.settings
        try:
            password = switch.required_password(self.section)
        except ConfigError as error:
            yield own_checks.no_password(error)
            return
        try:
            async with EventSocketClient(
                EventSocketSettings(switch.host, switch.port, password, self.section)
            ) as client:
                reading = await read_switch(client, self._gateways())
                yield switch_checks.reached(switch.host, switch.port, reading)
                yield switch_checks.password(password, self.section)
                yield switch_checks.modules(reading.modules, MODULES)
                for name, status in reading.gateways.items():
                    yield switch_checks.gateway(name, status)
                # Without max_calls the robot takes what FreeSWITCH has.
                most = switch.max_calls or min(self.most, reading.status.max_sessions)
                yield switch_checks.limits(reading.status, Pace(most))
                yield switch_checks.clock(reading.clock_ahead_s)
                async for check in self._call_to_itself(client, most, streams=reading.modules["mod_audio_stream"]):
                    yield check
        except (EventSocketError, UnknownAnswer) as error:
            yield switch_checks.not_reached(error, self.section)

    def _gateways(self) -> list[str]:
        """Those that the section names; all of them are allowed otherwise, and the campaign's are looked at."""
        if self.settings.gateways is not None:
            return list(self.settings.gateways)
        return [] if self.campaign is None else list(self.campaign.gateways)

    async def _call_to_itself(self, client: EventSocketClient, most: int, *, streams: bool) -> AsyncIterator[Check]:
        if self.audio is None:
            for name in ("audio stream", "prompts"):
                yield skipped(name, "not tried: the robot cannot listen for audio")
            return
        try:
            if streams and self.running_robot is not None:
                yield await self._reach_the_running_robot(client, self.audio, self.running_robot)
            async with CallToItself(client, self.audio, self.ears) as call:
                if streams:
                    async for check in self._streams(client, call, self.audio, most):
                        yield check
                else:
                    yield skipped("audio stream", "FreeSWITCH has no mod_audio_stream")
                for check in await self._prompts(call):
                    yield check
                if self.recordings.is_dir():
                    yield switch_checks.recording(await call.record(self.recordings))
        except CallFailure as error:
            for check in switch_checks.no_call_to_itself(error.hangup_cause or str(error)):
                yield check

    async def _reach_the_running_robot(self, client: EventSocketClient, audio: AudioServer, port: int) -> Check:
        async with CallToItself(client, audio, self.ears) as call:
            reading = await call.stream(self.settings.stream_host, port)
        return switch_checks.port_of_running_robot(audio.settings.host, port, reading, self.section)

    async def _streams(
        self, client: EventSocketClient, call: CallToItself, audio: AudioServer, most: int
    ) -> AsyncIterator[Check]:
        host = self.settings.stream_host
        reading = await call.stream(host, audio.port)
        yield switch_checks.audio_stream(reading, self.section, port_is_ours=self.running_robot is None)
        if reading.first_frame_ms is None:
            return
        if most < STREAMS_TO_TRY:
            yield skipped("mod_audio_stream", f"any edition of it will do for up to {most} calls")
            return
        yield switch_checks.edition(await open_streams(client, audio, self.ears, host, already=1))

    async def _prompts(self, call: CallToItself) -> list[Check]:
        if self.prompts is None:
            return [skipped("prompts", "the campaign cannot be read")]
        if not self.prompts.prompts:
            return [skipped("prompts", "none is ready: they say something else to each contact")]
        if self.send_prompts:
            return [skipped("prompts", "FreeSWITCH reads no files of ours: they are sent (spool.through)")]
        broadcast, root = self.settings.playback == "broadcast", self.prompts.folder
        return switch_checks.prompts(
            [await call.play(each, root=root, broadcast=broadcast) for each in self.prompts.prompts]
        )
