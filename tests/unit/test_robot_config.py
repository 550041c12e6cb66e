"""robot.toml and the environment: what counts, what is wrong, and what a person is told."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot import config
from robot.config import STREAM_NAMES, LoadedSettings, SettingRow, load_settings
from robot.settings import ConfigError, Settings

EXAMPLE = Path(__file__).parents[2] / "docs" / "robot.toml.example"
NOTHING: dict[str, str] = {}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "robot.toml"


@pytest.fixture(autouse=True)
def usual_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """The folders that are looked into, in their order, all empty; not those of whoever runs the tests."""
    folders = {name: tmp_path / name for name in ("working", "user", "system")}
    for folder in folders.values():
        folder.mkdir()
    monkeypatch.chdir(folders["working"])
    monkeypatch.setattr(config, "user_config_path", lambda *_, **__: folders["user"])
    monkeypatch.setattr(config, "SYSTEM_FOLDER", folders["system"])
    return folders


def load(file: Path, text: str, environ: dict[str, str] = NOTHING) -> LoadedSettings:
    file.write_text(text, encoding="utf-8")
    return load_settings(file, environ)


def complaint(file: Path, text: str, environ: dict[str, str] = NOTHING) -> str:
    with pytest.raises(ConfigError) as error:
        load(file, text, environ)
    return str(error.value)


def row_of(loaded: LoadedSettings, key: str) -> SettingRow:
    return next(row for row in loaded.describe() if row.key == key)


def test_no_file_and_no_environment_is_the_defaults() -> None:
    loaded = load_settings(None, NOTHING)
    assert loaded.settings == Settings()
    assert loaded.source_path is None
    assert {row.source for row in loaded.describe()} == {"default"}


def test_the_defaults_reach_nothing_but_this_machine() -> None:
    settings = Settings()
    assert settings.freeswitch.host == settings.freeswitch.stream_host == settings.audio.host == "127.0.0.1"


def test_the_environment_wins_over_the_file_and_the_file_over_the_defaults(file: Path) -> None:
    loaded = load(
        file, "[audio]\nport = 9000\nmax_streams = 5\n", {"ROBOT_AUDIO__PORT": "9001", "ROBOT_STT__MODEL": "base"}
    )
    audio = loaded.settings.audio
    assert (audio.port, audio.max_streams, audio.host) == (9001, 5, "127.0.0.1")
    assert row_of(loaded, "audio.port") == SettingRow("audio.port", 9001, "ROBOT_AUDIO__PORT in the environment")
    assert row_of(loaded, "audio.max_streams").source == str(file)
    assert row_of(loaded, "audio.host").source == "default"
    assert row_of(loaded, "stt.model") == SettingRow("stt.model", "base", "ROBOT_STT__MODEL in the environment")


def test_the_file_is_looked_for_here_then_of_the_user_then_of_the_machine(usual_places: dict[str, Path]) -> None:
    for port, place in ((1003, "system"), (1002, "user"), (1001, "working")):
        (usual_places[place] / "robot.toml").write_text(f"[audio]\nport = {port}\n")
        assert load_settings(None, NOTHING).settings.audio.port == port


def test_a_named_file_wins_and_must_be_there(file: Path, usual_places: dict[str, Path]) -> None:
    (usual_places["working"] / "robot.toml").write_text("[audio]\nport = 1001\n")
    assert load(file, "[audio]\nport = 1002\n").settings.audio.port == 1002
    with pytest.raises(ConfigError, match=r"absent\.toml: cannot be read: No such file"):
        load_settings(file.with_name("absent.toml"), NOTHING)


@pytest.mark.parametrize(
    ("text", "line", "key", "remedy"),
    [
        ("[audio]\n\nport = 70000\n", 3, "audio.port", "less than or equal to 65535; it is 70000"),
        ("[audio]\nprot = 8080\n", 2, "audio.prot", "write one of host, port, max_streams"),
        ("[odio]\nport = 8080\n", 1, "odio", r"write one of \[freeswitch\], \[nodes\.NAME\], \[audio\]"),
        ("audio = 5\n", 1, "audio", "valid dictionary"),
        ('[stt]\nlanguage = "english"\n', 2, "stt.language", "should match pattern"),
        ('[freeswitch]\nplayback = "loud"\n', 2, "freeswitch.playback", "should be 'execute' or 'broadcast'"),
        ('[freeswitch]\nstream_host = "::1"\n', 2, "freeswitch.stream_host", "should match pattern"),
        ('[database]\nurl = "mysql://a@b/c"\n', 2, "database.url", "write sqlite:"),
        ("[logging]\nas_json = true\n", 2, "logging.as_json", "write one of level, json"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_line_key_and_remedy(
    file: Path, text: str, line: int, key: str, remedy: str
) -> None:
    assert re.search(rf"^{re.escape(f'{file}:{line}: {key}: ')}.*{remedy}", complaint(file, text))


def test_all_mistakes_are_told_at_once(file: Path) -> None:
    told = complaint(file, "[audio]\nport = 0\nmax_streams = 0\n", {"ROBOT_STT__WORKERS": "many", "ROBOT_STT__X": "1"})
    assert len(told.splitlines()) == 4


def test_a_file_that_is_no_toml_is_told_with_its_line(file: Path) -> None:
    assert complaint(file, "[audio]\nport 8080\n").startswith(f"{file}:2: is not TOML: ")


def test_a_mistake_in_the_environment_names_the_variable(file: Path) -> None:
    told = complaint(file, "[audio]\nport = 8080\n", {"ROBOT_AUDIO__PORT": "high"})
    assert told.startswith("ROBOT_AUDIO__PORT in the environment: should be a valid integer")
    assert str(file) not in told


def test_a_misspelt_variable_is_told_with_those_there_are(file: Path) -> None:
    assert "or write ROBOT_AUDIO__HOST, ROBOT_AUDIO__MAX_STREAMS, ROBOT_AUDIO__PORT" in complaint(
        file, "", {"ROBOT_AUDIO__PROT": "1"}
    )
    assert "or write ROBOT_AUDIO__..., " in complaint(file, "", {"ROBOT_ODIO__PORT": "1"})


def test_variables_of_others_are_left_alone() -> None:
    environ = {"ROBOT_OPTIONS": "--dryrun", "MYROBOT_AUDIO__PORT": "1", "PATH": "/bin"}
    assert load_settings(None, environ).settings == Settings()


def test_types_that_the_environment_can_only_spell() -> None:
    environ = {"ROBOT_LOGGING__JSON": "true", "ROBOT_LOGGING__LEVEL": "DEBUG", "ROBOT_STT__WORKERS": "3"}
    settings = load_settings(None, environ).settings
    assert (settings.logging.as_json, settings.logging.level, settings.stt.workers) == (True, "debug", 3)


def test_secrets_are_never_shown(file: Path) -> None:
    loaded = load(
        file,
        '[freeswitch]\npassword = "s3cret"\n[database]\nurl = "postgresql://robot:s3cret@db/robot?sslpassword=s3cret"\n',
    )
    assert row_of(loaded, "freeswitch.password").value == "****"
    assert row_of(loaded, "database.url").value == "postgresql://robot:***@db/robot?sslpassword=hidden"
    assert "s3cret" not in repr(loaded)
    assert loaded.settings.freeswitch.required_password() == "s3cret"
    loaded = load(file, '[sessions]\nurl = "redis://robot:s3cret@db:6379/0?password=s3cret"\n')
    assert row_of(loaded, "sessions.url").value == "redis://robot:***@db:6379/0?password=***"
    assert "s3cret" not in repr(loaded)


@pytest.mark.parametrize(
    "text",
    [
        "[freeswitch]\npassword = 98765\n",
        '[database]\nurl = "postgresql://robot:98765@"\n',
        '[sessions]\nurl = "redis://robot:98765@"\n',
    ],
)
def test_no_complaint_repeats_a_secret(file: Path, text: str) -> None:
    assert "98765" not in complaint(file, text)


def test_a_real_call_without_a_password_is_told_what_to_write() -> None:
    for environ in (NOTHING, {"ROBOT_FREESWITCH__PASSWORD": ""}):
        settings = load_settings(None, environ).settings
        with pytest.raises(ConfigError, match=r"freeswitch\.password is not set.*ROBOT_FREESWITCH__PASSWORD"):
            settings.freeswitch.required_password()


def test_a_token_that_can_be_guessed_is_refused(file: Path) -> None:
    told = complaint(file, '[console]\ntoken = "short"\n')
    assert "at least 16 characters" in told
    assert "short" not in told


def test_the_example_is_the_defaults(file: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    loaded = load(file, text)
    assert loaded.settings == Settings()
    in_words = load(file, text.replace("#: ", ""))
    unset = {row.key for row in in_words.describe() if row.source == "default"}
    assert not unset, "the example knows every key"


def test_every_setting_can_be_set_in_the_environment() -> None:
    for row in load_settings(None, NOTHING).describe():
        variable = "ROBOT_" + row.key.upper().replace(".", "__")
        known = {
            "database.url": "sqlite:///robot.db",
            "sessions.url": "redis://127.0.0.1/0",
            "llm.url": "https://example.com/v1",
            "tts.url": "https://example.com/v1",
            "spool.folder": "/run/freeswitch-robot",
            "console.token": "of sixteen letters",
        }
        value = known.get(row.key, str(row.value or 1))
        loaded = load_settings(None, {variable: value})
        assert row_of(loaded, row.key).source == f"{variable} in the environment"


DEFAULT_ROWS = load_settings(Path(os.devnull), {}).describe()
VARIABLES = ["ROBOT_" + row.key.upper().replace(".", "__") for row in DEFAULT_ROWS]


@given(st.sampled_from(VARIABLES), st.text())
def test_any_value_is_taken_or_refused_in_one_line_that_names_the_variable(variable: str, value: str) -> None:
    try:
        loaded = load_settings(Path(os.devnull), {variable: value})
    except ConfigError as error:
        told = str(error)
    else:
        told = next(row.source for row in loaded.describe() if row.source != "default")
    assert told.startswith(f"{variable} in the environment")
    assert len(told.splitlines()) == 1


TWO_NODES = """
[freeswitch]
password = "of all"
playback = "execute"
[nodes.paris]
host = "10.0.0.1"
max_calls = 50
gateways = ["orange", "sfr"]
[nodes.lyon_2]
host = "10.0.0.2"
playback = "broadcast"
"""


def test_without_nodes_the_one_freeswitch_is_the_only_one(file: Path) -> None:
    switches = load(file, '[freeswitch]\nhost = "10.0.0.1"\n').settings.switches()
    assert {name: switch.host for name, switch in switches.items()} == {"freeswitch": "10.0.0.1"}


def test_a_node_says_what_differs_from_freeswitch(file: Path) -> None:
    switches = load(file, TWO_NODES).settings.switches()
    assert list(switches) == ["nodes.paris", "nodes.lyon_2"]
    paris, lyon = switches.values()
    assert (paris.host, paris.port, paris.playback, paris.max_calls) == ("10.0.0.1", 8021, "execute", 50)
    assert (lyon.host, lyon.playback, lyon.max_calls, lyon.gateways) == ("10.0.0.2", "broadcast", None, None)
    assert paris.gateways == ("orange", "sfr")
    assert lyon.required_password() == "of all"


def test_the_environment_sets_the_keys_of_a_node(file: Path) -> None:
    environ = {"ROBOT_NODES__PARIS__PASSWORD": "s3cret", "ROBOT_NODES__PARIS__GATEWAYS": "orange, free"}
    loaded = load(file, TWO_NODES, environ)
    paris = loaded.settings.switches()["nodes.paris"]
    assert paris.required_password() == "s3cret"
    assert paris.gateways == ("orange", "free")
    assert row_of(loaded, "nodes.paris.password") == SettingRow(
        "nodes.paris.password", "****", "ROBOT_NODES__PARIS__PASSWORD in the environment"
    )
    assert row_of(loaded, "nodes.paris.max_calls") == SettingRow("nodes.paris.max_calls", 50, str(file))


@pytest.mark.parametrize(
    ("text", "environ", "told"),
    [
        ("[nodes.Paris]\nhost = 'a'\n", NOTHING, "robot.toml:1: nodes.Paris: is no name for a node"),
        ("[nodes.paris]\nhots = 'a'\n", NOTHING, "robot.toml:2: nodes.paris.hots: is not a key .* one of host, port"),
        ("[nodes.paris]\nport = 0\n", NOTHING, "robot.toml:2: nodes.paris.port: "),
        ("", {"ROBOT_NODES__PARIS__PORT": "x"}, "^ROBOT_NODES__PARIS__PORT in the environment: "),
        ("", {"ROBOT_NODES__PARIS__PROT": "1"}, "ROBOT_NODES__PARIS__PROT .* write .*ROBOT_NODES__NAME__PORT"),
        ("", {"ROBOT_NODES__PORT": "1"}, "ROBOT_NODES__PORT in the environment: is not known"),
        ("[freeswitch]\ngateways = ['a b']\n", NOTHING, "robot.toml:2: freeswitch.gateways"),
        ("[recordings]\nfolder = 'here'\n", NOTHING, "robot.toml:2: recordings.folder: should be an absolute path"),
    ],
)
def test_a_mistake_about_nodes_and_folders_is_told(file: Path, text: str, environ: dict[str, str], told: str) -> None:
    assert re.search(told, complaint(file, text, environ))


def test_a_missing_password_names_the_node(file: Path) -> None:
    settings = load(file, "[nodes.paris]\nhost = '10.0.0.1'\n").settings
    with pytest.raises(ConfigError, match=r"\[nodes\.paris\].*ROBOT_NODES__PARIS__PASSWORD"):
        settings.switches()["nodes.paris"].required_password("nodes.paris")


def test_settings_of_streams_are_read_under_their_own_names_too(file: Path) -> None:
    given = {
        "STREAM_MODEL_WHISPER": "small-int8",
        "STREAM_VAD_SILENCE_MS": "800",
        "STREAM_PARTIAL_INTERVAL_MS": "500",
        "STREAM_MAX_UTTERANCE_MS": "20000",
        "STREAM_MAX_PENDING_PHRASES": "3",
        "STREAM_LOG_LATENCY": "0",
        "STREAM_LLM_TIMEOUT_S": "20",
        "STREAM_TTS_TIMEOUT_S": "10",
    }
    assert set(given) == set(STREAM_NAMES)
    loaded = load(file, "[voice]\nvad_silence_ms = 900\n", given)
    settings, voice = loaded.settings, loaded.settings.voice
    assert settings.stt.model == "small-int8"
    assert (voice.vad_silence_ms, voice.partial_interval_ms, voice.max_utterance_ms) == (800, 500, 20_000)
    assert (voice.max_pending_phrases, voice.log_latency) == (3, False)
    assert (settings.llm.timeout_s, settings.tts.timeout_s) == (20, 10)
    assert row_of(loaded, "voice.vad_silence_ms").source == "STREAM_VAD_SILENCE_MS in the environment"


def test_our_own_name_wins_over_that_of_streams(file: Path) -> None:
    loaded = load(file, "", {"STREAM_VAD_SILENCE_MS": "800", "ROBOT_VOICE__VAD_SILENCE_MS": "600"})
    assert loaded.settings.voice.vad_silence_ms == 600


def test_a_wrong_value_is_told_with_the_name_that_gave_it(file: Path) -> None:
    assert complaint(file, "", {"STREAM_LOG_LATENCY": "perhaps"}).startswith("STREAM_LOG_LATENCY in the environment:")
