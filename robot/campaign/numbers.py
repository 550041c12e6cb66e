"""Telephone numbers as people write them, and where the clocks of those are who have them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from zoneinfo import ZoneInfo

import phonenumbers
from phonenumbers import timezone as zones_by_number

#: The contact's own time zone, an IANA name, where the list has it; otherwise it is told from the number.
ZONE_FIELD: Final = "timezone"


class BadNumber(ValueError):
    """That is not a telephone number that can be called."""


def normalise_number(text: str, region: str | None = None) -> str:
    """E.164 of what a person wrote. Raises BadNumber, without repeating the number."""
    # phonenumbers is lenient: it would take "+33 1 40 00 00 01\n+44..." or "call 555..." for the number in it.
    if not text.isascii() or not text.isprintable():
        raise BadNumber(
            "the number holds a line break or a character that is not ASCII: write + and digits, like +33140000001"
        )
    try:
        number = phonenumbers.parse(text.strip(), region)
    except phonenumbers.NumberParseException as error:
        remedy = "" if region else " (the campaign sets no `region`, so it must begin with + and the country code)"
        raise BadNumber(f"that is not a telephone number: write it like +33140000001{remedy}") from error
    if not phonenumbers.is_possible_number(number):
        raise BadNumber("the number has too few or too many digits for its country: write it like +33140000001")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def zone_of(number: str, fields: Mapping[str, str]) -> ZoneInfo:
    """Where the callee's clocks are: as the list says, else the first zone of their number's region, else UTC."""
    named = fields.get(ZONE_FIELD)
    try:
        listed = [named] if named else list(zones_by_number.time_zones_for_number(phonenumbers.parse(number)))
        return ZoneInfo(listed[0])
    except (phonenumbers.NumberParseException, KeyError, ValueError):  # "Etc/Unknown" is in no database of zones
        return ZoneInfo("UTC")
