"""What is told from a number about where it is."""

from __future__ import annotations

import pytest

from robot.campaign.whereabouts import regions_of, zones_of


@pytest.mark.parametrize(
    ("number", "zones"),
    [
        ("+33140000001", {"Europe/Paris"}),
        ("+12135550100", {"America/Los_Angeles"}),
        ("+262692123456", {"Indian/Mayotte", "Indian/Reunion"}),
        ("+80012345678", set()),
    ],
)
def test_zones(number: str, zones: set[str]) -> None:
    assert {zone.key for zone in zones_of(number)} == zones


@pytest.mark.parametrize(
    ("number", "regions"),
    [
        ("+33140000001", ("FR",)),
        ("+12135550100", ("US-CA", "US")),  # "Los Angeles, CA"
        ("+12015550100", ("US-NJ", "US")),
        ("+12025550100", ("US-DC", "US")),
        ("+18005550100", ("US",)),  # toll-free: nobody knows
        ("+14165550100", ("CA",)),  # the same country code, not the United States
        ("+441481960194", ("GG", "GB")),
    ],
)
def test_regions_from_the_narrowest_to_the_widest(number: str, regions: tuple[str, ...]) -> None:
    assert regions_of(number) == regions
