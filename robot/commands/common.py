"""What all commands share: exit statuses, errors as messages, logging, the configuration, where output goes.

Exit status: 0 done, 1 it did not work (the call failed), 2 wrong input or configuration, 3 FreeSWITCH or the database
cannot be reached. With `--json` one document goes to stdout; everything for people goes to stderr.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Final, NoReturn, ParamSpec, TypeVar

import click
from rich.console import Console

from robot.campaign.contacts import ContactsError
from robot.campaign.definition import CampaignError
from robot.campaign.do_not_call_file import BadDoNotCallFile
from robot.campaign.numbers import BadNumber
from robot.config import LoadedSettings, load_settings
from robot.console.errors import ConsoleError
from robot.esl.errors import CannotListen, EventSocketError
from robot.logs import set_up_logging
from robot.metrics.errors import MetricsError
from robot.prompts.errors import PromptError
from robot.settings import ConfigError
from robot.simulator.errors import SimulatorError
from robot.store.errors import (
    BadDatabaseUrl,
    CampaignStateRefused,
    DatabaseUnavailable,
    OnDoNotCallList,
    StoreError,
    UnknownCampaign,
)
from robot.store.sessions.errors import BadSessionsUrl, SessionsError
from robot.supervision import TaskDied
from ws_audio.errors import AudioError

DONE: Final = 0
FAILED: Final = 1
WRONG_INPUT: Final = 2
UNREACHABLE: Final = 3

#: The first that matches counts.
_EXIT_STATUS: Final[tuple[tuple[type[Exception], int], ...]] = (
    (ConfigError, WRONG_INPUT),
    (CampaignError, WRONG_INPUT),
    (BadNumber, WRONG_INPUT),
    (BadDoNotCallFile, WRONG_INPUT),
    (ContactsError, WRONG_INPUT),
    (OnDoNotCallList, WRONG_INPUT),
    (BadDatabaseUrl, WRONG_INPUT),
    (UnknownCampaign, WRONG_INPUT),
    (CampaignStateRefused, WRONG_INPUT),
    (PromptError, WRONG_INPUT),
    (SimulatorError, WRONG_INPUT),
    (AudioError, WRONG_INPUT),
    (MetricsError, WRONG_INPUT),
    (ConsoleError, WRONG_INPUT),
    (DatabaseUnavailable, UNREACHABLE),
    (StoreError, UNREACHABLE),
    (BadSessionsUrl, WRONG_INPUT),
    (SessionsError, UNREACHABLE),
    (CannotListen, WRONG_INPUT),
    (EventSocketError, UNREACHABLE),
    (TaskDied, FAILED),
)

P = ParamSpec("P")
R = TypeVar("R")


def explain(command: Callable[P, R]) -> Callable[P, R]:
    """Errors that tell the user what to do become their message and an exit status; defects keep their trace."""

    @wraps(command)
    def explained(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except tuple(kind for kind, _ in _EXIT_STATUS) as error:
            status = next(status for kind, status in _EXIT_STATUS if isinstance(error, kind))
            click.echo(f"robot: {error}", err=True)
            sys.exit(status)

    return explained


def run(work: Coroutine[Any, Any, R]) -> R:
    return asyncio.run(work)


def finish(status: int) -> NoReturn:
    sys.exit(status)


class RobotProcess(click.Group):
    """The command `robot`; called, and not only run in another process, it ends that process."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return self.main(*args, **kwargs)
        except SystemExit as ended:
            if threading.active_count() > 1:
                _leave_hanging_model(ended)
            raise


def _leave_hanging_model(ended: SystemExit) -> None:
    """End at once when a transcription hangs: a Python that ends beneath it is ended by CTranslate2 with SIGSEGV or
    SIGABRT ("terminate called"), which systemd takes for a crash. All that matters is written by then.
    """
    from ws_audio.transcription.scheduler import any_in_model

    if any_in_model():
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ended.code if isinstance(ended.code, int) else FAILED if ended.code else DONE)


def people(as_json: bool) -> Console:
    """Where text for people goes."""
    return Console(stderr=as_json, highlight=False, soft_wrap=False)


def print_json(document: Any) -> None:
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))


def settings_of(context: click.Context) -> LoadedSettings:
    """The configuration; from here on logs are written as it says."""
    config, verbose = context.obj
    loaded = load_settings(config, os.environ)
    set_up_logging(verbose, loaded.settings.logging)
    return loaded


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
