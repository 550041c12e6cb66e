"""`robot.toml` and `ROBOT_SECTION__KEY` become Settings; every mistake is told with its place and its remedy.

The environment wins over the file, the file over the defaults. Reads nothing at import; knows nothing of the parts that
use the settings. The environment is read here and not by pydantic-settings, which neither says where a value came from
nor minds a misspelt section.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from platformdirs import user_config_path
from pydantic import SecretStr, ValidationError

from robot.settings import (
    APPLICATION,
    FILE_NAME,
    PREFIX,
    SYSTEM_FOLDER,
    ConfigError,
    FreeSwitchSettings,
    Settings,
    keys_of,
    variable_of,
)
from robot.store.sessions.redis_url import REDIS_SCHEMES, masked_sessions_url
from robot.store.url import parse_database_url
from robot.toml_file import Location, Problem, TomlFileError, key_of, line_of, parse_toml, problems_of

_MASK: Final = "****"
#: Names without the prefix under which some settings are read, too, where they are not set under their own.
STREAM_NAMES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "STREAM_MODEL_WHISPER": ("stt", "model"),
        "STREAM_VAD_SILENCE_MS": ("voice", "vad_silence_ms"),
        "STREAM_PARTIAL_INTERVAL_MS": ("voice", "partial_interval_ms"),
        "STREAM_MAX_UTTERANCE_MS": ("voice", "max_utterance_ms"),
        "STREAM_MAX_PENDING_PHRASES": ("voice", "max_pending_phrases"),
        "STREAM_LOG_LATENCY": ("voice", "log_latency"),
        "STREAM_LLM_TIMEOUT_S": ("llm", "timeout_s"),
        "STREAM_TTS_TIMEOUT_S": ("tts", "timeout_s"),
    }
)


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting for people: secrets are masked. source: the file, `NAME in the environment`, or `default`."""

    key: str
    value: str | int | float | bool | list[str] | None
    source: str


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """`source_path`: the file that was read; None when there is none. `sources`: by key, but for the defaults."""

    settings: Settings
    source_path: Path | None
    sources: Mapping[str, str]

    def describe(self) -> list[SettingRow]:
        """Every setting, with where it comes from; of [nodes.NAME] what is set there."""
        rows = []
        for path, name in _keys(self.settings):
            section: Any = self.settings
            for part in path[:-1]:
                section = section[part] if isinstance(section, dict) else getattr(section, part)
            key = ".".join(path)
            rows.append(SettingRow(key, _shown(getattr(section, name)), self.sources.get(key, "default")))
        return rows


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
    sources = {".".join(path): str(file) for path in _paths(document)} | {
        ".".join(path): f"{given.variable} in the environment" for path, given in from_environment.items()
    }
    return LoadedSettings(settings, file, sources)


def find_file() -> Path | None:
    """robot.toml here, of the user, or of the machine: the first that is there."""
    folders = (Path(), user_config_path(APPLICATION, appauthor=False), SYSTEM_FOLDER)
    return next((folder / FILE_NAME for folder in folders if (folder / FILE_NAME).is_file()), None)


_Path = tuple[str, ...]


def _keys(settings: Settings) -> list[tuple[_Path, str]]:
    """Of every setting: where it stands in the file, and its attribute."""
    keys: list[tuple[_Path, str]] = []
    for section, info in Settings.model_fields.items():
        if section == "nodes":
            keys += [
                (("nodes", node, name), name)
                for node, values in settings.nodes.items()
                for name in FreeSwitchSettings.model_fields
                if name in values.model_fields_set
            ]
        else:
            keys += [((section, key), name) for name, key in keys_of(info.annotation)]
    return keys


def _known_keys(section: str) -> list[str]:
    if section not in Settings.model_fields:
        return []
    model = FreeSwitchSettings if section == "nodes" else Settings.model_fields[section].annotation
    return [key for _, key in keys_of(model)]


