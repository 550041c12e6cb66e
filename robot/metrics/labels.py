"""Label values that do not come from the code: only so many of them, and only what looks like a name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

OTHER: Final = "other"
# Names of campaigns, outcomes, gateways, FreeSWITCH's causes.
_NAME: Final = re.compile(r"[\w .-]{1,64}")


class Values:
    """The first `limit` values as they are; later ones, and what is no name, become `other`.

    known: those that are there from the beginning.
    """

    def __init__(self, limit: int, known: Iterable[str] = ()) -> None:
        self._limit = limit
        self._known = set(known)

    def label(self, value: str) -> str:
        if value in self._known:
            return value
        if len(self._known) >= self._limit or not _NAME.fullmatch(value):
            return OTHER
        self._known.add(value)
        return value
