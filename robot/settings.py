"""All that can be set, as pydantic models: a class for each section of robot.toml, and `Settings`, which holds them.

Says what a value may be and what it is by default. Where values come from is `config`'s.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from platformdirs import user_state_path
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, StringConstraints

from robot.store.errors import BadDatabaseUrl
from robot.store.sessions.errors import BadSessionsUrl
from robot.store.sessions.redis_url import check_sessions_url
from robot.store.url import parse_database_url

FILE_NAME: Final = "robot.toml"
SYSTEM_FOLDER: Final = Path("/etc/freeswitch-robot")
APPLICATION: Final = "freeswitch-robot"
PREFIX: Final = "ROBOT_"
_LONG_ENOUGH: Final = 16
_WEB: Final = ("http", "https")


class ConfigError(Exception):
    """The configuration cannot be used; each line of the message is one mistake, with its place and its remedy."""


def _text_of_secret(value: object) -> object:
    # pydantic's own complaint about a number would show it.
    if not isinstance(value, str | SecretStr):
        raise ValueError('should be text: write it in quotes, like password = "..."')
    return value


def _hard_to_guess(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value()) < _LONG_ENOUGH:
        raise ValueError(f"should have at least {_LONG_ENOUGH} characters: `openssl rand -hex 16` makes one")
    return secret


def _lower_case(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _number(value: object) -> object:
    # The environment has no numbers, and a Literal takes no text for one.
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value


def _list_of_text(value: object) -> object:
    # The environment has no lists.
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError("should be an absolute path: FreeSWITCH and the robot do not run in the same folder")
    return path


def _checked_url(url: str) -> str:
    try:
        parse_database_url(url)
    except BadDatabaseUrl as error:
        raise ValueError(str(error)) from None
    return url


def _web_address(url: str) -> str:
    try:
        parsed = urlsplit(url)
        good = parsed.scheme in _WEB and bool(parsed.hostname) and parsed.username is None
    except ValueError:
        good = False
    if not good:
        raise ValueError("should be an address like https://example.com/v1; a key has its own setting")
    return url


def _json_object(text: str) -> str:
    try:
        if isinstance(json.loads(text), dict):
            return text
    except ValueError:
        pass
    raise ValueError('is no JSON object: write it like extra = \'{"reasoning_effort": "low"}\'')


def _checked_sessions_url(url: str) -> str:
    try:
        check_sessions_url(url)
    except BadSessionsUrl as error:
        raise ValueError(str(error)) from None
    return url


Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,255}$")]
Port = Annotated[int, Field(ge=1, le=65535)]
Gateway = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
NodeName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$", max_length=32)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FreeSwitchSettings(_Section):
    """[freeswitch]: the Event Socket, and how FreeSWITCH plays and reaches us."""

    host: Host = "127.0.0.1"
    port: Port = 8021
    password: Annotated[SecretStr, BeforeValidator(_text_of_secret)] | None = None
    # sendmsg execute, or uuid_broadcast, which starts 180 ms later (docs/PERFORMANCE.md).
    playback: Literal["execute", "broadcast"] = "execute"
    # mod_audio_stream takes no other characters, IPv6 in brackets included.
    stream_host: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]{1,255}$")] = "127.0.0.1"
    # Calls at the same time; None: as many as FreeSWITCH has sessions free.
    max_calls: Annotated[int, Field(ge=1, le=10_000)] | None = None
    # The gateways of this FreeSWITCH that are used; None: all that it knows.
    gateways: Annotated[tuple[Gateway, ...], BeforeValidator(_list_of_text)] | None = None

    def required_password(self, section: str = "freeswitch") -> str:
        """For a real FreeSWITCH; the simulator brings its own. Raises ConfigError when there is none."""
        if self.password is None or not self.password.get_secret_value():
            raise ConfigError(
                f"{section}.password is not set: write it under [{section}] in {FILE_NAME}, or set "
                f"{variable_of(*section.split('.'), 'password')}. "
                "FreeSWITCH has it in autoload_configs/event_socket.conf.xml"
            )
        return self.password.get_secret_value()


class AudioSettings(_Section):
    """[audio]: the WebSocket server that FreeSWITCH streams to."""

    host: Host = "127.0.0.1"
    port: Port = 8080
    max_streams: Annotated[int, Field(ge=1, le=10_000)] = 1000  # FreeSWITCH's own default of sessions


class SttSettings(_Section):
    """[stt]: speech recognition. workers: None is one for each core. vad_aggressiveness: as webrtcvad, 0 to 3.

    provider: who hears along; `model` is of this machine, and gets what Deepgram does not hear.
    """

    provider: Annotated[Literal["whisper", "deepgram"], BeforeValidator(_lower_case)] = "whisper"
    url: Annotated[str, StringConstraints(pattern=r"^wss?://")] = "wss://api.deepgram.com/v1/listen"
    api_key: Annotated[SecretStr, BeforeValidator(_text_of_secret)] | None = None
    deepgram_model: Annotated[str, StringConstraints(min_length=1)] = "nova-3"
    model: Annotated[str, StringConstraints(min_length=1)] = "tiny.en"
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")] = "en"
    workers: Annotated[int, Field(ge=1, le=64)] | None = None
    vad_aggressiveness: Annotated[int, Field(ge=0, le=3)] = 2

    def required_key(self) -> str:
        """Of Deepgram. Raises ConfigError when there is none."""
        if self.api_key is None or not self.api_key.get_secret_value():
            raise ConfigError(
                'stt.provider is "deepgram" and stt.api_key is not set: write the key under [stt] in '
                f"{FILE_NAME}, or set {variable_of('stt', 'api_key')}"
            )
        return self.api_key.get_secret_value()


class DatabaseSettings(_Section):
    """[database]: by default a file under the user's state directory. spool: for what happens while it is away."""

    url: Annotated[str, AfterValidator(_checked_url)] = Field(
        repr=False,  # may hold a password
        default_factory=lambda: f"sqlite:///{user_state_path(APPLICATION, appauthor=False) / 'robot.db'}",
    )
    spool: Path | None = None

    @property
    def spool_folder(self) -> Path:
        """One for each database: beside an SQLite file, or else under the user's state directory."""
        if self.spool is not None:
            return self.spool
        url = parse_database_url(self.url)
        if url.file is not None:
            return url.file.with_name(f"{url.file.name}-spool")
        return user_state_path(APPLICATION, appauthor=False) / "spool" / url.name


