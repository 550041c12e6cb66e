"""What is read of a FreeSWITCH, a machine and the robot's parts, before anybody judges it. Values only.

Texts of FreeSWITCH are taken apart here, as FreeSWITCH 1.10 and 1.11 write them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from robot.store.migrate import SchemaStatus
from ws_audio.frames import Samples


class UnknownAnswer(Exception):
    """FreeSWITCH answered in words that this version of the robot does not know."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What the robot will ask of one FreeSWITCH: calls at the same time, and new ones a second where that is known."""

    simultaneous: int
    per_second: float | None = None


@dataclass(frozen=True, slots=True)
class SwitchStatus:
    """`status`. `per_second`: the most new sessions a second."""

    version: str
    sessions: int
    max_sessions: int
    per_second: int


@dataclass(frozen=True, slots=True)
class GatewayStatus:
    """`sofia status gateway`. `state`: of the registration; `status`: UP or DOWN, by ping where there is one."""

    name: str
    profile: str
    state: str
    status: str


@dataclass(frozen=True, slots=True)
class SwitchReading:
    """One FreeSWITCH. `gateways`: None for those that it does not know. `clock_ahead_s`: against this machine's."""

    status: SwitchStatus
    round_trip_ms: float
    modules: Mapping[str, bool]
    gateways: Mapping[str, GatewayStatus | None]
    clock_ahead_s: float


@dataclass(frozen=True, slots=True)
class StreamReading:
    """A stream of FreeSWITCH's call to itself. `url` without its secret part.

    first_frame_ms: from the command to the audio; None when none came, and `error` is what mod_audio_stream said then.
    heard: what came, mono at 16 kHz.
    """

    url: str
    first_frame_ms: float | None
    heard: Samples
    error: str | None = None


@dataclass(frozen=True, slots=True)
class PromptReading:
    """`start_ms`: from the command to PLAYBACK_START; None when it did not start, for the reason `error`."""

    file: Path
    start_ms: float | None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class StreamsReading:
    """How many streams were `open` at the same time of those that were tried; `refusal`: of the first that was not."""

    tried: int
    open: int
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class RecordingReading:
    """FreeSWITCH was told to record into `folder`. error: what it answered to that. seen, removed: the file, by us."""

    folder: Path
    error: str | None
    seen: bool
    removed: bool


@dataclass(frozen=True, slots=True)
class DiskReading:
    """Of the file system of a folder, or of its nearest parent that is there. Bytes."""

    folder: Path
    exists: bool
    free: int


@dataclass(frozen=True, slots=True)
class DatabaseReading:
    """`url` without its password. `exists`: False for an SQLite file that is not there yet; `creatable`: whether the
    first call can create it. `share`: the kind of network share that it lies on, if it does. took_ms: to look, and to
    be let write."""

    url: str
    exists: bool
    creatable: bool

    schema: SchemaStatus
    share: str | None
    took_ms: float


@dataclass(frozen=True, slots=True)
class RecognitionReading:
    """`transcript` of a recording in which `said` is said; `audio_s` of it took `took_s` on one core."""

    model: str
    load_s: float
    audio_s: float
    took_s: float
    said: str
    transcript: str
    workers: int
    languages: frozenset[str]


@dataclass(frozen=True, slots=True)
class VoiceReading:
    voice: str
    audio_s: float
    took_s: float


def parse_status(text: str) -> SwitchStatus:
    """The answer to `status`. Raises UnknownAnswer."""
    version = re.search(r"^FreeSWITCH \(Version (\S+).*\) is (?:not )?ready", text, re.MULTILINE)
    sessions = re.search(r"^(\d+) session\(s\) - peak", text, re.MULTILINE)
    per_second = re.search(r"^\d+ session\(s\) per Sec out of max (\d+)", text, re.MULTILINE)
    most = re.search(r"^(\d+) session\(s\) max", text, re.MULTILINE)
    if not (version and sessions and per_second and most):
        raise UnknownAnswer(f"FreeSWITCH answered `status` with {len(text)} characters that cannot be read")
    return SwitchStatus(version[1], int(sessions[1]), int(most[1]), int(per_second[1]))


def parse_gateway(name: str, text: str) -> GatewayStatus | None:
    """The answer to `sofia status gateway NAME`; None when there is no such gateway. Raises UnknownAnswer."""
    if text.startswith("Invalid Gateway"):
        return None
    values = dict(re.findall(r"^(\w+) *\t(.*)$", text, re.MULTILINE))
    try:
        return GatewayStatus(name, values["Profile"].strip(), values["State"].strip(), values["Status"].strip())
    except KeyError as missing:
        raise UnknownAnswer(f"FreeSWITCH's status of the gateway {name} has no {missing}") from None
