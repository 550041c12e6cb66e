"""A simulated FreeSWITCH in a process of its own that writes down whom it was told to call, and when.

What it wrote is the truth about who was called: it lives on when the robot dies.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, TextIO

from pydantic import SecretStr

from robot.settings import Settings
from robot.simulator.callees_file import load_callees
from robot.simulator.dial_string import parse_dial_string
from robot.simulator.freeswitch import SimulatedFreeSwitch, SimulatorSettings

GATEWAY: Final = "trunk"
_PASSWORD: Final = "of the benchmark"  # noqa: S105 - of a simulator on loopback
_START_LIMIT_S: Final = 60.0
# More than any benchmark has at a time: FreeSWITCH's own limit is not what is measured.
_SESSIONS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Dialling:
    """An `originate` as it came. at: seconds of this machine's monotonic clock. number: as it was dialled."""

    at: float
    uuid: str
    number: str


@dataclass(frozen=True, slots=True)
class DialledSwitch:
    """settings: with which it is reached, and a database of its own in `folder`."""

    settings: Settings
    folder: Path
    log: Path

    def dialled(self) -> list[Dialling]:
        """All of them so far, in their order."""
        rows = (line.split() for line in self.log.read_text().splitlines())
        return [Dialling(float(at), uuid, number) for at, uuid, number in rows]


@contextmanager
def dialled_switch(settings: Settings, folder: Path, callees: str) -> Iterator[DialledSwitch]:
    """With the callees of `callees` (TOML), whose numbers are through the gateway GATEWAY. Raises RuntimeError."""
    file, log = folder / "callees.toml", folder / "dialled.txt"
    file.write_text(callees)
    log.touch()
    # Not forked: it has a loop of its own, and must not have ours.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(file, log, theirs), name="simulator", daemon=True)
    process.start()
    try:
        if not ours.poll(_START_LIMIT_S):
            raise RuntimeError("the simulator did not start: see what it said")
        port = ours.recv()
        switch = settings.freeswitch.model_copy(
            update={"host": "127.0.0.1", "port": port, "password": SecretStr(_PASSWORD)}
        )
        yield DialledSwitch(
            settings.model_copy(
                update={
                    "nodes": {},
                    "freeswitch": switch,
                    "audio": settings.audio.model_copy(update={"port": 0}),
                    "database": settings.database.model_copy(update={"url": f"sqlite:///{folder}/robot.db"}),
                }
            ),
            folder,
            log,
        )
    finally:
        process.terminate()
        process.join(10)


class _WritingSwitch(SimulatedFreeSwitch):
    log: TextIO

    def originate(self, text: str, tell: Callable[[str], None]) -> None:
        dialled = parse_dial_string(text)
        number = dialled.groups[0][0].rpartition("/")[2]
        self.log.write(f"{time.monotonic()} {dialled.variables['origination_uuid']} {number}\n")
        super().originate(text, tell)


def _run(callees: Path, log: Path, told: Connection) -> None:
    asyncio.run(_serve(callees, log, told))


async def _serve(callees: Path, log: Path, told: Connection) -> None:
    simulator = _WritingSwitch(SimulatorSettings(password=_PASSWORD, max_sessions=_SESSIONS), load_callees(callees))
    with log.open("a", buffering=1) as simulator.log:
        async with simulator:
            told.send(simulator.event_socket_port)
            await asyncio.Event().wait()