class CampaignsSettings(_Section):
    """[campaigns]: the folder whose sub-folders are the campaigns of the daemon."""

    folder: Annotated[Path, AfterValidator(_absolute)] = SYSTEM_FOLDER / "campaigns"


class IncomingSettings(_Section):
    """[incoming]: the outbound socket, where the dialplan hands over calls that come in."""

    enabled: bool = True
    host: Host = "127.0.0.1"
    port: Port = 8084
    max_calls: Annotated[int, Field(ge=1, le=10_000)] = 100


class RecordingsSettings(_Section):
    """[recordings]: where FreeSWITCH writes the recordings of calls; campaigns say whether there are any."""

    folder: Annotated[Path, AfterValidator(_absolute)] = Path("/var/lib/freeswitch/recordings/robot")


class PromptsSettings(_Section):
    """[prompts]: what is played, made ready for calls. rate: Hz. keep_mb: what is more, and unused for a day, goes."""

    folder: Annotated[Path, AfterValidator(_absolute)] = Field(
        default_factory=lambda: user_state_path(APPLICATION, appauthor=False) / "prompts"
    )
    rate: Annotated[Literal[8000, 16000], BeforeValidator(_number)] = 16000
    keep_mb: Annotated[int, Field(ge=10, le=1_000_000)] = 500


