"""A simulator beside a program that has an event loop of its own: `robot demo` runs it in a thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Self, TypeVar

from robot.simulator.callees_file import Callee, CalleesFile
from robot.simulator.errors import SimulatorError
from robot.simulator.freeswitch import SimulatedFreeSwitch, SimulatorSettings

Result = TypeVar("Result")

# Longer than any start takes: a dozen sentences are spoken in about 5 s the first time, on one core.
START_LIMIT_S = 120.0
STOP_LIMIT_S = 10.0


class SimulatorThread:
    """Runs a simulator in its own thread and loop; what goes wrong while it starts is raised to the caller.

    >>> with SimulatorThread(SimulatorSettings(), callees) as thread:  # doctest: +SKIP
    ...     connect("127.0.0.1", thread.event_socket_port)
    """

    def __init__(self, settings: SimulatorSettings, callees: CalleesFile | Sequence[Callee]) -> None:
        self._settings = settings
        self._callees = callees
        self._ready = threading.Event()
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="simulator", daemon=True)
        self._simulator: SimulatedFreeSwitch | None = None

    @property
    def simulator(self) -> SimulatedFreeSwitch:
        """Look at it from any thread (`heard`, `calls`); change it only through `do`."""
        if self._simulator is None:
            raise SimulatorError("the simulator was not started: call start() first")
        return self._simulator

    @property
    def event_socket_port(self) -> int:
        return self.simulator.event_socket_port

    def start(self) -> None:
        """Raises what `SimulatedFreeSwitch.start` raises, and SimulatorError when it takes too long."""
        self._thread.start()
        if not self._ready.wait(START_LIMIT_S):
            raise SimulatorError(f"the simulator did not start within {START_LIMIT_S:.0f} s")
        if self._error is not None:
            self._thread.join(STOP_LIMIT_S)
            raise self._error

    def stop(self) -> None:
        """End it and wait for its thread. Raises what killed it, if something did."""
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(STOP_LIMIT_S)
        if self._thread.is_alive():
            raise SimulatorError(f"the simulator did not end within {STOP_LIMIT_S:.0f} s")
        if self._error is not None:
            raise self._error

    def do(self, action: Callable[[SimulatedFreeSwitch], Result]) -> Result:
        """Run `action` in the simulator's own thread, such as `do(lambda simulator: simulator.kill())`."""
        assert self._loop is not None
        done: Future[Result] = Future()

        def run() -> None:
            try:
                done.set_result(action(self.simulator))
            except BaseException as error:  # noqa: BLE001 - handed to the caller
                done.set_exception(error)

        self._loop.call_soon_threadsafe(run)
        return done.result(STOP_LIMIT_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - handed to the caller by start() or stop()
            self._error = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        simulator = SimulatedFreeSwitch(self._settings, self._callees)
        async with simulator:
            self._simulator = simulator
            self._ready.set()
            await self._stop.wait()
