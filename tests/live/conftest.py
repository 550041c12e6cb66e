"""Every test here runs in two worlds; in the second one only where a FreeSWITCH is named, else it is skipped."""

from __future__ import annotations

import pytest

from tests.live.worlds import NAMED, Kind

_NOT_NAMED = pytest.mark.skipif(not NAMED, reason="no FreeSWITCH is named: `make test-live` says how")
_WORLDS = ["simulator", pytest.param("freeswitch", marks=[pytest.mark.freeswitch, _NOT_NAMED])]


@pytest.fixture(scope="module", params=_WORLDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    """In which world the test runs."""
    world: Kind = request.param
    return world
