"""What can go wrong with the live sessions. No message holds a password, a number or a word of a callee.

SessionsError
├── BadSessionsUrl        `sessions.url` is not an address that can be used
└── SessionsUnavailable   Redis cannot be reached, does not answer in time, or refuses
"""

from __future__ import annotations


class SessionsError(Exception):
    """The root."""


class BadSessionsUrl(SessionsError):
    """Never repeats the URL: it may hold a password."""


class SessionsUnavailable(SessionsError):
    """The same may work a moment later."""
