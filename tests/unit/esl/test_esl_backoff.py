from __future__ import annotations

import random

from robot.esl.backoff import FIRST_CEILING_S, HIGHEST_CEILING_S, REFUSED_DELAY_S, STABLE_AFTER_S, Backoff


class HighestThrow(random.Random):
    def uniform(self, a: float, b: float) -> float:
        return b


def test_the_ceiling_doubles_up_to_its_limit() -> None:
    backoff = Backoff(HighestThrow())
    waits = [backoff.after_failure() for _ in range(100)]
    assert waits[:4] == [0.2, 0.4, 0.8, 1.6]
    assert max(waits) == waits[-1] == HIGHEST_CEILING_S


def test_only_a_connection_that_held_starts_again_from_the_bottom() -> None:
    backoff = Backoff(HighestThrow())
    for _ in range(10):
        backoff.after_failure()
    assert backoff.after_loss(held_s=1.0) == HIGHEST_CEILING_S
    assert backoff.after_loss(held_s=STABLE_AFTER_S) == FIRST_CEILING_S


def test_the_jitter_is_full() -> None:
    waits = [Backoff().after_failure() for _ in range(2_000)]
    assert min(waits) < 0.02
    assert max(waits) > 0.18


def test_a_refusal_is_not_repeated_soon() -> None:
    assert Backoff().after_refusal() >= 0.9 * REFUSED_DELAY_S
