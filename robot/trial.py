"""The whole service without a FreeSWITCH, to look at it and to talk to it: `robot run --simulate`.

The campaigns that come with the robot, their lists imported, virtual callees behind every number on them, and a
database that is gone afterwards. Nobody is called before a campaign is started.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from rich.console import Console

from robot.campaign.contact_import import Duplicates, Import, RejectsFile
from robot.campaign.contacts import ContactList
from robot.campaign.definition import Campaign
from robot.campaign.incoming import load_campaigns
from robot.direct_call import shipped_campaigns_folder, simulated_switch
from robot.settings import Settings
from robot.simulator.callees_file import Callee, load_callees
from robot.store.campaign_records import Scope
from robot.store.database import Database
from robot.store.store import Store

_CALLEES_FILE: Final = "callees.toml"
_CONTACTS_FILE: Final = "contacts.csv"


@contextmanager
def on_a_simulator(settings: Settings, console: Console) -> Iterator[Settings]:
    """Yields the settings of a robot that is by itself. Raises what the simulator raises."""
    folder = shipped_campaigns_folder()
    campaigns = load_campaigns(folder)
    with TemporaryDirectory(prefix="robot-trial-") as scratch:
        settings = settings.model_copy(
            update={
                "campaigns": settings.campaigns.model_copy(update={"folder": folder}),
                "database": settings.database.model_copy(update={"url": f"sqlite:///{scratch}/robot.db"}),
                "recordings": settings.recordings.model_copy(update={"folder": Path(scratch) / "recordings"}),
            }
        )
        (Path(scratch) / "recordings").mkdir()
        asyncio.run(_import(settings, campaigns, Path(scratch)))
        port = settings.audio.port
        with simulated_switch(settings, [*_callees(campaigns).values()], console) as reachable:
            # Browsers look for it there; only the simulator would find it anywhere.
            yield reachable.model_copy(update={"audio": reachable.audio.model_copy(update={"port": port})})


def _callees(campaigns: list[Campaign]) -> dict[str, Callee]:
    """By number; who is on two lists is played as the first campaign wants it."""
    found: dict[str, Callee] = {}
    for campaign in campaigns:
        if (file := campaign.folder / _CALLEES_FILE).is_file():
            for callee in load_callees(file).callee:
                found.setdefault(callee.number, callee)
    return found


async def _import(settings: Settings, campaigns: list[Campaign], scratch: Path) -> None:
    database = Database(settings.database.url)
    store = Store(database)
    try:
        database.prepare()
        for campaign in campaigns:
            file = campaign.folder / _CONTACTS_FILE
            if not file.is_file():
                continue
            order = Import(campaign.name, campaign.table.region, Duplicates.SKIP, Scope.CAMPAIGN, datetime.now(UTC))
            with file.open("rb") as source:
                contacts = ContactList(source, file)
                with RejectsFile(scratch / "rejected.csv", contacts) as rejects:
                    await store.set_campaign_folder(campaign.name, str(campaign.folder))
                    await order.run(contacts, store, rejects)
    finally:
        await store.close()
