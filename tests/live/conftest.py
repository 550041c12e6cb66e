"""Every test here runs in two worlds; the second one only where a FreeSWITCH is named."""

from __future__ import annotations

import os

import pytest

from tests.live.worlds import NOT_NAMED, Kind

NAMED = bool(os.environ.get("ROBOT_TEST_FREESWITCH"))


@pytest.fixture(
    scope="module",
    params=[
        "simulator",
        pytest.param("freeswitch", marks=[pytest.mark.freeswitch, pytest.mark.skipif(not NAMED, reason=NOT_NAMED)]),
    ],
)
def kind(request: pytest.FixtureRequest) -> Kind:
    """In which world the test runs."""
    world: Kind = request.param
    return world
