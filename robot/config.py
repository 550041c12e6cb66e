"""`robot.toml` and `ROBOT_SECTION__KEY` become Settings; every mistake is told with its place and its remedy.

The environment wins over the file, the file over the defaults. Reads nothing at import; knows nothing of the parts that
use the settings. The environment is read here and not by pydantic-settings, which neither says where a value came from
nor minds a misspelt section.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from platformdirs import user_config_path, user_state_path
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
)

from robot.store.errors import BadDatabaseUrl
from robot.store.url import parse_database_url
from robot.toml_file import Location, Problem, TomlFileError, key_of, line_of, parse_toml, problems_of

FILE_NAME: Final = "robot.toml"
SYSTEM_FOLDER: Final = Path("/etc/freeswitch-robot")
_APPLICATION: Final = "freeswitch-robot"
_PREFIX: Final = "ROBOT_"
_MASK: Final = "****"


class ConfigError(Exception):
    """The configuration cannot be used; each line of the message is one mistake, with its place and its remedy."""


def _text_of_secret(value: object) -> object:
    # pydantic's own complaint about a number would show it.
    if not isinstance(value, str | SecretStr):
        raise ValueError('should be text: write it in quotes, like password = "..."')
    return value


def _lower_case(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _checked_url(url: str) -> str:
    try:
        parse_database_url(url)
    except BadDatabaseUrl as error:
        raise ValueError(str(error)) from None
    return url


Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,255}$")]
Port = Annotated[int, Field(ge=1, le=65535)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FreeSwitchSettings(_Section):
    """[freeswitch]: the Event Socket, and how FreeSWITCH plays and reaches us."""

    host: Host = "127.0.0.1"
    port: Port = 8021
    password: Annotated[SecretStr, BeforeValidator(_text_of_secret)] | None = None
    # uuid_broadcast, or sendmsg execute, which starts 100 ms sooner.
    playback: Literal["execute", "broadcast"] = "broadcast"
    # mod_audio_stream takes no other characters, IPv6 in brackets included.
    stream_host: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]{1,255}$")] = "127.0.0.1"

    def required_password(self) -> str:
        """For a real FreeSWITCH; the simulator brings its own. Raises ConfigError when there is none."""
        if self.password is None or not self.password.get_secret_value():
            raise ConfigError(
                f"freeswitch.password is not set: write it under [freeswitch] in {FILE_NAME}, or set "
                f"{_PREFIX}FREESWITCH__PASSWORD. FreeSWITCH has it in autoload_configs/event_socket.conf.xml"
            )
        return self.password.get_secret_value()


class AudioSettings(_Section):
    """[audio]: the WebSocket server that FreeSWITCH streams to."""

    host: Host = "127.0.0.1"
    port: Port = 8080
    max_streams: Annotated[int, Field(ge=1, le=10_000)] = 1000  # FreeSWITCH's own default of sessions


class SttSettings(_Section):
    """[stt]: speech recognition. workers: None is one for each core. vad_aggressiveness: as webrtcvad, 0 to 3."""

    model: Annotated[str, StringConstraints(min_length=1)] = "tiny.en"
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")] = "en"
    workers: Annotated[int, Field(ge=1, le=64)] | None = None
    vad_aggressiveness: Annotated[int, Field(ge=0, le=3)] = 2


class DatabaseSettings(_Section):
    """[database]: by default a file under the user's state directory."""

    url: Annotated[str, AfterValidator(_checked_url)] = Field(
        repr=False,  # may hold a password
        default_factory=lambda: f"sqlite:///{user_state_path(_APPLICATION, appauthor=False) / 'robot.db'}",
    )


class LoggingSettings(_Section):
    """[logging]: as_json is the key `json`: one JSON object a line instead of text for people. -v shows more."""

    level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower_case)] = "warning"
    as_json: bool = Field(default=False, alias="json")


