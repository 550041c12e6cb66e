"""Campaign folders: what is accepted, and what each mistake is answered with."""

import re
import shutil
import wave
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot.campaign.caller_ids import CallerIdSettings
from robot.campaign.definition import CampaignError, load_campaign
from robot.campaign.numbers import BadNumber, normalise_number, zone_of
from robot.campaign.pace import Limits
from robot.prompts.library import Recorded

DEMO = Path(__file__).parents[3] / "campaigns" / "demo"


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DEMO, tmp_path / "demo"))


def edit(campaign: Path, old: str, new: str) -> int:
    """Replace in campaign.toml; the line (from 1) of the change."""
    file = campaign / "campaign.toml"
    text = file.read_text()
    assert text.count(old) >= 1
    file.write_text(text.replace(old, new, 1))
    return text[: text.index(old)].count("\n") + 1


def complaint(campaign: Path) -> str:
    with pytest.raises(CampaignError) as caught:
        load_campaign(campaign)
    return str(caught.value)


def test_the_demo_campaign_is_sound_and_its_first_prompt_long_enough_to_talk_over() -> None:
    campaign = load_campaign(DEMO)
    assert campaign.name == "demo"
    first = campaign.prompts()[0]
    assert isinstance(first, Recorded)
    with wave.open(str(first.file)) as sound:
        assert sound.getnframes() / sound.getframerate() >= 8
    plan = campaign.plan("+33 1 40 00 00 01")
    assert (plan.number, plan.gateway, plan.caller_id) == ("+33140000001", "trunk", "+33140000000")


def test_intents_come_with_the_robot_and_are_added_to(campaign: Path) -> None:
    phrases = {intent.name: intent.phrases for intent in load_campaign(campaign).scenario.intents}
    assert "take me off your list" in phrases["do_not_call"], "named by a step, without a table"
    assert {"yes", "tell me more", "how much do I save"} <= set(phrases["interested"])
    edit(campaign, 'include = ["no"]', 'phrases = ["rather not"]\nshipped = false')
    phrases = {intent.name: intent.phrases for intent in load_campaign(campaign).scenario.intents}
    assert phrases["not_interested"] == ("rather not",)


def test_intents_without_phrases_or_of_unknown_ones(campaign: Path) -> None:
    line = edit(campaign, 'include = ["no"]', "shipped = false") - 1
    edit(campaign, 'include = ["yes"]', 'include = ["yess"]')
    message = complaint(campaign)
    assert f"campaign.toml:{line}: intents.not_interested: has no phrases: write how people say it" in message
    assert "intents.interested: includes 'yess', which is no intent; known in 'en' are: are_you_a_robot" in message


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert "there is no such folder" in complaint(tmp_path / "nowhere")
    assert "campaign.toml: cannot be read: No such file" in complaint(tmp_path)


def test_a_mistake_is_told_with_file_line_key_and_remedy(campaign: Path) -> None:
    line = edit(campaign, "ring_timeout_s = 30", "ring_timeout_s = 300")
    assert complaint(campaign) == (
        f"{campaign}/campaign.toml:{line}: ring_timeout_s: should be less than or equal to 120; it is 300"
    )


def test_a_mistake_in_the_second_step_is_told_with_its_line(campaign: Path) -> None:
    line = edit(campaign, 'name = "again"', 'name = "again"\nlisten_seconds = 4') + 1
    message = complaint(campaign)
    assert f"campaign.toml:{line}: step[2].listen_seconds: is not a key that is known here" in message


def test_all_mistakes_are_told_at_once(campaign: Path) -> None:
    edit(campaign, 'gateway = "trunk" ', 'gateway = "tr unk" ')
    edit(campaign, "threshold_ms = 1500", "threshold_ms = 15")
    assert len(complaint(campaign).splitlines()) == 2


def test_broken_toml_is_told_with_its_line(campaign: Path) -> None:
    line = edit(campaign, "[barge_in]", "[barge_in")
    assert f"campaign.toml:{line}: is not TOML" in complaint(campaign)


def test_a_step_that_goes_nowhere(campaign: Path) -> None:
    line = edit(campaign, 'otherwise = "again"', 'otherwise = "agian"')
    message = complaint(campaign)
    assert f"campaign.toml:{line}: step[1].otherwise: leads to 'agian', but no [[step]] has that name" in message
    assert "did you mean 'again'?" in message


