"""The examination: what is looked at, in which order, and what is left out when something before it failed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from robot.campaign.definition import Campaign, CampaignError, load_campaign
from robot.direct_call import demo_campaign_folder
from robot.doctor import machine, own_checks, parts, prompts
from robot.doctor.check import Check, Report
from robot.doctor.elsewhere import look_elsewhere
from robot.doctor.itself import Ears
from robot.doctor.node import ExaminedNode
from robot.settings import Settings
from robot.simulator.errors import NoVoice
from robot.speech import prompt_library
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
        self._campaign: Campaign | None = None
        self._prompts: prompts.ReadyPrompts | None = None

    async def run(self) -> Report:
        self._read_campaign()
        self._machine()
        self._working("The prompts ...")
        await self._make_prompts_ready()
        self._working("The database ...")
        await self._database()
        self._working("The speech model ...")
        await self._recognition()
        self._working("The voice ...")
        await self._voice()
        async for check in look_elsewhere(self._settings):
            self._add(check)
        await self._switches()
        return Report(tuple(self._checks))

    def _add(self, check: Check) -> None:
        self._checks.append(check)
        self._tell(check)

    # ── the robot and its machine ─────────────────────────────────────────────────────────────────────────────────────

    def _read_campaign(self) -> None:
        try:
            campaign = self._campaign = load_campaign(self._folder)
        except CampaignError as error:
            self._add(own_checks.unreadable_campaign(error))
        else:
            switches = self._settings.switches().values()
            said = len(prompts.variants_of(campaign))
            for gateway in campaign.gateways:
                served = any(switch.gateways is None or gateway in switch.gateways for switch in switches)
                self._add(own_checks.campaign(campaign.name, str(campaign.folder), said, gateway, served=served))

    async def _make_prompts_ready(self) -> None:
        if self._campaign is None:
            return
        library = prompt_library(self._settings)
        try:
            self._prompts = await asyncio.to_thread(prompts.prepare, self._campaign, library)
        finally:
            library.close()
        if self._prompts.errors:
            self._add(own_checks.no_prompts(self._prompts.errors))

    def _machine(self) -> None:
        self._add(own_checks.clock(machine.clock_is_kept(), time_zones=machine.has_time_zones()))
        self._add(own_checks.open_files(machine.open_files_limit(), self._settings.audio.max_streams))
        folder = self._settings.recordings.folder
        try:
            wanted = self._campaign is not None and self._campaign.table.recording.plan() is not None
            self._add(own_checks.disk(machine.read_disk(folder), wanted=wanted))
        except OSError as error:
            self._add(own_checks.no_disk(folder, error))

    async def _database(self) -> None:
        try:
            self._add(own_checks.database(await asyncio.to_thread(parts.read_database, self._settings.database.url)))
        except StoreError as error:
            self._add(own_checks.unreachable_database(error))

    async def _recognition(self) -> None:
        scenario = load_campaign(demo_campaign_folder()).scenario
        spoken = [wording.variants[0] for step in _HEARD_STEPS if (wording := scenario.step(step).says)]
        languages = {self._settings.stt.language} | ({self._campaign.table.language} if self._campaign else set())
        try:
            reading = await asyncio.to_thread(parts.read_recognition, self._settings.stt, spoken)
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
        ears = Ears()
        audio, running_robot = await self._audio_server(ears)
        try:
            for section, switch in self._settings.switches().items():
                self._working(f"FreeSWITCH at {switch.host}:{switch.port} ...")
                most = self._settings.audio.max_streams
                node = ExaminedNode(
                    section, switch, most, self._campaign, self._prompts, self._settings.recordings.folder, audio, ears,
                    running_robot, self._settings.spool.through == "stream",
                )  # fmt: skip
                async for check in node.examine():
                    self._add(check.of(section))
        finally:
            if audio is not None:
                await audio.close()

    async def _audio_server(self, ears: Ears) -> tuple[AudioServer | None, int | None]:
        """On the configured port, or on a free one when that is taken; and the port of a robot that runs there."""
        host, port = self._settings.audio.host, self._settings.audio.port
        try:
            return await _listen(host, port, ears), None
        except PortInUse:
            if await machine.a_robot_listens(host, port):
                return await _listen(host, 0, ears), port
            self._add(own_checks.port_of_another(host, port))
            return await _listen(host, 0, ears), None
        except ServerNotStarted as error:
            self._add(own_checks.no_audio_server(error))
            return None, None


async def _listen(host: str, port: int, ears: Ears) -> AudioServer:
    audio = AudioServer(AudioServerSettings(host=host, port=port), detector=ears.new)
    await audio.start()
    return audio
