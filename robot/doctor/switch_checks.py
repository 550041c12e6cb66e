"""What was read of FreeSWITCH, judged: is it good, what is wrong, what is to be done. Pure.

The robot's own parts and machine are judged in `own_checks`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Final

import numpy as np

from robot.doctor.check import Check, Trouble, failed, ok, skipped, warning
from robot.doctor.readings import (
    GatewayStatus,
    Pace,
    PromptReading,
    RecordingReading,
    StreamReading,
    StreamsReading,
    SwitchReading,
    SwitchStatus,
)
from robot.esl.commands import ITSELF_HZ
from robot.esl.errors import CannotConnect, ConnectionLost, NotAllowed, WrongPassword
from ws_audio.frames import Samples

#: FreeSWITCH comes with it, and everybody knows it.
KNOWN_PASSWORD: Final = "ClueCon"  # noqa: S105
#: Streams that the free binary edition of mod_audio_stream allows (its release notes, v1.0.3).
FREE_EDITION_STREAMS: Final = 10

# An event socket on the same network answers within a millisecond or two; a break is sent over it.
_SLOW_ROUND_TRIP_MS: Final = 50.0
# The first frames come 20 to 60 ms after the start, once the connection stands.
_SLOW_FIRST_FRAME_MS: Final = 500.0
_SLOW_PROMPT_MS: Final = 700.0
# FreeSWITCH gives its time in whole seconds.
_CLOCK_OFF_S: Final = 2.0
_CLOCK_WRONG_S: Final = 60.0
_RATE: Final = 16_000
# A telephone line takes some of a tone; another sound has next to nothing at its two frequencies.
_TONE_SHARE: Final = 0.7
_QUIET_DBFS: Final = -50.0


def not_reached(error: Exception, section: str) -> Check:
    """`section`: of robot.toml, where this FreeSWITCH stands."""
    title = "FreeSWITCH"
    match error:
        case WrongPassword():
            fix = f"set {section}.password to the `password` of FreeSWITCH's autoload_configs/event_socket.conf.xml"
        case NotAllowed():
            fix = (
                "add this machine's address to the list that `apply-inbound-acl` of FreeSWITCH's "
                "autoload_configs/event_socket.conf.xml names, then `fs_cli -x 'reload mod_event_socket'`"
            )
        case CannotConnect():
            fix = (
                "`systemctl status freeswitch` says whether it runs; does it load mod_event_socket, do listen-ip and "
                "listen-port in its autoload_configs/event_socket.conf.xml let this machine in, and are they what "
                f"{section}.host and {section}.port say?"
            )
        case _:
            fix = "look into freeswitch.log: did it end, or start again?"
    match error:
        case CannotConnect():
            found = str(error).partition(". ")[0]
        case ConnectionLost(reason=reason):
            found = f"the connection ended in the middle: {reason}"
        case _:
            found = str(error)
    return failed(title, found, fix, Trouble.UNREACHABLE)


def reached(host: str, port: int, reading: SwitchReading) -> Check:
    found = f"version {reading.status.version} at {host}:{port} answers within {reading.round_trip_ms:.1f} ms"
    if reading.round_trip_ms > _SLOW_ROUND_TRIP_MS:
        return warning(
            "FreeSWITCH",
            f"{found}, and a prompt goes on for so long after it was told to stop",
            "run the robot nearer to FreeSWITCH, on the same machine or the same network",
        )
    return ok("FreeSWITCH", found)


def password(value: str, section: str) -> Check:
    if value == KNOWN_PASSWORD:
        return warning(
            "password",
            f"accepted, and it is {KNOWN_PASSWORD}, which everybody knows: who reaches the event socket calls whom "
            "they like, on your bill",
            "write one of your own into FreeSWITCH's autoload_configs/event_socket.conf.xml, `fs_cli -x 'reload "
            f"mod_event_socket'`, and the same as {section}.password into robot.toml",
        )
    return ok("password", f"accepted; it is not {KNOWN_PASSWORD}")


def modules(loaded: Mapping[str, bool], purposes: Mapping[str, str]) -> Check:
    """`purposes`: what each module is needed for."""
    missing = [module for module, there in loaded.items() if not there]
    if not missing:
        return ok("modules", f"all {len(loaded)} that are needed are loaded")
    commands = ", ".join(f"`fs_cli -x 'load {module}'`" for module in missing)
    lines = " ".join(f'<load module="{module}"/>' for module in missing)
    found = f"{len(missing)} of {len(loaded)} not loaded: " + "; ".join(
        f"{module} ({purposes[module]})" for module in missing
    )
    fix = f"{commands}, and for the next start {lines} in autoload_configs/modules.conf.xml"
    judge = warning if missing == ["mod_loopback"] else failed
    return judge("modules", found, fix)


def gateway(name: str, status: GatewayStatus | None) -> Check:
    title = "gateway"
    if status is None:
        return failed(
            title,
            f"FreeSWITCH knows no gateway named {name}",
            "`fs_cli -x 'sofia status gateway'` lists those that it knows: write one of them as `gateway` into "
            "campaign.toml; or define this one in sip_profiles/external/, then "
            "`fs_cli -x 'sofia profile external rescan'`",
        )
    found = f"{name} (profile {status.profile}): registration {status.state}, {status.status}"
    match status.state, status.status:
        case "REGED" | "NOREG", "UP":
            return ok(title, found)
        case "REGED" | "NOREG", _:
            return failed(
                title,
                f"{found}: it does not answer FreeSWITCH's pings (SIP OPTIONS)",
                "is the provider's address (`proxy`) right, and does a firewall let SIP through? When it is only that "
                "the provider does not answer OPTIONS, take `ping` out of the gateway",
            )
        case (("TRYING" | "REGISTER" | "UNREGED"), _):
            return warning(
                title,
                f"{found}: it is about to register, and calls fail until then",
                f"wait a moment, then look again with `fs_cli -x 'sofia status gateway {name}'`",
            )
        case (("FAIL_WAIT" | "FAILED" | "TIMEOUT"), _):
            return failed(
                title,
                f"{found}: the provider does not take the registration",
                "check `username`, `password`, `realm` and `proxy` of the gateway; `fs_cli -x 'sofia global siptrace "
                "on'` shows the provider's answer",
            )
        case _:
            return failed(title, f"{found}: it does not take calls", f"`fs_cli -x 'sofia status gateway {name}'`")


def limits(status: SwitchStatus, pace: Pace) -> Check:
    """FreeSWITCH's limits against what the robot is going to ask of it."""
    title = "limits"
    found = (
        f"FreeSWITCH takes {status.max_sessions} sessions ({status.sessions} in use) and {status.per_second} new ones "
        f"a second; the robot places up to {pace.simultaneous} calls at a time"
    )
    if pace.per_second is not None:
        found += f", {pace.per_second:g} a second"
    if status.max_sessions < pace.simultaneous:
        return failed(
            title,
            found,
            f"`fs_cli -x 'fsctl max_sessions {pace.simultaneous}'` and max-sessions in its "
            f"autoload_configs/switch.conf.xml, or max_calls = {status.max_sessions} in robot.toml",
        )
    if pace.per_second is not None and status.per_second < pace.per_second:
        return failed(
            title,
            found,
            f"`fs_cli -x 'fsctl sps {ceil(pace.per_second)}'` and sessions-per-second in its "
            "autoload_configs/switch.conf.xml, or a slower campaign",
        )
    return ok(title, found)


