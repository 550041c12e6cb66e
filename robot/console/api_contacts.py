"""/api/campaigns/NAME/contacts: the same as `robot campaign import`."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final, cast

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from robot.campaign.contact_import import Duplicates, Import, RejectsFile
from robot.campaign.contacts import ContactList
from robot.console.errors import Refused
from robot.console.parts import ConsoleParts
from robot.console.routes import CampaignName, Console, problems
from robot.store.campaign_records import Scope
from robot.store.store import Store

router = APIRouter(prefix="/api/campaigns", tags=["contacts"])

# Of a file with the wrong numbers in every row nobody reads more; the command writes all of them.
_MOST_REJECTED_BYTES: Final = 1_000_000
_IN_MEMORY: Final = 1_000_000  # bytes of a file that need no disk
_CSV_BODY: Final[dict[str, Any]] = {"requestBody": {"required": True, "content": {"text/csv": {"schema": {}}}}}


class ImportedContacts(BaseModel):
    """What became of the rows: `robot campaign import --json`."""

    campaign: str
    encoding: str
    delimiter: str
    columns: dict[str, str | None] = Field(description="What each column is; null: passed over.")
    rows: int
    added: int
    updated: int
    in_file: int = Field(description="Stood further up in the same file.")
    in_campaign: int = Field(description="Were on the list already.")
    elsewhere: int = Field(description="Are on the list of another campaign.")
    rejected: int
    rejected_csv: str | None = Field(description="The rejected rows with the reason of each, to be corrected.")


@router.post("/{name}/contacts", responses=problems(404, 409, 413), openapi_extra=_CSV_BODY)
async def import_contacts(
    console: Console,
    request: Request,
    name: CampaignName,
    column: Annotated[
        list[str], Query(description="NAME=FIELD: the column NAME (or its place, from 1) is FIELD.", max_length=100)
    ] = [],  # noqa: B006 - FastAPI copies it
    region: Annotated[str | None, Query(pattern=r"^[A-Z]{2}$", description="Of numbers without country code.")] = None,
    duplicates: Duplicates = Duplicates.SKIP,
    unique: Scope = Scope.CAMPAIGN,
    encoding: Annotated[str | None, Query(max_length=40)] = None,
) -> ImportedContacts:
    """Put the people in a CSV file, the body, on the campaign's list. Done again, it adds those who are new."""
    name = await console.known(name)
    campaign = next((each for each in console.campaigns() if each.name == name), None)
    if campaign is not None:
        region = region or campaign.table.region
    order = Import(name, region, duplicates, unique, datetime.now(UTC))
    mapping = _mapping(column)

    async def work(store: Store) -> ImportedContacts:
        if campaign is not None:
            await store.set_campaign_folder(name, str(campaign.folder))
        contacts = ContactList(source, Path("contacts.csv"), mapping, encoding)
        rejects = folder / "rejected.csv"
        with RejectsFile(rejects, contacts) as rejected:
            count = await order.run(contacts, store, rejected)
        return ImportedContacts(
            campaign=name, encoding=contacts.encoding, delimiter=contacts.delimiter,
            columns={each.name: each.field for each in contacts.columns},
            rejected_csv=_beginning_of(rejects) if rejects.exists() else None, **count.as_json(),
        )  # fmt: skip

    async with received(request, console) as (source, folder):
        return await console.aside(work)


@asynccontextmanager
async def received(request: Request, console: ConsoleParts) -> AsyncIterator[tuple[BinaryIO, Path]]:
    """The body as a file, and a folder of this request's own, which only we can read and which goes with it."""
    with (
        tempfile.TemporaryDirectory(prefix="robot-console-") as name,
        tempfile.SpooledTemporaryFile(_IN_MEMORY) as file,
    ):
        async for chunk in request.stream():
            await console.in_thread(partial(file.write, chunk))
        file.seek(0)
        yield cast(BinaryIO, file), Path(name)


def _mapping(columns: list[str]) -> dict[str, str]:
    """Raises Refused."""
    pairs = [column.rpartition("=") for column in columns]
    for column, (name, _, field) in zip(columns, pairs, strict=True):
        if not (name and field):
            raise Refused(422, "bad-column", f"{column!r} should be NAME=FIELD, like 'Mobile no.=number'")
    return {name: field for name, _, field in pairs}


def _beginning_of(file: Path) -> str:
    with file.open("rb") as source:
        return source.read(_MOST_REJECTED_BYTES).decode("utf-8-sig", "replace")
