"""Who may open a connection that nobody announced."""

from __future__ import annotations

import pytest
from websockets.datastructures import Headers

from ws_audio.admission import MOST_TICKETS, TICKET_S, Admission
from ws_audio.server import Refusal

HERE = {"Host": "127.0.0.1:8080"}


def asks(admission: Admission, url: str = "/ws", peer: str = "127.0.0.1", **headers: str) -> Refusal | None:
    return admission.refusal(
        url, Headers({**HERE, **{name.replace("_", "-"): it for name, it in headers.items()}}), peer
    )


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "127.3.2.1"])
@pytest.mark.parametrize("origin", [None, "http://localhost:8086", "http://127.0.0.1:8086", "https://[::1]"])
def test_without_a_token_this_machine_is_let_in(peer: str, origin: str | None) -> None:
    assert asks(Admission(None), peer=peer, **({} if origin is None else {"Origin": origin})) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"peer": "192.0.2.7"},
        {"peer": ""},
        {"Origin": "https://example.com"},
        {"Origin": "null"},
        {"Origin": "https://localhost.example.com"},
        {"Host": "robot.example.com"},  # a name that somebody else lets lead to us
        {"X_Forwarded_For": "192.0.2.7"},
        {"Forwarded": "for=192.0.2.7"},
    ],
)
def test_without_a_token_nobody_else_is(headers: dict[str, str]) -> None:
    assert asks(Admission(None), **headers) is Refusal.STRANGER


def test_with_a_token_it_is_wanted_of_everybody_and_enough_from_anywhere() -> None:
    admission = Admission("secret")
    assert asks(admission) is Refusal.NO_TICKET
    assert asks(admission, "/ws?token=wrong") is Refusal.WRONG_TICKET
    assert asks(admission, "/ws?token=secret", peer="192.0.2.7", Origin="https://example.com") is None
    assert asks(admission, peer="192.0.2.7", Authorization="Bearer secret") is None
    assert asks(admission, peer="192.0.2.7", Authorization="Bearer sécret") is Refusal.WRONG_TICKET


def test_a_token_where_none_is_wanted_is_a_wrong_one() -> None:
    assert asks(Admission(None), "/ws?token=any") is Refusal.WRONG_TICKET


@pytest.mark.parametrize("token", [None, "secret"])
def test_a_ticket_opens_one_connection_within_its_time(token: str | None) -> None:
    clock = [100.0]
    admission = Admission(token, now=lambda: clock[0])
    first, late = admission.ticket(), admission.ticket()
    assert asks(admission, f"/ws?ticket={first}", peer="192.0.2.7", Origin="https://example.com") is None
    assert asks(admission, f"/ws?ticket={first}") is Refusal.USED_TICKET
    clock[0] += TICKET_S + 1
    assert asks(admission, f"/ws?ticket={late}") is Refusal.USED_TICKET
    assert asks(admission, "/ws?ticket=guessed") is Refusal.USED_TICKET


def test_tickets_that_nobody_uses_do_not_heap_up() -> None:
    admission = Admission(None)
    tickets = [admission.ticket() for _ in range(MOST_TICKETS + 1)]
    assert asks(admission, f"/ws?ticket={tickets[0]}") is Refusal.USED_TICKET
    assert asks(admission, f"/ws?ticket={tickets[1]}") is None
