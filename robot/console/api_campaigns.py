"""/api/campaigns: the same as `robot campaign status|check|start|pause|resume|drain|report|export|explain`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from robot.campaign.calls_file import CallsFormat, call_lines
from robot.campaign.explained import LOOK_AT, explained
from robot.campaign.orders import BY_AN_OPERATOR, INTERRUPTED, order, told
from robot.campaign.pace_tables import CallsPerSecond, MaxCalls
from robot.campaign.period import Asked
from robot.campaign.report import Report, make_report
from robot.campaign.report_page import page
from robot.campaign.review import review
from robot.campaign.status import as_document, look
from robot.console.errors import Refused
from robot.console.parts import ConsoleParts
from robot.console.routes import CampaignName, Console, Time, moment, problems
from robot.store.campaign_records import CampaignState
from robot.store.errors import UnknownCampaign
from robot.store.reporting import BUCKET_S, ReportRepository, all_calls, campaign_id_of

router = APIRouter(prefix="/api/campaigns", tags=["campaigns"])

_LONGEST_REASON: Final = 500
_SHOWN_BUCKETS: Final = 60
_SENT_TOGETHER: Final = 200  # calls of an export: each piece goes through a thread


class NotCalling(BaseModel):
    """Why a campaign calls nobody now, and until when that is so, where that is known."""

    reason: str
    until: datetime | None


class CallCounts(BaseModel):
    """Calls that are over, and those that go on."""

    ended: int
    going_on: int


class CampaignNow(BaseModel):
    """How a campaign goes: `robot campaign status --json`."""

    name: str
    state: CampaignState
    since: datetime | None
    reason: str | None
    contacts: dict[str, int] = Field(description="How many are on its list: in all, left, and by their state.")
    calls: CallCounts
    outcomes: dict[str, int]
    answer_rate: float | None
    answer_rate_of_calls: int
    calls_per_minute: float
    time_left_s: int | None
    not_calling: NotCalling | None


class Robot(BaseModel):
    """A robot that runs on this database."""

    host: str
    started_at: datetime
    seen_at: datetime


class CampaignsNow(BaseModel):
    """All robots and all campaigns that the database knows; `files`: campaigns whose files this robot has."""

    robots: list[Robot]
    campaigns: list[CampaignNow]
    files: list[str]


class Moved(BaseModel):
    """What an order did: `robot campaign start --json` and its like. told: the same for people."""

    campaign: str
    before: CampaignState
    state: CampaignState
    reason: str | None
    contacts: dict[str, int]
    robots: list[dict[str, Any]]
    told: list[str]


class Reason(BaseModel):
    """Why, for those who ask later."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(min_length=1, max_length=_LONGEST_REASON)] = BY_AN_OPERATOR


class Pace(BaseModel):
    """How fast a campaign calls. null: as campaign.toml says."""

    model_config = ConfigDict(extra="forbid")

    calls_per_s: CallsPerSecond | None = Field(default=None, description="Calls placed in a second; 0.5 is one in two.")
    max_calls: MaxCalls | None = Field(default=None, description="Calls at a time.")


class CurrentPace(BaseModel):
    """written: in campaign.toml, where its files are here. changed: by an operator, which counts."""

    written: Pace | None
    changed: Pace


class OutcomesOverTime(BaseModel):
    """Calls by when they began. times: seconds since 1970, `bucket_s` apart; counts: of each outcome, one for each."""

    bucket_s: int
    times: list[int]
    counts: dict[str, list[int]]


class ReportForm(StrEnum):
    JSON = "json"
    CSV = "csv"
    HTML = "html"


@router.get("", responses=problems())
async def list_campaigns(console: Console) -> CampaignsNow:
    """All campaigns, and how they go."""
    return await _standing(console, None)


@router.get("/{name}", responses=problems(404))
async def show_campaign(console: Console, name: CampaignName) -> CampaignNow:
    """One campaign, and how it goes."""
    return (await _standing(console, name)).campaigns[0]


@router.post("/{name}/check", responses=problems(404, 409))
async def check_campaign(console: Console, name: CampaignName) -> dict[str, Any]:
    """What is wrong with a campaign, and what its callees will hear. Prompts that were never spoken are spoken now."""
    campaign = console.campaign(name)
    return await console.in_thread(lambda: review(campaign, console.parts.prompts).as_json())


@router.post("/{name}/start", responses=problems(404, 409))
async def start_campaign(console: Console, name: CampaignName) -> Moved:
    """Call the people on the campaign's list, from now on."""
    return await _order(console, name, CampaignState.RUNNING)


