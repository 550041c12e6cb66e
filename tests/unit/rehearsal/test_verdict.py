from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from robot.rehearsal.conversations_file import Conversation, WrittenConversation
from robot.rehearsal.verdict import Happened, HeardTurn, deviations

STEPS = {"Hello Ann, is ten fine?": ["greeting"], "See you then.": ["confirmed"], "Yes or no?": ["not_understood"]}


def written(*turns: dict[str, object], **keys: object) -> WrittenConversation:
    conversation = Conversation.model_validate({"name": "one", "outcome": "booked", "turns": turns} | keys)
    return WrittenConversation(Path("t.toml"), 2, conversation, tuple(range(10, 10 + len(turns))))


def robot(text: str, start_ms: int, *, interrupted: bool = False) -> HeardTurn:
    return HeardTurn(True, text, start_ms, start_ms + 2000, interrupted=interrupted)


def callee(text: str, start_ms: int, intent: str | None = None) -> HeardTurn:
    return HeardTurn(False, text, start_ms, start_ms + 500, intent)


WRITTEN = written(
    {"callee": "Hello?"},
    {"robot": "greeting", "robot_says": "ten"},
    {"callee": "Yes.", "intent": "yes"},
    {"robot": "confirmed"},
)
WENT_WELL = Happened(
    "booked",
    "human",
    (
        callee("Hello?", 500),
        robot("Hello Ann, is ten fine?", 1200),
        callee("Yes.", 3800, "yes"),
        robot("See you then.", 4800),
    ),
)


def told(written: WrittenConversation, happened: Happened) -> list[str]:
    return [str(each) for each in deviations(written, happened, lambda turn: STEPS.get(turn.text, ()))]


def test_what_goes_as_written_deviates_nowhere() -> None:
    assert told(WRITTEN, WENT_WELL) == []


def test_another_prompt_ends_the_comparison_of_the_turns() -> None:
    turns = (*WENT_WELL.turns[:2], callee("Yet.", 3800), robot("Yes or no?", 4800), callee("Yes", 7400, "yes"))
    assert told(WRITTEN, replace(WENT_WELL, turns=turns, outcome="completed")) == [
        't.toml:12: expected the intent yes; "Yet." was understood as nothing',
        't.toml:13: expected the robot to say confirmed; it said "Yes or no?" (not_understood)',
        "t.toml:2: expected the outcome booked; it was completed",
    ]


def test_words_of_a_prompt() -> None:
    turns = (robot("Hello Ann, is nine fine?", 1200), robot("See you then.", 4800))
    expected = written({"robot_says": "is TEN"}, {"robot": "confirmed"})
    assert told(expected, replace(WENT_WELL, turns=turns)) == [
        't.toml:10: expected the robot to say "is TEN"; it said "Hello Ann, is nine fine?"'
    ]


def test_a_call_that_ends_too_early_or_goes_on() -> None:
    assert told(WRITTEN, replace(WENT_WELL, turns=WENT_WELL.turns[:3])) == [
        't.toml:13: expected the robot to say confirmed; the call ended after the callee had said "Yes."'
    ]
    assert told(WRITTEN, replace(WENT_WELL, turns=())) == [
        't.toml:11: expected the robot to say greeting with "ten"; the call ended before anybody had spoken'
    ]
    longer = (*WENT_WELL.turns, robot("Yes or no?", 9000))
    assert told(WRITTEN, replace(WENT_WELL, turns=longer)) == [
        't.toml:13: expected the robot to say no more after this; it said "Yes or no?" (not_understood)'
    ]


def test_prompts_are_stopped_where_that_is_written_and_nowhere_else() -> None:
    over = written({"robot": "greeting"}, {"callee": "Stop!", "over_prompt_ms": 900}, {"robot": "confirmed"})
    aside = written(
        {"robot": "greeting"}, {"callee": "Ok.", "over_prompt_ms": 900, "interrupts": False}, {"robot": "confirmed"}
    )
    stopped = replace(
        WENT_WELL, turns=(robot("Hello Ann, is ten fine?", 1000, interrupted=True), robot("See you then.", 4800))
    )
    heard_out = replace(WENT_WELL, turns=(robot("Hello Ann, is ten fine?", 1000), robot("See you then.", 4800)))
    assert told(over, stopped) == []
    assert told(aside, heard_out) == []
    assert told(over, heard_out) == ["t.toml:10: expected the callee to stop the prompt; it was played to its end"]
    assert told(aside, stopped) == [
        "t.toml:10: expected the prompt to be heard to its end; the callee stopped it at 3.0 s"
    ]


def test_nothing_heard_where_an_intent_is_expected() -> None:
    turns = (*WENT_WELL.turns[:2], WENT_WELL.turns[3])
    assert told(WRITTEN, replace(WENT_WELL, turns=turns)) == [
        "t.toml:12: expected the intent yes; nothing was heard of the callee"
    ]


def test_amd_pauses_and_what_is_kept() -> None:
    expected = written(
        {"robot": "confirmed"},
        amd="human",
        kept={"reason": "*broken*", "callback_time": "tomorrow*", "plan": "gold"},
        longest_pause_ms=800,
    )
    happened = Happened(
        "booked",
        "voicemail",
        (robot("See you then.", 0),),
        {"reason": "It is Broken again", "callback_time": "today at six"},
        (300, 900),
    )
    assert told(expected, happened) == [
        "t.toml:2: expected human to have picked up; it was taken for voicemail",
        't.toml:2: expected "tomorrow*" to be kept as callback_time; "today at six" was',
        "t.toml:2: expected plan to be kept; nothing was",
        "t.toml:2: expected no pause longer than 800 ms; one lasted 900 ms",
    ]


def test_a_call_that_failed_says_why() -> None:
    assert told(written(), Happened("failed", error="no such gateway")) == [
        "t.toml:2: expected the outcome booked; it was failed: no such gateway"
    ]
    assert told(written(outcome="busy"), Happened("busy", error="not answered: the line is busy")) == []


def test_a_prompt_that_is_hung_up_on_is_not_stopped() -> None:
    expected = written({"robot": "confirmed"}, {"hangs_up": True, "over_prompt_ms": 500})
    assert told(expected, Happened("booked", turns=(robot("See you then.", 900, interrupted=True),))) == []
