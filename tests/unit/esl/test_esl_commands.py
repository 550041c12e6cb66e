"""Every command string: what FreeSWITCH is sent, and that no argument can make it something else."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from robot.esl import commands
from robot.esl.commands import Command, CommandKind, Extension, Trunk
from robot.esl.errors import BadArgument

UUID = "2553f481-1118-43e8-ad49-47fdc760dfc2"
OTHER = "79ada87e-8bde-48c2-875c-4318e2367759"
ROOT = "/srv/robot/audio"
TOKEN = "t0k-._~+/="


def originate(**changed: Any) -> Command:
    return commands.originate(**({"uuid": UUID, "gateway": "trunk", "number": "+33140000001"} | changed))


def test_originate_says_all_that_a_call_needs() -> None:
    command = originate(
        ring_timeout_s=25,
        caller_id="+33140000000",
        caller_name="Ivan, Petrov",
        number_format="digits",
        stream_token=TOKEN,
        variables={"robot_campaign": "demo"},
    )
    assert command.text == (
        f"originate {{origination_uuid={UUID},ignore_early_media=true,originate_timeout=25,"
        "playback_terminators=none,STREAM_MESSAGE_DEFLATE=true,STREAM_HEART_BEAT=15,send_silence_when_idle=-1,"
        "origination_caller_id_number=+33140000000,origination_caller_id_name='Ivan\\, Petrov',"
        f"""STREAM_EXTRA_HEADERS='{{"Authorization":"Bearer {TOKEN}"}}',"""
        "robot_campaign='demo'}sofia/gateway/trunk/33140000001 &park()"
    )
    assert command.may_block


def test_originate_dials_with_a_plus_unless_told_otherwise() -> None:
    assert originate().text.endswith("}sofia/gateway/trunk/+33140000001 &park()")


def agent(to: Trunk | Extension, **changed: Any) -> Command:
    given: dict[str, Any] = {"callee": UUID, "longest_park_s": 20} | changed
    return commands.originate_agent(OTHER, to, **given)


def test_the_leg_of_an_agent_is_known_as_such_and_ends_by_itself_when_nobody_bridges_it() -> None:
    command = agent(Extension("1000"), ring_timeout_s=20, caller_id="+33140000000")
    assert command.text == (
        f"originate {{origination_uuid={OTHER},ignore_early_media=true,originate_timeout=20,"
        "playback_terminators=none,STREAM_MESSAGE_DEFLATE=true,STREAM_HEART_BEAT=15,send_silence_when_idle=-1,"
        f"robot_agent_for={UUID},park_timeout=20:ALLOTTED_TIMEOUT,hangup_after_bridge=true,"
        "origination_caller_id_number=+33140000000}user/1000 &park()"
    )
    assert command.may_block


def test_an_agent_is_dialled_as_an_extension_or_behind_a_gateway() -> None:
    assert agent(Extension("1000@pbx.example.org")).text.endswith("}user/1000@pbx.example.org &park()")
    assert agent(Trunk("trunk", "+33140000001")).text.endswith("}sofia/gateway/trunk/+33140000001 &park()")
    assert agent(Trunk("trunk", "+33140000001", "digits")).text.endswith("}sofia/gateway/trunk/33140000001 &park()")


def test_a_file_is_played_from_its_beginning_or_from_a_sample() -> None:
    assert "execute-app-arg: /a.wav\n" in commands.play(UUID, "/a.wav", root="/").text
    assert "execute-app-arg: /a.wav@@4800\n" in commands.play(UUID, "/a.wav", root="/", start_sample=4800).text
    for start in (-1, 1.5, True, 2**31):
        with pytest.raises(BadArgument):
            commands.play(UUID, "/a.wav", root="/", start_sample=start)  # type: ignore[arg-type]


def test_keys_take_as_long_as_was_measured() -> None:
    assert commands.dtmf_length_s("1w2") == pytest.approx(1.04, abs=0.05)
    assert commands.dtmf_length_s("12345") == pytest.approx(1.4, abs=0.05)
    assert commands.dtmf_length_s("1W2") - commands.dtmf_length_s("1w2") == pytest.approx(0.5)


def test_a_call_of_freeswitch_to_itself_dials_nobody() -> None:
    command = commands.originate_to_itself(UUID, 30, stream_token=TOKEN)
    variables, _, destination = command.text.partition("}'}")
    assert destination == "loopback/m:^:answer^gentones:d=30000;5/default/inline &park()"
    assert variables.startswith(f"originate {{origination_uuid={UUID},ignore_early_media=true,originate_timeout=5,")
    assert "," not in destination
    assert "|" not in destination  # either would call somebody else, too
    assert command.may_block


@pytest.mark.parametrize("seconds", [0, 601, "30;sofia/gateway/trunk/+33140000001"])
def test_a_call_of_freeswitch_to_itself_lasts_a_whole_number_of_seconds(seconds: Any) -> None:
    with pytest.raises(BadArgument, match="longest_s"):
        commands.originate_to_itself(UUID, seconds, stream_token=TOKEN)


@pytest.mark.parametrize("module", ["", "sofia", "mod_sofia x", "mod_sofia\n\nfsctl shutdown", "mod_Sofia", "mod_a.so"])
def test_only_the_name_of_a_module_is_asked_for(module: str) -> None:
    with pytest.raises(BadArgument, match="module"):
        commands.module_exists(module)


@pytest.mark.parametrize("gateway", ["", "trunk; x", "trunk internal", "${trunk}", "trunk\n\nfsctl shutdown"])
def test_only_the_name_of_a_gateway_is_asked_for(gateway: str) -> None:
    with pytest.raises(BadArgument, match="gateway"):
        commands.gateway_status(gateway)


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (commands.module_exists("mod_audio_stream"), "module_exists mod_audio_stream"),
        (commands.gateway_status("trunk-2.eu"), "sofia status gateway trunk-2.eu"),
        (commands.epoch(), "strepoch"),
        (commands.answer(UUID), f"uuid_answer {UUID}"),
        (
            commands.take_over(UUID, stream_token=TOKEN),
            f"uuid_setvar_multi {UUID} playback_terminators=none;STREAM_MESSAGE_DEFLATE=true;STREAM_HEART_BEAT=15;"
            "send_silence_when_idle=-1;"
            f'STREAM_EXTRA_HEADERS={{"Authorization":"Bearer {TOKEN}"}}',
        ),
        (commands.kill(UUID), f"uuid_kill {UUID} NORMAL_CLEARING"),
        (commands.break_(UUID), f"uuid_break {UUID} all"),
        (commands.break_(UUID, all_queued=False), f"uuid_break {UUID}"),
        (commands.sched_hangup(UUID, 180), f"sched_hangup +180 {UUID} ALLOTTED_TIMEOUT"),
        (commands.broadcast(UUID, f"{ROOT}/a.wav", root=ROOT), f"uuid_broadcast {UUID} {ROOT}/a.wav aleg"),
        (commands.broadcast(UUID, f"{ROOT}/my a.wav", root=ROOT), f"uuid_broadcast {UUID} '{ROOT}/my a.wav' aleg"),
        (
            commands.audio_stream_start(UUID, f"ws://127.0.0.1:8080/stream/{UUID}"),
            f"uuid_audio_stream {UUID} start ws://127.0.0.1:8080/stream/{UUID} mono 16k",
        ),
        (
            commands.audio_stream_start(UUID, "wss://robot-1.example/s?a=b", "stereo", 8000, metadata='{"a": [1]}'),
            f'uuid_audio_stream {UUID} start wss://robot-1.example/s?a=b stereo 8k {{"a": [1]}}',
        ),
        (commands.audio_stream_stop(UUID), f"uuid_audio_stream {UUID} stop"),
        (
            commands.set_stream_token(UUID, TOKEN),
            f'uuid_setvar {UUID} STREAM_EXTRA_HEADERS {{"Authorization":"Bearer {TOKEN}"}}',
        ),
        (commands.exists(UUID), f"uuid_exists {UUID}"),
        (commands.getvar(UUID, "hangup_cause"), f"uuid_getvar {UUID} hangup_cause"),
        (commands.setvar(UUID, "robot_lead", "42, rue X"), f"uuid_setvar {UUID} robot_lead 42, rue X"),
        (commands.send_dtmf(UUID, "12w#"), f"uuid_send_dtmf {UUID} 12w#"),
        (commands.stop_recording(UUID, "/rec/a.wav", root="/rec"), f"uuid_record {UUID} stop /rec/a.wav"),
        (commands.bridge(UUID, OTHER), f"uuid_bridge {UUID} {OTHER}"),
        (commands.cancel_sched_hangup(UUID), f"sched_del {UUID}"),
        (
            commands.broadcast(UUID, "/srv/a b.wav", root="/srv", start_sample=16000),
            f"uuid_broadcast {UUID} '/srv/a b.wav@@16000' aleg",
        ),
        (commands.show_channels(), "show channels as json"),
        (commands.status(), "status"),
    ],
)
def test_text(command: Command, text: str) -> None:
    assert command.text == text
    assert command.encode() == f"api {text}\n\n".encode()
    assert command.encode("some-job") == f"bgapi {text}\nJob-UUID: some-job\n\n".encode()


def test_a_call_that_came_in_gets_what_an_originated_one_has() -> None:
    text = commands.take_over(UUID, stream_token=TOKEN).text
    assert {setting.partition("=")[0] for setting in text.split(" ", 2)[2].split(";")} == {
        *FIXED - {"origination_uuid", "ignore_early_media", "originate_timeout"},
        "STREAM_EXTRA_HEADERS",
    }


def test_play_is_queued_behind_what_plays() -> None:
    command = commands.play(UUID, f"{ROOT}/my prompt.wav", root=ROOT, event_uuid="turn-7")
    assert command.kind is CommandKind.MESSAGE
    assert command.encode().decode().split("\n") == [
        f"sendmsg {UUID}",
        "call-command: execute",
        "execute-app-name: playback",
        f"execute-app-arg: {ROOT}/my prompt.wav",
        "Event-UUID: turn-7",
        "event-lock: true",
        "",
        "",
    ]


def test_what_takes_long_does_not_hold_up_a_break() -> None:
    slow = [originate(), commands.audio_stream_stop(UUID), commands.show_channels()]
    assert all(command.may_block for command in slow)
    assert not commands.break_(UUID).may_block
    assert not commands.kill(UUID).may_block


def test_no_value_is_repeated_in_a_message_or_a_repr() -> None:
    with pytest.raises(BadArgument) as refused:
        originate(number="0033140000001")
    assert "3314" not in str(refused.value)
    assert refused.value.argument == "number"
    assert "3314" not in repr(originate())


BUILDERS: dict[str, Callable[[str], Command]] = {
    "uuid": lambda text: commands.break_(text),
    "number": lambda text: originate(number=text),
    "gateway": lambda text: originate(gateway=text),
    "caller_id": lambda text: originate(caller_id=text),
    "caller_name": lambda text: originate(caller_name=text),
    "extension": lambda text: agent(Extension(text)),
    "agent's number": lambda text: agent(Trunk("trunk", text)),
    "agent's caller_id": lambda text: agent(Extension("1000"), caller_id=text),
    "agent's callee": lambda text: agent(Extension("1000"), callee=text),
    "bridge": lambda text: commands.bridge(UUID, text),
    "stream_token": lambda text: originate(stream_token=text),
    "variables": lambda text: originate(variables={"robot_note": text}),
    "variable": lambda text: originate(variables={text: "x"}),
    "cause": lambda text: commands.kill(UUID, text),
    "file": lambda text: commands.broadcast(UUID, text, root="/"),
    "file below": lambda text: commands.play(UUID, f"{ROOT}/{text}", root=ROOT),
    "event_uuid": lambda text: commands.play(UUID, "/a.wav", root="/", event_uuid=text),
    "url": lambda text: commands.audio_stream_start(UUID, text),
    "url path": lambda text: commands.audio_stream_start(UUID, f"ws://h:1/{text}"),
    "mix": lambda text: commands.audio_stream_start(UUID, "ws://h:1/", text),
    "metadata": lambda text: commands.audio_stream_start(UUID, "ws://h:1/", metadata=text),
    "name": lambda text: commands.getvar(UUID, text),
    "value": lambda text: commands.setvar(UUID, "robot_note", text),
    "digits": lambda text: commands.send_dtmf(UUID, text),
    "application": lambda text: commands.execute(UUID, text),
    "argument": lambda text: commands.execute(UUID, "sleep", text),
}
FIXED = {
    "origination_uuid", "ignore_early_media", "originate_timeout", "playback_terminators", "STREAM_MESSAGE_DEFLATE",
    "STREAM_HEART_BEAT", "send_silence_when_idle",
}  # fmt: skip
INJECTIONS = [
    "x\n\napi system reboot",
    "x\napi status",
    "x\r\n\r\n",
    "+33140000001,sofia/gateway/trunk/+33140000002",
    "+33140000001|+33140000002",
    "+33140000001\n",
    "+33140000001\u0661",  # an Arabic digit one, which `\d` would take
    "a,execute_on_answer=system reboot",
    "a}sofia/gateway/other/1 &system(reboot)",
    "a' b",
    "${system(reboot)}",
    "system::reboot",
    "/audio/a.wav;/etc/passwd",
    "/audio/../../etc/passwd",
    "../../../etc/passwd",
    "/audio/a.wav!",
    "{x=y}/audio/a.wav",
    "a\x00b",
    "a\u2028b",
    "\ud800",
    "",
    " ",
    "`reboot`",
]


@pytest.mark.parametrize("argument", BUILDERS)
@pytest.mark.parametrize("text", INJECTIONS)
def test_an_injection_is_refused_or_stays_one_argument(argument: str, text: str) -> None:
    refused_or_harmless(argument, text)


@given(st.sampled_from(sorted(BUILDERS)), st.text(max_size=40) | st.text("ab01/.,|{}$:;'\" \n\\=&()", max_size=20))
@example("file", "//a")
@example("caller_name", "a\\")
def test_any_text_is_refused_or_harmless(argument: str, text: str) -> None:
    refused_or_harmless(argument, text)


def refused_or_harmless(argument: str, text: str) -> None:
    try:
        wire = BUILDERS[argument](text).encode()
    except BadArgument:
        return
    command = wire.decode()
    # One command: its end is the only empty line, and no other control character is in it.
    assert command.endswith("\n\n")
    assert "\n\n" not in command[:-1].removesuffix("\n")
    assert all(line.isprintable() for line in command.split("\n"))
    assert not any(sign in command for sign in ("${", "::", "|", "\\\\", "`"))
    if command.startswith("api originate"):
        variables, dialled = parse_originate(command)
        assert re.fullmatch(r"(sofia/gateway/[\w.-]+/\+[1-9][0-9]{6,14}|user/[\w.@-]+) &park\(\)", dialled)
        assert set(variables) - FIXED == {
            "extension": {"hangup_after_bridge", "park_timeout", "robot_agent_for"},
            "caller_id": {"origination_caller_id_number"},
            "caller_name": {"origination_caller_id_name"},
            "stream_token": {"STREAM_EXTRA_HEADERS"},
            "variables": {"robot_note"},
            "variable": {text},
        }.get(argument, set())
        assert set(variables) >= FIXED
        if argument == "stream_token":
            assert json.loads(variables["STREAM_EXTRA_HEADERS"]) == {"Authorization": f"Bearer {text}"}
        if argument in ("variables", "caller_name"):
            assert text in variables.values()


def parse_originate(command: str) -> tuple[dict[str, str], str]:
    """As FreeSWITCH reads it: braces nest, an escaped comma parts nothing, quotes and escapes are taken off."""
    text = command.removeprefix("api originate ").removesuffix("\n\n")
    depths = itertools.accumulate((sign == "{") - (sign == "}") for sign in text)
    end = next(place for place, depth in enumerate(depths) if depth == 0)
    variables = {}
    for part in re.split(r"(?<!\\),", text[1:end]):
        name, _, value = part.partition("=")
        quoted = len(value) > 1 and value[0] == value[-1] == "'"
        assert quoted or " " not in value
        variables[name] = (value[1:-1] if quoted else value).replace("\\,", ",")
    return variables, text[end + 1 :]


@pytest.mark.parametrize("name", ["Origination_UUID", "STREAM_HEART_BEAT", "execute_on_answer", "API_hangup_hook"])
def test_variables_that_are_not_for_callers(name: str) -> None:
    with pytest.raises(BadArgument):
        originate(variables={name: "x"})


@pytest.mark.parametrize("application", ["system", "lua", "playback", "set", "bgsystem"])
def test_execute_runs_a_few_applications_only(application: str) -> None:
    with pytest.raises(BadArgument, match="none of those"):
        commands.execute(UUID, application, "x")


@pytest.mark.parametrize("path", [f"{ROOT}x/a.wav", ROOT, f"{ROOT}/", "a.wav", f"{ROOT}/./a.wav", f"{ROOT}//a.wav"])
def test_files_are_inside_their_root(path: str) -> None:
    with pytest.raises(BadArgument):
        commands.play(UUID, path, root=ROOT)


@pytest.mark.parametrize("seconds", [0, -1, 86_401, True, 1.5])
def test_numbers_have_bounds(seconds: Any) -> None:
    with pytest.raises(BadArgument):
        commands.sched_hangup(UUID, seconds)
    with pytest.raises(BadArgument):
        originate(ring_timeout_s=seconds)


@pytest.mark.parametrize("url", ["http://h/", "ws://user@h/", "ws://h_1/", "ws://[::1]/", "ws:///x", "ws://h/ x"])
def test_urls_that_the_module_cannot_read(url: str) -> None:
    with pytest.raises(BadArgument):
        commands.audio_stream_start(UUID, url)
