"""Who picked up, and what was done about it: whole calls, with a real voice and real recognition."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from robot.campaign.definition import Campaign, load_campaign
from robot.simulator import sound
from robot.simulator.heard import HeardPrompt
from tests.acceptance.world import FinishedCall, open_world

pytestmark = pytest.mark.slow

CAMPAIGN = """
name = "answering"
gateway = "trunk"
{amd}

[[step]]
name = "question"
text = "Hello, this is Northwind Energy. We have a new tariff for your street. Would you like to hear more about it?"
listen_ms = 3000
answers = {{ yes = "goodbye" }}
otherwise = "goodbye"
silence = "goodbye"

[[step]]
name = "goodbye"
text = "Thank you. Goodbye."
outcome = "completed"

[[step]]
name = "message"
text = "This is Northwind Energy with a message for you. Please call us back."
outcome = "voicemail_left"

[[step]]
name = "screening"
text = "This is Northwind Energy, about the new tariff."
outcome = "completed"
"""

# Numbered from 1 as in the tests; each is called once.
CALLEES = """
[[callee]]
number = "+33140000001"
says = [
  { after = "answer", text = "Hello?", wait_ms = 400 },
  { after = "prompt_end", text = "Yes, please.", wait_ms = 500 },
]

[[callee]]
number = "+33140000002"
answer = "machine"
says = [{ after = "answer", text = "Please leave a message after the tone.", wait_ms = 300 }]
beep = { hz = 1000, ms = 500 }

[[callee]]
number = "+33140000003"
answer = "machine"
says = [
  { after = "answer", text = "Please leave a message after the tone.", wait_ms = 300 },
  { after = "said", audio = "beep.wav", wait_ms = 900 },
]
beep = { hz = 1000, ms = 500 }

[[callee]]
number = "+33140000004"
answer = "machine"
says = [
  { after = "answer", text = "Hello.", wait_ms = 300 },
  { after = "said", text = "You have reached Joe Miller. Please leave a message after the tone.", wait_ms = 900 },
  { after = "said", audio = "beep.wav", wait_ms = 400 },
]

[[callee]]
number = "+33140000005"
answer = "machine"
says = [{ after = "answer", text = "The mailbox is full and cannot accept any messages. Goodbye.", wait_ms = 300 }]

[[callee]]
number = "+33140000006"
says = [{ after = "answer", audio = "fax.wav", wait_ms = 300 }]

[[callee]]
number = "+33140000007"

[[callee]]
number = "+33140000008"
says = [
  { after = "answer", text = "Hi. Please state your name and why you are calling.", wait_ms = 300 },
  { after = "prompt_end", text = "Hello?", wait_ms = 3000 },
  { after = "prompt_end", text = "Yes, please.", wait_ms = 500 },
]

