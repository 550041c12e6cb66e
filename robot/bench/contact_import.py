"""How fast a contact list comes into a database, how much memory that takes, and how long a look at so many takes."""

from __future__ import annotations

import asyncio
import csv
import multiprocessing
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import make_url

from robot.bench.figures import peak_memory_mb
from robot.bench.own_database import own_database
from robot.campaign.contact_import import Duplicates, Import, Imported, RejectsFile
from robot.campaign.contacts import ContactList
from robot.campaign.status import status_of
from robot.store.campaign_records import Placed, Scope
from robot.store.database import Database
from robot.store.standing import StandingRepository
from robot.store.store import Store

_CAMPAIGN: Final = "bench"
_FEW: Final = 10_000
_LOOKS: Final = 5


def run(*, url: str | None = None, rows: int = 200_000) -> dict[str, Any]:
    """The first 10,000 rows and all of them, each in a process and a database of its own.

    peak_mb: the most memory of that process. status_ms: of `robot campaign status`, the median of several looks.
    """
    figures: dict[str, Any] = {"rows": rows}
    with tempfile.TemporaryDirectory() as folder:
        few, many = Path(folder) / "few.csv", Path(folder) / "many.csv"
        _write_list(few, min(rows, _FEW))
        _write_list(many, rows)
        with own_database(url) as own:
            figures["database"] = make_url(own).get_backend_name()
            _, figures["peak_mb_10000_rows"] = _in_own_process(own, few, 0)
        with own_database(url) as own:
            figures["rows_per_second"], figures["peak_mb"] = _in_own_process(own, many, rows)
            figures["again_rows_per_second"], _ = _in_own_process(own, many, 0)
            figures["status_ms"] = round(_status_ms(own), 1)
    return figures


def _write_list(file: Path, rows: int) -> None:
    """As Excel writes it in France: semicolons, a mark at the beginning, numbers as at home."""
    with file.open("w", encoding="utf-8-sig", newline="") as target:
        writer = csv.writer(target, delimiter=";")
        writer.writerow(["Prénom", "Nom", "Téléphone", "Ville", "Référence"])
        for row in range(rows):
            digits = f"{row:08}"
            number = f"06 {digits[:2]} {digits[2:4]} {digits[4:6]} {digits[6:]}"
            writer.writerow([f"Zoé {row % 1000}", "Müller; fils", number, "Lyon", f"A-{row}"])


def _in_own_process(url: str, file: Path, new: int) -> tuple[int, float | None]:
    """Rows in a second, and the peak of its memory. new: how many of them should be added."""
    # Not forked: what this process holds in memory would count as theirs.
    with ProcessPoolExecutor(max_workers=1, mp_context=multiprocessing.get_context("spawn")) as pool:
        added, speed, peak_mb = pool.submit(_import, url, file).result()
    if new and added != new:
        raise RuntimeError(f"{added} contacts were added of {new}: what was measured is not an import")
    return speed, peak_mb


def _import(url: str, file: Path) -> tuple[int, int, float | None]:
    order = Import(_CAMPAIGN, "FR", Duplicates.SKIP, Scope.CAMPAIGN, datetime.now(UTC))
    begin = time.perf_counter()
    with file.open("rb") as source:
        contacts = ContactList(source, file)
        with RejectsFile(file.with_suffix(".rejected.csv"), contacts) as rejects:
            count = asyncio.run(_into(Store(Database(url)), order, contacts, rejects))
    took_s = time.perf_counter() - begin
    peak_mb = peak_memory_mb()
    return count.placed[Placed.ADDED], round(count.rows / took_s), None if peak_mb is None else round(peak_mb, 1)


async def _into(store: Store, order: Import, contacts: ContactList, rejects: RejectsFile) -> Imported:
    try:
        return await order.run(contacts, store, rejects)
    finally:
        await store.close()


def _status_ms(url: str) -> float:
    took_ms = []
    with closing(Database(url)) as database:
        database.check()
        for _ in range(_LOOKS):
            begin = time.perf_counter()
            with database.read() as session:
                repository, now = StandingRepository(session), datetime.now(UTC)
                daemons = repository.daemons(now)
                for standing in repository.standings(now):
                    status_of(standing, daemons, now)
            took_ms.append((time.perf_counter() - begin) * 1000)
    return sorted(took_ms)[_LOOKS // 2]
