"""What goes wrong in one call, with one contact or with one part costs that call, with a reason, and no other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import event

from robot.campaign.definition import load_campaign
from robot.simulator.callees_file import load_callees
from robot.simulator.freeswitch import SimulatedFreeSwitch, SimulatorSettings
from robot.store.campaign_records import CampaignState, NewContact
from tests.acceptance.dialling import campaign_in, dialling, outcomes, until_state
from tests.acceptance.world import PASSWORD, World, open_world, short_campaign
from tests.waiting import until
from ws_audio.transcription.engine import Transcript
from ws_audio.transcription.scheduler import SchedulerSettings, TranscriptionScheduler

pytestmark = pytest.mark.slow

CALLEES = """
[[callee]]
number = "+331400000*"
ring_ms = 100
says = [{ after = "prompt_end", wait_ms = 300, text = "Yes, please." }]

[[callee]]
number = "+331400003*"
ring_ms = 100
hang_up = { after = "prompt_start", wait_ms = 1500 }
"""


class Model:
    """Crashes at French, hangs at German, and understands all others."""

    def transcribe(
        self, audio: NDArray[np.float32], language: str | None, vocabulary: Sequence[str] = ()
    ) -> Transcript:
        if language == "fr":
            raise MemoryError
        if language == "de":
            time.sleep(2)
        return Transcript("Yes, please.", 1.0)


async def test_a_model_that_crashes_or_hangs_costs_the_calls_that_need_it_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robot.daemon._load_model", lambda settings: Model())
    impatient = partial(TranscriptionScheduler, settings=SchedulerSettings(job_timeout_s=0.5))
    monkeypatch.setattr("robot.daemon.TranscriptionScheduler", impatient)
    campaigns = {}
    for language in ("en", "fr", "de"):
        file = short_campaign(tmp_path / language) / "campaign.toml"
        file.write_text(file.read_text().replace('"short"', f'"{language}"\nlanguage = "{language}"'))
        campaigns[language] = load_campaign(tmp_path / language)
    async with open_world(tmp_path, CALLEES, tmp_path / "en") as world:
        numbers = {language: f"+3314000000{place}" for place, language in enumerate(campaigns)}
        finished = await asyncio.gather(
            *(world.call(numbers[language], campaign) for language, campaign in campaigns.items())
        )
        assert world.switch.channels == {}
    texts = {
        call.stored.campaign: [turn.text for turn in call.stored.turns if turn.speaker == "callee"] for call in finished
    }
    assert texts["en"] == ["Yes, please."]
    assert not any([*texts["fr"], *texts["de"]])
    assert {call.stored.outcome for call in finished} <= {"completed", "no_speech"}


async def test_one_poisonous_contact_is_given_up_with_its_reason_and_the_others_are_called(tmp_path: Path) -> None:
    campaign = campaign_in(tmp_path / "list", step="").folder / "campaign.toml"
    campaign.write_text(campaign.read_text().replace("Good morning.", "Good morning {first_name}."))
    sound = load_campaign(tmp_path / "list")
    listed = [f"+3314000030{place}" for place in range(4)]
    names = ["Ann", "\ud800\udbff", "Bob", "Cleo"]
    async with open_world(tmp_path, CALLEES) as world:
        store, now = world.daemon.store, datetime.now(UTC)
        contacts = [NewContact(number, {"first_name": name}) for number, name in zip(listed, names, strict=True)]
        await store.add_contacts(sound.name, contacts, now)
        await store.move_campaign(sound.name, CampaignState.RUNNING, now)
        async with dialling(world, sound):
            await until_state(world, sound, CampaignState.DONE)
        found = await outcomes(world, listed)
        poisonous = await store.contact(sound.name, listed[1])
    assert [len(each) for each in found.values()] == [1, 0, 1, 1]
    assert poisonous is not None
    assert poisonous.reason


async def test_with_a_full_disk_calls_end_as_they_do_and_are_written_when_there_is_room(tmp_path: Path) -> None:
    file = short_campaign(tmp_path / "campaign") / "campaign.toml"
    long = "Words that need a page of their own. " * 108
    file.write_text(file.read_text().replace("That is all right. Thank you for your time, and goodbye.", long))
    async with open_world(tmp_path, CALLEES, file.parent) as world:
        store, engine = world.daemon.store, world.daemon.store._database._engine
        full = True

        def set_size(connection: object, _: object) -> None:
            connection.execute(f"PRAGMA max_page_count = {1 if full else 10**6}").close()  # type: ignore[attr-defined]

        call, running = world.dial("+33140000300")
        await until(lambda: call.report.answered, within_s=40)
        spool = tmp_path / "robot.db-spool"
        spool.write_text("not a folder: nothing can be kept there, either")
        event.listen(engine, "connect", set_size)
        await asyncio.to_thread(engine.dispose)
        report = await running
        assert report.outcome == "hung_up"
        assert store.away
        assert store.facts_waiting

        full = False
        spool.unlink()
        await asyncio.to_thread(engine.dispose)
        assert await store.drain(10) == 0
        stored = await store.attempt(call.uuid)
        assert (stored.outcome, bool(stored.turns)) == ("hung_up", True)


async def test_campaigns_go_on_by_themselves_when_freeswitch_is_back(tmp_path: Path) -> None:
    campaign = campaign_in(tmp_path / "list", step="").folder / "campaign.toml"
    written = campaign.read_text().replace("calls_per_s = 50", "calls_per_s = 5")
    campaign.write_text(written.replace("busy = []", "busy = []\nfailed = []\nno_speech = []"))
    sound = load_campaign(tmp_path / "list")
    listed = [f"+331400003{place:02}" for place in range(20)]
    async with open_world(tmp_path, CALLEES) as world:
        store, now = world.daemon.store, datetime.now(UTC)
        await store.add_contacts(sound.name, [NewContact(number, {}) for number in listed], now)
        await store.move_campaign(sound.name, CampaignState.RUNNING, now)
        async with dialling(world, sound) as dialer:
            await until(lambda: len(world.switch.calls) >= 3, within_s=40)
            port = world.switch.event_socket_port
            await world.switch.close()
            await until(lambda: "no FreeSWITCH can be reached" in str(dialer.reasons()), within_s=40)
            settings = SimulatorSettings(password=PASSWORD, event_socket_port=port)
            async with SimulatedFreeSwitch(settings, load_callees(tmp_path / "callees.toml")) as back:
                await until_state(World(back, world.daemon, sound), sound, CampaignState.DONE)
                dialled = len(world.switch.calls) + len(back.calls)
        found = await outcomes(world, listed)
    assert {len(each) for each in found.values()} == {1}, "everybody was called once"
    assert dialled <= len(listed)
