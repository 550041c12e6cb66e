"""Every test here runs in two worlds; in the second one only where a FreeSWITCH is named."""

from __future__ import annotations

import pytest

from tests.live.worlds import NAMED, Kind

_WORLDS = ["simulator", *([pytest.param("freeswitch", marks=pytest.mark.freeswitch)] if NAMED else [])]


@pytest.fixture(scope="module", params=_WORLDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    """In which world the test runs."""
    world: Kind = request.param
    return world
