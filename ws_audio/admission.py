"""Who may open a connection that nobody has announced: with the token, with a ticket, or from this machine. Pure.

A browser sends no header of its own with a WebSocket, and sends one to wherever a page wants. So it brings a ticket,
which whoever let its user in got here; and without a token or a ticket nobody is let in whom a page, a name server or a
proxy of somebody else's may have sent.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable
from ipaddress import ip_address
from typing import Final
from urllib.parse import parse_qs, urlsplit

from websockets.datastructures import Headers

from ws_audio.server import Refusal

TICKET_S: Final = 60.0
#: Tickets that were given and not used yet; of more, the oldest are void.
MOST_TICKETS: Final = 1000
_FORWARDED: Final = ("X-Forwarded-For", "Forwarded", "X-Real-IP")


class Admission:
    """token: None: there is none, and only this machine is let in."""

    def __init__(self, token: str | None, now: Callable[[], float] = time.monotonic) -> None:
        self._token = token
        self._now = now
        self._tickets: dict[str, float] = {}  # with the time until which each is good

    def ticket(self) -> str:
        """Opens one connection within TICKET_S."""
        ticket = secrets.token_urlsafe(32)
        self._tickets[ticket] = self._now() + TICKET_S
        while len(self._tickets) > MOST_TICKETS:
            self._tickets.pop(next(iter(self._tickets)))
        return ticket

    def refusal(self, url: str, headers: Headers, peer: str) -> Refusal | None:
        """Why a request for `url` from the address `peer` is not let in; None: it is, and its ticket is used up."""
        query = parse_qs(urlsplit(url).query)
        tickets = query.get("ticket", [])
        if tickets:
            until = self._tickets.pop(tickets[0], None)
            return None if until is not None and self._now() <= until else Refusal.USED_TICKET
        given = [value.removeprefix("Bearer ") for value in headers.get_all("Authorization")] or query.get("token", [])
        if given:
            right = self._token is not None and hmac.compare_digest(
                given[0].encode(errors="replace"), self._token.encode()
            )
            return None if right else Refusal.WRONG_TICKET
        if self._token is not None:
            return Refusal.NO_TICKET
        return None if _from_here(headers, peer) else Refusal.STRANGER


def _from_here(headers: Headers, peer: str) -> bool:
    """Asked for by this machine: not by a page from elsewhere that it shows, nor through a proxy on it."""
    if any(name in headers for name in _FORWARDED):
        return False
    hosts = [urlsplit(f"//{host}").hostname for host in headers.get_all("Host")]
    hosts += [urlsplit(origin).hostname for origin in headers.get_all("Origin")]
    return _is_loopback(peer) and all(_is_loopback(host) for host in hosts)


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return host is not None and ip_address(host).is_loopback
    except ValueError:
        return False
