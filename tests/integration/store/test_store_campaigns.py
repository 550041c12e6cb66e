"""Campaigns and their lists, the same on both databases: from state to state, what is changed, what an import adds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from robot.store.campaign_records import (
    CAMPAIGN_TRANSITIONS,
    CampaignState,
    ContactState,
    NewContact,
    Placed,
    Scope,
    StoredCampaign,
)
from robot.store.errors import CampaignStateRefused, UnknownCampaign
from robot.store.store import Store

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
ONE, TWO, THREE = (f"+3314000000{place}" for place in (1, 2, 3))


async def test_a_campaign_is_known_by_its_list_and_stopped(store: Store) -> None:
    with pytest.raises(UnknownCampaign, match="'spring': `robot campaign import`"):
        await store.campaign("spring")
    await store.set_campaign_folder("spring", "/campaigns/spring")
    expected = StoredCampaign("spring", CampaignState.STOPPED, None, None, "/campaigns/spring", {})
    assert await store.campaign("spring") == expected
    assert await store.campaigns() == [expected]
    with pytest.raises(UnknownCampaign):
        await store.move_campaign("autumn", CampaignState.RUNNING, NOW)


async def test_states_change_by_the_table_and_a_refusal_changes_nothing(store: Store) -> None:
    await store.set_campaign_folder("spring", "/campaigns/spring")
    for state in CampaignState:
        await store.move_campaign("spring", CampaignState.RUNNING, NOW)
        if state is not CampaignState.RUNNING:
            await store.move_campaign("spring", state, LATER, "why")
        for wanted in CampaignState:
            if wanted is not state and wanted not in CAMPAIGN_TRANSITIONS[state]:
                with pytest.raises(CampaignStateRefused, match=f"is {state}: it cannot become {wanted}"):
                    await store.move_campaign("spring", wanted, NOW)
        campaign = await store.campaign("spring")
        assert campaign.state is state


async def test_to_pause_twice_keeps_the_first_reason(store: Store) -> None:
    await store.set_campaign_folder("spring", "/campaigns/spring")
    await store.move_campaign("spring", CampaignState.RUNNING, NOW)
    await store.move_campaign("spring", CampaignState.PAUSED, NOW, "8 of 10 calls failed")
    paused = await store.move_campaign("spring", CampaignState.PAUSED, LATER, "an operator")
    assert (paused.changed_at, paused.reason) == (NOW, "8 of 10 calls failed")
    resumed = await store.move_campaign("spring", CampaignState.RUNNING, LATER)
    assert (resumed.changed_at, resumed.reason) == (LATER, None)


async def test_only_the_pace_that_is_named_changes(store: Store) -> None:
    await store.set_campaign_folder("spring", "/campaigns/spring")
    await store.set_campaign_pace("spring", {"calls_per_second": 2.5, "simultaneous": 10})
    changed = await store.set_campaign_pace("spring", {"calls_per_second": None, "simultaneous": 20})
    assert changed.pace == {"simultaneous": 20}
    assert (await store.campaign("spring")).pace == {"simultaneous": 20}


async def test_to_import_again_adds_what_is_new_and_changes_nothing_else(store: Store) -> None:
    first = [NewContact(ONE, {"name": "Zoë"}), NewContact(TWO, {}), NewContact(ONE, {"name": "again"})]
    assert await store.add_contacts("spring", first, NOW) == [Placed.ADDED, Placed.ADDED, Placed.IN_FILE]
    assert await store.add_contacts("spring", [NewContact(TWO, {})], NOW) == [Placed.IN_FILE], "a later batch"
    before = await store.contacts_page("spring")
    again = [NewContact(ONE, {"name": "other"}), NewContact(THREE, {})]
    assert await store.add_contacts("spring", again, LATER) == [Placed.IN_CAMPAIGN, Placed.ADDED]
    after = await store.contacts_page("spring")
    assert after[:2] == before
    assert [(each.number, each.next_at) for each in after] == [(ONE, NOW), (TWO, NOW), (THREE, LATER)]
    assert after[0].fields == {"name": "Zoë"}
    assert await store.contact_states("spring") == {ContactState.WAITING: 3}


async def test_fields_are_brought_up_to_date_when_asked(store: Store) -> None:
    await store.add_contacts("spring", [NewContact(ONE, {"name": "Zoë"})], NOW)
    rows = [NewContact(ONE, {"name": "Zoé"}), NewContact(TWO, {"n": "1"}), NewContact(TWO, {"n": "2"})]
    placed = await store.add_contacts("spring", rows, LATER, update_known=True)
    assert placed == [Placed.UPDATED, Placed.ADDED, Placed.UPDATED]
    assert [each.fields for each in await store.contacts_page("spring")] == [{"name": "Zoé"}, {"n": "2"}]
    assert [each.next_at for each in await store.contacts_page("spring")] == [NOW, LATER]


@pytest.mark.parametrize("update_known", [False, True])
async def test_a_number_of_another_campaign_is_left_out_when_asked(store: Store, update_known: bool) -> None:
    await store.add_contacts("autumn", [NewContact(ONE, {}), NewContact(TWO, {})], NOW)
    await store.add_contacts("spring", [NewContact(TWO, {})], NOW)
    rows = [NewContact(each, {"new": "1"}) for each in (ONE, TWO, THREE)]
    placed = await store.add_contacts("spring", rows, LATER, Scope.EVERYWHERE, update_known=update_known)
    known = Placed.UPDATED if update_known else Placed.IN_CAMPAIGN
    assert placed == [Placed.ELSEWHERE, known, Placed.ADDED]
    assert await store.add_contacts("spring", [NewContact(ONE, {})], LATER) == [Placed.ADDED]
    [autumn, _] = await store.contacts_page("autumn")
    assert autumn.fields == {}


async def test_what_no_database_takes_is_taken_out(store: Store) -> None:
    await store.add_contacts("spring", [NewContact(ONE, {"name": "Zo\0ë\ud800"})], NOW)
    [contact] = await store.contacts_page("spring")
    assert contact.fields == {"name": "Zoë?"}
