"""Debian's chromium, and the console's files served to it as the console serves them, with no robot behind."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from robot.console import pages
from robot.console.auth import Access
from robot.console.gate import Gate

PATH: Final = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")
needs_chromium = pytest.mark.skipif(PATH is None, reason="no chromium on this machine: apt-get install chromium")
#: Where no robot is: tests answer in its place.
DOOR: Final = "ws://127.0.0.1:9/ws?ticket=of-this-test"
CAMPAIGNS: Final = [
    {"name": "demo", "language": "en", "fields": []},
    {"name": "reminder", "language": None, "fields": ["first_name"]},
]


def arguments(microphone: Path | None = None) -> list[str]:
    """microphone: a WAV that it hears once, instead of beeps."""
    sound = [] if microphone is None else [f"--use-file-for-fake-audio-capture={microphone}%noloop"]
    # Its sandbox cannot be had by root, as which containers run tests. A name that is not this machine's is, here.
    return [
        "--no-sandbox",
        "--use-fake-device-for-media-stream",
        "--host-resolver-rules=MAP elsewhere.test 127.0.0.1",
        *sound,
    ]


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PATH, args=arguments())
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def pages_served() -> Iterator[int]:
    """The port."""
    app = FastAPI()
    app.add_api_route("/api/voice", lambda: {"campaigns": CAMPAIGNS})
    app.add_api_route("/api/voice/tickets", lambda: {"url": DOOR}, methods=["POST"])
    pages.add_to(app)
    server = uvicorn.Server(
        uvicorn.Config(Gate(app, Access(None, 0)), lifespan="off", log_config=None, access_log=False, ws="none")
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield int(listening.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join()


class Visit:
    """One window. `asked`: which addresses. `complaints`: what the page logged or raised."""

    def __init__(self, context: BrowserContext) -> None:
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page: Page = context.new_page()
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))


@contextmanager
def visit(browser: Browser, *, allowed: bool = True, width: int = 1280) -> Iterator[Visit]:
    """allowed: the microphone is."""
    context = browser.new_context(
        viewport={"width": width, "height": 844}, permissions=["microphone"] if allowed else []
    )
    context.set_default_timeout(10_000)
    try:
        yield Visit(context)
    finally:
        context.close()
