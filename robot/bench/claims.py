"""How many contacts several daemons claim from one database."""

from __future__ import annotations

import multiprocessing
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from typing import Any, Final

from sqlalchemy import make_url

from robot.bench.figures import spread
from robot.bench.own_database import own_database
from robot.store.campaign_records import CampaignState, NewContact, Scope
from robot.store.campaigns import CampaignRepository
from robot.store.claims import ClaimRepository
from robot.store.contacts import ContactRepository
from robot.store.database import Database

_CAMPAIGN: Final = "bench"
_LEASE: Final = timedelta(minutes=5)
_BATCH: Final = 1000


def run(
    *, url: str | None = None, processes: int = 4, seconds: float = 10.0, batch: int = 10, contacts: int = 100_000
) -> dict[str, Any]:
    """batch: contacts in one claim; each claim is a transaction that is on the disk when it is counted.

    url: of a server on which the user may create databases; None: SQLite.
    """
    with own_database(url) as own:
        with closing(Database(own)) as database:
            _fill(database, contacts)
        results = _claim_at_once(own, processes, seconds, batch)
    claimed = [contact for result in results for contact in result["contacts"]]
    durations = [ms for result in results for ms in result["claim_ms"]]
    return {
        "database": make_url(own).get_backend_name(),
        "processes": processes,
        "contacts": contacts,
        "batch": batch,
        "claims_per_second": round(sum(len(result["contacts"]) / result["seconds"] for result in results)),
        "claimed_twice": len(claimed) - len(set(claimed)),
        "claim_ms": spread(durations),
    }


def _fill(database: Database, contacts: int) -> None:
    now = datetime.now(UTC)
    with database.write() as session:
        campaign = CampaignRepository(session).ensure(_CAMPAIGN)
        CampaignRepository(session).move(_CAMPAIGN, CampaignState.RUNNING, now, None)
    for first in range(0, contacts, _BATCH):
        rows = [NewContact(f"+336{number:08}", {}) for number in range(first, min(first + _BATCH, contacts))]
        with database.write() as session:
            ContactRepository(session).add(campaign, rows, now, Scope.CAMPAIGN, update_known=False)


def _claim_at_once(url: str, processes: int, seconds: float, batch: int) -> list[dict[str, Any]]:
    # Not forked: a connection must not be shared, nor the threads of whatever was measured before.
    context = multiprocessing.get_context("spawn")
    ready, results = context.Barrier(processes), context.Queue()
    daemons = [
        context.Process(target=_claim, args=(url, f"bench-{place}", seconds, batch, ready, results))
        for place in range(processes)
    ]
    for daemon in daemons:
        daemon.start()
    try:
        return [results.get(timeout=seconds + 60) for _ in daemons]
    finally:
        for daemon in daemons:
            daemon.join(10)
            daemon.kill()


def _claim(url: str, owner: str, seconds: float, batch: int, ready: Barrier, results: Queue[dict[str, Any]]) -> None:
    contacts: list[int] = []
    claim_ms: list[float] = []
    with closing(Database(url)) as database:
        database.check()
        ready.wait(60)
        begin = time.perf_counter()
        while time.perf_counter() < begin + seconds:
            began = time.perf_counter()
            with database.write() as session:
                claimed = ClaimRepository(session).claim(_CAMPAIGN, owner, datetime.now(UTC), batch, _LEASE)
            if not claimed:
                break
            claim_ms.append((time.perf_counter() - began) * 1000)
            contacts += [each.claim.contact_id for each in claimed]
        took = time.perf_counter() - begin
    results.put({"contacts": contacts, "claim_ms": claim_ms, "seconds": took})
