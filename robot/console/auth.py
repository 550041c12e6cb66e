"""Who may use the console: pure decisions from the head of a request. `robot.console.gate` carries them out.

With a token: programs send it as `Authorization: Bearer`, people type it once and get a cookie. Without one: whoever is
on this machine, which other websites that somebody here looks at are not. Those are kept out in three ways: the cookie
is SameSite=Strict, a request that changes something must come from our own page, and without a token the name by which
we are asked for must be this machine's, so that no foreign name that was made to point here gets in.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from enum import Enum, auto
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

#: How long a login lasts: a day's work.
SESSION_S: Final = 12 * 3600
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_PUBLIC: Final = ("/login", "/api/session")
_PUBLIC_FOLDER: Final = "/static/"


class Verdict(Enum):
    """What becomes of a request."""

    ALLOWED = auto()
    LOG_IN = auto()  # nobody has said who they are
    FOREIGN_PAGE = auto()  # another website's page sent it
    FOREIGN_NAME = auto()  # it asks for another machine than this one


class Access:
    """The rules for one console. token: None: whoever is on this machine may use it. port: for the cookie's name."""

    def __init__(self, token: str | None, port: int) -> None:
        self._token = token
        # Cookies are shared by all ports of a host: two robots of one machine have two.
        self.cookie = f"robot_console_{port}"
        self._key = hashlib.sha256(b"robot console session:" + (token or "").encode()).digest()

    @property
    def needs_login(self) -> bool:
        return self._token is not None

    def token_is_good(self, given: str) -> bool:
        """In constant time."""
        return self._token is not None and hmac.compare_digest(_digest(given), _digest(self._token))

    def new_session(self, now_s: float) -> str:
        """A cookie's value. now_s: seconds since 1970. It ends with its time, or with the token."""
        until = str(int(now_s) + SESSION_S)
        return f"{until}.{self._signature(until)}"

    def session_is_good(self, cookie: str | None, now_s: float) -> bool:
        until, _, signature = (cookie or "").partition(".")
        if not (until.isascii() and until.isdecimal() and len(until) < 16):
            return False
        signed = hmac.compare_digest(signature.encode(), self._signature(until).encode())
        return signed and int(until) > now_s

    def judge(self, method: str, path: str, headers: Mapping[str, str], now_s: float) -> Verdict:
        """headers: by their names in small letters."""
        if self._token is None and not is_this_machine(_host_name(headers.get("host", ""))):
            return Verdict.FOREIGN_NAME
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if self._token is not None and scheme.lower() == "bearer":
            return Verdict.ALLOWED if self.token_is_good(given.strip()) else Verdict.LOG_IN
        if method not in _SAFE and not _from_our_page(headers):
            return Verdict.FOREIGN_PAGE
        if self._token is None or path in _PUBLIC or path.startswith(_PUBLIC_FOLDER):
            return Verdict.ALLOWED
        session = _cookie(headers.get("cookie", ""), self.cookie)
        return Verdict.ALLOWED if self.session_is_good(session, now_s) else Verdict.LOG_IN

    def _signature(self, until: str) -> str:
        return hmac.new(self._key, until.encode(), hashlib.sha256).hexdigest()


def is_this_machine(host: str) -> bool:
    """Whether `host`, a name or an address without brackets, is the loopback."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _digest(text: str) -> bytes:
    # Of one length, so that not even that of the token can be measured.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _from_our_page(headers: Mapping[str, str]) -> bool:
    """Browsers say where a request comes from; programs, which nobody can lure into sending one, need not."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is None or _netloc(origin) == headers.get("host", "").lower()


def _netloc(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None


def _host_name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _cookie(header: str, name: str) -> str | None:
    try:
        morsel = SimpleCookie(header).get(name)
    except CookieError:
        return None
    return None if morsel is None else morsel.value
