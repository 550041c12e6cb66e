"""How long to wait before connecting again: pure but for the dice."""

from __future__ import annotations

import random
from typing import Final

FIRST_CEILING_S: Final = 0.2
HIGHEST_CEILING_S: Final = 15.0
# A connection that held that long was a good one: the next loss is a new story.
STABLE_AFTER_S: Final = 30.0
# A wrong password stays wrong until somebody changes it, and fail2ban blocks those who keep trying.
REFUSED_DELAY_S: Final = 60.0


class Backoff:
    """Exponential with full jitter: anything from nothing to a ceiling that doubles, so that the robots of a restarted
    FreeSWITCH do not all come back in the same instant.
    """

    def __init__(self, dice: random.Random | None = None) -> None:
        self._dice = dice or random.Random()  # noqa: S311 - spreads load, hides nothing
        self._failures = 0

    def after_loss(self, held_s: float) -> float:
        """Seconds to wait after a connection ended that held `held_s` seconds."""
        if held_s >= STABLE_AFTER_S:
            self._failures = 0
        return self.after_failure()

    def after_failure(self) -> float:
        """Seconds to wait after an attempt that led to no connection."""
        ceiling = min(HIGHEST_CEILING_S, FIRST_CEILING_S * 2 ** min(self._failures, 16))
        self._failures += 1
        return self._dice.uniform(0, ceiling)

    def after_refusal(self) -> float:
        """Seconds to wait after FreeSWITCH said no to the password or the address."""
        return self._dice.uniform(0.9, 1.1) * REFUSED_DELAY_S
