"""A file into either database: what is good goes in once, what is not comes into a file that can be corrected."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from robot.campaign.contact_import import Duplicates, Import, Imported, RejectsFile
from robot.campaign.contacts import ContactList
from robot.store.campaign_records import ContactState, Placed, Scope
from robot.store.store import Store

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
NASTY = """Prénom;Téléphone;Fuseau horaire;Note
Zoë;01 40 00 00 01;Europe/Paris;"a ; and
a line"
Ann;+44 20 7946 0001;;
Ben;12;;
Cem;01 40 00 00 02;Mars/Olympus;
Dua;01 40 00 00 01;;again
Eve;3,31E+10;;
Fay;"="01 40 00 00 03"";;
Gil;'0140000004;;;;too;many
"""


async def imported(
    store: Store,
    folder: Path,
    text: str,
    *,
    campaign: str = "spring",
    duplicates: Duplicates = Duplicates.SKIP,
    scope: Scope = Scope.CAMPAIGN,
    hours: int = 0,
) -> Imported:
    contacts = ContactList(io.BytesIO(text.encode()), Path("list.csv"))
    order = Import(campaign, "FR", duplicates, scope, NOW + timedelta(hours=hours))
    with RejectsFile(folder / "rejected.csv", contacts) as rejects:
        return await order.run(contacts, store, rejects)


def rejected(folder: Path) -> list[dict[str, str]]:
    with (folder / "rejected.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


async def test_good_rows_go_in_and_bad_ones_into_the_file_with_their_reason(store: Store, tmp_path: Path) -> None:
    count = await imported(store, tmp_path, NASTY)
    assert (count.rows, count.rejected) == (8, 5)
    assert count.placed == {Placed.ADDED: 2, Placed.IN_FILE: 1}
    first, second = await store.contacts_page("spring")
    assert (first.number, first.fields) == (
        "+33140000001", {"prenom": "Zoë", "timezone": "Europe/Paris", "note": "a ; and\na line"},
    )  # fmt: skip
    assert (second.number, second.fields) == ("+442079460001", {"prenom": "Ann"})
    told = rejected(tmp_path)
    assert [row["rejected_line"] for row in told] == ["5", "6", "8", "9", "10"]
    for row, reason in zip(
        told,
        ["too few or too many digits", "is no time zone", "rounded the number", "is not CSV", "holds a semicolon"],
        strict=True,
    ):
        assert reason in row["rejected_reason"]
    assert (tmp_path / "rejected.csv").stat().st_mode & 0o077 == 0


async def test_rejected_rows_that_were_corrected_go_in_by_themselves(store: Store, tmp_path: Path) -> None:
    await imported(store, tmp_path, "number;name\n12;Ann\n")
    corrected = (tmp_path / "rejected.csv").read_text(encoding="utf-8-sig").replace("12;", "0140000001;")
    (tmp_path / "rejected.csv").unlink()
    count = await imported(store, tmp_path, corrected, hours=1)
    assert count.placed == {Placed.ADDED: 1}
    [contact] = await store.contacts_page("spring")
    assert contact.fields == {"name": "Ann"}
    assert not (tmp_path / "rejected.csv").exists(), "only when there are any"


async def test_again_and_again_is_the_same_as_once(store: Store, tmp_path: Path) -> None:
    text = "number\n" + "".join(f"0140{place:06}\n" for place in range(2500))
    assert (await imported(store, tmp_path, text)).placed == {Placed.ADDED: 2500}
    before = await store.contacts_page("spring", limit=5000)
    assert (await imported(store, tmp_path, text + "0140009999\n", hours=1)).placed == {
        Placed.IN_CAMPAIGN: 2500, Placed.ADDED: 1,
    }  # fmt: skip
    assert (await store.contacts_page("spring", limit=5000))[:2500] == before


@pytest.mark.parametrize(
    ("duplicates", "scope", "placed", "reasons"),
    [
        (Duplicates.SKIP, Scope.CAMPAIGN, {Placed.ADDED: 1, Placed.IN_CAMPAIGN: 1, Placed.IN_FILE: 1}, []),
        (Duplicates.SKIP, Scope.EVERYWHERE, {Placed.ELSEWHERE: 2, Placed.IN_CAMPAIGN: 1}, []),
        (Duplicates.REJECT, Scope.CAMPAIGN, {Placed.ADDED: 1}, ["campaign's list already", "further up in this file"]),
        (Duplicates.UPDATE, Scope.CAMPAIGN, {Placed.ADDED: 1, Placed.UPDATED: 2}, []),
    ],
)
async def test_duplicates_are_treated_as_asked(
    store: Store,
    tmp_path: Path,
    duplicates: Duplicates,
    scope: Scope,
    placed: dict[Placed, int],
    reasons: list[str],
) -> None:
    await imported(store, tmp_path, "number\n0140000001\n", campaign="autumn")
    await imported(store, tmp_path, "number;name\n0140000002;Ann\n")
    text = "number;name\n0140000001;Ben\n0140000002;Cem\n0140000001;Dua\n"
    count = await imported(store, tmp_path, text, duplicates=duplicates, scope=scope, hours=1)
    assert count.placed == placed
    assert count.rejected == len(reasons)
    if reasons:
        assert all(reason in row["rejected_reason"] for row, reason in zip(rejected(tmp_path), reasons, strict=True))
    states = await store.contact_states("spring")
    assert states == {ContactState.WAITING: 1 + placed.get(Placed.ADDED, 0)}
    [ann, *_] = await store.contacts_page("spring")
    assert ann.fields == {"name": "Cem" if duplicates is Duplicates.UPDATE else "Ann"}
