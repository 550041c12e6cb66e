"""Numbers as spreadsheets and typesetters write them."""

from __future__ import annotations

import pytest

from robot.campaign.contact_import import is_zone, number_in_list
from robot.campaign.numbers import BadNumber


@pytest.mark.parametrize(
    "text",
    [
        "+33140000001",
        "01 40 00 00 01",
        "01\u00a040\u202f00\u200900\u200701",
        "01\u201140\u201300-00.01",
        "'0140000001",
        '="0140000001"',
        '="+33 1 40 00 00 01"',
        "0033140000001",
        "140000001",
    ],
)
def test_every_usual_spelling_is_one_number(text: str) -> None:
    assert number_in_list(text, "FR") == "+33140000001"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "has no number"),
        ("3.314E+10", "rounded the number"),
        ("3,314e+10", "rounded the number"),
        ("call me", "is not a telephone number"),
        ("123", "too few"),
        ("01 40 00 00 01\n01 40 00 00 02", "line break"),
    ],
)
def test_what_is_no_number_says_why_and_not_what(text: str, told: str) -> None:
    with pytest.raises(BadNumber, match=told) as refused:
        number_in_list(text, "FR")
    assert not text or text not in str(refused.value)


def test_zones_are_those_of_the_database() -> None:
    assert is_zone("Europe/Paris")
    assert not any(is_zone(name) for name in ("Paris", "", "../../etc/passwd", "/etc/passwd", "Europe/Paris\0"))
