"""The page to talk to a campaign, for real: chromium with a WAV as its microphone, and a running robot that listens."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from playwright.async_api import Page, async_playwright, expect

from robot.service import Service
from robot.simulator.voice import CalleeVoice
from tests.acceptance.world import open_world, settings_for
from tests.integration.console.chromium import PATH, arguments, needs_chromium

pytestmark = [pytest.mark.slow, needs_chromium]

# The robot's first prompt is 12 s long: this talks over it.
INTERRUPTS_AFTER_S = 2.5
NOBODY = """
[[callee]]
number = "+33140000001"
"""
SAYS = "Yes, I would like to hear more about that, please."


def microphone(file: Path) -> Path:
    """What it hears from when it is opened: a room, and somebody in it."""
    with wave.open(str(CalleeVoice().wav(SAYS)), "rb") as speech:
        parameters, sound = speech.getparams(), speech.readframes(speech.getnframes())

    def silence(seconds: float) -> bytes:
        noise = np.random.default_rng(1).integers(-8, 9, round(seconds * parameters.framerate))
        return noise.astype("<i2").tobytes()

    with wave.open(str(file), "wb") as opened:
        opened.setparams(parameters)
        opened.writeframes(silence(INTERRUPTS_AFTER_S) + sound + silence(30))
    return file


@asynccontextmanager
async def page_of_a_robot(folder: Path) -> AsyncIterator[Page]:
    async with open_world(folder, NOBODY) as world, async_playwright() as playwright:
        settings = settings_for(world.switch, folder)
        settings = settings.model_copy(
            update={
                "incoming": settings.incoming.model_copy(update={"port": 0}),
                "console": settings.console.model_copy(update={"port": 0}),
            }
        )
        async with Service(settings, world.daemon, []) as service:
            browser = await playwright.chromium.launch(
                executable_path=PATH, args=arguments(microphone(folder / "microphone.wav"))
            )
            context = await browser.new_context(permissions=["microphone"])
            page = await context.new_page()
            await page.goto(f"http://127.0.0.1:{service.console_port}/talk")
            yield page
            await browser.close()


async def level(page: Page, of: str) -> float:
    """dB below full scale, as the page's AnalyserNode has it."""
    return float(await page.locator(f"#{of}-level").get_attribute("data-db") or -100)


async def wait_until(true: Callable[[], Awaitable[bool]], within_s: float) -> None:
    async with asyncio.timeout(within_s):
        while True:
            if await true():
                return
            await asyncio.sleep(0.02)


async def test_speak_see_the_partials_hear_the_reply_interrupt_it(tmp_path: Path) -> None:
    async with page_of_a_robot(tmp_path) as page:
        partials: list[str] = []
        await page.expose_function("partial", lambda text: partials.append(text))
        await page.evaluate(
            """new MutationObserver(() => {
              const partial = document.querySelector('.person .partial');
              if (partial) window.partial(partial.textContent);
            }).observe(document.getElementById('transcript'), { childList: true, subtree: true })"""
        )
        await page.get_by_role("button", name="Start talking").click()

        async def robot_is_heard() -> bool:
            return await level(page, "robot") > -40

        await wait_until(robot_is_heard, 15)
        first = page.locator(".robot").first
        await expect(first).to_contain_text("Northwind Energy")
        assert await page.locator(".person").count() == 0

        # It is talked over, and silent long before the 12 s are over.
        await expect(first).to_contain_text("interrupted", timeout=15_000)

        async def robot_is_silent() -> bool:
            return await level(page, "robot") < -60

        await wait_until(robot_is_silent, 2)

        said = page.locator(".person p:not(.partial)")
        await expect(said).to_contain_text("like to hear more", timeout=15_000)
        assert any("would like" in partial for partial in partials)
        await wait_until(robot_is_heard, 15)
        await expect(page.locator(".robot").nth(1)).to_contain_text("Wonderful. A colleague will call you back today")
        await expect(page.locator("#state")).to_have_text("Over: interested", timeout=15_000)
        await expect(page.locator("#times tbody tr")).to_have_count(1)
        await expect(page.get_by_role("alert")).to_be_hidden()


async def test_without_worklets_what_was_said_is_sent_as_a_whole(tmp_path: Path) -> None:
    async with page_of_a_robot(tmp_path) as page:
        await page.add_init_script("delete window.AudioWorkletNode")
        await page.reload()
        await page.get_by_role("button", name="Start talking").click()
        await page.get_by_role("button", name="I talk").click()
        await asyncio.sleep(INTERRUPTS_AFTER_S + 4)
        await page.get_by_role("button", name="I’m done").click()
        await expect(page.locator(".person p:not(.partial)")).to_contain_text("like to hear more", timeout=15_000)
        await expect(page.locator(".robot").nth(1)).to_contain_text("Wonderful.", timeout=15_000)