class Settings(_Section):
    """All there is to set. `Settings()` is the defaults, whatever the environment holds."""

    freeswitch: FreeSwitchSettings = Field(default_factory=FreeSwitchSettings)
    audio: AudioSettings = Field(default_factory=AudioSettings)
    stt: SttSettings = Field(default_factory=SttSettings)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    logging: LoggingSettings = Field(default_factory=LoggingSettings)


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting for people: secrets are masked. source: the file, `NAME in the environment`, or `default`."""

    key: str
    value: str | int | bool | None
    source: str


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """`source_path`: the file that was read; None when there is none. `sources`: by key, but for the defaults."""

    settings: Settings
    source_path: Path | None
    sources: Mapping[str, str]

    def describe(self) -> list[SettingRow]:
        """Every setting, with where it comes from."""
        return [
            SettingRow(key, _shown(getattr(getattr(self.settings, section), name)), self.sources.get(key, "default"))
            for section, name, key in _keys()
        ]


def load_settings(path: Path | None, environ: Mapping[str, str]) -> LoadedSettings:
    """From the file `path`, or else from the first of the usual places that has one, and the environment.

    Raises ConfigError with all that is wrong.
    """
    file = path or find_file()
    document: dict[str, Any] = {}
    text = ""
    if file is not None:
        try:
            document, text = parse_toml(file)
        except TomlFileError as error:
            raise ConfigError(str(error)) from error
    from_environment, problems = _from_environment(environ)
    try:
        settings = Settings.model_validate(_merged(document, from_environment))
    except ValidationError as error:
        problems += _problems(error, from_environment, file or Path(FILE_NAME), text)
    if problems:
        raise ConfigError("\n".join(problems))
    sources = {f"{section}.{key}": str(file) for section, values in document.items() for key in values} | {
        f"{section}.{key}": f"{_variable(section, key)} in the environment" for section, key in from_environment
    }
    return LoadedSettings(settings, file, sources)


def find_file() -> Path | None:
    """robot.toml here, of the user, or of the machine: the first that is there."""
    folders = (Path(), user_config_path(_APPLICATION, appauthor=False), SYSTEM_FOLDER)
    return next((folder / FILE_NAME for folder in folders if (folder / FILE_NAME).is_file()), None)


def _keys() -> list[tuple[str, str, str]]:
    """Of every setting: its section, its attribute, and its key as `section.key`."""
    keys = []
    for section, info in Settings.model_fields.items():
        assert isinstance(info.annotation, type)
        assert issubclass(info.annotation, BaseModel)
        for name, field in info.annotation.model_fields.items():
            keys.append((section, name, f"{section}.{field.alias or name}"))
    return keys


def _from_environment(environ: Mapping[str, str]) -> tuple[dict[tuple[str, str], str], list[str]]:
    """Values by (section, key), and what is wrong with the names. Without `__` a name is somebody else's."""
    known = {key for _, _, key in _keys()}
    values: dict[tuple[str, str], str] = {}
    problems: list[str] = []
    for variable, value in environ.items():
        section, separator, key = variable.removeprefix(_PREFIX).lower().partition("__")
        if not variable.startswith(_PREFIX) or not separator:
            continue
        if f"{section}.{key}" in known:
            values[section, key] = value
        else:
            names = ", ".join(sorted(_variable(*each.split(".")) for each in known if each.startswith(f"{section}.")))
            sections = ", ".join(sorted(f"{_PREFIX}{each.upper()}__..." for each in Settings.model_fields))
            problems.append(f"{variable} in the environment: is not known here: unset it, or write {names or sections}")
    return values, problems


def _merged(document: Mapping[str, Any], from_environment: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    merged = {section: dict(values) if isinstance(values, dict) else values for section, values in document.items()}
    for (section, key), value in from_environment.items():
        values = merged.setdefault(section, {})
        if isinstance(values, dict):  # else the file has a plain value where a section belongs, which is told
            values[key] = value
    return merged


def _problems(
    error: ValidationError, from_environment: Mapping[tuple[str, str], str], file: Path, text: str
) -> list[str]:
    """pydantic's complaints: those about a variable name the variable, the others file, line and key."""
    told = []
    for problem, details in zip(problems_of(error, file, text), error.errors(), strict=True):
        location = details["loc"]
        if len(location) >= 2 and (str(location[0]), str(location[1])) in from_environment:
            told.append(f"{_variable(str(location[0]), str(location[1]))} in the environment: {problem.message}")
        elif details["type"] == "extra_forbidden":
            told.append(str(Problem(file, problem.key, line_of(text, location), _unknown_key(location))))
        else:
            told.append(str(problem))
    return told


def _unknown_key(location: Location) -> str:
    if len(location) == 1:
        what, known = "section", [f"[{section}]" for section in Settings.model_fields]
    else:
        what = "key"
        known = [key.partition(".")[2] for section, _, key in _keys() if section == location[0]]
    return f"is not a {what} that is known here: remove {key_of(location[-1:])}, or write one of {', '.join(known)}"


def _variable(section: str, key: str) -> str:
    return f"{_PREFIX}{section.upper()}__{key.upper()}"


def _shown(value: object) -> str | int | bool | None:
    match value:
        case SecretStr():
            return _MASK
        case str() if "://" in value:
            return parse_database_url(value).masked
        case str() | bool() | int() | None:
            return value
        case _:
            raise TypeError(f"a setting of type {type(value).__name__} cannot be shown")