STEP = '[[step]]\nname = "last"\n'


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        (STEP + 'text = "Hi {first name}"', "step[6].text: at letter 4 '{first name}' is no field"),
        (STEP, "step[6]: says nothing and does nothing: give it a `text`, or remove it"),
        (STEP + 'text = "Hi"\notherwise = "offer"', "but does not listen: write `next` for the step that follows"),
        (STEP + 'text = "Hi"\nkeys = { 1 = "offer" }', "step[6]: has `keys` but does not listen: give it `listen_ms`"),
        (STEP + 'listen_ms = 900\npress = "1"', "step[6]: listens and does press: put press into the step"),
        (STEP + 'listen_ms = 900\nnext = "offer"', "listens and has `next`: name steps in `answers`"),
        (STEP + 'text = ["a", "b"]\naudio = ["a.wav"]', "has 1 recording(s) in `audio` and 2 in `text`"),
        (STEP + 'press = "1"\nwebhook = { url = "https://x.example" }', "does press and webhook: make two steps"),
        (STEP + 'webhook = { url = "ftp://x.example" }', "step[6].webhook.url: "),
        (STEP + "transfer = {}", 'needs either `number = "+331..."` or `extension = "1000"`'),
        (STEP + 'transfer = { number = "12" }', "step[6].transfer: that is not a telephone number"),
        (STEP + 'branch = [{ field = "plan", step = "offer" }]', "compares nothing: add `equals`"),
        (
            STEP + 'branch = [{ field = "plan", equals = "gold", step = "offer" }]',
            "nothing for when no condition holds",
        ),
        (
            STEP + 'listen_ms = 900\nanswers = { bluff = "offer" }',
            "expects the intent 'bluff', which there is not: add",
        ),
        ('[objections]\nprice = "offre"', "objections.price: leads to 'offre', but no [[step]] has that name; did you"),
        ('[amd]\nvoicemail = { leave = "x" }', "amd.voicemail.leave: names the step 'x', but no [[step]]"),
    ],
)
def test_what_is_wrong_with_a_step_is_told_with_what_to_write(campaign: Path, tables: str, message: str) -> None:
    file = campaign / "campaign.toml"
    file.write_text(f"{file.read_text()}\n{tables}\n")
    assert message in complaint(campaign)


def test_who_speaks_unless_the_campaign_says_so(campaign: Path) -> None:
    assert load_campaign(campaign).voice.model == "en_US-joe-medium"
    edit(campaign, 'language = "en"', 'language = "fr"')
    assert load_campaign(campaign).voice.model == "pico-fr-FR"
    file = campaign / "campaign.toml"
    finnish = 'name = "demo"\nlanguage = "fi"\ngateway = "trunk"\n'
    spoken = 'name = "kiitos"\ntext = "Kiitos."\n'
    file.write_text(f"{finnish}[[step]]\n{spoken}")
    assert "language: no voice for 'fi' comes with the robot: name one with `model`" in complaint(campaign)
    file.write_text(f"{finnish}[voice]\nmodel = 'own.onnx'\n[[step]]\n{spoken}")
    assert load_campaign(campaign).voice.model == str(campaign / "own.onnx")


def test_where_the_callees_clocks_are() -> None:
    assert str(zone_of("+33140000001", {})) == "Europe/Paris"
    assert str(zone_of("+33140000001", {"timezone": "America/Guadeloupe"})) == "America/Guadeloupe"
    assert str(zone_of("", {})) == "UTC"
    assert str(zone_of("+33140000001", {"timezone": "Mars/Olympus"})) == "UTC"


def test_a_prompt_that_is_missing_or_outside(campaign: Path) -> None:
    (campaign / "audio" / "offer.wav").unlink()
    assert "step[1].audio: there is no file" in complaint(campaign)
    edit(campaign, "audio/offer.wav", "../../etc/passwd")
    assert "is outside the campaign's folder" in complaint(campaign)


def test_a_caller_id_that_is_none(campaign: Path) -> None:
    line = edit(campaign, 'caller_id = "+33140000000"', 'caller_id = "the shop"')
    assert f"campaign.toml:{line}: caller_id: that is not a telephone number" in complaint(campaign)


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("+33140000001", None, "+33140000001"),
        ("+33 (0)1 40 00 00 01", None, "+33140000001"),
        ("01 40 00 00 01", "FR", "+33140000001"),
        ("0033140000001", "FR", "+33140000001"),
    ],
)
def test_numbers_as_people_write_them(text: str, region: str | None, number: str) -> None:
    assert normalise_number(text, region) == number


@pytest.mark.parametrize(
    "text", ["", "hello", "01 40 00 00 01", "+33140000001\n+33140000002", "+4412", "+٣٣١٤٠٠٠٠٠٠١", "+33140000001\x00"]
)
def test_what_is_not_a_number_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(BadNumber) as caught:
        normalise_number(text)
    assert not text or text not in str(caught.value)


@given(st.text(max_size=40))
def test_whatever_is_typed_only_e164_comes_out(text: str) -> None:
    try:
        number = normalise_number(text, "FR")
    except BadNumber:
        return
    assert number[0] == "+"
    assert number[1:].isascii()
    assert number[1:].isdigit()
    assert 7 <= len(number[1:]) <= 15


