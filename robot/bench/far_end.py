"""Who takes the calls of a benchmark: virtual callees in a process of their own, whose work is not the robot's.

They are behind the simulator, or behind the real FreeSWITCH of robot.toml, which calls itself through a trunk.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from robot.campaign.definition import Campaign, load_campaign
from robot.direct_call import demo_campaign_folder
from robot.settings import ConfigError, Settings
from robot.simulator.sound import tone, write_wav

#: The gateway through which a real FreeSWITCH calls itself (freeswitch_conf/loopback_trunk).
LOOPBACK_GATEWAY: Final = "loopback"
_SIMULATED_GATEWAY: Final = "trunk"
_PASSWORD: Final = "of the benchmark"  # noqa: S105 - of a simulator on loopback
_START_LIMIT_S: Final = 60.0
# What is hummed to callees: audible in every millisecond, so that its end is seen in a recording to the sample.
HUM_HZ, HUM_RATE = 300, 8000


@dataclass(frozen=True, slots=True)
class Live:
    """Calls go through the real FreeSWITCH of robot.toml. gateway: its trunk to itself."""

    gateway: str = LOOPBACK_GATEWAY


@dataclass(frozen=True, slots=True)
class FarEnd:
    """settings: with which the callees are reached, with a database of the benchmark's own. folder: of the benchmark,
    open to FreeSWITCH. recordings: where both sides of each call are found as `UUID.wav` when it is over; None with the
    simulator."""

    settings: Settings
    gateway: str
    folder: Path
    recordings: Path | None

    def recording(self, uuid: str) -> Path | None:
        """Of the call `uuid`, if there is one."""
        file = None if self.recordings is None else self.recordings / f"{uuid}.wav"
        return file if file is not None and file.exists() else None


@contextmanager
def far_end(settings: Settings, callees: str, live: Live | None, playback: str | None = None) -> Iterator[FarEnd]:
    """The callees of `callees` (TOML), ready to be called. playback: `broadcast` or `execute`; None: as configured.

    Raises ConfigError, or RuntimeError when they cannot start.
    """
    with tempfile.TemporaryDirectory(prefix="robot-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # FreeSWITCH has a user of its own
        (folder / "callees.toml").write_text(callees)
        update: dict[str, object] = {} if playback is None else {"playback": playback}
        if live is None:
            command = ["simulate", "--port", "0", "--password", _PASSWORD]
            environment: dict[str, str] = {}
        else:
            command = ["loopback", "--folder", str(folder / "callees")]
            environment = _environment(settings)
        with _process([*command, "--callees", str(folder / "callees.toml")], environment) as told:
            if live is None:
                update |= {"host": "127.0.0.1", "port": int(told), "password": SecretStr(_PASSWORD)}
            yield FarEnd(
                settings.model_copy(
                    update={
                        "freeswitch": settings.freeswitch.model_copy(update=update),
                        "audio": settings.audio.model_copy(update={"port": 0}),
                        "database": settings.database.model_copy(update={"url": f"sqlite:///{folder}/bench.db"}),
                    }
                ),
                _SIMULATED_GATEWAY if live is None else live.gateway,
                folder,
                None if live is None else folder / "callees" / "recordings",
            )


def humming_campaign(far: FarEnd, hum_s: float = 8.0) -> Campaign:
    """The demo campaign, whose first prompt is a hum, through the gateway of `far`."""
    folder = far.folder / "campaign"
    shutil.copytree(demo_campaign_folder(), folder)
    write_wav(folder / "audio" / "offer.wav", tone(HUM_HZ, round(hum_s * 1000), HUM_RATE), HUM_RATE)
    campaign = load_campaign(folder)
    table = campaign.table.model_copy(update={"gateway": far.gateway, "gateways": []})
    return Campaign(campaign.folder, table, campaign.scenario)


def _environment(settings: Settings) -> dict[str, str]:
    """The FreeSWITCH that is called, for the process of the callees."""
    if settings.nodes:
        raise ConfigError("`--live` measures one FreeSWITCH: use a robot.toml with [freeswitch] and without [nodes]")
    freeswitch = settings.freeswitch
    return {
        "ROBOT_FREESWITCH__HOST": freeswitch.host,
        "ROBOT_FREESWITCH__PORT": str(freeswitch.port),
        "ROBOT_FREESWITCH__PASSWORD": freeswitch.required_password(),
    }


@contextmanager
def _process(arguments: list[str], environment: Mapping[str, str]) -> Iterator[str]:
    """`robot ARGUMENTS` until the end of the block; yields the port that it tells, if any, when it is ready."""
    command = [sys.executable, "-m", "robot", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | environment)  # noqa: S603
    try:
        yield _told(process)
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


def _told(process: subprocess.Popen[str]) -> str:
    if process.stdout is None:
        raise RuntimeError("the callees were started without a pipe for their output")
    for line in process.stdout:
        if found := re.search(r"[Ee]vent socket: \S+:(\d+)|^Ready", line):
            return found[1] or ""
    raise RuntimeError(f"the callees ended with status {process.wait(_START_LIMIT_S)} before they were ready")
