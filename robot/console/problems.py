"""What went wrong, as programs and people are told it: problem documents (RFC 9457).

`type` is `urn:robot:` and a word that does not change; `detail` says what happened and what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from robot.call.failures import NoFreeNode
from robot.campaign.contacts import ContactsError
from robot.campaign.definition import CampaignError
from robot.campaign.do_not_call_file import BadDoNotCallFile
from robot.campaign.numbers import BadNumber
from robot.campaign.period import BadPeriod
from robot.console.errors import Refused
from robot.prompts.errors import PromptError
from robot.store.errors import (
    CampaignStateRefused,
    DatabaseUnavailable,
    OnDoNotCallList,
    StoreError,
    UnknownAttempt,
    UnknownCampaign,
)
from robot.store.sessions.errors import SessionsError

MEDIA_TYPE: Final = "application/problem+json"

#: Of what the framework refuses.
_SLUGS: Final = {404: "no-such-page", 405: "no-such-method", 413: "too-large"}
#: The first that matches counts.
_KINDS: Final[tuple[tuple[type[Exception], int, str], ...]] = (
    (UnknownCampaign, 404, "unknown-campaign"),
    (UnknownAttempt, 404, "unknown-call"),
    (CampaignStateRefused, 409, "campaign-state"),
    (OnDoNotCallList, 409, "do-not-call"),
    (DatabaseUnavailable, 503, "database-away"),
    (StoreError, 503, "database"),
    (SessionsError, 503, "sessions-away"),
    (NoFreeNode, 503, "no-free-switch"),
    (CampaignError, 409, "campaign-files"),
    (PromptError, 409, "prompts"),
    (BadNumber, 422, "bad-number"),
    (BadPeriod, 422, "bad-period"),
    (ContactsError, 422, "bad-contacts"),
    (BadDoNotCallFile, 422, "bad-list"),
)


class Mistake(BaseModel):
    """One thing that is wrong with what was sent."""

    where: str = Field(description="`body`, `query` or `path`, and the place in it.")
    message: str


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = Field(description="`urn:robot:` and which kind of problem it is; does not change.")
    title: str
    status: int
    detail: str = Field(description="What happened and what to do, for people.")
    mistakes: list[Mistake] = Field(default=[], description="One by one, where what was sent is wrong.")


class ProblemResponse(JSONResponse):
    media_type = MEDIA_TYPE


def problem(
    status: int, slug: str, detail: str, mistakes: Sequence[Mistake] = (), headers: dict[str, str] | None = None
) -> ProblemResponse:
    told = Problem(
        type=f"urn:robot:{slug}", title=HTTPStatus(status).phrase, status=status, detail=detail, mistakes=[*mistakes]
    )
    return ProblemResponse(told.model_dump(), status, headers)


def answer_with_problems(app: FastAPI) -> None:
    """Whatever a route raises that people can do something about."""
    for kind, status, slug in _KINDS:
        app.add_exception_handler(kind, _handler(status, slug))
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _defect)


def _defect(_: Request, __: Exception) -> ProblemResponse:
    """It is raised again when this is sent: the gate puts it into the log."""
    return problem(500, "defect", "a defect of the robot: please report it with its log")


def _handler(status: int, slug: str) -> Any:
    def handle(_: Request, error: Exception) -> ProblemResponse:
        return problem(status, slug, str(error))

    return handle


def _refused(_: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, Refused)
    return problem(error.status, error.slug, str(error))


def _http(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        # The framework knows the methods of the first route of a path alone.
        found = next((methods for path, methods in request.app.state.methods if path.match(request.url.path)), ())
        headers["Allow"] = ", ".join(found or [headers["Allow"]])
    slug = _SLUGS.get(error.status_code, "bad-request")
    return problem(error.status_code, slug, error.detail, headers=headers)


def _invalid(_: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, RequestValidationError)
    # Not what was sent: it may be a number, or a whole list of them.
    mistakes = [
        Mistake(where=".".join(str(part) for part in each["loc"]), message=each["msg"]) for each in error.errors()
    ]
    return problem(422, "invalid", "; ".join(f"{each.where}: {each.message}" for each in mistakes), mistakes)
