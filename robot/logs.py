"""How the log is written: for people, or one JSON object a line; whoever writes it.

Every line has a name for what happened, `event`: `call.failed`. No line of INFO and above holds a number, a name or the
words of a callee, a password or a token: whoever logs leaves them out, nothing here does it for them.
"""

from __future__ import annotations

import logging
import sys
from typing import Any, Final

import structlog

from robot.config import LoggingSettings

_HANDLER: Final = "robot"


def set_up_logging(verbose: int, settings: LoggingSettings) -> None:
    """Logs go to stderr: of the configured level, or -v INFO, -vv DEBUG. Again: as they are wanted from now on.

    `ws_audio` and libraries write to `logging`; what comes from there looks the same.
    """
    configured = logging.getLevelNamesMapping()[settings.level.upper()]
    level = min(configured, {0: configured, 1: logging.INFO}.get(verbose, logging.DEBUG))
    first: list[Any] = [structlog.contextvars.merge_contextvars, structlog.processors.add_log_level]
    last: list[Any]
    if settings.as_json:
        first.append(structlog.processors.TimeStamper(fmt="iso", utc=True))
        last = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        first.append(structlog.processors.TimeStamper(fmt="%H:%M:%S.%f", utc=False))
        # The default shows the local variables of a traceback: what callees said, their numbers, passwords.
        plain = structlog.dev.plain_traceback
        last = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    structlog.configure(
        processors=[*first, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    for handler in [each for each in root.handlers if each.name == _HANDLER]:
        root.removeHandler(handler)
    handler = logging.StreamHandler(sys.stderr)
    handler.set_name(_HANDLER)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*first, _named],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *last,
            ],
        )
    )
    root.addHandler(handler)
    logging.captureWarnings(settings.as_json)  # else they are lines that are no JSON
    # Of libraries only warnings, until somebody asks for every detail.
    root.setLevel(max(level, logging.WARNING) if verbose < 2 else level)
    for ours in ("robot", "ws_audio"):
        logging.getLogger(ours).setLevel(level)
    # Its details are handshakes with their tokens, and audio.
    logging.getLogger("websockets").setLevel(max(level, logging.INFO))


def _named(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """The line of a module that writes to `logging`: its name of what happened is `action`, else that of the logger."""
    record: logging.LogRecord = event["_record"]
    module = record.name.partition(".")[0] if hasattr(record, "action") else record.name
    event["message"] = event.pop("event")
    event["event"] = f"{module}.{record.action}" if hasattr(record, "action") else module
    return event
