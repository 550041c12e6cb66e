"""`robot run` without its speech recognition, which takes a second to load, for a process that is killed soon."""

from __future__ import annotations

import asyncio
import io
from contextlib import ExitStack
from unittest.mock import patch

from rich.console import Console

from robot.bench.dial import NoRecognition
from robot.lifetime import serve
from robot.settings import Settings


def run(settings: Settings, heartbeat_s: float | None = None) -> None:
    """Until SIGTERM. heartbeat_s: in place of the robot's own."""
    with ExitStack() as patched:
        patched.enter_context(patch("robot.daemon._load_model", lambda _: NoRecognition()))
        if heartbeat_s is not None:
            for module in ("company", "dialer"):
                patched.enter_context(patch(f"robot.campaign.{module}.HEARTBEAT_S", heartbeat_s))
            patched.enter_context(patch("robot.campaign.company._MAKE_ROOM_S", 1.5 * heartbeat_s))
        asyncio.run(serve(settings, Console(file=io.StringIO()), lambda: settings))