@pytest.mark.parametrize(
    ("tables", "key", "message"),
    [
        ('[hours]\ndaily = "9 to 8"', "hours.daily[1]", "should be hours of one day, like 09:00-20:00"),
        ('[hours.regions.FRA]\ndaily = "10:00-12:00"', "hours.regions.FRA", "'FRA' is no region: write a country"),
        ('[retries]\nbusy = ["10 minutes"]', "retries.busy[1]", 'should be minutes, hours or days, like "10m"'),
        ('[retries]\nbsy = ["10m"]', "retries.bsy", "did you mean 'busy'?"),
        ("[attempts]\nper_week = 3", "attempts.per_week", "is not a key that is known here"),
        ('[[gateways]]\nname = "second"', "gateways[1]", "is given beside `gateway`: remove `gateway`"),
        ('[caller_ids]\nnumbers = ["+33140000000"]', "caller_ids", "is given beside `caller_id`: remove that"),
        ('[caller_ids.local]\n01 = ["+33140000000"]', "caller_ids.local.01", "should match pattern"),
        ("[agents]\nlines = 3", "agents", "no step has `transfer`: remove it"),
    ],
)
def test_what_is_wrong_with_the_rules_is_told_with_its_line(
    campaign: Path, tables: str, key: str, message: str
) -> None:
    file = campaign / "campaign.toml"
    last = file.read_text().count("\n")
    with file.open("a") as written:
        written.write(tables)
    told = complaint(campaign)
    assert re.search(rf"campaign\.toml:({last + 1}|{last + 2}): {re.escape(key)}: ", told)
    assert message in told


def test_a_campaign_without_a_gateway(campaign: Path) -> None:
    edit(campaign, 'gateway = "trunk" ', "")
    assert "campaign.toml: gateway: is missing: add it, or [[gateways]] for several" in complaint(campaign)


def test_several_gateways_and_caller_ids(campaign: Path) -> None:
    edit(campaign, 'gateway = "trunk" ', "")
    edit(campaign, 'caller_id = "+33140000000"', "")
    file = campaign / "campaign.toml"
    file.write_text(
        file.read_text()
        + """
[pace]
calls_per_s = 2
[[gateways]]
name = "north"
weight = 3
[[gateways]]
name = "south"
max_calls = 30
[caller_ids]
numbers = ["+33140000000", "+33140000009"]
rest_after = 100
"""
    )
    loaded = load_campaign(campaign)
    assert loaded.gateways == {"north": 3.0, "south": 1.0}
    assert loaded.gateway_limits == {"north": Limits(), "south": Limits(None, 30)}
    assert loaded.limits == Limits(2, 10)
    assert loaded.caller_ids == CallerIdSettings(("+33140000000", "+33140000009"), {}, 100, 3600)
    plan = loaded.plan("+33140000001")
    assert (plan.gateway, plan.caller_id) == ("north", "+33140000000")
    plan = loaded.plan("+33140000001", gateway="south", caller_id="+33140000009")
    assert (plan.gateway, plan.caller_id) == ("south", "+33140000009")
    edit(campaign, 'name = "south"', 'name = "north"')
    assert "gateways[2].name: 'north' is there twice" in complaint(campaign)


def test_one_gateway_and_one_caller_id(campaign: Path) -> None:
    loaded = load_campaign(campaign)
    assert (loaded.gateways, loaded.gateway_limits) == ({"trunk": 1.0}, {"trunk": Limits()})
    assert loaded.caller_ids == CallerIdSettings(("+33140000000",))
    assert loaded.rules().campaign == "demo"
    edit(campaign, 'caller_id = "+33140000000"', "")
    loaded = load_campaign(campaign)
    assert loaded.caller_ids == CallerIdSettings()
    assert loaded.plan("+33140000001").caller_id is None


def test_who_is_told_of_outcomes(campaign: Path) -> None:
    url = "https://crm.example.com/robot"
    edit(campaign, "[barge_in]", f"[webhook]\nurl = {url!r}\noutcomes = ['interested']\n\n[barge_in]")
    told = load_campaign(campaign).plan("+33140000001").outcome_webhook
    assert told is not None
    assert (told.url, told.outcomes, told.fields) == (url, frozenset({"interested"}), None)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ('url = "crm.example.com"', "webhook.url: should be an address like https://"),
        ('url = "http://[::1"', "webhook.url: is not an address"),
        ('url = "https://a.example/"\noutcomes = ["intrested"]', "did you mean 'interested'?"),
        ('outcomes = ["busy"]', "webhook.url: is missing"),
    ],
)
def test_a_webhook_that_cannot_be_sent_is_told(campaign: Path, table: str, told: str) -> None:
    edit(campaign, "[barge_in]", f"[webhook]\n{table}\n\n[barge_in]")
    assert told in complaint(campaign)
