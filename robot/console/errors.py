"""What can go wrong with the console, as messages that say what to do."""

from __future__ import annotations


class ConsoleError(Exception):
    """The console cannot be served."""


class Refused(Exception):
    """Something that was asked for cannot be done; the message is for whoever asked.

    status: of HTTP. slug: which kind of problem it is, for programs.
    """

    def __init__(self, status: int, slug: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.slug = slug
