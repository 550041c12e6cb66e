"""The REST interface over a real socket and a real database: what the command line does, and problems as RFC 9457."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from robot.call.report import CallBegan, StateChanged, TurnEnded
from robot.call.states import CallState
from robot.store.campaign_records import CampaignState
from robot.store.records import Direction, TurnRecord
from tests.integration.console.consoles import NUMBER, TOKEN, UUID, WAV, Served

LIVE = "11111111-1111-4111-8111-111111111111"


def told(answer: httpx2.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["title"]
    assert problem["detail"]
    return answer.status_code, problem["type"].removeprefix("urn:robot:")


async def test_a_campaign_as_status_tells_it(console: Served) -> None:
    everything = (await console.client.get("/api/campaigns")).json()
    assert [robot["host"] for robot in everything["robots"]] == ["host"]
    assert everything["files"] == ["spring"]
    [campaign] = everything["campaigns"]
    assert campaign["contacts"] == {"total": 2, "left": 1, "waiting": 1, "claimed": 0, "in_call": 0, "done": 1}
    assert campaign["outcomes"] == {"interested": 1}
    assert (await console.client.get("/api/campaigns/spring")).json() == campaign
    assert told(await console.client.get("/api/campaigns/winter")) == (404, "unknown-campaign")


async def test_a_campaign_is_led(console: Served) -> None:
    paused = (await console.client.post("/api/campaigns/spring/pause", json={"reason": "lunch"})).json()
    assert (paused["before"], paused["state"], paused["reason"]) == ("running", "paused", "lunch")
    assert (await console.store.campaign("spring")).state is CampaignState.PAUSED
    assert (await console.client.post("/api/campaigns/spring/drain")).json()["state"] == "draining"
    assert (await console.client.post("/api/campaigns/spring/resume")).json()["state"] == "running"
    await console.store.move_campaign("spring", CampaignState.STOPPED, datetime.now(UTC))
    assert told(await console.client.post("/api/campaigns/spring/resume")) == (409, "campaign-state")
    started = (await console.client.post("/api/campaigns/spring/start")).json()
    assert started["state"] == "running"
    assert "1 contact(s) wait" in started["told"][0]
    for order in ("start", "pause", "resume", "drain"):
        assert told(await console.client.post(f"/api/campaigns/..%2Fspring/{order}"))[0] == 404
        assert told(await console.client.post(f"/api/campaigns/winter/{order}")) == (404, "unknown-campaign")


async def test_a_campaign_is_paced(console: Served) -> None:
    changed = (await console.client.patch("/api/campaigns/spring/pace", json={"calls_per_s": 0.5})).json()
    assert changed["written"] == {"calls_per_s": 2.0, "max_calls": 5}
    assert changed["changed"] == {"calls_per_s": 0.5, "max_calls": None}
    await console.client.patch("/api/campaigns/spring/pace", json={"max_calls": 3})
    assert (await console.store.campaign("spring")).pace == {"calls_per_s": 0.5, "max_calls": 3}
    await console.client.patch("/api/campaigns/spring/pace", json={"calls_per_s": None})
    assert (await console.store.campaign("spring")).pace == {"max_calls": 3}
    wrong = await console.client.patch("/api/campaigns/spring/pace", json={"calls_per_s": 0, "speed": 1})
    assert told(wrong) == (422, "invalid")
    assert {mistake["where"] for mistake in wrong.json()["mistakes"]} == {"body.calls_per_s", "body.speed"}


async def test_a_campaign_is_checked_and_explained(console: Served) -> None:
    checked = (await console.client.post("/api/campaigns/spring/check")).json()
    assert checked["good"] is True
    assert [prompt["text"] for prompt in checked["prompts"]] == ["Hello, this is Anna."]
    explained = (await console.client.get("/api/campaigns/spring/explain")).json()
    assert explained["due"] == 1
    one = (await console.client.post("/api/campaigns/spring/explain", json={"number": "01 40 00 00 01"})).json()
    assert one["reason"] == "is done: interested"
    bad = await console.client.post("/api/campaigns/spring/explain", json={"number": "12"})
    assert told(bad) == (422, "bad-number")


async def test_contacts_are_imported(console: Served) -> None:
    file = "Mobile,first_name\n01 40 00 00 05,Bea\n01 40 00 00 01,Ann\nnone,Cy\n".encode("cp1252")
    answer = await console.client.post(
        "/api/campaigns/spring/contacts", params={"column": "Mobile=number"}, content=file
    )
    count = answer.json()
    assert (count["rows"], count["added"], count["in_campaign"], count["rejected"]) == (3, 1, 1, 1)
    assert "none,Cy,4," in count["rejected_csv"]
    assert (await console.store.contact("spring", "+33140000005")) is not None
    empty = await console.client.post("/api/campaigns/spring/contacts", content=b"")
    assert told(empty) == (422, "bad-contacts")
    column = await console.client.post("/api/campaigns/spring/contacts", params={"column": "x"}, content=file)
    assert told(column) == (422, "bad-column")


async def test_a_report_in_three_forms(console: Served) -> None:
    report = (await console.client.get("/api/campaigns/spring/report", params={"zone": "Europe/Paris"})).json()
    assert (report["attempts"], report["zone"]) == (1, "Europe/Paris")
    table = await console.client.get("/api/campaigns/spring/report", params={"format": "csv"})
    assert "outcomes,interested,attempts,1" in table.text
    page = await console.client.get("/api/campaigns/spring/report", params={"format": "html"})
    assert "<h1>spring</h1>" in page.text
    assert "script-src" not in page.headers["content-security-policy"]
    later = await console.client.get("/api/campaigns/spring/report", params={"since": "2999-01-01"})
    assert later.json()["attempts"] == 0
    backwards = {"since": "2026-11-02", "until": "2026-11-01"}
    assert told(await console.client.get("/api/campaigns/spring/report", params=backwards)) == (422, "bad-period")
    assert told(await console.client.get("/api/campaigns/spring/report", params={"zone": "x"})) == (422, "bad-zone")


async def test_outcomes_over_time_and_the_calls_as_a_file(console: Served) -> None:
    series = (await console.client.get("/api/campaigns/spring/outcomes")).json()
    assert series["counts"] == {"interested": [1]}
    assert len(series["times"]) == 1
    lines = await console.client.get("/api/campaigns/spring/export", params={"format": "jsonl"})
    [call] = [json.loads(line) for line in lines.text.splitlines()]
    assert [turn["text"] for turn in call["turns"]] == ["Hello, this is Anna.", "Yes?", "Goodbye."]
    table = await console.client.get("/api/campaigns/spring/export")
    assert table.content.startswith(b"\xef\xbb\xbfcampaign,uuid")
    assert "attachment" in table.headers["content-disposition"]


async def test_calls_are_listed_a_page_at_a_time(console: Served) -> None:
    page = (await console.client.get("/api/calls", params={"limit": 1})).json()
    assert [call["uuid"] for call in page["calls"]] == [UUID]
    after = (await console.client.get("/api/calls", params={"limit": 1, "cursor": page["next"]})).json()
    assert after == {"calls": [], "next": None}
    for wanted, found in (({"outcome": "interested"}, 1), ({"outcome": "busy"}, 0), ({"answered": "false"}, 0),
                          ({"campaign": "winter"}, 0), ({"since": "2999-01-01"}, 0)):  # fmt: skip
        assert len((await console.client.get("/api/calls", params=wanted)).json()["calls"]) == found
    assert told(await console.client.get("/api/calls", params={"cursor": "x"})) == (422, "bad-cursor")


async def test_one_call_with_all_that_is_known(console: Served) -> None:
    call = (await console.client.get(f"/api/calls/{UUID}")).json()
    assert [turn["speaker"] for turn in call["turns"]] == ["robot", "callee", "robot"]
    assert call["turns"][1]["intent_reason"] == "says yes"
    assert call["amd_reason"] == "a short greeting"
    assert call["barge_ins"][0]["break_ms"] == 21.0
    assert call["latencies"][0]["total_ms"] == 510
    assert told(await console.client.get(f"/api/calls/{LIVE}")) == (404, "unknown-call")
    assert told(await console.client.get("/api/calls/x")) == (422, "invalid")


async def test_a_recording_can_be_listened_to_from_anywhere_in_it(console: Served) -> None:
    whole = await console.client.get(f"/api/calls/{UUID}/recording")
    assert (whole.content, whole.headers["content-type"]) == (WAV, "audio/wav")
    part = await console.client.get(f"/api/calls/{UUID}/recording", headers={"range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"RIFF")
    (console.folder / "recordings" / "call.wav").unlink()
    assert told(await console.client.get(f"/api/calls/{UUID}/recording")) == (404, "no-recording")
    # What lies outside the folder of recordings is nobody's business.
    secret = console.folder / "robot.toml"
    secret.write_text("secret")
    (console.folder / "recordings" / "call.wav").symlink_to(secret)
    assert told(await console.client.get(f"/api/calls/{UUID}/recording")) == (404, "no-recording")


async def test_a_number_is_called_only_when_that_can_and_may_be(console: Served) -> None:
    order = {"campaign": "spring", "number": "01 40 00 00 07"}
    assert told(await console.client.post("/api/calls", json=order)) == (503, "no-free-switch")
    assert told(await console.client.post("/api/calls", json=order | {"campaign": "winter"}))[0] == 404
    assert told(await console.client.post("/api/calls", json=order | {"number": "1"})) == (422, "bad-number")
    console.parts.ordered.stop_taking()
    assert told(await console.client.post("/api/calls", json=order)) == (503, "stopping")


async def test_the_do_not_call_list(console: Served) -> None:
    [entry] = (await console.client.get("/api/do-not-call")).json()
    assert (entry["number"], entry["note"]) == ("+33140000009", "asked by mail")
    new = {"numbers": ["01 40 00 00 08", "+441*"], "region": "FR", "campaign": "spring"}
    assert (await console.client.post("/api/do-not-call", json=new)).json() == {"added": 2, "known": 0}
    found = (await console.client.post("/api/do-not-call/lookup", json={"number": "+33140000009"})).json()
    assert found["entry"]["id"] == entry["id"]
    free = (await console.client.post("/api/do-not-call/lookup", json={"number": NUMBER})).json()
    assert free == {"entry": None}
    file = "+33140000021\nnobody\n"
    count = (await console.client.post("/api/do-not-call/import", content=file)).json()
    assert (count["added"], [bad["line"] for bad in count["bad"]]) == (1, [2])
    assert (await console.client.delete(f"/api/do-not-call/{entry['id']}")).status_code == 204
    assert told(await console.client.delete(f"/api/do-not-call/{entry['id']}")) == (404, "unknown-entry")
    unknown = await console.client.post("/api/do-not-call", json={"numbers": ["+33140000001"], "campaign": "winter"})
    assert told(unknown) == (404, "unknown-campaign")


async def test_live_calls_with_and_without_their_words(console: Served) -> None:
    begin_call(console)
    [call] = (await console.client.get("/api/live")).json()
    assert (call["uuid"], call["number"], call["state"]) == (LIVE, NUMBER, "speaking")
    assert "text" not in call["turns"][0]
    [call] = (await console.client.get("/api/live", params={"words": "true"})).json()
    assert call["turns"][0]["text"] == "Hello."


async def test_events_tell_everything_and_then_what_changes(console: Served) -> None:
    begin_call(console)
    async with console.client.stream("GET", "/api/events", params={"call": LIVE}) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.aiter_lines()
        seen: dict[str, Any] = {}
        await until(lines, seen, lambda now: {"words", "campaigns", "health"} <= set(now))
        assert seen["calls"][LIVE]["said"] == "Hello."
        assert seen["words"][LIVE]["turns"][0]["text"] == "Hello."
        assert seen["campaigns"]["spring"]["state"] == "running"
        console.live(StateChanged(LIVE, CallState.LISTENING, 900))
        await until(lines, seen, lambda now: now["calls"][LIVE]["state"] == "listening")
        await console.client.post("/api/campaigns/spring/pause")
        await until(lines, seen, lambda now: now["campaigns"]["spring"]["state"] == "paused")


async def test_whoever_is_not_known_learns_nothing(console: Served) -> None:
    assert told(await console.stranger.get("/api/campaigns")) == (401, "log-in")
    assert told(await console.stranger.post("/api/campaigns/spring/pause")) == (401, "log-in")
    assert told(await console.stranger.get("/api/openapi.json")) == (401, "log-in")
    page = await console.stranger.get("/campaigns")
    assert (page.status_code, page.headers["location"]) == (303, "/login")


async def test_a_person_logs_in_and_out(console: Served) -> None:
    assert told(await console.stranger.post("/api/session", json={"token": "wrong"})) == (403, "wrong-token")
    answer = await console.stranger.post("/api/session", json={"token": TOKEN})
    assert answer.status_code == 204
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert (await console.stranger.get("/api/campaigns")).status_code == 200
    foreign = {"origin": "https://elsewhere.example"}
    assert told(await console.stranger.post("/api/campaigns/spring/pause", headers=foreign)) == (403, "foreign-page")
    assert (await console.stranger.post("/api/campaigns/spring/pause")).status_code == 200
    await console.stranger.delete("/api/session")
    assert (await console.stranger.get("/api/campaigns")).status_code == 401


async def test_what_is_too_long_is_not_taken(console: Served) -> None:
    answer = await console.client.post("/api/do-not-call", content=b" " * 2_000_000)
    assert told(answer) == (413, "too-large")


async def test_a_database_that_is_away_is_told(console: Served) -> None:
    console.parts.database.close()
    (console.folder / "robot.db").rename(console.folder / "elsewhere.db")
    (console.folder / "robot.db").mkdir()
    assert told(await console.client.get("/api/calls")) == (503, "database-away")


async def test_browsers_are_told_to_load_nothing_from_elsewhere(console: Served) -> None:
    headers = (await console.client.get("/api/health")).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


# ----------------------------------------------------------------------------------------------------------------------


def begin_call(console: Served) -> None:
    console.live(CallBegan(LIVE, "spring", Direction.OUTGOING, NUMBER, "paris"))
    console.live(StateChanged(LIVE, CallState.ACTIVE, 0))
    console.live(StateChanged(LIVE, CallState.SPEAKING, 0))
    console.live(TurnEnded(LIVE, TurnRecord(1, "robot", "Hello.", None, 0, 800, False)))


async def until(lines: Any, now: dict[str, Any], wanted: Callable[[dict[str, Any]], bool]) -> None:
    """Until what a page knows `now` is as `wanted`."""
    async with asyncio.timeout(10):
        async for line in lines:
            if not line.startswith("data: "):
                continue
            for topic, named in json.loads(line.removeprefix("data: ")).items():
                for name, new in named.items():
                    known = now.setdefault(topic, {})
                    known[name] = {**known.get(name, {}), **(new or {})}
            if wanted(now):
                return
    pytest.fail("the events ended")
