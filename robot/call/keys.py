"""Keys that the callee presses: single ones that answer a question, several that make a number."""

from __future__ import annotations

import asyncio
from typing import Final

# One key of a number after the other; `#` ends it at once.
NEXT_KEY_S: Final = 3.0
_MOST_KEYS: Final = 32
_END: Final = "#"


class Keys:
    """Keys pressed since `clear`."""

    def __init__(self) -> None:
        self._pressed = ""
        self._changed = asyncio.Event()

    def press(self, key: str) -> None:
        if len(self._pressed) < _MOST_KEYS:
            self._pressed += key
            self._changed.set()

    def clear(self) -> None:
        self._pressed = ""

    @property
    def begun(self) -> bool:
        return bool(self._pressed)

    async def answer(self, single: frozenset[str], *, several: bool) -> str:
        """The first key of those in `single`, or of any when a single one is asked for; with `several` all keys up to
        `#` or a pause of 3 s. Waits for the first one as long as it takes.
        """
        while not self._pressed:
            self._changed.clear()
            await self._changed.wait()
        if not several or self._pressed[0] in single:
            return self._pressed[0]
        while _END not in self._pressed and len(self._pressed) < _MOST_KEYS:
            self._changed.clear()
            try:
                async with asyncio.timeout(NEXT_KEY_S):
                    await self._changed.wait()
            except TimeoutError:
                break
        return self._pressed.partition(_END)[0] or _END