def clock(ahead_s: float) -> Check:
    title = "clock of FreeSWITCH"
    if abs(ahead_s) < _CLOCK_OFF_S:
        return ok(title, "the same as here, to the second")
    found = f"{abs(ahead_s):.0f} s {'ahead of' if ahead_s > 0 else 'behind'} the clock of this machine"
    judge = failed if abs(ahead_s) >= _CLOCK_WRONG_S else warning
    return judge(
        title,
        f"{found}: one of them is wrong, and people would be called outside their hours",
        "let both machines keep their clocks right: `timedatectl set-ntp true`, or chrony; then "
        "`fs_cli -x 'fsctl sync_clock'`",
    )


# ── FreeSWITCH's call to itself ───────────────────────────────────────────────────────────────────────────────────────


def no_call_to_itself(why_not: str) -> list[Check]:
    """Neither streams nor prompts could be tried out. `why_not`: a hangup cause, or a sentence."""
    if why_not == "CHAN_NOT_IMPLEMENTED":
        why, fix = "FreeSWITCH cannot call itself without mod_loopback", "`fs_cli -x 'load mod_loopback'`"
        return [skipped("audio stream", why, fix), skipped("prompts", why, fix)]
    why = f"FreeSWITCH could not call itself: {why_not}"
    fix = "is it full (`fs_cli -x status`), or paused (`fs_cli -x 'fsctl resume'`)?"
    return [failed("audio stream", why, fix), skipped("prompts", "FreeSWITCH could not call itself")]