[[callee]]
number = "+33140000009"
answer = "machine"
says = [{ after = "answer", text = "This is Joe Miller. I can't take your call, leave me a message.", wait_ms = 300 }]
beep = { hz = 440, ms = 700 }
"""

LEAVE = '[amd]\nvoicemail = { leave = "message" }\ncall_screening = { say = "screening" }\n'


HANG_UP = '[amd]\nsilence = "hang_up"\n'
NOTHING = "[amd]\nenabled = false\n"


def campaign(folder: Path, amd: str) -> Campaign:
    folder.mkdir()
    (folder / "campaign.toml").write_text(CAMPAIGN.format(amd=amd), encoding="utf-8")
    return load_campaign(folder)


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> dict[str, FinishedCall]:
    """Everybody is called, four at a time: by number, `h` where we hang up on machines, `n` where nobody asks."""
    folder = tmp_path_factory.mktemp("answering")
    sound.write_wav(folder / "beep.wav", sound.tone(1000, 500, 8000), 8000)
    sound.write_wav(folder / "fax.wav", sound.tone(2100, 3000, 8000), 8000)

    async def call_everybody() -> dict[str, FinishedCall]:
        async with open_world(folder, CALLEES) as world:
            leave, hang_up = campaign(folder / "leave", LEAVE), campaign(folder / "hang_up", HANG_UP)
            wanted = dict.fromkeys("123456789", leave) | {"2h": hang_up, "7h": hang_up}
            wanted["2n"] = campaign(folder / "nothing", NOTHING)
            four = asyncio.Semaphore(4)

            async def call(name: str) -> FinishedCall:
                async with four:
                    return await world.call(f"+3314000000{name[0]}", wanted[name])

            return dict(zip(wanted, await asyncio.gather(*(call(name) for name in wanted)), strict=True))

    return asyncio.run(call_everybody())


def played(call: FinishedCall) -> list[HeardPrompt]:
    assert call.heard is not None
    return call.heard.prompts


def message_of(call: FinishedCall) -> HeardPrompt:
    """The last that was said. On a busy machine words come late, and what was said to a human before is broken off."""
    *before, message = played(call)
    assert all(prompt.how == "break" for prompt in before)
    assert message.how == "done"
    return message


def ended(call: FinishedCall) -> list[float]:
    """When each thing that the callee said was over, its beep included: ms from the answer."""
    assert call.heard is not None
    return [each.to_ms for each in call.heard.said]


def test_a_human_hears_us_when_they_have_said_hello(calls: dict[str, FinishedCall]) -> None:
    call = calls["1"]
    # Half a second of silence makes it a human; the rest is the silence that a synthesised sentence ends with.
    assert ended(call)[0] + 200 <= played(call)[0].from_ms <= ended(call)[0] + 900
    assert (call.report.amd, call.stored.amd) == ("human", "human")
    assert call.stored.amd_confidence is not None
    assert call.stored.amd_confidence >= 0.7
    assert call.stored.amd_reason
    assert [turn.speaker for turn in call.report.turns] == ["callee", "robot", "callee", "robot"]
    assert "hello" in call.report.turns[0].text.lower()
    assert call.report.turns[2].intent == "yes"
    assert call.report.outcome == "completed"


@pytest.mark.parametrize("number", ["2", "9"])
def test_a_message_is_left_after_the_beep(calls: dict[str, FinishedCall], number: str) -> None:
    assert 0 < message_of(calls[number]).from_ms - ended(calls[number])[0] <= 300
    assert (calls[number].report.outcome, calls[number].report.amd) == ("voicemail_left", "voicemail")


def test_another_beep_begins_the_message_anew(calls: dict[str, FinishedCall]) -> None:
    assert 0 < message_of(calls["3"]).from_ms - ended(calls["3"])[1] <= 300
    assert ended(calls["3"])[0] < played(calls["3"])[-2].from_ms < ended(calls["3"])[1]
    assert calls["3"].report.outcome == "voicemail_left"


def test_a_voicemail_is_hung_up_on(calls: dict[str, FinishedCall]) -> None:
    assert (calls["2h"].report.outcome, calls["2h"].report.amd) == ("voicemail", "voicemail")
    assert all(prompt.how == "break" for prompt in played(calls["2h"]))


def test_a_machine_that_begins_like_a_human_is_told_the_message(calls: dict[str, FinishedCall]) -> None:
    assert played(calls["4"])[0].from_ms < ended(calls["4"])[1], "it was taken for a human"
    assert 0 < message_of(calls["4"]).from_ms - ended(calls["4"])[2] <= 300
    assert (calls["4"].report.outcome, calls["4"].report.amd) == ("voicemail_left", "voicemail")


@pytest.mark.parametrize(
    ("number", "amd", "outcome"), [("5", "mailbox_full", "voicemail"), ("6", "fax", "invalid_number")]
)
def test_nobody_talks_to_these(calls: dict[str, FinishedCall], number: str, amd: str, outcome: str) -> None:
    assert (calls[number].report.amd, calls[number].report.outcome) == (amd, outcome)
    assert all(prompt.how == "break" for prompt in played(calls[number]))


def test_who_says_nothing_is_spoken_to_or_not(calls: dict[str, FinishedCall]) -> None:
    assert calls["7"].report.amd == "silence"
    assert 3000 <= played(calls["7"])[0].from_ms <= 3400
    assert (calls["7h"].report.outcome, played(calls["7h"])) == ("no_speech", [])


def test_a_screening_is_answered_and_then_the_person(calls: dict[str, FinishedCall]) -> None:
    call = calls["8"]
    screening, question, goodbye = played(call)
    assert ended(call)[0] + 900 < screening.from_ms
    assert ended(call)[1] < question.from_ms < goodbye.from_ms
    assert (call.report.outcome, call.report.amd) == ("completed", "human")


def test_nobody_wants_to_know(calls: dict[str, FinishedCall]) -> None:
    assert calls["2n"].report.amd is None
    assert played(calls["2n"])[0].from_ms < 500
