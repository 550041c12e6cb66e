"""The application: every route, its documentation in OpenAPI, and the gate in front of it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field
from starlette.routing import compile_path
from starlette.types import ASGIApp

from robot import __version__
from robot.console import api_calls, api_campaigns, api_contacts, api_do_not_call, api_voice, pages
from robot.console.auth import SESSION_S, Access
from robot.console.errors import Refused
from robot.console.events import Feed
from robot.console.gate import Gate
from robot.console.health import Health
from robot.console.parts import ConsoleParts
from robot.console.problems import Mistake, Problem, answer_with_problems
from robot.console.routes import Console, problems

_ABOUT: Final = """\
What `robot` does on the command line, for programs, and for the console's own pages. With `console.token` set, send it
as `Authorization: Bearer TOKEN`. Whatever goes wrong is a problem document (RFC 9457) whose `type` does not change.
Times are ISO 8601 with their offset; ms of turns, barge-ins and latencies count from the answer."""

_WITHOUT_TOKEN: Final[dict[str, Any]] = {"security": []}

router = APIRouter(prefix="/api", tags=["console"])


class Login(BaseModel):
    """The token that robot.toml has as `console.token`."""

    model_config = ConfigDict(extra="forbid")

    token: Annotated[str, Field(min_length=1, max_length=1000)]


def application(parts: ConsoleParts, feed: Feed, access: Access) -> ASGIApp:
    """The whole console."""
    app = interface()
    app.state.parts, app.state.feed, app.state.access = parts, feed, access
    pages.add_to(app)
    return Gate(app, access)


def interface() -> FastAPI:
    """The routes of the REST interface; its `openapi()` documents them."""
    app = FastAPI(
        title="Robot", version=__version__, description=_ABOUT, openapi_url=None, docs_url=None, redoc_url=None,
        generate_unique_id_function=_name_of,
    )  # fmt: skip
    answer_with_problems(app)
    parts_of_it = (api_campaigns, api_contacts, api_calls, api_do_not_call, api_voice)
    for each in (router, *(part.router for part in parts_of_it)):
        app.include_router(each)
    document = _document_of(app)
    app.openapi = lambda: document  # type: ignore[method-assign]
    app.state.methods = [
        (compile_path(path)[0], sorted(each.upper() for each in operations))
        for path, operations in document["paths"].items()
    ]
    return app


def _document_of(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes,
        openapi_version=app.openapi_version,
    )  # fmt: skip
    components = document["components"]
    for model in (Problem, Mistake):
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schema.pop("$defs", None)
        components["schemas"][model.__name__] = schema
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    document["security"] = [{"token": []}]
    return document


def _name_of(route: APIRoute) -> str:
    return route.name


@router.get("/openapi.json", include_in_schema=False)
async def show_openapi(request: Request) -> JSONResponse:
    return JSONResponse(request.app.openapi())


@router.get("/health", responses=problems())
async def show_health(console: Console) -> Health:
    """How this robot is: its FreeSWITCHes, recognition, database."""
    return console.health()


@router.get(
    "/events",
    responses=problems() | {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
    response_class=StreamingResponse,
)
async def follow_events(
    request: Request,
    call: Annotated[
        str | None, Query(pattern=r"^[0-9a-f-]{36}$", description="A call whose words are wanted, too.")
    ] = None,
) -> StreamingResponse:
    """What happens, for as long as somebody listens: server-sent events.

    `snapshot` tells everything, and each `change` what is new since: of each topic (`calls`, `campaigns`, `health`,
    `words`), by name, the values that changed, or null for what is gone. At most four a second."""
    feed: Feed = request.app.state.feed
    watcher = feed.watch(call)

    async def events() -> AsyncIterator[str]:
        try:
            async for event in watcher.events():
                yield event
        finally:
            feed.leave(watcher)

    return StreamingResponse(events(), media_type="text/event-stream", headers={"x-accel-buffering": "no"})


@router.post("/session", status_code=204, responses=problems(), openapi_extra=_WITHOUT_TOKEN)
async def log_in(request: Request, login: Login) -> Response:
    """For people: the token is good, and a cookie says so from now on."""
    access: Access = request.app.state.access
    if not access.needs_login:
        return Response(status_code=204)
    if not access.token_is_good(login.token):
        raise Refused(403, "wrong-token", "that is not the token that robot.toml has as `console.token`")
    response = Response(status_code=204)
    response.set_cookie(
        access.cookie, access.new_session(time.time()), max_age=SESSION_S, httponly=True, samesite="strict",
        secure=request.url.scheme == "https",
    )  # fmt: skip
    return response


@router.delete("/session", status_code=204, responses=problems(), openapi_extra=_WITHOUT_TOKEN)
async def log_out(request: Request) -> Response:
    """This browser has to log in again."""
    response = Response(status_code=204)
    response.delete_cookie(request.app.state.access.cookie, httponly=True, samesite="strict")
    return response