class TtsSettings(_Section):
    """[tts]: who speaks. url, api_key, model: of voices that campaigns call `openai:NAME` or `cartesia:VOICE_ID`, None:
    the provider's own; timeout_s: of a phrase. workers: phrases spoken on this machine at once; None: one a core."""

    url: Annotated[str, AfterValidator(_web_address)] | None = None
    api_key: Annotated[SecretStr, BeforeValidator(_text_of_secret)] | None = None
    model: Annotated[str, StringConstraints(min_length=1)] | None = None
    timeout_s: Annotated[float, Field(ge=0.5, le=60)] = 5.0
    workers: Annotated[int, Field(ge=1, le=64)] | None = None


class LlmSettings(_Section):
    """[llm]: the language model for steps that one holds; url: of an OpenAI-compatible server, None: there is none.

    first_token_timeout_s, timeout_s: of a reply. extra: what else is sent with each request, as JSON.
    """

    url: Annotated[str, AfterValidator(_web_address)] | None = None
    model: Annotated[str, StringConstraints(min_length=1)] = "gpt-4o-mini"
    api_key: Annotated[SecretStr, BeforeValidator(_text_of_secret)] | None = None
    first_token_timeout_s: Annotated[float, Field(ge=0.1, le=60)] = 5.0
    timeout_s: Annotated[float, Field(ge=1, le=300)] = 30.0
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, Field(ge=16, le=4096)] = 300
    extra: Annotated[str, AfterValidator(_json_object)] = "{}"


class SpoolSettings(_Section):
    """[spool]: what is said in calls and was not prepared for them. folder: None is `live` in prompts.folder.

    through: how FreeSWITCH gets all that it plays, prepared prompts included: it reads our files, or has them sent.
    """

    folder: Annotated[Path, AfterValidator(_absolute)] | None = None
    through: Literal["files", "stream"] = "files"


class WebhooksSettings(_Section):
    """[webhooks]: how what happened is told to web servers; campaigns say to which. timeout_s: of one delivery."""

    secret: Annotated[SecretStr, BeforeValidator(_text_of_secret)] | None = None
    timeout_s: Annotated[int, Field(ge=1, le=60)] = 10
    max_age_hours: Annotated[int, Field(ge=1, le=720)] = 24


class DialerSettings(_Section):
    """[dialer]: of all campaigns together. calls_per_s, max_calls: None: as much as they and the nodes allow."""

    calls_per_s: Annotated[float, Field(gt=0, le=1000)] | None = None
    max_calls: Annotated[int, Field(ge=1, le=100_000)] | None = None


class ServiceSettings(_Section):
    """[service]: `robot run`. finish_s: how long calls may go on when it is being stopped."""

    finish_s: Annotated[int, Field(ge=0, le=86_400)] = 120


class MetricsSettings(_Section):
    """[metrics]: where Prometheus asks. In clear and for anybody who can reach it: of this machine by default."""

    enabled: bool = True
    host: Host = "127.0.0.1"
    port: Port = 8085


class ConsoleSettings(_Section):
    """[console]: the web page and the REST interface of `robot run`. token: who knows it may use them; None: whoever is
    on this machine, and then `host` must be of it alone."""

    enabled: bool = True
    host: Host = "127.0.0.1"
    port: Port = 8086
    token: Annotated[SecretStr, BeforeValidator(_text_of_secret), AfterValidator(_hard_to_guess)] | None = None


class SessionsSettings(_Section):
    """[sessions]: who is in a call now. url: of the Redis where several robots tell it; None: each for itself."""

    url: Annotated[str, AfterValidator(_checked_sessions_url)] | None = Field(default=None, repr=False)
    tenant: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{0,64}$")] = ""


