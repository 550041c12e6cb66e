"""Calls placed from the command line, without a running daemon service: starts the parts, calls, shows, stops.

`robot call` uses it for one number, `robot demo` for a whole list.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from typing import Final

from pydantic import SecretStr
from rich.console import Console

from robot.call.call import Call
from robot.call.plan import CallPlan
from robot.call.report import CallReport
from robot.campaign.contacts import listed_fields
from robot.campaign.definition import load_campaign
from robot.daemon import Daemon, put_audio_first
from robot.settings import FreeSwitchSettings, Settings
from robot.simulator.callees_file import Callee, load_callees
from robot.simulator.freeswitch import SimulatorSettings
from robot.simulator.thread import SimulatorThread
from robot.store.errors import StoreError
from robot.terminal import CallView, timeline

# Beside the package in a checkout, inside it in an installed wheel.
_CAMPAIGNS: Final = (Path(__file__).parent.parent / "campaigns", Path(__file__).parent / "shipped_campaigns")
#: The node of attempts that called nobody real.
SIMULATOR_NODE: Final = "simulator"
_DRAIN_S: Final = 5.0
_SIMULATOR_PASSWORD: Final = "of the simulator"  # noqa: S105 - on loopback, on a port that the system chose


def shipped_campaigns_folder() -> Path:
    """The campaigns that came with the robot."""
    return next(folder for folder in _CAMPAIGNS if (folder / "demo" / "campaign.toml").is_file())


def demo_campaign_folder() -> Path:
    """The demo campaign as it came with the robot."""
    return shipped_campaigns_folder() / "demo"


async def call_once(
    settings: Settings,
    number: str,
    campaign_folder: Path | None,
    *,
    fields: Mapping[str, str],
    simulate: Path | None,
    console: Console,
) -> CallReport:
    """Call one number and show the call. `simulate`: the callees' file of the simulator to call instead of FreeSWITCH.

    fields: what is known of the contact, beside what the campaign's contacts.csv says of that number.
    Raises CampaignError, BadNumber, PromptError and what `Daemon` raises, before anything is dialled.
    """
    campaign = load_campaign(campaign_folder or demo_campaign_folder())
    plan = campaign.plan(number, {**listed_fields(campaign, number), **fields})
    with simulated_switch(settings, simulate, console) if simulate else nullcontext(settings) as reachable:
        async with running_daemon(reachable, console) as daemon:
            [report] = await place_calls(daemon, [plan], CallView(console))
            await _deliver_webhooks(daemon, console)
    console.print()
    console.print(timeline(report))
    return report


async def _deliver_webhooks(daemon: Daemon, console: Console) -> None:
    """What the call has to tell to web servers; whatever is left waits in the database."""
    try:
        left = await daemon.webhooks.drain(_DRAIN_S)
    except StoreError as error:
        console.print(f"{error}. What happened is kept: `robot run`, or the next call, writes it down.", markup=False)
        return
    if left:
        console.print(f"{left} webhook(s) are not delivered yet: `robot run`, or the next call, tries them again.")


@contextmanager
def simulated_switch(
    settings: Settings, callees: Path | Sequence[Callee], console: Console, *, gateway: str = "trunk"
) -> Iterator[Settings]:
    """A simulator beside us; yields the settings with which it is called instead of FreeSWITCH.

    A callees file says itself which gateways there are; for other callees there is `gateway`.
    """
    simulator = SimulatorThread(
        SimulatorSettings(password=_SIMULATOR_PASSWORD, gateways=frozenset({gateway})),
        load_callees(callees) if isinstance(callees, Path) else callees,
    )
    with console.status("Preparing the virtual callees: their texts are spoken once and kept ..."):
        simulator.start()
    try:
        freeswitch = settings.freeswitch.model_copy(
            update={
                "host": "127.0.0.1",
                "port": simulator.event_socket_port,
                "password": SecretStr(_SIMULATOR_PASSWORD),
                "stream_host": "127.0.0.1",
            }
        )
        audio = settings.audio.model_copy(update={"host": "127.0.0.1", "port": 0})
        yield settings.model_copy(
            update={"freeswitch": freeswitch, "nodes": {SIMULATOR_NODE: FreeSwitchSettings()}, "audio": audio}
        )
    finally:
        simulator.stop()


@asynccontextmanager
async def running_daemon(settings: Settings, console: Console) -> AsyncIterator[Daemon]:
    """The daemon's parts, with progress while the speech model loads."""
    daemon = Daemon(settings)
    with console.status("Connecting to FreeSWITCH and loading the speech model ..."):
        await daemon.__aenter__()
    put_audio_first()
    try:
        yield daemon
    finally:
        await daemon.__aexit__(None, None, None)


async def place_calls(daemon: Daemon, plans: Sequence[CallPlan], view: CallView) -> list[CallReport]:
    """Place all calls at once and wait for them. Ctrl-C or SIGTERM ends the calls, not the programme: their outcomes
    are written first."""
    calls: list[Call] = []
    loop = asyncio.get_running_loop()

    def stop_all(name: str) -> None:
        for call in calls:
            call.stop(f"by the operator ({name})")

    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stop_all, each.name)
    try:
        for plan in plans:
            call = daemon.call(plan, view)
            calls.append(call)
            view.dialling(call.uuid, plan.number, plan.gateway)
        # One call that cannot be written down does not take the others with it.
        results = await asyncio.gather(*(call.run() for call in calls), return_exceptions=True)
    finally:
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(each)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [call.report for call in calls]
