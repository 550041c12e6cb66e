"""A robot with its console and a simulated FreeSWITCH: somebody calls a number from the page, and watches the call."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from playwright.async_api import async_playwright, expect

from robot.campaign.definition import load_campaign
from robot.service import Service
from tests.acceptance.test_live_sessions_call import CALLEES, CAMPAIGN, PROMPT
from tests.acceptance.world import open_world, settings_for
from tests.integration.console.chromium import PATH, arguments, needs_chromium

NUMBER = "+33140000001"


@needs_chromium
@pytest.mark.slow
async def test_a_number_is_called_from_the_page(tmp_path: Path) -> None:
    folder = tmp_path / "campaign"
    (folder / "audio").mkdir(parents=True)
    shutil.copy(PROMPT, folder / "audio")
    (folder / "campaign.toml").write_text(CAMPAIGN)
    async with open_world(tmp_path, CALLEES, folder) as world, async_playwright() as playwright:
        settings = settings_for(world.switch, tmp_path)
        free = {name: getattr(settings, name).model_copy(update={"port": 0}) for name in ("incoming", "console")}
        async with Service(settings.model_copy(update=free), world.daemon, [load_campaign(folder)]) as service:
            browser = await playwright.chromium.launch(executable_path=PATH, args=arguments())
            page = await browser.new_page()
            await page.goto(f"http://127.0.0.1:{service.console_port}/calls")
            await page.get_by_role("button", name="Call a number").click()
            await page.get_by_label("Number", exact=True).fill(NUMBER)
            await page.get_by_role("button", name="Call", exact=True).click()

            await expect(page.get_by_role("heading", name=NUMBER)).to_be_visible()
            await expect(page.get_by_text("Goodbye?")).to_be_visible(timeout=15_000)
            await expect(page.locator(".said.callee")).to_contain_text("Yes", timeout=15_000)

            await expect(page.get_by_role("heading", name="Timeline")).to_be_visible(timeout=20_000)
            await expect(page.locator(".badge.good").first).to_have_text("completed")
            assert await page.locator(".timeline .turn").count() >= 3
            await page.goto(f"http://127.0.0.1:{service.console_port}/health")
            await expect(page.get_by_text("1 of 1 up")).to_be_visible()
            await browser.close()
