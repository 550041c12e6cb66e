"""The doctor against a simulated FreeSWITCH: sound, and with each thing that may be wrong with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from pydantic import SecretStr

from robot.campaign.definition import load_campaign
from robot.direct_call import demo_campaign_folder
from robot.doctor.check import Check, State, Trouble
from robot.doctor.itself import Ears
from robot.doctor.node import ExaminedNode
from robot.doctor.prompts import ReadyPrompts, prepare
from robot.prompts.library import PromptLibrary
from robot.settings import FreeSwitchSettings
from robot.simulator.callees_file import Callee
from robot.simulator.freeswitch import SimulatedFreeSwitch, SimulatorSettings
from ws_audio.server import AudioServer, AudioServerSettings

PASSWORD = "of this test"


@dataclass
class World:
    """A FreeSWITCH, our audio server, and a campaign."""

    simulator: SimulatedFreeSwitch
    node: ExaminedNode

    async def checks(self, **changed: Any) -> dict[str, Check]:
        """By name; of several with one name the last that is not good. `changed`: of the node."""
        found: dict[str, Check] = {}
        async for check in replace(self.node, **changed).examine():
            if check.name not in found or check.state is not State.OK:
                found[check.name] = check
        assert not self.simulator.channels  # whatever happened, nothing is left behind
        return found

    def switch(self, **changed: object) -> FreeSwitchSettings:
        return self.node.settings.model_copy(update=changed)


@asynccontextmanager
async def world(prompts: str = "prompts", **simulator: Any) -> AsyncIterator[World]:
    """`prompts`: the name of the folder for them."""
    ears = Ears()
    campaign = load_campaign(demo_campaign_folder())
    audio = AudioServer(AudioServerSettings(port=0), detector=ears.new)
    settings = SimulatorSettings(**{"password": PASSWORD} | simulator)
    with TemporaryDirectory() as folder, closing(PromptLibrary(Path(folder) / prompts)) as library:
        ready = prepare(campaign, library)
        async with SimulatedFreeSwitch(settings, [Callee(number="+33140000001", answer="busy")]) as switch:
            await audio.start()
            try:
                yield World(
                    switch,
                    ExaminedNode(
                        "freeswitch",
                        FreeSwitchSettings(
                            port=switch.event_socket_port, password=SecretStr(settings.password), playback="execute"
                        ),
                        most=10,  # so few that no edition of mod_audio_stream matters
                        campaign=campaign,
                        prompts=ready,
                        recordings=Path("/nowhere/recordings"),
                        audio=audio,
                        ears=ears,
                    ),
                )
            finally:
                await audio.close()


async def test_all_is_well() -> None:
    async with world() as here:
        checks = await here.checks(most=100)
        assert {name: check.state for name, check in checks.items()} == dict.fromkeys(
            [
                "FreeSWITCH", "password", "modules", "gateway", "limits", "clock of FreeSWITCH", "audio stream",
                "mod_audio_stream", "prompts",
            ],
            State.OK,
        )  # fmt: skip
        assert "11 streams at once" in checks["mod_audio_stream"].found
        assert "5 of 5 files play" in checks["prompts"].found
        assert not any(call.gateway for call in here.simulator.calls.values())  # nobody was dialled


@pytest.mark.parametrize("playback", ["execute", "broadcast"])
async def test_prompts_are_played_as_calls_will_play_them(playback: str) -> None:
    async with world() as here:
        prompts = (await here.checks(settings=here.switch(playback=playback)))["prompts"]
        assert prompts.state is State.OK


async def test_prompts_that_are_sent_are_not_looked_for_as_files() -> None:
    async with world() as here:
        prompts = (await here.checks(send_prompts=True))["prompts"]
        assert prompts.state is State.SKIPPED
        assert "spool.through" in prompts.found


async def test_a_wrong_password() -> None:
    async with world() as here:
        checks = await here.checks(settings=here.switch(password=SecretStr("nope")))
        assert list(checks) == ["FreeSWITCH"]
        assert checks["FreeSWITCH"].trouble is Trouble.UNREACHABLE
        assert "password is wrong" in checks["FreeSWITCH"].found


async def test_no_password() -> None:
    async with world() as here:
        checks = await here.checks(settings=here.switch(password=None))
        assert checks["password"].trouble is Trouble.CONFIGURATION
        assert "ROBOT_FREESWITCH__PASSWORD" in (checks["password"].fix or "")


async def test_nobody_listens_there() -> None:
    async with world() as here:
        here.simulator.kill()
        checks = await here.checks()
        assert checks["FreeSWITCH"].state is State.FAILED
        assert "Connection refused" in checks["FreeSWITCH"].found


async def test_the_password_of_everybody() -> None:
    async with world(password="ClueCon") as here:
        assert (await here.checks())["password"].state is State.WARNING


@pytest.mark.parametrize(
    ("module", "modules", "stream", "prompts"),
    [
        ("mod_audio_stream", State.FAILED, State.SKIPPED, State.OK),
        ("mod_loopback", State.WARNING, State.SKIPPED, State.SKIPPED),
        ("mod_sndfile", State.FAILED, State.OK, State.OK),
    ],
)
async def test_a_module_that_is_not_loaded(module: str, modules: State, stream: State, prompts: State) -> None:
    async with world(modules_missing=frozenset({module})) as here:
        checks = await here.checks()
        assert checks["modules"].state is modules
        assert module in checks["modules"].found
        assert (checks["audio stream"].state, checks["prompts"].state) == (stream, prompts)


async def test_a_gateway_that_is_down_and_one_that_is_not_there() -> None:
    async with world(gateways_down=frozenset({"trunk"})) as here:
        assert "DOWN" in (await here.checks())["gateway"].found
        missing = (await here.checks(settings=here.switch(gateways=("elsewhere",))))["gateway"]
        assert missing.state is State.FAILED
        assert "elsewhere" in missing.found


async def test_limits_below_what_the_robot_wants() -> None:
    async with world(max_sessions=9) as here:
        assert (await here.checks())["limits"].state is State.OK  # it takes what there is
        limits = (await here.checks(settings=here.switch(max_calls=10)))["limits"]
        assert limits.state is State.FAILED
        assert "fsctl max_sessions 10" in (limits.fix or "")


async def test_a_clock_that_is_an_hour_off() -> None:
    async with world(clock_ahead_s=-3600) as here:
        clock = (await here.checks())["clock of FreeSWITCH"]
        assert clock.state is State.FAILED
        assert "behind" in clock.found


@pytest.mark.parametrize(
    ("host", "fix"), [("127.0.0.2", "audio.host"), ("no-such-host.invalid", "stream_host to an IP address")]
)
async def test_a_stream_host_where_nobody_listens(host: str, fix: str) -> None:
    async with world() as here:
        checks = await here.checks(settings=here.switch(stream_host=host))
        assert checks["audio stream"].state is State.FAILED
        assert fix in (checks["audio stream"].fix or "")
        assert "mod_audio_stream" not in checks
        assert checks["prompts"].state is State.OK


async def test_a_robot_that_runs_already_is_reached() -> None:
    async with world() as here:
        running = AudioServer(AudioServerSettings(port=0))
        await running.start()
        try:
            checks = await here.checks(running_robot=running.port)
        finally:
            await running.close()
        assert checks["audio port"].state is State.OK
        assert checks["audio stream"].state is State.OK


async def test_a_robot_that_runs_already_and_is_not_reached() -> None:
    async with world() as here:
        assert here.node.audio is not None
        checks = await here.checks(settings=here.switch(stream_host="127.0.0.2"), running_robot=here.node.audio.port)
        assert checks["audio port"].state is State.FAILED
        assert "running robot" in (checks["audio stream"].fix or "")


async def test_the_edition_that_stops_at_ten_streams() -> None:
    async with world(stream_limit=10) as here:
        edition = (await here.checks(most=100))["mod_audio_stream"]
        assert edition.state is State.FAILED
        assert "stream 11 was refused" in edition.found
        few = (await here.checks(most=100, settings=here.switch(max_calls=10)))["mod_audio_stream"]
        assert few.state is State.SKIPPED


async def test_a_limit_of_streams_that_is_no_edition_s() -> None:
    async with world(stream_limit=3) as here:
        edition = (await here.checks(most=100))["mod_audio_stream"]
        assert edition.state is State.WARNING
        assert "cannot be told" in edition.found


async def test_a_prompt_that_freeswitch_cannot_read() -> None:
    async with world() as here:
        assert here.node.prompts is not None
        gone = here.node.prompts.prompts[1].file
        gone.unlink()  # after we have made it ready: as on another machine
        prompts = (await here.checks())["prompts"]
        assert prompts.state is State.FAILED
        assert "1 of 5 files (FILE NOT FOUND)" in prompts.found
        assert gone.name in prompts.found
        assert "prompts.folder" in (prompts.fix or "")


async def test_a_path_that_is_not_sent_to_freeswitch() -> None:
    async with world(prompts="prom,pts") as here:
        prompts = (await here.checks())["prompts"]
        assert prompts.state is State.FAILED
        assert "set prompts.folder" in (prompts.fix or "")


async def test_no_campaign_no_prompts_and_no_audio_server() -> None:
    async with world() as here:
        assert (await here.checks(campaign=None, prompts=None))["prompts"].state is State.SKIPPED
        none_for_all = ReadyPrompts(Path("/srv/prompts"), personal=3)
        assert "each contact" in (await here.checks(prompts=none_for_all))["prompts"].found
        checks = await here.checks(audio=None)
        assert checks["audio stream"].state is State.SKIPPED


@pytest.mark.parametrize("after", ["FreeSWITCH", "audio stream"])
async def test_freeswitch_ends_in_the_middle(after: str) -> None:
    async with world() as here:
        checks = []
        async for check in replace(here.node, most=100).examine():
            checks.append(check)
            if check.name == after:
                here.simulator.kill()
        assert checks[-1].name == "FreeSWITCH"
        assert checks[-1].trouble is Trouble.UNREACHABLE
        assert "prompts" not in [check.name for check in checks]