@router.post("/{name}/pause", responses=problems(404, 409))
async def pause_campaign(console: Console, name: CampaignName, why: Reason | None = None) -> Moved:
    """Place no new calls, until it is resumed. Calls that go on come to their end."""
    return await _order(console, name, CampaignState.PAUSED, (why or Reason()).reason)


@router.post("/{name}/resume", responses=problems(404, 409))
async def resume_campaign(console: Console, name: CampaignName) -> Moved:
    """Go on with a campaign that was paused, or drains."""
    return await _order(console, name, CampaignState.RUNNING, only_from=INTERRUPTED)


@router.post("/{name}/drain", responses=problems(404, 409))
async def drain_campaign(console: Console, name: CampaignName, why: Reason | None = None) -> Moved:
    """Place no new calls, and stop the campaign when those that go on are over."""
    return await _order(console, name, CampaignState.DRAINING, (why or Reason()).reason)


@router.get("/{name}/pace", responses=problems(404))
async def show_pace(console: Console, name: CampaignName) -> CurrentPace:
    """How fast the campaign calls."""
    stored = await console.parts.store.campaign(name)
    return _pace(console, name, dict(stored.pace))


@router.patch("/{name}/pace", responses=problems(404))
async def change_pace(console: Console, name: CampaignName, pace: Pace) -> CurrentPace:
    """How fast the campaign calls from now on. Only what is named changes."""
    changed = {key: getattr(pace, key) for key in pace.model_fields_set}
    stored = await console.parts.store.set_campaign_pace(name, changed)
    return _pace(console, name, dict(stored.pace))


@router.get(
    "/{name}/report",
    responses=problems(404) | {200: {"content": {"text/csv": {}, "text/html": {}}}},
    response_model=dict[str, Any],
)
async def report_campaign(
    console: Console,
    name: CampaignName,
    since: Time = None,
    until: Time = None,
    zone: Annotated[str | None, Query(max_length=64, description="An IANA name; by default the campaign's.")] = None,
    form: Annotated[ReportForm, Query(alias="format")] = ReportForm.JSON,
) -> Response:
    """What became of the campaign's calls: `robot campaign report`."""
    asked, period = _asked(console, name, zone), (moment(since), moment(until))
    within, now = asked.period(*period), datetime.now(UTC)

    def work() -> Report:
        campaign_id = _id_of(console, name)
        return make_report(console.database, campaign_id, asked.name, asked.zone, within, now, asked.steps)

    made = await console.in_thread(work)
    match form:
        case ReportForm.JSON:
            return JSONResponse(made.as_json())
        case ReportForm.CSV:
            return PlainTextResponse(made.as_csv(), media_type="text/csv; charset=utf-8")
        case ReportForm.HTML:
            # The page brings its own style, and no script.
            policy = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"}
            return HTMLResponse(page(made), headers=policy)


@router.get("/{name}/outcomes", responses=problems(404))
async def outcomes_over_time(
    console: Console, name: CampaignName, since: Time = None, until: Time = None, zone: str | None = None
) -> OutcomesOverTime:
    """How many calls came to each outcome, by when they began; of a long time by larger steps."""
    asked = _asked(console, name, zone)
    within = asked.period(moment(since), moment(until))

    def work() -> dict[str, dict[int, int]]:
        campaign_id = _id_of(console, name)
        with console.database.read() as session:
            return ReportRepository(session, campaign_id, within).outcomes_by_bucket()

    return _series(await console.in_thread(work))


@router.get(
    "/{name}/export",
    responses=problems(404) | {200: {"content": {"text/csv": {}, "application/x-ndjson": {}}}},
    response_class=StreamingResponse,
)
async def export_calls(
    console: Console,
    name: CampaignName,
    since: Time = None,
    until: Time = None,
    zone: str | None = None,
    form: Annotated[CallsFormat, Query(alias="format")] = CallsFormat.CSV,
) -> StreamingResponse:
    """All calls of the campaign with what was said in them: `robot campaign export`."""
    within = _asked(console, name, zone).period(moment(since), moment(until), latest=datetime.now(UTC))
    campaign_id = await console.in_thread(lambda: _id_of(console, name))

    def lines() -> Iterator[bytes]:
        # Excel reads UTF-8 only when told by the mark at its beginning.
        yield b"\xef\xbb\xbf" if form is CallsFormat.CSV else b""
        told = call_lines(all_calls(console.database, campaign_id, within), name, form)
        while together := [*islice(told, _SENT_TOGETHER)]:
            yield "".join(together).encode()

    kind = "text/csv; charset=utf-8" if form is CallsFormat.CSV else "application/x-ndjson"
    headers = {"content-disposition": f'attachment; filename="calls.{form.value}"'}
    return StreamingResponse(lines(), media_type=kind, headers=headers)


