"""The console's pages in a real browser, with a real console behind them: they update by themselves, and lead."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import FilePayload, Page, expect

from robot.call.report import BargedIn, CallBegan, CallOver, CallReport, Notice, PromptBegan, StateChanged, TurnEnded
from robot.call.states import CallState
from robot.store.records import Direction, TurnRecord
from tests.integration.console.chromium import Visit, chromium, needs_chromium, visit
from tests.integration.console.consoles import TOKEN, UUID, Running, running

pytestmark = [needs_chromium, pytest.mark.slow]

PAGES = ("/", "/campaigns", "/campaigns/spring", "/calls", f"/calls/{UUID}", "/do-not-call", "/health")


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("console")) as each:
        yield each


@pytest.fixture(scope="module")
def visitor(console: Running) -> Iterator[Visit]:
    """One who has logged in."""
    with chromium() as browser, visit(browser) as visitor:
        log_in(visitor.page, console)
        yield visitor
        assert [each for each in visitor.asked if not each.startswith((console.base, "blob:", "data:"))] == []
        assert visitor.complaints == []


def log_in(page: Page, console: Running) -> None:
    page.goto(f"{console.base}/campaigns")
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Live calls")).to_be_visible()


def begin(uuid: str, number: str) -> list[Notice]:
    return [CallBegan(uuid, "spring", Direction.OUTGOING, number, "paris"), StateChanged(uuid, CallState.ACTIVE, 0)]


def test_a_call_is_watched_from_its_beginning_to_its_end(console: Running, visitor: Visit) -> None:
    page, uuid = visitor.page, "11111111-1111-4111-8111-111111111111"
    page.goto(console.base)
    expect(page.get_by_text("Nobody is in a call.")).to_be_visible()
    console.tell(*begin(uuid, "+33140000001"), PromptBegan(uuid, "Would Monday suit you?", 0))
    row = page.get_by_role("row", name="+33140000001")
    expect(row).to_contain_text("Would Monday suit you?")
    console.tell(BargedIn(uuid, 500, 300), StateChanged(uuid, CallState.LISTENING, 900))
    expect(row).to_contain_text("listening")
    expect(row.get_by_role("cell").nth(4)).to_have_text("1")

    row.get_by_role("link").click()
    expect(page.get_by_role("heading", name="+33140000001")).to_be_visible()
    console.tell(TurnEnded(uuid, TurnRecord(1, "callee", "Yes, Monday is fine.", "agreed", 900, 1900, False)))
    expect(page.get_by_text("Yes, Monday is fine.")).to_be_visible()
    page.go_back()
    console.tell(CallOver(uuid, CallReport(uuid, "+33140000001")))
    expect(row).to_contain_text("ended")
    expect(page.get_by_text("Nobody is in a call.")).to_be_visible(timeout=10_000)
    visitor.complaints.clear()  # the call is in no database: the browser tells that it was not found


def test_a_campaign_is_led_and_paced(console: Running, visitor: Visit) -> None:
    page = visitor.page
    page.goto(f"{console.base}/campaigns")
    page.get_by_role("link", name="spring").first.click()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("spring is paused", exact=False).first).to_be_visible()
    expect(page.get_by_text("Paused since", exact=False)).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.get_by_label("Calls a second").fill("0.5")
    page.get_by_role("button", name="Change the pace").click()
    expect(page.get_by_text("has this pace", exact=False)).to_be_visible()
    expect(page.get_by_label("Calls a second")).to_have_value("0.5")
    page.get_by_role("button", name="Who would be called now?").click()
    expect(page.get_by_text("is done: interested")).to_be_visible()


def test_people_are_imported_and_bad_rows_come_back(console: Running, visitor: Visit) -> None:
    page = visitor.page
    page.goto(f"{console.base}/campaigns/spring")
    file = FilePayload(name="people.csv", mimeType="text/csv", buffer=b"number\n+33140000031\nnone\n")
    page.get_by_label("Import people from a CSV file").set_input_files(file)
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("1 of 2 rows added, 1 rejected.")).to_be_visible()
    expect(page.get_by_role("link", name="1 row to correct (CSV)")).to_be_visible()


def test_a_call_that_is_over_tells_who_spoke_when_and_why(console: Running, visitor: Visit) -> None:
    page = visitor.page
    page.goto(f"{console.base}/calls")
    page.get_by_role("link", name="+33140000001").click()
    for text in ("Hello, this is Anna.", "91 % sure: says yes", "a short greeting", "monday", "interrupted"):
        expect(page.locator("main").get_by_text(text, exact=False).last).to_be_visible()
    assert page.locator(".timeline .turn").count() == 3
    assert page.locator(".timeline .barge").count() == 2  # and the key


def test_the_do_not_call_list_is_kept(console: Running, visitor: Visit) -> None:
    page = visitor.page
    page.goto(f"{console.base}/do-not-call")
    page.get_by_label("Number, or how numbers begin").fill("+44*")
    page.get_by_role("button", name="Add").click()
    row = page.get_by_role("row", name="+44*")
    expect(row).to_be_visible()
    page.get_by_label("Number", exact=True).fill("+442071838750")
    page.get_by_role("button", name="Look").click()
    expect(page.get_by_text("Yes: +44*", exact=False)).to_be_visible()
    row.get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Take off").click()
    expect(row).to_be_hidden()


def test_what_is_wrong_is_said(console: Running, visitor: Visit) -> None:
    page = visitor.page
    page.goto(f"{console.base}/calls")
    page.get_by_role("button", name="Call a number").click()
    page.get_by_label("Number", exact=True).fill("12")
    page.get_by_role("button", name="Call", exact=True).click()
    expect(page.get_by_text("write it like +33140000001", exact=False)).to_be_visible()
    visitor.complaints.clear()  # the browser tells of every answer that is no success


@pytest.mark.parametrize("width", [390, 768, 1440])
def test_every_page_fits(console: Running, visitor: Visit, width: int) -> None:
    page = visitor.page
    page.set_viewport_size({"width": width, "height": 844})
    for path in PAGES:
        page.goto(f"{console.base}{path}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.get_by_text("Looking …")).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    page.set_viewport_size({"width": 1280, "height": 844})


def test_it_is_used_by_keyboard(console: Running, visitor: Visit) -> None:
    page = visitor.page
    page.goto(console.base)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    for _ in range(3):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Campaigns")).to_be_visible()


def test_two_hundred_calls_have_a_row_each_and_keep_it(console: Running, visitor: Visit) -> None:
    page = visitor.page
    uuids = [str(uuid4()) for _ in range(200)]
    page.goto(console.base)
    for place, uuid in enumerate(uuids):
        console.tell(*begin(uuid, f"+3314001{place:04}"))
    rows = page.locator("table.live tbody tr")
    expect(rows).to_have_count(200)
    page.evaluate("document.querySelectorAll('table.live tbody tr').forEach((row, at) => { row.was = at; })")
    for place, uuid in enumerate(uuids):
        console.tell(PromptBegan(uuid, f"Words {place}.", 0))
    expect(rows.nth(199)).to_contain_text("Words")
    kept = "[...document.querySelectorAll('table.live tbody tr')].every((row, at) => row.was === at)"
    assert page.evaluate(kept)
    for uuid in uuids:
        console.tell(CallOver(uuid, CallReport(uuid, "")))
    expect(page.locator("table.live tbody tr.over")).to_have_count(200)


def test_a_console_that_goes_away_is_missed(tmp_path: Path, visitor: Visit) -> None:
    browser = visitor.page.context.browser
    assert browser is not None
    with visit(browser) as another:
        with running(tmp_path) as console:
            log_in(another.page, console)
        expect(another.page.get_by_text("No connection.", exact=False)).to_be_visible()


def test_a_window_that_nobody_sees_is_told_nothing_until_it_is_seen(console: Running, visitor: Visit) -> None:
    page, uuid = visitor.page, "22222222-2222-4222-8222-222222222222"
    page.goto(console.base)
    expect(page.get_by_text("Nobody is in a call.")).to_be_visible()
    see = "hidden => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true }); "
    see += "document.dispatchEvent(new Event('visibilitychange')); }"
    page.evaluate(see, True)
    console.tell(*begin(uuid, "+33140000022"))
    with page.expect_request("**/api/events"):
        page.evaluate(see, False)
    expect(page.get_by_role("row", name="+33140000022")).to_be_visible()
    console.tell(CallOver(uuid, CallReport(uuid, "")))
