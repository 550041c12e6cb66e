"""What the page to talk to a campaign asks of the console."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from robot.campaign.definition import Campaign, load_campaign
from tests.acceptance.world import DEMO
from tests.integration.console.consoles import Served, served


class Door:
    """Lets everybody in."""

    port = 8080

    def ticket(self) -> str:
        return "of-this-test"

    async def campaigns(self) -> Sequence[Campaign]:
        return [load_campaign(DEMO)]


async def test_the_page_learns_whom_it_can_talk_to_and_where(tmp_path: Path) -> None:
    async with served(tmp_path, voice=Door()) as console:
        offer = (await console.client.get("/api/voice")).json()
        assert offer == {"campaigns": [{"name": "demo", "language": "en", "fields": []}]}
        ticket = (await console.client.post("/api/voice/tickets")).json()
        assert ticket == {"url": "ws://127.0.0.1:8080/ws?ticket=of-this-test"}


async def test_nobody_gets_a_ticket_who_has_not_logged_in(tmp_path: Path) -> None:
    async with served(tmp_path, voice=Door()) as console:
        assert (await console.stranger.post("/api/voice/tickets")).status_code == 401


async def test_a_robot_without_the_door_says_which_setting_it_is(console: Served) -> None:
    answer = await console.client.get("/api/voice")
    assert answer.status_code == 503
    assert answer.json()["type"].endswith("no-voice")
    assert "voice.enabled" in answer.json()["detail"]
