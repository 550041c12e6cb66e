"""What the arguments of FreeSWITCH's commands may be: each function gives back its argument, or raises BadArgument.

The messages of BadArgument name the argument and never repeat its value: it may be somebody's number.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import PurePath
from typing import Final

from robot.esl.errors import BadArgument

# Characters of a free-form argument: far more than metadata or a caller's name needs.
_MAX_TEXT: Final = 4_000

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NUMBER: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_CALLER_ID: Final = re.compile(r"\+?[0-9]{3,15}")
_GATEWAY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_EXTENSION: Final = re.compile(r"[A-Za-z0-9._-]{1,64}(?:@[A-Za-z0-9][A-Za-z0-9.-]{0,252})?")
_MODULE: Final = re.compile(r"mod_[a-z0-9_]{1,60}")
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/=-]{1,512}")
_EVENT_UUID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_CAUSE: Final = re.compile(r"[A-Z][A-Z0-9_]{1,47}")
_DTMF: Final = re.compile(r"[0-9A-D*#wW]{1,64}")
_VARIABLE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
# Variables that FreeSWITCH runs: their value would be a command of its own.
_RUNS_SOMETHING: Final = ("api_", "exec_", "execute_", "record_post_process", "transfer_", "bridge_pre_execute")
# `@@` is an offset, `!` parts lists, `{` and `[` begin parameters, `;` and `,` part files: all of it stays outside.
_PATH: Final = re.compile(r"/[\w ./+()-]{1,1000}")
_URL: Final = re.compile(
    r"wss?://[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})"  # the module's parser knows no other letters in a host
    r"(?::[0-9]{1,5})?(?:/[A-Za-z0-9/._~%-]{0,500})?(?:\?[A-Za-z0-9._~%=&-]{0,500})?"
)


def uuid(value: str) -> str:
    """`value`, when it is a uuid as `str(uuid.uuid4())` writes it. Raises BadArgument."""
    return match("uuid", value, _UUID, "is not a uuid of 36 lower-case characters")


def number(value: str) -> str:
    """`value`, when it is an E.164 number. Raises BadArgument."""
    return match("number", value, _NUMBER, "is not in international form: + and 7 to 15 digits, without spaces")


def caller_id(value: str) -> str:
    return match("caller_id", value, _CALLER_ID, "is 3 to 15 digits")


def extension(value: str) -> str:
    return match("extension", value, _EXTENSION, "is a name such as 1000 or 1000@pbx.example.org")


def digits(value: str) -> str:
    return match("digits", value, _DTMF, "are 0-9 A-D * # w W")


def module(value: str) -> str:
    return match("module", value, _MODULE, "is the name of a module, such as mod_sofia")


def event_uuid(value: str) -> str:
    return match("event_uuid", value, _EVENT_UUID, "is letters, digits and ._-")


def readable_name(value: str) -> str:
    """The name of a variable that is only looked at."""
    return match("name", value, _VARIABLE_NAME, "is letters, digits and _")


def match(argument: str, value: str, pattern: re.Pattern[str], rule: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise BadArgument(argument, rule)
    return value


def whole(argument: str, value: int, lowest: int, highest: int) -> int:
    if type(value) is not int or not lowest <= value <= highest:
        raise BadArgument(argument, f"is a whole number from {lowest} to {highest}")
    return value


def cause(value: str) -> str:
    return match("cause", value, _CAUSE, "is a hangup cause such as NORMAL_CLEARING")


def variable_name(value: str) -> str:
    name = match("variable", value, _VARIABLE_NAME, "is a name of letters, digits and _")
    if name.lower().startswith(_RUNS_SOMETHING):
        raise BadArgument("variable", f"{name} makes FreeSWITCH run its value: it cannot be set from here")
    return name


def gateway(value: str) -> str:
    return match("gateway", value, _GATEWAY, "is the name of a sofia gateway: letters, digits and ._- only")


def line(argument: str, value: str) -> str:
    """One line of printable text without `$`, `\\`, `|`, `` ` `` and `::`: for the end of a command line."""
    if not isinstance(value, str) or not value or len(value) > _MAX_TEXT or not value.isprintable():
        raise BadArgument(argument, f"is one line of up to {_MAX_TEXT} printable characters")
    found = next((sign for sign in ("$", "\\", "|", "`", "::") if sign in value), None)
    if found or value != value.strip():
        raise BadArgument(argument, f"must not hold {found}" if found else "must not begin or end with a space")
    return value


def plain(argument: str, value: str) -> str:
    """A line without quotes and brackets either: safe wherever variables are set."""
    found = next((sign for sign in line(argument, value) if sign in "'\"{}[]<>^"), None)
    if found:
        raise BadArgument(argument, f"must not hold {found}")
    return value


def quoted(argument: str, value: str) -> str:
    """A value for the `{}` of originate, where a comma parts variables even inside quotes and a space ends the list."""
    return "'" + plain(argument, value).replace(",", "\\,") + "'"


def stream_headers(token: str) -> str:
    """mod_audio_stream's STREAM_EXTRA_HEADERS: JSON, here without a comma, which would part variables."""
    match("stream_token", token, _TOKEN, "is letters, digits and -._~+/= only")
    return f'{{"Authorization":"Bearer {token}"}}'


def file(wanted: PurePath | str, root: PurePath | str) -> str:
    """A path on FreeSWITCH's host, which may be another one: judged by its text alone."""
    path, below = str(wanted), posixpath.normpath(str(root))
    match("file", path, _PATH, "is an absolute path of letters, digits, spaces and ._-+() only: rename the file")
    if "//" in path or path != path.strip() or posixpath.normpath(path) != path:
        raise BadArgument("file", "is a path without //, . or .. and without a space or / at its end")
    if not path.startswith(below.rstrip("/") + "/"):
        raise BadArgument("file", "is outside the folder that prompts are played from")
    return path


def file_from(wanted: PurePath | str, root: PurePath | str, start_sample: int) -> str:
    """A path with the sample from which it is played, as the application `playback` reads it."""
    start = whole("start_sample", start_sample, 0, 2**31 - 1)
    return file(wanted, root) + (f"@@{start}" if start else "")


def websocket_url(url: str) -> str:
    return match("url", url, _URL, "is ws://HOST:PORT/PATH, the host of letters, digits, - and . only")
