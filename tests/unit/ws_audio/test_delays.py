"""Delays, counted by size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ws_audio.delays import BOUNDS_S, Delays


@given(st.lists(st.floats(min_value=0, max_value=2)))
def test_each_delay_is_in_the_class_whose_upper_end_it_does_not_exceed(all_s: list[float]) -> None:
    delays = Delays()
    for delay_s in all_s:
        delays.add(delay_s)
    for place, bound_s in enumerate(BOUNDS_S):
        assert sum(delays.counts[: place + 1]) == sum(delay_s <= bound_s for delay_s in all_s)
    assert sum(delays.counts) == len(all_s)
    assert delays.total_s == pytest.approx(sum(all_s))
