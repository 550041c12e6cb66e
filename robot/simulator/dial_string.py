"""What the dial string of `originate` means. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

# FreeSWITCH's own limit when originate_timeout is not given.
DEFAULT_TIMEOUT_S: Final = 60


class BadDialString(Exception):
    """FreeSWITCH would answer `-ERR CAUSE`, which is the message."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One place to call: `sofia/gateway/GATEWAY/NUMBER`; somebody of FreeSWITCH's directory (`user/NUMBER`,
    `extension`); or FreeSWITCH itself (`loopback/NUMBER`), where there is a tone for `tone_ms`, then a hangup.
    `gateway` is empty for the last two."""

    gateway: str
    number: str
    tone_ms: int | None = None
    extension: bool = False

    @property
    def channel_name(self) -> str:
        return f"sofia/internal/{self.number}" if self.tone_ms is None else f"loopback/{self.number}-a"


@dataclass(frozen=True, slots=True)
class DialString:
    """`groups` are tried one after the other (`|`), the endpoints of one group all at once (`,`)."""

    variables: dict[str, str]
    groups: tuple[tuple[str, ...], ...]
    application: str = "park"
    argument: str = ""
    uuids: tuple[str, ...] = field(default=())

    @property
    def timeout_s(self) -> float:
        given = self.variables.get("originate_timeout", "")
        return float(given) if given.isascii() and given.isdigit() and int(given) else DEFAULT_TIMEOUT_S


def split_arguments(text: str) -> list[str]:
    """Arguments as FreeSWITCH separates them: at spaces, but not inside single quotes."""
    arguments: list[str] = []
    current: list[str] = []
    quoted = False
    for position, character in enumerate(text):
        if character == "'" and not (position and text[position - 1] == "\\"):
            quoted = not quoted
        if character == " " and not quoted:
            if current:
                arguments.append("".join(current))
            current = []
        else:
            current.append(character)
    return [*arguments, "".join(current)] if current else arguments


def parse_variables(text: str) -> dict[str, str]:
    """What stands between the braces.

    Commas separate even inside quotes ('Ivan, Petrov' becomes Ivan, as FreeSWITCH does without a word) unless they are
    written `\\,`; quotes around a value go away. `^^:` at the beginning makes `:` the separator.
    """
    separator = ","
    if text.startswith("^^") and len(text) > 2:
        separator, text = text[2], text[3:]
    variables = {}
    for pair in re.split(rf"(?<!\\){re.escape(separator)}", text):
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            continue
        value = value.replace(f"\\{separator}", separator).removeprefix("'").removesuffix("'")
        variables[name.strip()] = value
    return variables


def parse_dial_string(text: str) -> DialString:
    """`{a=b,...}endpoint &park()`. Raises BadDialString."""
    arguments = split_arguments(text)
    if len(arguments) < 2:
        raise BadDialString("DESTINATION_OUT_OF_ORDER")
    variables, endpoints = _take_variables(arguments[0])
    if not endpoints or endpoints[0] in "{[<":
        raise BadDialString("DESTINATION_OUT_OF_ORDER")
    found = re.fullmatch(r"&(\w+)(?:\((.*)\))?", " ".join(arguments[1:]))
    application, argument = (found[1], found[2] or "") if found else ("park", "")
    groups = tuple(tuple(group.split(",")) for group in endpoints.split("|"))
    return DialString(variables, groups, application, argument)


def _take_variables(text: str) -> tuple[dict[str, str], str]:
    variables: dict[str, str] = {}
    while text.startswith("{"):
        end = _closing_brace(text)
        variables |= parse_variables(text[1:end])
        text = text[end + 1 :]
    return variables, text


def _closing_brace(text: str) -> int:
    depth = 0
    for position, character in enumerate(text):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if not depth:
            return position
    raise BadDialString("DESTINATION_OUT_OF_ORDER")


def parse_endpoint(text: str) -> Endpoint:
    """Raises BadDialString with the cause for what cannot be called."""
    local = re.match(r"\[[^\]]*\]", text)
    kind, _, rest = text[local.end() if local else 0 :].partition("/")
    if kind == "error":
        raise BadDialString(rest.upper() or "NORMAL_CLEARING")
    if kind == "user":
        return _extension(rest)
    if kind == "loopback":
        return _itself(rest)
    if kind != "sofia":
        raise BadDialString("CHAN_NOT_IMPLEMENTED")
    profile, _, rest = rest.partition("/")
    gateway, _, number = rest.partition("/")
    if profile != "gateway":
        raise BadDialString("INVALID_PROFILE")
    if not gateway or not number:
        raise BadDialString("DESTINATION_OUT_OF_ORDER")
    return Endpoint(gateway, number)


def _extension(text: str) -> Endpoint:
    """NAME or NAME@DOMAIN: there is one domain here, whatever it is called."""
    name = text.partition("@")[0]
    if not name:
        raise BadDialString("SUBSCRIBER_ABSENT")
    return Endpoint("", name, extension=True)


def _itself(text: str) -> Endpoint:
    """Of what mod_loopback can do, the one thing that a robot asks of it. Raises BadDialString for the rest."""
    number, _, dialplan = text.partition("/")
    tone = re.fullmatch(r"m:\^:answer\^gentones:d=(\d+);5", number)
    if tone is None or not dialplan.endswith("/inline"):
        raise BadDialString("DESTINATION_OUT_OF_ORDER")
    return Endpoint("", number, int(tone[1]))