def audio_stream(reading: StreamReading, section: str, *, port_is_ours: bool = True) -> Check:
    """Can FreeSWITCH reach our WebSocket server, and does it send what is on the line?

    `port_is_ours`: False when the configured port was taken, and a free one was used for this.
    """
    title = "audio stream"
    if reading.first_frame_ms is None:
        found = f"FreeSWITCH could not stream to {reading.url}: {reading.error}"
        fix = _why_no_stream(reading.error or "", section)
        if not port_is_ours:
            fix += (
                " Or it is only that a firewall lets nothing through but audio.port, where the running robot listens: "
                "look again when it is stopped"
            )
        return failed(title, found, fix)
    level, share = loudness(reading.heard), tone_share(reading.heard)
    found = f"first frame {reading.first_frame_ms:.0f} ms after the start, to {reading.url}"
    if level < _QUIET_DBFS:
        return failed(
            title,
            f"{found}, but it brings silence ({level:.0f} dBFS) where a tone is",
            "is it another module of that name? Install mod_audio_stream of github.com/amigniter/mod_audio_stream",
        )
    if share < _TONE_SHARE:
        return failed(
            title,
            f"{found}, but only {share:.0%} of what arrives is the tone that is on the line",
            "is FreeSWITCH's machine overloaded? `fs_cli -x status` shows its idle CPU, `top` who takes the rest",
        )
    found = f"{found}; the tone arrives at {level:.0f} dBFS, {share:.0%} pure"
    if reading.first_frame_ms > _SLOW_FIRST_FRAME_MS:
        return warning(title, found, "is the network slow, or does a name take long to look up? Use an IP address")
    return ok(title, found)


def _why_no_stream(error: str, section: str) -> str:
    """What mod_audio_stream's errors mean; each was seen on a real one."""
    if "refused" in error:
        return (
            "nobody listens there for FreeSWITCH: on another machine, or in a container, 127.0.0.1 is not the robot. "
            f"Set audio.host to an address of this machine that FreeSWITCH reaches, {section}.stream_host to the same"
        )
    if "upgrade failed" in error:
        return f"another server listens there: set audio.port and {section}.stream_host to the robot's own"
    if "unavailable" in error:
        return f"FreeSWITCH's machine does not know that name: set {section}.stream_host to an IP address of the robot"
    if "Timeout" in error:
        return f"nothing answers: is {section}.stream_host right, and does a firewall let FreeSWITCH in to audio.port?"
    return f"see freeswitch.log; {section}.stream_host and audio.port say where FreeSWITCH is to connect"


def port_of_running_robot(host: str, port: int, reading: StreamReading, section: str) -> Check:
    """The configured port is taken by a robot. `reading`: of a stream to it, which it refuses when it is reached."""
    title = "audio port"
    if "upgrade failed" in (reading.error or ""):
        return ok(title, f"a running robot listens on {host}:{port}, and FreeSWITCH reaches it at {reading.url}")
    return failed(
        title,
        f"a running robot listens on {host}:{port}, and FreeSWITCH does not reach it at {reading.url}: {reading.error}",
        _why_no_stream(reading.error or "", section),
    )


