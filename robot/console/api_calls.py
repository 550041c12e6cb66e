"""/api/calls: what was said and done in calls, their recordings, and a call to one number now (`robot call`)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field

from robot.campaign.contacts import listed_fields
from robot.campaign.ordered_calls import NoMoreCalls
from robot.campaign.period import Asked
from robot.console.errors import Refused
from robot.console.live_calls import words_of
from robot.console.routes import CallUuid, Console, Time, moment, problems
from robot.store.call_list import CallLine, CallList, Wanted
from robot.store.records import StoredAttempt

router = APIRouter(prefix="/api", tags=["calls"])

_WAV: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"audio/wav": {"schema": {"type": "string", "format": "binary"}}}}
}


class CallPage(BaseModel):
    """calls: the newest first. next: `cursor` of the page after this; null: this is the last."""

    calls: list[CallLine]
    next: str | None


class Order(BaseModel):
    """Whom to call now, with which campaign's conversation. fields: beside what contacts.csv says of the number."""

    model_config = ConfigDict(extra="forbid")

    campaign: Annotated[str, Field(min_length=1, max_length=64)]
    number: Annotated[str, Field(min_length=1, max_length=64)]
    fields: Annotated[dict[str, Annotated[str, Field(max_length=4000)]], Field(max_length=100)] = {}


class Ordered(BaseModel):
    """The call that is being placed."""

    uuid: str


@router.get("/live", responses=problems())
async def list_live_calls(
    console: Console, campaign: Annotated[str | None, Query(max_length=64)] = None, words: bool = False
) -> list[dict[str, Any]]:
    """Who is in a call now, of all robots: `robot live --json`. words: with what is being said, too."""
    calls = [*console.live.own(), *await console.live.of_others()]
    documents = [words_of(call) for call in calls if campaign in (None, call.campaign)]
    return documents if words else [_without_words(document) for document in documents]


@router.get("/calls", responses=problems())
async def list_calls(
    console: Console,
    campaign: Annotated[str | None, Query(max_length=64)] = None,
    outcome: Annotated[str | None, Query(max_length=64)] = None,
    answered: bool | None = None,
    since: Time = None,
    until: Time = None,
    cursor: Annotated[str | None, Query(max_length=200, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> CallPage:
    """Calls, the newest first. Times are UTC."""
    period = Asked("", ZoneInfo("UTC")).period(moment(since), moment(until))
    wanted = Wanted(campaign, outcome, answered, period)
    before = None if cursor is None else _read_cursor(cursor)
    calls = await console.read(lambda session: CallList(session).page(wanted, before, limit))
    more = calls[-1] if len(calls) == limit else None
    return CallPage(calls=calls, next=None if more is None else _cursor(more.created_at, more.uuid))


@router.post("/calls", status_code=202, responses=problems(404, 409))
async def place_call(
    console: Console,
    wanted: Order,
    response: Response,
    idempotency_key: Annotated[
        str | None,
        Header(max_length=200, description="Of your own, for each call: the same again is the same call."),
    ] = None,
) -> Ordered:
    """Call one number now, whatever its hours are, but for the do-not-call list; `uuid` tells how it goes."""
    campaign = console.campaign(wanted.campaign)
    listed = await console.in_thread(lambda: listed_fields(campaign, wanted.number))
    plan = campaign.plan(wanted.number, {**listed, **wanted.fields})
    try:
        uuid = await console.ordered.place(plan, idempotency_key)
    except NoMoreCalls as error:
        raise Refused(503, "stopping", str(error)) from error
    response.headers["location"] = f"/api/calls/{uuid}"
    return Ordered(uuid=uuid)


@router.get("/calls/{uuid}", responses=problems(404))
async def show_call(console: Console, uuid: CallUuid) -> StoredAttempt:
    """One call: turns, barge-ins, latencies, who picked up and why that was thought, answers, faults."""
    return await console.parts.store.attempt(uuid)


@router.get("/calls/{uuid}/recording", responses=problems(404, 416) | _WAV, response_class=FileResponse)
async def show_recording(console: Console, uuid: CallUuid) -> FileResponse:
    """The recording, where there is one: WAV, the callee on the left and the robot on the right."""
    attempt = await console.parts.store.attempt(uuid)
    file = (
        None
        if attempt.recording is None
        else await console.in_thread(lambda: _inside(console.recordings, Path(str(attempt.recording))))
    )
    if file is None:
        raise Refused(404, "no-recording", "there is no recording of this call, or it has been deleted")
    return FileResponse(file, media_type="audio/wav", filename=f"{uuid}.wav", content_disposition_type="inline")


# ----------------------------------------------------------------------------------------------------------------------


def _without_words(document: Mapping[str, Any]) -> dict[str, Any]:
    turns = [{key: value for key, value in turn.items() if key != "text"} for turn in document["turns"]]
    return {key: value for key, value in document.items() if key not in ("saying", "hearing")} | {"turns": turns}


def _inside(folder: Path, file: Path) -> Path | None:
    """The file, if it is there and below `folder`: the database may say anything."""
    try:
        real = file.resolve(strict=True)
        return real if real.is_file() and real.is_relative_to(folder.resolve()) else None
    except OSError:
        return None


def _cursor(at: datetime, uuid: str) -> str:
    return base64.urlsafe_b64encode(f"{at.isoformat()} {uuid}".encode()).decode()


def _read_cursor(cursor: str) -> tuple[datetime, str]:
    try:
        at, _, uuid = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True).decode().partition(" ")
        moment_of = datetime.fromisoformat(at)
    except (ValueError, binascii.Error):
        moment_of = None
    if moment_of is None or moment_of.tzinfo is None:
        raise Refused(422, "bad-cursor", "`cursor` should be `next` of a page of this list")
    return moment_of, uuid
