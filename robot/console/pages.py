"""The pages: files of this package, as they are. One page for all views, which its own modules draw; one to log in."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fastapi import FastAPI
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles

STATIC: Final = Path(__file__).parent / "static"
#: The views that have an address of their own.
_VIEWS: Final = ("/", "/campaigns", "/campaigns/{name}", "/calls", "/calls/{uuid}", "/do-not-call", "/health")
# Asked for again each time: an update of the robot must not leave a browser with half of the old pages.
_FRESH: Final = {"cache-control": "no-cache"}


class _Files(StaticFiles):
    def file_response(self, *args: object, **kwargs: object) -> object:  # type: ignore[override]
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers.update(_FRESH)
        return response


def add_to(app: FastAPI) -> None:
    app.mount("/static", _Files(directory=STATIC), name="static")
    for path in _VIEWS:
        app.add_api_route(path, _view, include_in_schema=False, response_class=FileResponse)
    app.add_api_route("/login", _login, include_in_schema=False, response_class=FileResponse)
    app.add_api_route("/talk", _talk, include_in_schema=False, response_class=FileResponse)


async def _view() -> FileResponse:
    return FileResponse(STATIC / "console.html", headers=_FRESH)


async def _login() -> FileResponse:
    return FileResponse(STATIC / "login.html", headers=_FRESH)


async def _talk() -> FileResponse:
    return FileResponse(STATIC / "talk" / "index.html", headers=_FRESH)
