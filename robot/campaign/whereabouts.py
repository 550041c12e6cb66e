"""Where a telephone number is: its time zones, its country, its state. Told from the number alone, so never quite sure.

A mobile number goes where its owner goes, and an American one keeps the area code of where it was bought: a contact
list that knows the zone knows better.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

import phonenumbers

_NORTH_AMERICA: Final = 1  # one country code, many countries
# libphonenumber names area codes either "Los Angeles, CA" or by the state in full.
_CITY: Final = re.compile(r".+, ([A-Z]{2})")
_STATES: Final = MappingProxyType(
    {
        "Alabama": "AL", "Alaska": "AK", "Arizona": "AZ", "Arkansas": "AR", "California": "CA", "Colorado": "CO",
        "Connecticut": "CT", "Delaware": "DE", "Florida": "FL", "Georgia": "GA", "Hawaii": "HI", "Idaho": "ID",
        "Illinois": "IL", "Indiana": "IN", "Iowa": "IA", "Kansas": "KS", "Kentucky": "KY", "Louisiana": "LA",
        "Maine": "ME", "Maryland": "MD", "Massachusetts": "MA", "Michigan": "MI", "Minnesota": "MN",
        "Mississippi": "MS", "Missouri": "MO", "Montana": "MT", "Nebraska": "NE", "Nevada": "NV",
        "New Hampshire": "NH", "New Jersey": "NJ", "New Mexico": "NM", "New York": "NY", "North Carolina": "NC",
        "North Dakota": "ND", "Ohio": "OH", "Oklahoma": "OK", "Oregon": "OR", "Pennsylvania": "PA",
        "Rhode Island": "RI", "South Carolina": "SC", "South Dakota": "SD", "Tennessee": "TN", "Texas": "TX",
        "Utah": "UT", "Vermont": "VT", "Virginia": "VA", "Washington D.C.": "DC", "Washington State": "WA",
        "West Virginia": "WV", "Wisconsin": "WI", "Wyoming": "WY",
    }
)  # fmt: skip


@lru_cache(maxsize=100_000)
def zones_of(number: str) -> tuple[ZoneInfo, ...]:
    """Every zone in which `number` (E.164) may be; empty when that is not known, as of international numbers."""
    from phonenumbers import timezone

    names = timezone.time_zones_for_number(phonenumbers.parse(number))
    return tuple(ZoneInfo(name) for name in names if name != timezone.UNKNOWN_TIMEZONE)


@lru_cache(maxsize=100_000)
def regions_of(number: str) -> tuple[str, ...]:
    """Where `number` (E.164) is, the narrowest first: `("US-CA", "US")`, `("GG", "GB")`, `("FR",)`."""
    parsed = phonenumbers.parse(number)
    country = phonenumbers.region_code_for_number(parsed)
    regions = [] if country is None else [country]
    if country == "US" and (state := _state_of(parsed)):
        regions.insert(0, f"US-{state}")
    if parsed.country_code not in (None, _NORTH_AMERICA):
        # The Channel Islands have Britain's country code and a region of their own; their law is asked for first.
        regions.append(phonenumbers.region_code_for_country_code(parsed.country_code))
    return tuple(dict.fromkeys(region for region in regions if region != "ZZ"))


def is_region(code: str) -> bool:
    """Whether `regions_of` may tell it of a number."""
    country, _, state = code.partition("-")
    return country in phonenumbers.SUPPORTED_REGIONS and (not state or (country == "US" and state in _STATES.values()))


def _state_of(number: phonenumbers.PhoneNumber) -> str | None:
    place = _geocoder().description_for_number(number, "en")
    city = _CITY.fullmatch(place)
    return city[1] if city else _STATES.get(place)


@cache
def _geocoder():  # type: ignore[no-untyped-def]
    from phonenumbers import geocoder  # 0.3 s, for those who have rules for states

    return geocoder
