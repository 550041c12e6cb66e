"""`robot run` as a process of its own, with a FakeDialer. Usage: CONFIG CALLS LASTS_S. SIGUSR1 kills the dialer."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from robot.campaign.definition import Campaign
from robot.config import load_settings
from robot.daemon import Daemon
from robot.lifetime import serve
from robot.logs import set_up_logging
from robot.settings import Settings
from robot.supervision import TaskDied
from tests.integration.service.fake_dialer import FakeDialer


def main(config: Path, calls: int, lasts_s: float) -> int:
    def settings() -> Settings:
        return load_settings(config, os.environ).settings

    def new_dialer(_: Daemon, campaigns: Sequence[Campaign]) -> FakeDialer:
        dialer = FakeDialer(campaigns, lambda line: print("dialer", line, flush=True), calls=calls, lasts_s=lasts_s)
        signal.signal(signal.SIGUSR1, lambda *_: dialer.die(RuntimeError("of +33140000001")))
        return dialer

    first = settings()
    set_up_logging(0, first.logging)
    try:
        asyncio.run(serve(first, Console(stderr=True, width=300), settings, new_dialer))
    except TaskDied:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
