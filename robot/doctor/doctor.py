"""The examination: what is looked at, in which order, and what is left out when something before it failed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from robot.call.failures import CallFailure
from robot.campaign.definition import Campaign, CampaignError, load_campaign
from robot.config import ConfigError, FreeSwitchSettings, Settings
from robot.dialogue.scenario import Prompt
from robot.direct_call import demo_campaign_folder
from robot.doctor import machine, own_checks, parts, switch_checks
from robot.doctor.check import Check, Report, failed, skipped
from robot.doctor.itself import STREAMS_TO_TRY, CallToItself, Ears, open_streams
from robot.doctor.readings import Pace, UnknownAnswer
from robot.doctor.switch import MODULES, read_switch
from robot.esl.client import EventSocketClient, EventSocketSettings
from robot.esl.errors import EventSocketError
from robot.simulator.errors import NoVoice
from robot.store.errors import StoreError
from ws_audio.errors import AudioError, PortInUse, ServerNotStarted
from ws_audio.server import AudioServer, AudioServerSettings

# Steps of the demo whose recordings the speech model is to write down.
_HEARD_STEPS: Final = ("interested", "goodbye")

Tell = Callable[[Check], None]
Working = Callable[[str], None]


async def examine(settings: Settings, campaign_folder: Path | None, tell: Tell, working: Working) -> Report:
    """Make all checks. `tell` gets each as it is made, `working` what is being done now."""
    return await _Examination(settings, campaign_folder or demo_campaign_folder(), tell, working).run()


class _Examination:
    def __init__(self, settings: Settings, folder: Path, tell: Tell, working: Working) -> None:
        self._settings = settings
        self._folder = folder
        self._tell = tell
        self._working = working
        self._checks: list[Check] = []
        self._node: str | None = None
        self._campaign: Campaign | None = None
        self._ears = Ears()
        self._port_is_ours = True

    async def run(self) -> Report:
        self._read_campaign()
        self._machine()
        self._working("The database ...")
        await self._database()
        self._working("The speech model ...")
        await self._recognition()
        self._working("The voice ...")
        await self._voice()
        await self._switches()
        return Report(tuple(self._checks))

    def _add(self, check: Check) -> None:
        check = check if self._node is None else check.of(self._node)
        self._checks.append(check)
        self._tell(check)

    @contextmanager
    def _of_node(self, name: str) -> Iterator[None]:
        self._node = name
        try:
            yield
        finally:
            self._node = None

    # ── the robot and its machine ─────────────────────────────────────────────────────────────────────────────────────

    def _read_campaign(self) -> None:
        try:
            campaign = self._campaign = load_campaign(self._folder)
        except CampaignError as error:
            self._add(own_checks.unreadable_campaign(error))
        else:
            self._add(
                own_checks.campaign(
                    campaign.name, str(campaign.folder), len(_prompts(campaign)), campaign.table.gateway
                )
            )

    def _machine(self) -> None:
        self._add(own_checks.clock(machine.clock_is_kept(), time_zones=machine.has_time_zones()))
        self._add(own_checks.open_files(machine.open_files_limit(), self._settings.audio.max_streams))
        folder = self._settings.recordings.folder
        try:
            self._add(own_checks.disk(machine.read_disk(folder), wanted=self._records))
        except OSError as error:
            self._add(failed("disk", f"{folder}: {error.strerror}", "set recordings.folder in robot.toml"))

    @property
    def _records(self) -> bool:
        return False

    async def _database(self) -> None:
        try:
            self._add(own_checks.database(await asyncio.to_thread(parts.read_database, self._settings.database.url)))
        except StoreError as error:
            self._add(own_checks.unreachable_database(error))

    async def _recognition(self) -> None:
        spoken = {step.name: step.prompt for step in load_campaign(demo_campaign_folder()).scenario.steps}
        prompts = [spoken[step] for step in _HEARD_STEPS]
        languages = {self._settings.stt.language} | ({self._campaign.table.language} if self._campaign else set())
        try:
            reading = await asyncio.to_thread(parts.read_recognition, self._settings.stt, prompts)
        except AudioError as error:
            self._add(own_checks.no_recognition(error))
        else:
            self._add(own_checks.recognition(reading, frozenset(languages)))

    async def _voice(self) -> None:
        if not parts.voice_is_installed():
            self._add(own_checks.voice_not_installed())
            return
        try:
            self._add(own_checks.voice(await asyncio.to_thread(parts.read_voice)))
        except NoVoice as error:
            self._add(own_checks.no_voice(error))

    # ── FreeSWITCH ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _switches(self) -> None:
        audio = await self._audio_server()
        try:
            for section, switch in self._settings.switches().items():
                with self._of_node(section):
                    self._working(f"FreeSWITCH at {switch.host} ...")
                    await self._switch(section, switch, audio)
        finally:
            if audio is not None:
                await audio.close()

    async def _audio_server(self) -> AudioServer | None:
        """On the configured port, or on a free one when a robot listens there already."""
        host, port = self._settings.audio.host, self._settings.audio.port
        try:
            return await self._listen(port)
        except PortInUse as error:
            self._port_is_ours = False
            if await machine.a_robot_listens(host, port):
                return await self._listen(0)
            fix = f"`ss -ltnp 'sport = :{port}'` says who; stop it, or set another audio.port in robot.toml"
            self._add(failed("audio port", f"{str(error).partition(':')[0]}, and not by a robot", fix))
        except ServerNotStarted as error:
            self._add(failed("audio port", str(error), "set audio.host and audio.port in robot.toml"))
        return None

    async def _listen(self, port: int) -> AudioServer:
        audio = AudioServer(AudioServerSettings(host=self._settings.audio.host, port=port), detector=self._ears.new)
        await audio.start()
        return audio

    async def _switch(self, section: str, switch: FreeSwitchSettings, audio: AudioServer | None) -> None:
        try:
            password = switch.required_password(section)
        except ConfigError as error:
            self._add(own_checks.no_password(error))
            return
        settings = EventSocketSettings(switch.host, switch.port, password, section)
        try:
            async with EventSocketClient(settings) as client:
                reading = await read_switch(client, self._gateways(switch))
                self._add(switch_checks.reached(switch.host, switch.port, reading))
                self._add(switch_checks.password(password, section))
                self._add(switch_checks.modules(reading.modules, MODULES))
                for name, status in reading.gateways.items():
                    self._add(switch_checks.gateway(name, status))
                most = switch.max_calls or min(self._settings.audio.max_streams, reading.status.max_sessions)
                self._add(switch_checks.limits(reading.status, Pace(most)))
                self._add(switch_checks.clock(reading.clock_ahead_s))
                if audio is None:
                    self._add(skipped("audio stream", "not tried: the robot could not listen for it"))
                else:
                    await self._call_to_itself(section, client, switch, audio, most)
        except (EventSocketError, UnknownAnswer) as error:
            self._add(switch_checks.not_reached(error, section))

    def _gateways(self, switch: FreeSwitchSettings) -> list[str]:
        """The campaign's, unless this FreeSWITCH does not serve it, and those that its section names."""
        named = list(switch.gateways or ())
        if self._campaign is not None and not named:
            return [self._campaign.table.gateway]
        return named

    async def _call_to_itself(
        self, section: str, client: EventSocketClient, switch: FreeSwitchSettings, audio: AudioServer, most: int
    ) -> None:
        self._working("FreeSWITCH calls itself ...")
        try:
            if not self._port_is_ours:
                await self._reach_the_running_robot(section, client, switch, audio)
            async with CallToItself(client, audio, self._ears) as call:
                stream = await call.stream(switch.stream_host, audio.port)
                self._add(switch_checks.audio_stream(stream, section, port_is_ours=self._port_is_ours))
                if stream.first_frame_ms is not None:
                    await self._edition(client, switch, audio, most)
                await self._prompts(call, switch)
        except CallFailure as error:
            self._add(switch_checks.no_call_to_itself(error))

    async def _reach_the_running_robot(
        self, section: str, client: EventSocketClient, switch: FreeSwitchSettings, audio: AudioServer
    ) -> None:
        port = self._settings.audio.port
        async with CallToItself(client, audio, self._ears) as call:
            reading = await call.stream(switch.stream_host, port)
        self._add(switch_checks.port_of_running_robot(self._settings.audio.host, port, reading, section))

    async def _edition(
        self, client: EventSocketClient, switch: FreeSwitchSettings, audio: AudioServer, most: int
    ) -> None:
        if most < STREAMS_TO_TRY:
            self._add(skipped("mod_audio_stream", f"any edition will do for up to {most} calls"))
            return
        self._add(switch_checks.edition(await open_streams(client, audio, self._ears, switch.stream_host, already=1)))

    async def _prompts(self, call: CallToItself, switch: FreeSwitchSettings) -> None:
        if self._campaign is None:
            self._add(skipped("prompts", "the campaign cannot be read"))
            return
        self._working("FreeSWITCH plays the prompts ...")
        broadcast = switch.playback == "broadcast"
        root = self._campaign.folder
        readings = [await call.play(each, root=root, broadcast=broadcast) for each in _prompts(self._campaign)]
        for check in switch_checks.prompts(readings):
            self._add(check)


def _prompts(campaign: Campaign) -> list[Prompt]:
    """Each file once."""
    return list({step.prompt.file: step.prompt for step in campaign.scenario.steps}.values())