def _paths(document: Mapping[str, Any], above: _Path = ()) -> list[_Path]:
    """Where each value of a document stands."""
    return [
        path
        for key, value in document.items()
        for path in (_paths(value, (*above, key)) if isinstance(value, dict) else [(*above, key)])
    ]


class _Given(NamedTuple):
    """By a variable of the environment."""

    variable: str
    value: str


def _from_environment(environ: Mapping[str, str]) -> tuple[dict[_Path, _Given], list[str]]:
    """Values by their place in the file, and what is wrong with the names. Without `__` a name is somebody else's."""
    values: dict[_Path, _Given] = {
        path: _Given(name, environ[name]) for name, path in STREAM_NAMES.items() if name in environ
    }
    problems: list[str] = []
    for variable, value in environ.items():
        path = tuple(variable.removeprefix(PREFIX).lower().split("__"))
        if not variable.startswith(PREFIX) or len(path) < 2:
            continue
        section, key = path[0], path[-1]
        depth = 3 if section == "nodes" else 2
        if len(path) == depth and key in _known_keys(section):
            values[path] = _Given(variable, value)
        else:
            between = ("NAME",) if section == "nodes" else ()
            names = ", ".join(sorted(variable_of(section, *between, each) for each in _known_keys(section)))
            sections = ", ".join(sorted(f"{PREFIX}{each.upper()}__..." for each in Settings.model_fields))
            problems.append(f"{variable} in the environment: is not known here: unset it, or write {names or sections}")
    return values, problems


def _merged(document: Mapping[str, Any], from_environment: Mapping[_Path, _Given]) -> dict[str, Any]:
    merged = copy.deepcopy(dict(document))
    for path, given in from_environment.items():
        table: Any = merged
        for part in path[:-1]:
            # A plain value where a section belongs is told by the validation.
            table = table.setdefault(part, {}) if isinstance(table, dict) else None
        if isinstance(table, dict):
            table[path[-1]] = given.value
    return merged


def _problems(error: ValidationError, from_environment: Mapping[_Path, _Given], file: Path, text: str) -> list[str]:
    """pydantic's complaints: those about a variable name the variable, the others file, line and key."""
    told = []
    for problem, details in zip(problems_of(error, file, text), error.errors(), strict=True):
        location = details["loc"]
        variable = next((path for path in from_environment if path == location[: len(path)]), None)
        if variable is not None:
            told.append(f"{from_environment[variable].variable} in the environment: {problem.message}")
        elif details["type"] == "extra_forbidden":
            told.append(str(Problem(file, problem.key, line_of(text, location), _unknown_key(location))))
        elif location[-1] == "[key]":
            told.append(
                str(Problem(file, f"nodes.{location[1]}", line_of(text, location[:2]), "is no name for a node: use "
                    "small letters, digits and single _, beginning with a letter, at most 32 of them"))
            )  # fmt: skip
        else:
            told.append(str(problem))
    return told


def _unknown_key(location: Location) -> str:
    if len(location) == 1:
        names = ("nodes.NAME" if section == "nodes" else section for section in Settings.model_fields)
        what, known = "section", [f"[{name}]" for name in names]
    else:
        what, known = "key", _known_keys(str(location[0]))
    return f"is not a {what} that is known here: remove {key_of(location[-1:])}, or write one of {', '.join(known)}"


def _shown(value: object) -> str | int | float | bool | list[str] | None:
    match value:
        case SecretStr():
            return _MASK
        case Path():
            return str(value)
        case tuple():
            return [str(each) for each in value]
        case str() if value.startswith(REDIS_SCHEMES):
            return masked_sessions_url(value)
        case str() if value.startswith(("http:", "https:", "ws:", "wss:")):
            return value
        case str() if "://" in value:
            return parse_database_url(value).masked
        case str() | bool() | int() | float() | None:
            return value
        case _:
            raise TypeError(f"a setting of type {type(value).__name__} cannot be shown")
