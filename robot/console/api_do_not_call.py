"""/api/do-not-call: the same as `robot dnc`. What it holds counts at once: each attempt looks there before dialling."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, BinaryIO, Final

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from robot.campaign.do_not_call_file import BadLine, number_or_pattern, read_numbers
from robot.campaign.numbers import normalise_number
from robot.console.api_contacts import received
from robot.console.errors import Refused
from robot.console.routes import Console, problems
from robot.store.records import DoNotCallEntry, DoNotCallSource, NewDoNotCall

router = APIRouter(prefix="/api/do-not-call", tags=["do-not-call"])

_MOST_BAD_LINES: Final = 1000
_LARGEST_ID: Final = 2**63 - 1
_TEXT_BODY: Final[dict[str, Any]] = {"requestBody": {"required": True, "content": {"text/csv": {"schema": {}}}}}

Region = Annotated[str, Field(pattern=r"^[A-Z]{2}$", description="Country of numbers that are written without + .")]
Number = Annotated[str, Field(min_length=1, max_length=64)]
Campaign = Annotated[str, Field(min_length=1, max_length=64, description="For this campaign; null: for all.")]


class Additions(BaseModel):
    """Whom nobody may call. numbers: `+331*` is all that begin so."""

    model_config = ConfigDict(extra="forbid")

    numbers: Annotated[list[Number], Field(min_length=1, max_length=1000)]
    campaign: Campaign | None = None
    note: Annotated[str, Field(max_length=500)] | None = None
    region: Region | None = None


class Added(BaseModel):
    """How many entries are new, and how many were there."""

    added: int
    known: int


class Imported(Added):
    """bad: lines that hold no number, the first thousand of them."""

    bad: list[BadLine]


class Question(BaseModel):
    """Whether a number may be called."""

    model_config = ConfigDict(extra="forbid")

    number: Number
    campaign: Campaign | None = None
    region: Region | None = None


class Answer(BaseModel):
    """entry: what forbids it; null: nothing does."""

    entry: DoNotCallEntry | None


@router.get("", responses=problems())
async def list_do_not_call(
    console: Console,
    campaign: Annotated[str | None, Query(max_length=64, description="Only the entries of this one.")] = None,
    after: Annotated[int, Query(ge=0, le=_LARGEST_ID, description="The id of the last entry of the page before.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[DoNotCallEntry]:
    """The list, a page at a time, in the order in which entries were made."""
    return await console.parts.store.do_not_call_page(campaign, after_id=after, limit=limit)


@router.post("", responses=problems(404))
async def add_do_not_call(console: Console, new: Additions) -> Added:
    """Put numbers on the list."""
    now = datetime.now(UTC)
    campaign = None if new.campaign is None else await console.known(new.campaign)
    entries = [
        NewDoNotCall(what, now, DoNotCallSource.OPERATOR, campaign, note=new.note)
        for what in [number_or_pattern(number, new.region) for number in new.numbers]
    ]
    count = await console.parts.store.import_do_not_call(entries)
    return Added(added=count.added, known=count.known)


@router.post("/lookup", responses=problems())
async def look_up_do_not_call(console: Console, asked: Question) -> Answer:
    """Whether a number may be called. Not in the address, which is written into the logs of proxies."""
    number = normalise_number(asked.number, asked.region)
    return Answer(entry=await console.parts.store.is_do_not_call(number, asked.campaign))


@router.post("/import", responses=problems(404, 413), openapi_extra=_TEXT_BODY)
async def import_do_not_call(
    console: Console,
    request: Request,
    campaign: Annotated[str | None, Query(max_length=64)] = None,
    column: Annotated[str | None, Query(max_length=100, description="Which holds the numbers, or its place.")] = None,
    note: Annotated[str | None, Query(max_length=500)] = None,
    region: Annotated[str | None, Query(pattern=r"^[A-Z]{2}$")] = None,
) -> Imported:
    """Put all numbers of a file, which is the body, on the list: CSV, or one a line."""
    chosen = None if campaign is None else await console.known(campaign)
    bad: list[BadLine] = []
    now = datetime.now(UTC)

    def entries(source: BinaryIO) -> Iterator[NewDoNotCall]:
        for found in read_numbers(source, region, column):
            if not isinstance(found, BadLine):
                yield NewDoNotCall(found, now, DoNotCallSource.IMPORT, chosen, note=note)
            elif len(bad) < _MOST_BAD_LINES:
                bad.append(found)

    async with received(request, console) as (source, _):
        count = await console.aside(lambda store: store.import_do_not_call(entries(source)))
    return Imported(added=count.added, known=count.known, bad=bad)


@router.delete("/{entry:int}", status_code=204, responses=problems(404))
async def remove_do_not_call(console: Console, entry: Annotated[int, Path(ge=1, le=_LARGEST_ID)]) -> None:
    """Take an entry off the list."""
    if not await console.parts.store.remove_do_not_call_entry(entry):
        raise Refused(404, "unknown-entry", f"there is no entry {entry} on the list")
