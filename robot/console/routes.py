"""What all routes share: the console's parts, and the problems that are told of in OpenAPI."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Depends, Path, Query, Request

from robot.campaign.period import Moment
from robot.console.parts import ConsoleParts

_TITLES: Final = {
    400: "What was sent cannot be read at all",
    401: "Nobody has said who they are",
    403: "Another website's page sent it",
    404: "There is no such thing",
    409: "It cannot be done as things are",
    413: "More than is taken at once",
    416: "There is no such part of the recording",
    422: "Something is wrong with what was sent",
    500: "A defect",
    503: "The database, FreeSWITCH or the robot is away, or being stopped",
}
_ALWAYS: Final = (400, 401, 403, 422, 500, 503)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems that a route may answer with, beside those that any may."""
    schema = {"$ref": "#/components/schemas/Problem"}
    content = {"application/problem+json": {"schema": schema}}
    return {status: {"description": _TITLES[status], "content": content} for status in sorted({*_ALWAYS, *statuses})}


def _parts_of(request: Request) -> ConsoleParts:
    parts = request.app.state.parts
    assert isinstance(parts, ConsoleParts)
    return parts


Console = Annotated[ConsoleParts, Depends(_parts_of)]
CampaignName = Annotated[str, Path(description="The campaign's name.", min_length=1, max_length=64)]
CallUuid = Annotated[str, Path(description="The call's, in small letters.", pattern=r"^[0-9a-f-]{36}$")]
#: `2026-11-21` or `2026-11-21T14:30`, in the time zone that is asked for.
Time = Annotated[str | None, Query(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2})?$")]


def moment(text: str | None) -> Moment | None:
    """Raises BadPeriod."""
    return None if text is None else Moment.parse(text)
