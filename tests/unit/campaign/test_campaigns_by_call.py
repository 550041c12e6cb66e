"""Which campaign answers a call that comes in."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from robot.campaign.definition import CampaignError, load_campaign
from robot.campaign.incoming import CampaignsByCall, load_campaigns

DEMO = Path(__file__).parents[3] / "campaigns" / "demo"


def campaign(folder: Path, name: str, *lines: str) -> Path:
    """The demo campaign under another name, with more lines at its top."""
    shutil.copytree(DEMO, folder / name)
    file = folder / name / "campaign.toml"
    text = file.read_text(encoding="utf-8").replace('name = "demo"', f'name = "{name}"', 1)
    file.write_text("\n".join(lines) + "\n" + text, encoding="utf-8")
    return folder / name


@pytest.mark.parametrize("dialled", ["+33199000001", "33199000001", "0199000001", "01 99 00 00 01"])
def test_a_dialled_number_is_known_as_providers_write_it(tmp_path: Path, dialled: str) -> None:
    campaign(tmp_path, "spring", 'region = "FR"', 'incoming_numbers = ["01 99 00 00 01", "+33199000002"]')
    campaign(tmp_path, "summer", 'incoming_numbers = ["+33199000003"]')
    by_call = CampaignsByCall(load_campaigns(tmp_path))
    found = by_call.answering(dialled)
    assert found is not None
    assert found.name == "spring"
    assert by_call.answering("+33199000009") is None
    assert by_call.answering("robot") is None


@pytest.mark.parametrize(
    ("text", "number"),
    [("+33140000001", "+33140000001"), ("33140000001", "+33140000001"), ("0140000001", "+33140000001")]
    + [(text, None) for text in (None, "", "anonymous", "Restricted", "unknown", "+33140000001\nX: y", "0")],
)
def test_a_caller_is_a_number_or_withheld(tmp_path: Path, text: str | None, number: str | None) -> None:
    campaign(tmp_path, "spring", 'region = "FR"')
    assert CampaignsByCall(load_campaigns(tmp_path)).caller(text) == number


def test_two_campaigns_cannot_answer_the_same_number_or_have_the_same_name(tmp_path: Path) -> None:
    campaign(tmp_path, "spring", 'incoming_numbers = ["+33199000001"]')
    campaign(tmp_path, "summer", 'incoming_numbers = ["+33 1 99 00 00 01"]')
    with pytest.raises(CampaignError, match=r"summer/campaign.toml: incoming_numbers: .*spring answers the same"):
        CampaignsByCall(load_campaigns(tmp_path))
    spring = load_campaign(tmp_path / "spring")
    twin = load_campaign(shutil.copytree(tmp_path / "spring", tmp_path / "twin"))
    with pytest.raises(CampaignError, match=r"twin/campaign.toml: name: .*spring has the same name"):
        CampaignsByCall([spring, twin])


def test_every_mistake_in_any_campaign_is_told(tmp_path: Path) -> None:
    campaign(tmp_path, "spring", 'incoming_numbers = ["12"]')
    campaign(tmp_path, "summer", "ring_time = 3")
    (tmp_path / "no campaign").mkdir()
    with pytest.raises(CampaignError) as caught:
        load_campaigns(tmp_path)
    assert "spring/campaign.toml:1: incoming_numbers: " in str(caught.value)
    assert "summer/campaign.toml:1: ring_time: " in str(caught.value)


def test_a_folder_without_campaigns_has_none(tmp_path: Path) -> None:
    assert load_campaigns(tmp_path / "missing") == []
