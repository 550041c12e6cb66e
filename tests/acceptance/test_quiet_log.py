"""What a log of INFO tells about calls: that they were, and nothing about the people in them."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import re
import shutil
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import structlog

from robot.campaign.definition import load_campaign
from robot.dialogue.conversation import Conversation
from robot.logs import set_up_logging
from robot.service import Service
from robot.settings import LoggingSettings
from robot.store.records import StoredAttempt
from tests.acceptance.test_incoming import Door
from tests.acceptance.world import DEMO, PASSWORD, open_world, settings_for

pytestmark = pytest.mark.slow

OURS = "+33199000001"
SAYS_YES, OPTS_OUT, BUSY, GATEWAY_DOWN, CALLS_IN, CRASHES = (f"+3314000000{last}" for last in range(1, 7))
FIELDS = {"first_name": "Zebulon", "street": "14 Wisteria Crescent"}
TOKEN = "tok-5f2a9c"

CAMPAIGN = f"""\
name = "quiet"
gateway = "trunk"
incoming_numbers = ["{OURS}"]
[amd]
enabled = false
[intents.interested]
include = ["yes"]
[[step]]
name = "ask"
text = "Hello {{first_name|there}}, would you like to hear more about it?"
listen_ms = 4000
answers = {{ interested = "tell", do_not_call = "never" }}
otherwise = "bye"
[[step]]
name = "tell"
text = "One moment, please."
webhook = {{ url = "http://127.0.0.1:9/hook?token={TOKEN}", failed = "bye" }}
outcome = "interested"
[[step]]
name = "never"
text = "We will not call you again."
outcome = "do_not_call"
[[step]]
name = "bye"
text = "Goodbye."
outcome = "completed"
"""

CALLEES = f"""
[[callee]]
number = "{SAYS_YES}"
says = [{{ after = "prompt_end", wait_ms = 300, text = "Yes please, the kitchen window is broken." }}]

[[callee]]
number = "{OPTS_OUT}"
says = [{{ after = "prompt_end", wait_ms = 300, text = "Please don't call me again." }}]

[[callee]]
number = "{BUSY}"
answer = "busy"

[[callee]]
number = "{GATEWAY_DOWN}"
answer = "gateway_down"

[[callee]]
number = "{CALLS_IN}"
says = [{{ after = "prompt_end", wait_ms = 300, text = "Yes please, my garden is small." }}]

[[callee]]
number = "{CRASHES}"
says = [{{ after = "prompt_end", wait_ms = 300, text = "My name is Anderson and I live in Boston." }}]
"""


@pytest.fixture
def begin_log() -> Iterator[Callable[[], None]]:
    """Begins it, as JSON lines. To be called by the test: while fixtures are made, stderr is another one."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield lambda: set_up_logging(0, LoggingSettings.model_validate({"level": "info", "json": True}))
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


async def test_no_line_of_the_log_says_who_was_called_or_what_was_said(
    tmp_path: Path,
    begin_log: Callable[[], None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begin_log()
    folder = tmp_path / "campaign"
    folder.mkdir()
    shutil.copy(DEMO / "audio" / "goodbye.wav", folder)
    (folder / "campaign.toml").write_text(CAMPAIGN, encoding="utf-8")
    answered = Conversation.answered

    def crash_at_boston(self: Conversation, text: str, *rest: Any, **named: Any) -> Any:
        if "Boston" in text:
            raise KeyError(f"{CRASHES}: {text}")
        return answered(self, text, *rest, **named)

    monkeypatch.setattr(Conversation, "answered", crash_at_boston)
    async with open_world(tmp_path, CALLEES, folder) as world:
        settings = settings_for(world.switch, tmp_path)
        settings = settings.model_copy(update={"incoming": settings.incoming.model_copy(update={"port": 0})})
        async with Service(settings, world.daemon, [load_campaign(folder)]) as service:
            door = Door(world, service)
            numbers = (SAYS_YES, OPTS_OUT, BUSY, GATEWAY_DOWN, CRASHES)
            calls = [world.daemon.call(world.campaign.plan(number, FIELDS)) for number in numbers]
            outgoing = asyncio.gather(*(call.run() for call in calls), return_exceptions=True)
            came_in = await door.call_in(CALLS_IN, OURS)
            await door.call_in(CALLS_IN, "5550199", {"robot_campaign": "winter"})
            await outgoing
            stored = [await world.daemon.store.attempt(call.uuid) for call in calls]
            metrics = await asyncio.to_thread(scrape, service.metrics_port)
    written = capsys.readouterr().err
    lines = [json.loads(line) for line in written.splitlines()]
    happened = {line["event"] for line in lines}
    assert [each.outcome for each in stored] == ["completed", "do_not_call", "busy", "unreachable", "failed"]
    assert came_in.outcome == "completed"
    assert {"call.crashed", "call.failed", "incoming.over", "incoming.refused", "webhooks.undelivered"} <= happened
    assert all(re.fullmatch(r"[a-z_]+(\.[a-z_]+)*", event) for event in happened)
    for secret in itertools.chain(spellings(), FIELDS.values(), (TOKEN, PASSWORD)):
        for told in (metrics, *(json.dumps(line, ensure_ascii=False) for line in lines)):
            assert secret.casefold() not in told.casefold()
    for outcome in (each.outcome for each in (*stored, came_in)):
        assert f'outcome="{outcome}"' in metrics
    assert not [each.uuid for each in (*stored, came_in) if each.uuid in metrics]
    said = list(phrases([*stored, came_in]))
    assert said
    for line, phrase in itertools.product(lines, said):
        assert phrase not in words(json.dumps(line, ensure_ascii=False)), line["event"]


def scrape(port: int | None) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        read: bytes = answer.read()
    return read.decode()


def spellings() -> Iterator[str]:
    """How a number may be written, to the last nine digits; also what the robot shows the callee."""
    for number in (SAYS_YES, OPTS_OUT, BUSY, GATEWAY_DOWN, CALLS_IN, CRASHES, OURS):
        last = number.removeprefix("+33")
        pairs = [last[0], *(last[place : place + 2] for place in range(1, 9, 2))]
        yield from (last, *(between.join(pairs) for between in (" ", ".", "-", "\N{NO-BREAK SPACE}", "%20")))
    yield "5550199"


def words(text: str) -> str:
    return f" {' '.join(re.findall(r'[a-z]+', text.casefold()))} "


def phrases(attempts: Sequence[StoredAttempt]) -> Iterator[str]:
    """Every three words that followed each other in what was said, by whomever."""
    for attempt in attempts:
        for turn in attempt.turns:
            spoken = words(turn.text or "").split()
            for three in zip(spoken, spoken[1:], spoken[2:], strict=False):
                yield f" {' '.join(three)} "
