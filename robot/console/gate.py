"""The first that a request meets: who may come in, how much they may send, and what browsers are told to mind."""

from __future__ import annotations

import time
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from robot.console.auth import Access, Verdict
from robot.console.problems import problem

log = structlog.get_logger(__name__)

#: A list of a million contacts is 100 MB; everything else is a few numbers.
LARGEST_FILE: Final = 256 * 1024 * 1024
_LARGEST_BODY: Final = 1024 * 1024
_FILES: Final = ("/contacts", "/import")

_HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "media-src 'self' blob:; connect-src 'self' ws: wss:; worker-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class Gate:
    """Around an application."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # there is nothing else here: uvicorn refuses it
        path: str = scope["path"]
        answer = _with_headers(send, no_store=path.startswith("/api/"))
        refusal = self._refusal(scope, path)
        try:
            if refusal is not None:
                await refusal(scope, receive, answer)
            else:
                limit = LARGEST_FILE if path.endswith(_FILES) else _LARGEST_BODY
                await self._app(scope, _limited(receive, limit), answer)
        except Exception as error:  # one request's defect is its own; whoever sent it was told
            log.error("console.failed", method=scope["method"], exc_info=error)

    def _refusal(self, scope: Scope, path: str) -> Response | None:
        headers = Headers(scope=scope)
        match self._access.judge(scope["method"], path, headers, time.time()):
            case Verdict.ALLOWED:
                return None
            case Verdict.LOG_IN if path.startswith("/api/"):
                told = "send `Authorization: Bearer` and the token that robot.toml has as `console.token`"
                return problem(401, "log-in", told, headers={"www-authenticate": "Bearer"})
            case Verdict.LOG_IN:
                return RedirectResponse("/login", 303)
            case Verdict.FOREIGN_PAGE:
                return problem(403, "foreign-page", "only the console's own pages may change something")
            case Verdict.FOREIGN_NAME:
                told = "without `console.token` the console answers to localhost and 127.0.0.1 alone"
                return problem(403, "foreign-name", told)


def _with_headers(send: Send, *, no_store: bool) -> Send:
    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            if no_store:
                headers.setdefault("cache-control", "no-store")
        await send(message)

    return with_headers


def _limited(receive: Receive, limit: int) -> Receive:
    received = 0

    async def limited() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            # Of this kind, as FastAPI makes a bad request of every other.
            raise HTTPException(413, f"that is longer than {limit // 1024:,} KB, which is the most here")
        return message

    return limited
