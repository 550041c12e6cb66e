"""Who may use the console."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot.console.auth import SESSION_S, Access, Verdict, is_this_machine

TOKEN = "a long token of this test"
LOCAL = {"host": "127.0.0.1:8086"}


def judge(access: Access, method: str = "GET", path: str = "/api/health", **headers: str) -> Verdict:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return access.judge(method, path, LOCAL | named, now_s=1000.0)


@pytest.fixture
def guarded() -> Access:
    return Access(TOKEN, 8086)


@pytest.fixture
def open_here() -> Access:
    return Access(None, 8086)


def test_a_program_says_the_token(guarded: Access) -> None:
    assert judge(guarded, authorization=f"Bearer {TOKEN}") is Verdict.ALLOWED
    assert judge(guarded, authorization=f"bearer  {TOKEN}") is Verdict.ALLOWED
    elsewhere = "https://elsewhere.example"
    assert judge(guarded, "POST", authorization=f"Bearer {TOKEN}", origin=elsewhere) is Verdict.ALLOWED
    assert judge(guarded, authorization="Bearer another") is Verdict.LOG_IN
    assert judge(guarded, authorization=f"Basic {TOKEN}") is Verdict.LOG_IN
    assert judge(guarded) is Verdict.LOG_IN


def test_a_login_is_good_until_its_time_is_over_and_for_its_token_alone(guarded: Access) -> None:
    cookie = guarded.new_session(1000.0)
    assert guarded.session_is_good(cookie, 1000.0 + SESSION_S - 1)
    assert not guarded.session_is_good(cookie, 1000.0 + SESSION_S)
    assert not Access("another token of this test", 8086).session_is_good(cookie, 1000.0)
    assert judge(guarded, cookie=f"other=1; {guarded.cookie}={cookie}") is Verdict.ALLOWED


@settings(deadline=None)  # of a machine that does other things, too
@given(st.text(max_size=100))
def test_nobody_makes_a_login_up(cookie: str) -> None:
    assert not Access(TOKEN, 8086).session_is_good(cookie, 0.0)


def test_a_login_cannot_be_made_longer(guarded: Access) -> None:
    until, _, signature = guarded.new_session(1000.0).partition(".")
    assert not guarded.session_is_good(f"{int(until) + 1}.{signature}", 1000.0)


@pytest.mark.parametrize(
    ("headers", "verdict"),
    [
        ({"sec_fetch_site": "same-origin", "origin": "https://behind.a.proxy"}, Verdict.ALLOWED),
        ({"sec_fetch_site": "cross-site"}, Verdict.FOREIGN_PAGE),
        ({"sec_fetch_site": "same-site"}, Verdict.FOREIGN_PAGE),
        ({"origin": "http://127.0.0.1:8086"}, Verdict.ALLOWED),
        ({"origin": "http://127.0.0.1:9999"}, Verdict.FOREIGN_PAGE),
        ({"origin": "null"}, Verdict.FOREIGN_PAGE),
        ({"origin": "http://[broken"}, Verdict.FOREIGN_PAGE),
        ({}, Verdict.ALLOWED),
    ],
)
def test_only_our_own_pages_change_something(
    guarded: Access, open_here: Access, headers: dict[str, str], verdict: Verdict
) -> None:
    cookie = f"{guarded.cookie}={guarded.new_session(1000.0)}"
    assert judge(guarded, "POST", cookie=cookie, **headers) is verdict
    assert judge(open_here, "DELETE", **headers) is verdict
    assert judge(open_here, "GET", **headers) is Verdict.ALLOWED


def test_without_a_token_no_foreign_name_gets_in(open_here: Access) -> None:
    for host in ("localhost:8086", "127.0.0.1", "[::1]:1", "LOCALHOST"):
        assert judge(open_here, host=host) is Verdict.ALLOWED
    for host in ("robot.example:8086", "127.0.0.1.example", "", "[broken", "localhost.example"):
        assert judge(open_here, host=host) is Verdict.FOREIGN_NAME


def test_whoever_wants_to_log_in_sees_the_page_for_it(guarded: Access) -> None:
    assert judge(guarded, path="/login") is Verdict.ALLOWED
    assert judge(guarded, path="/static/style.css") is Verdict.ALLOWED
    assert judge(guarded, "POST", path="/api/session") is Verdict.ALLOWED
    assert judge(guarded, "POST", path="/api/session", origin="https://elsewhere.example") is Verdict.FOREIGN_PAGE
    assert judge(guarded, path="/login/../campaigns") is Verdict.LOG_IN


def test_this_machine() -> None:
    assert is_this_machine("127.8.0.1")
    assert is_this_machine("::1")
    assert not is_this_machine("0.0.0.0")  # noqa: S104 - it is what is refused
    assert not is_this_machine("192.168.0.1")