@router.get("/{name}/explain", responses=problems(404))
async def explain_campaign(
    console: Console, name: CampaignName, limit: Annotated[int, Query(ge=1, le=10_000)] = LOOK_AT
) -> dict[str, Any]:
    """Who would be called now, who not, and why: `robot campaign explain`."""
    campaign, now = console.campaign(name), datetime.now(UTC)
    told_of = await console.read(lambda session: explained(session, campaign, None, now, limit))
    return told_of.as_json(numbers=True)


class Number(BaseModel):
    """As people write it."""

    model_config = ConfigDict(extra="forbid")

    number: Annotated[str, Field(min_length=1, max_length=64)]


@router.post("/{name}/explain", responses=problems(404))
async def explain_number(console: Console, name: CampaignName, about: Number) -> dict[str, Any]:
    """Why this number would be called now, or not."""
    campaign, now = console.campaign(name), datetime.now(UTC)
    told_of = await console.read(lambda session: explained(session, campaign, about.number, now))
    return told_of.as_json(numbers=True)


# ----------------------------------------------------------------------------------------------------------------------


async def _standing(console: ConsoleParts, name: str | None) -> CampaignsNow:
    now = datetime.now(UTC)
    campaigns, daemons = await console.in_thread(lambda: look(console.database, name, now))
    files = sorted(campaign.name for campaign in console.campaigns())
    return CampaignsNow.model_validate(as_document(campaigns, daemons) | {"files": files})


async def _order(
    console: ConsoleParts,
    name: str,
    state: CampaignState,
    reason: str | None = None,
    *,
    only_from: frozenset[CampaignState] = frozenset(CampaignState),
) -> Moved:
    """By its name alone: whoever asks from elsewhere names no folders of this machine."""
    name = await console.known(name)
    what = next((str(each.folder) for each in console.campaigns() if each.name == name), name)
    moved = await order(console.parts.store, console.campaigns_folder(), what, state, reason, only_from=only_from)
    return Moved.model_validate(moved.as_json() | {"told": told(moved)})


def _pace(console: ConsoleParts, name: str, changed: dict[str, float]) -> CurrentPace:
    campaign = next((each for each in console.campaigns() if each.name == name), None)
    written = None
    if campaign is not None:
        limits = campaign.limits
        written = Pace(calls_per_s=limits.calls_per_s, max_calls=limits.max_calls)
    return CurrentPace(written=written, changed=Pace.model_validate(changed))


def _asked(console: ConsoleParts, name: str, zone: str | None) -> Asked:
    """Raises Refused."""
    try:
        chosen = None if zone is None else ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise Refused(422, "bad-zone", f"{zone!r} is no time zone: write an IANA name, like Europe/Paris") from None
    campaign = next((each for each in console.campaigns() if each.name == name), None)
    return Asked(name, chosen or ZoneInfo("UTC")) if campaign is None else Asked.about(campaign, chosen)


def _id_of(console: ConsoleParts, name: str) -> int:
    """Raises UnknownCampaign."""
    with console.database.read() as session:
        campaign_id = campaign_id_of(session, name)
    if campaign_id is None:
        raise UnknownCampaign(name)
    return campaign_id


def _series(counted: dict[str, dict[int, int]]) -> OutcomesOverTime:
    """Buckets without a call among them, and no more of them than a chart can show."""
    begins = [begin for by_time in counted.values() for begin in by_time]
    if not begins:
        return OutcomesOverTime(bucket_s=BUCKET_S, times=[], counts={})
    first, last = min(begins), max(begins)
    step = BUCKET_S * max(1, -(-(last - first) // (BUCKET_S * _SHOWN_BUCKETS)))
    first -= first % step
    times = [*range(first, last + 1, step)]
    counts = {outcome: [0] * len(times) for outcome in counted}
    for outcome, by_time in counted.items():
        for begin, calls in by_time.items():
            counts[outcome][(begin - first) // step] += calls
    return OutcomesOverTime(bucket_s=step, times=times, counts=counts)