def edition(reading: StreamsReading) -> Check:
    """The editions of mod_audio_stream do not tell their name or version: the free binary one stops at 10 streams."""
    title = "mod_audio_stream"
    if reading.open > FREE_EDITION_STREAMS:
        found = f"{reading.open} streams at once: not the free binary edition, which stops at {FREE_EDITION_STREAMS}"
        return ok(title, found)
    if reading.open == FREE_EDITION_STREAMS:
        return failed(
            title,
            f"stream {reading.tried} was refused ({reading.refusal}): the free binary edition stops at "
            f"{FREE_EDITION_STREAMS}",
            f"install the open edition (github.com/amigniter/mod_audio_stream) or buy a licence, or set max_calls = "
            f"{FREE_EDITION_STREAMS} in robot.toml",
        )
    return warning(
        title,
        f"which edition it is cannot be told: stream {reading.tried} of this try failed ({reading.refusal})",
        "are calls going on, or is sessions-per-second low? Try again when FreeSWITCH is idle",
    )


def prompts(readings: Sequence[PromptReading]) -> list[Check]:
    """One check for all files that play, and one for each reason why others do not."""
    title, all_of_them = "prompts", len(readings)
    playing = [reading.start_ms for reading in readings if reading.start_ms is not None]
    checks = []
    for error in dict.fromkeys(reading.error for reading in readings if reading.error is not None):
        files = [reading.file for reading in readings if reading.error == error]
        names = ", ".join(str(file) for file in files)
        found = f"FreeSWITCH cannot play {len(files)} of {all_of_them} files ({error}): {names}"
        checks.append(failed(title, found, _why_no_prompt(error, files[0])))
    if playing:
        slowest = max(playing)
        found = f"{len(playing)} of {all_of_them} files play, the slowest begins after {slowest:.0f} ms"
        if slowest > _SLOW_PROMPT_MS:
            fix = "is prompts.folder on a network share? Set one on a disk of FreeSWITCH's machine"
            checks.append(warning(title, found, fix))
        else:
            checks.append(ok(title, found))
    return checks


def _why_no_prompt(error: str, file: Path) -> str:
    if "NOT FOUND" in error:
        return (
            f"FreeSWITCH's user must be able to read it: `sudo -u freeswitch head -c1 {file}` says whether it can; if "
            'not, set another prompts.folder in robot.toml, such as "/var/lib/freeswitch-robot/prompts". FreeSWITCH on '
            "another machine must have that folder under the same path"
        )
    if "began" in error:
        return f"is it sound (`file {file}`), and has the SIP profile rtp-timer-name=soft?"
    return "set prompts.folder in robot.toml to a path of letters, digits, spaces and ._-+()"


def recording(reading: RecordingReading) -> Check:
    title, folder = "recordings", reading.folder
    if reading.error is not None or not reading.seen:
        why = reading.error or "there is no file that the robot can see"
        return failed(
            title,
            f"FreeSWITCH does not record into {folder}: {why}",
            f"`chown freeswitch {folder}`; when FreeSWITCH runs on another machine, the folder must be shared",
        )
    if not reading.removed:
        return failed(
            title,
            f"FreeSWITCH records into {folder}, and the robot cannot delete there",
            f"give {folder} to a group of the robot's user (`chgrp`) and `chmod g+rwxs` it: recordings are deleted "
            "when their time is over",
        )
    return ok(title, f"FreeSWITCH records into {folder}, and the robot can delete there")


# ── sound ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def loudness(heard: Samples) -> float:
    """dBFS (RMS); -inf for nothing."""
    if not heard.any():
        return float("-inf")
    return float(20 * np.log10(np.sqrt(np.mean(np.square(heard.astype(np.float64)))) / 32768))


def tone_share(heard: Samples) -> float:
    """How much of the power is at the two frequencies of the tone: 0 to 1. The first 100 ms may be its beginning."""
    steady = heard[_RATE // 10 :].astype(np.float64)
    if steady.size < _RATE // 10:
        return 0.0
    power = np.square(np.abs(np.fft.rfft(steady * np.hanning(steady.size))))
    frequencies = np.fft.rfftfreq(steady.size, 1 / _RATE)
    near = np.zeros(power.size, bool)
    for hz in ITSELF_HZ:
        near |= np.abs(frequencies - hz) < 20
    total = float(power.sum())
    return float(power[near].sum()) / total if total else 0.0
