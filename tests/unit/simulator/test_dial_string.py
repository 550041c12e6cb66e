from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot.simulator.dial_string import (
    BadDialString,
    Endpoint,
    parse_dial_string,
    parse_endpoint,
    parse_variables,
    split_arguments,
)

NAMES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,20}", fullmatch=True)
# What our own client lets through as a value, commas apart: those it escapes.
VALUES = st.text(st.characters(min_codepoint=33, exclude_characters="{}'\\^"), max_size=30)


@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=6))
def test_variables_come_back_as_they_were_given(variables: dict[str, str]) -> None:
    text = ",".join(f"{name}={value.replace(',', chr(92) + ',')}" for name, value in variables.items())
    assert parse_variables(text) == variables


@given(st.text(max_size=80))
def test_any_text_is_a_dial_string_or_refused(text: str) -> None:
    with contextlib.suppress(BadDialString):
        dial_string = parse_dial_string(text)
        assert all(group for group in dial_string.groups)


def test_a_comma_separates_even_inside_quotes() -> None:
    assert parse_variables("origination_caller_id_name='Ivan, Petrov'") == {"origination_caller_id_name": "Ivan"}


def test_an_escaped_comma_does_not() -> None:
    assert parse_variables(r"name='Ivan\, Petrov',a=b") == {"name": "Ivan, Petrov", "a": "b"}


def test_another_separator_can_be_chosen() -> None:
    assert parse_variables("^^:a=1,2:b=3") == {"a": "1,2", "b": "3"}


def test_json_in_quotes_keeps_its_braces_and_spaces() -> None:
    text = """{a=b,STREAM_EXTRA_HEADERS='{"Authorization":"Bearer t0k"}'}sofia/gateway/trunk/1001 &park()"""
    dial_string = parse_dial_string(text)
    assert dial_string.variables == {"a": "b", "STREAM_EXTRA_HEADERS": '{"Authorization":"Bearer t0k"}'}
    assert dial_string.groups == (("sofia/gateway/trunk/1001",),)
    assert dial_string.application == "park"


def test_an_extension_is_a_name_of_any_domain() -> None:
    for text in ("user/1000", "user/1000@pbx.example.org"):
        assert parse_endpoint(text) == Endpoint("", "1000", extension=True)


@pytest.mark.parametrize(
    "text", ["{name=Ivan Petrov}sofia/gateway/trunk/1 &park()", "{a=b}{a=b &park()", "sofia/gateway/trunk/1", ""]
)
def test_an_unquoted_space_or_an_open_brace_is_out_of_order(text: str) -> None:
    with pytest.raises(BadDialString, match="DESTINATION_OUT_OF_ORDER"):
        parse_dial_string(text)


def test_a_pipe_tries_one_after_the_other_and_a_comma_all_at_once() -> None:
    assert parse_dial_string("a/1,b/2|c/3 &park()").groups == (("a/1", "b/2"), ("c/3",))


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("foo/bar", "CHAN_NOT_IMPLEMENTED"),
        ("user/", "SUBSCRIBER_ABSENT"),
        ("sofia/nope/1000", "INVALID_PROFILE"),
        ("sofia/gateway/trunk/", "DESTINATION_OUT_OF_ORDER"),
        ("error/user_busy", "USER_BUSY"),
    ],
)
def test_what_is_no_number_behind_a_gateway_has_its_cause(text: str, cause: str) -> None:
    with pytest.raises(BadDialString, match=cause):
        parse_endpoint(text)


def test_an_endpoint() -> None:
    assert parse_endpoint("[x=y]sofia/gateway/trunk/+33140") == Endpoint("trunk", "+33140")


@given(st.lists(st.from_regex(r"[a-z{}=]{1,8}", fullmatch=True), max_size=5))
def test_arguments_are_separated_at_spaces(words: list[str]) -> None:
    assert split_arguments(" ".join(words)) == words


def test_quotes_hold_an_argument_together() -> None:
    assert split_arguments("u 'a b/c.wav' aleg") == ["u", "'a b/c.wav'", "aleg"]


@pytest.mark.parametrize(("given", "seconds"), [("30", 30), ("", 60), ("0", 60), ("x", 60)])
def test_originate_timeout(given: str, seconds: float) -> None:
    assert parse_dial_string(f"{{originate_timeout={given}}}a/b &park()").timeout_s == seconds