class VoiceSettings(_Section):
    """[voice]: doors beside FreeSWITCH's: browsers and gateways that talk to campaigns over a WebSocket.

    token: what they must bring; None: only this machine is let in. campaign: of who names none; None: the demo. The
    times are of utterances. max_pending_phrases: that a language model may be ahead of what is heard, in all calls.
    """

    enabled: bool = True
    token: Annotated[SecretStr, BeforeValidator(_text_of_secret)] | None = None
    campaign: Annotated[str, StringConstraints(min_length=1)] | None = None
    max_sessions: Annotated[int, Field(ge=1, le=10_000)] = 100
    vad_silence_ms: Annotated[int, Field(ge=300, le=5000)] = 700
    partial_interval_ms: Annotated[int, Field(ge=200, le=10_000)] = 1000
    max_utterance_ms: Annotated[int, Field(ge=6000, le=30_000)] = 30_000
    max_pending_phrases: Annotated[int, Field(ge=1, le=50)] = 5
    log_latency: bool = True


class LoggingSettings(_Section):
    """[logging]: as_json is the key `json`: one JSON object a line instead of text for people. -v shows more."""

    level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower_case)] = "warning"
    as_json: bool = Field(default=False, alias="json")


class Settings(_Section):
    """All there is to set. `Settings()` is the defaults, whatever the environment holds."""

    freeswitch: FreeSwitchSettings = Field(default_factory=FreeSwitchSettings)
    nodes: dict[NodeName, FreeSwitchSettings] = Field(default_factory=dict)
    audio: AudioSettings = Field(default_factory=AudioSettings)
    stt: SttSettings = Field(default_factory=SttSettings)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    campaigns: CampaignsSettings = Field(default_factory=CampaignsSettings)
    incoming: IncomingSettings = Field(default_factory=IncomingSettings)
    recordings: RecordingsSettings = Field(default_factory=RecordingsSettings)
    prompts: PromptsSettings = Field(default_factory=PromptsSettings)
    llm: LlmSettings = Field(default_factory=LlmSettings)
    tts: TtsSettings = Field(default_factory=TtsSettings)
    spool: SpoolSettings = Field(default_factory=SpoolSettings)
    webhooks: WebhooksSettings = Field(default_factory=WebhooksSettings)
    dialer: DialerSettings = Field(default_factory=DialerSettings)
    service: ServiceSettings = Field(default_factory=ServiceSettings)
    metrics: MetricsSettings = Field(default_factory=MetricsSettings)
    console: ConsoleSettings = Field(default_factory=ConsoleSettings)
    sessions: SessionsSettings = Field(default_factory=SessionsSettings)
    voice: VoiceSettings = Field(default_factory=VoiceSettings)
    logging: LoggingSettings = Field(default_factory=LoggingSettings)

    def switches(self) -> dict[str, FreeSwitchSettings]:
        """Every FreeSWITCH by the name of its section: [freeswitch] alone, or each [nodes.NAME], for which [freeswitch]
        says what its own section leaves out."""
        if not self.nodes:
            return {"freeswitch": self.freeswitch}
        return {
            f"nodes.{name}": self.freeswitch.model_copy(
                update={key: getattr(node, key) for key in node.model_fields_set}
            )
            for name, node in self.nodes.items()
        }

    def differing(self, other: Settings) -> list[str]:
        """The keys whose values differ, passwords too, but not where they come from; of nodes only that they do."""
        return [
            section if section == "nodes" else f"{section}.{key}"
            for section, info in Settings.model_fields.items()
            for name, key in ([("", "")] if section == "nodes" else keys_of(info.annotation))
            if _setting(self, section, name) != _setting(other, section, name)
        ]


def keys_of(section: object) -> list[tuple[str, str]]:
    """Attribute and key of each setting in a section."""
    assert isinstance(section, type)
    assert issubclass(section, BaseModel)
    return [(name, field.alias or name) for name, field in section.model_fields.items()]


def _setting(settings: Settings, section: str, name: str) -> object:
    values = getattr(settings, section)
    return getattr(values, name) if name else values


def variable_of(*path: str) -> str:
    return PREFIX + "__".join(part.upper() for part in path)
