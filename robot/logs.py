"""How the log is written: for people, or one JSON object a line; whoever writes it.

Every line has a name for what happened, `event`: `call.failed`. No line of INFO and above holds a number, a name or the
words of a callee, a password or a token: whoever logs leaves them out, nothing here does it for them.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator
from typing import Any, Final, TextIO

import structlog

from robot.settings import LoggingSettings

_OURS: Final = ("robot", "ws_audio")
_HANDLER: Final = "robot"


def set_up_logging(verbose: int, settings: LoggingSettings) -> None:
    """Logs go to stderr: of the configured level, or -v INFO, -vv DEBUG. Again: as they are wanted from now on.

    `ws_audio` and libraries write to `logging`; what comes from there looks the same.
    """
    configured = logging.getLevelNamesMapping()[settings.level.upper()]
    level = min(configured, {0: configured, 1: logging.INFO}.get(verbose, logging.DEBUG))
    in_full = level <= logging.DEBUG
    first: list[Any] = [structlog.contextvars.merge_contextvars, structlog.processors.add_log_level]
    last: list[Any]
    if settings.as_json:
        first.append(structlog.processors.TimeStamper(fmt="iso", utc=True))
        traces = structlog.processors.ExceptionRenderer(lambda info: trace(info[1], in_full=in_full))
        last = [traces, structlog.processors.JSONRenderer()]
    else:
        first.append(structlog.processors.TimeStamper(fmt="%H:%M:%S.%f", utc=False))

        # structlog's own shows local variables, too: what callees said, their numbers, passwords.
        def show(stream: TextIO, info: structlog.typing.ExcInfo) -> None:
            stream.write(trace(info[1], in_full=in_full))

        last = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=show)]
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
    for ours in _OURS:
        logging.getLogger(ours).setLevel(level)
    # Its details are handshakes with their tokens, and audio.
    logging.getLogger("websockets").setLevel(max(level, logging.INFO))


def trace(error: BaseException, *, in_full: bool) -> str:
    """Where an error came from. in_full: with what errors of others say, such as KeyError('+33140000001'); of ours and
    of the operating system's it is known that they name nobody."""
    return "".join(_trace(error, in_full))


def _trace(error: BaseException, in_full: bool) -> Iterator[str]:
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None:
        yield from _trace(before, in_full)
        yield "\nfrom which came:\n\n"
    yield from traceback.format_tb(error.__traceback__)
    kind = type(error)
    says = in_full or kind.__module__.partition(".")[0] in _OURS or isinstance(error, OSError)
    yield f"{kind.__module__}.{kind.__qualname__}" + (f": {error}\n" if says else "\n")
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield "\none of its errors:\n\n"
            yield from _trace(each, in_full)


def _named(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """The line of a module that writes to `logging`: its name of what happened is `action`, else that of the logger."""
    record: logging.LogRecord = event["_record"]
    module = record.name.partition(".")[0] if hasattr(record, "action") else record.name
    event["message"] = event.pop("event")
    event["event"] = f"{module}.{record.action}" if hasattr(record, "action") else module
    return event
