"""A conversation that a model holds: hearing, thinking, speaking and being interrupted, by the test's own clock."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot.call.agent_talk import Failed, Gone, OptsOut
from robot.dialogue.agent_tools import EndCall, GoTo, KeepFact
from robot.dialogue.error_codes import ErrorCode
from robot.dialogue.llm import LlmFailed, LlmTimeout, Request
from tests.unit.call.held_world import (
    LETTERS_PER_S,
    HeldWorld,
    Piece,
    heard_of,
    held,
    in_no_time,
    said_in,
    tool,
    wording,
)

BYE: list[Piece] = ["Goodbye.", tool("end_call", outcome="sold")]


def shop(request: Request) -> Sequence[Piece]:
    heard = heard_of(request)
    if "picked up" in heard:
        return ["Hello. May I help you?"]
    if "bye" in heard:
        return BYE
    return ["We have shoes. They are red."]


def test_it_hears_and_answers_until_it_ends_the_call() -> None:
    async def call() -> None:
        world = HeldWorld(shop)

        async def callee() -> None:
            await world.prompts(2)
            await asyncio.sleep(0.5)
            await world.callee.says("What have you got?")
            await world.prompts(4)
            await asyncio.sleep(0.5)
            await world.callee.says("Thank you, bye.")

        assert await world.run(callee()) == EndCall("sold")
        assert world.spoken == ["Hello.", "May I help you?", "We have shoes.", "They are red.", "Goodbye."]
        assert said_in(world.model.requests[-1]) == ["Hello. May I help you?", "We have shoes. They are red."]
        assert world.concluded == ["sold"]
        assert world.faults == []
        assert [latency.turn for latency in world.record.latencies()] == [3, 6]

    in_no_time(call())


def test_a_reply_that_was_begun_ahead_of_time_is_the_reply() -> None:
    async def call() -> None:
        world = HeldWorld(shop)

        async def callee() -> None:
            await world.prompts(2)
            await world.callee.says("Thank you, bye.")

        await world.run(callee())
        assert len(world.model.requests) == 2
        assert world.model.dropped == 0
        [latency] = world.record.latencies()
        assert latency.endpoint_ms == 400
        assert latency.model_at_ms == 280, "the model was asked while the silence was still being counted"
        assert latency.total_ms == 420, "its phrase was there before that was over"

    in_no_time(call())


def test_a_reply_ahead_of_time_is_dropped_when_the_callee_goes_on() -> None:
    async def call() -> None:
        world = HeldWorld(lambda request: [0.2, *shop(request)])

        async def callee() -> None:
            await world.prompts(2)
            await world.callee.says("Thank you.")
            await asyncio.sleep(0.33)
            await world.callee.says("And bye.")

        assert await world.run(callee()) == EndCall("sold")
        assert [heard_of(request) for request in world.model.requests[1:]] == ["Thank you.", "Thank you. And bye."]
        assert world.model.dropped == 1
        assert world.spoken[2:] == ["Goodbye."], "nothing of the dropped reply is heard"

    in_no_time(call())


def test_without_thinking_ahead_nothing_is_dropped() -> None:
    async def call() -> None:
        world = HeldWorld(shop, held(think_ahead=False))

        async def callee() -> None:
            await world.prompts(2)
            await world.callee.says("Thank you.")
            await asyncio.sleep(0.33)
            await world.callee.says("And bye.")

        await world.run(callee())
        assert [heard_of(request) for request in world.model.requests[1:]] == ["Thank you. And bye."]

    in_no_time(call())


def test_nobody_is_cut_off_in_the_middle_of_a_sentence() -> None:
    async def call() -> None:
        world = HeldWorld(shop)

        async def callee() -> None:
            await world.prompts(2)
            await world.callee.says("I think I would like to")
            await asyncio.sleep(1.0)
            await world.callee.says("say bye.")

        await world.run(callee())
        assert heard_of(world.model.requests[-1]) == "I think I would like to say bye."

    in_no_time(call())


def test_who_goes_on_before_the_reply_is_heard_to_the_end() -> None:
    async def call() -> None:
        world = HeldWorld(lambda request: shop(request) if len(request.messages) < 3 else [2.0, *shop(request)])

        async def callee() -> None:
            await world.prompts(2)
            await world.callee.says("I would like shoes.")
            await asyncio.sleep(0.8)
            await world.callee.says("Or rather, bye.")

        assert await world.run(callee()) == EndCall("sold")
        assert heard_of(world.model.requests[-1]).splitlines() == ["I would like shoes.", "Or rather, bye."]
        assert said_in(world.model.requests[-1]) == ["Hello. May I help you?"]
        assert world.spoken[2:] == ["Goodbye."]

    in_no_time(call())


def test_talked_over_it_is_silent_and_remembers_what_was_heard() -> None:
    written = "We have shoes and boots and hats and coats. They are red."

    async def call() -> None:
        world = HeldWorld(lambda request: BYE if "bye" in heard_of(request) else [written])

        async def callee() -> None:
            await world.prompt_begins(1)
            await asyncio.sleep(0.5)
            await world.callee.says("No thanks, bye.", 1.2)

        await world.run(callee())
        assert world.spoken == ["We have shoes and boots and hats and coats.", "Goodbye."]
        [said] = said_in(world.model.requests[-1])
        assert said == "We have shoes and", "1.1 s of it"
        assert "[You were interrupted there.]" in heard_of(world.model.requests[-1])

    in_no_time(call())


def test_after_a_false_alarm_it_goes_on_where_it_was() -> None:
    async def call() -> None:
        long = "We have shoes and boots and hats and coats."

        def script(request: Request) -> Sequence[Piece]:
            if "bye" in heard_of(request):
                return BYE
            return ["They are red."] if said_in(request) else [long, 3.0, "They are blue."]

        world = HeldWorld(script)

        async def callee() -> None:
            await world.prompt_begins(1)
            await asyncio.sleep(0.5)
            await world.callee.says("", 0.8)  # a cough
            await world.prompts(3)
            await asyncio.sleep(0.5)
            await world.callee.says("Okay, bye.")

        await world.run(callee())
        assert [text for text, _ in world.door.played] == [long, long, "They are red.", "Goodbye."]
        (_, begin), (_, again) = world.door.played[:2]
        assert begin == 0
        assert 500 < again < 1200, "from a little before the cut"
        assert said_in(world.model.requests[-1]) == [long, "They are red."]

    in_no_time(call())


def test_a_silence_is_told_to_the_model_and_the_third_ends_it() -> None:
    async def call() -> None:
        world = HeldWorld(lambda request: ["Are you there?"])
        assert await world.run() == Gone()
        assert len(world.model.requests) == 3
        assert [heard_of(request) for request in world.model.requests[1:]] == ["[The person says nothing.]"] * 2

    in_no_time(call())


def test_a_model_that_only_calls_tools_is_asked_again_but_not_for_ever() -> None:
    async def call() -> None:
        world = HeldWorld(lambda request: [tool("keep_fact", name="size", value="nine")])
        assert await world.run() == Failed(ErrorCode.LLM_FAIL)
        assert len(world.model.requests) == 4
        assert world.kept == [KeepFact("size", "nine")] * 4
        assert world.faults == ["LLM_FAIL"]

    in_no_time(call())


def test_tools_come_true_and_the_model_goes_on_talking() -> None:
    async def call() -> None:
        def script(request: Request) -> Sequence[Piece]:
            if request.messages[-1].role == "tool":
                return ["Done. ", tool("go_to", step="end")]
            return [tool("press_keys", keys="1w2"), tool("fly", to="Rome")]

        world = HeldWorld(script)
        assert await world.run() == GoTo("end")
        assert world.door.pressed == ["1w2"]
        results = [message.text for message in world.model.requests[-1].messages if message.role == "tool"]
        assert results[0] == "Done."
        assert results[1].startswith("Refused: There is no tool of that name.")
        assert world.spoken == ["Done."]

    in_no_time(call())


@pytest.mark.parametrize(("error", "code"), [(LlmTimeout("late"), "LLM_TIMEOUT"), (LlmFailed("broken"), "LLM_FAIL")])
def test_a_model_that_fails_is_asked_once_more(error: Exception, code: str) -> None:
    async def call() -> None:
        world = HeldWorld(lambda request: [error])
        assert await world.run() == Failed(ErrorCode(code))
        assert world.faults == [code, code]
        answers: Iterator[list[Piece]] = iter([[error], BYE])
        again = HeldWorld(lambda request: next(answers))
        assert await again.run() == EndCall("sold")
        assert again.faults == [code]

    in_no_time(call())


def test_what_was_said_of_a_reply_that_broke_off_will_do() -> None:
    async def call() -> None:
        def script(request: Request) -> Sequence[Piece]:
            return BYE if "bye" in heard_of(request) else ["It is free. ", LlmFailed("broken")]

        world = HeldWorld(script)

        async def callee() -> None:
            await world.prompts(1)
            await world.callee.says("Then bye.")

        assert await world.run(callee()) == EndCall("sold")
        assert world.faults == ["LLM_FAIL"]
        assert said_in(world.model.requests[-1]) == ["It is free."]

    in_no_time(call())


def test_a_voice_that_fails_is_not_asked_again() -> None:
    async def call() -> None:
        world = HeldWorld(shop)
        world.unspeakable = {"Hello."}
        assert await world.run() == Failed(ErrorCode.TTS_FAIL)
        assert len(world.model.requests) == 1
        assert world.faults == ["TTS_FAIL"]

    in_no_time(call())


def test_a_late_reply_is_announced_by_a_filler() -> None:
    async def call() -> None:
        late = held(fillers=wording("One moment."), filler_after_ms=1200)
        world = HeldWorld(lambda request: [3.0, *BYE], late)
        await world.run()
        assert world.spoken == ["One moment.", "Goodbye."]
        early = HeldWorld(lambda request: [0.5, *BYE], late)
        await early.run()
        assert early.spoken == ["Goodbye."]

    in_no_time(call())


@pytest.mark.parametrize(("longest_talk_s", "ends_after_s"), [(10.0, 600.0), (300.0, 10.0)])
def test_it_may_not_talk_for_ever(longest_talk_s: float, ends_after_s: float) -> None:
    async def call() -> None:
        world = HeldWorld(lambda request: ["Tell me more."], held(longest_talk_s=longest_talk_s), ends_after_s)

        async def callee() -> None:
            for count in range(1, 100):
                await world.prompts(count)
                await world.callee.says("And then there was more.")

        assert await world.run(callee()) == Failed(ErrorCode.MAX_DURATION_EXCEEDED)
        assert world.faults == ["MAX_DURATION_EXCEEDED"]
        assert 10 < asyncio.get_running_loop().time() - world.model.asked_at[0] < 15

    in_no_time(call())


def test_who_hangs_up_over_the_goodbye_has_been_understood() -> None:
    async def call() -> None:
        tools = [tool("keep_fact", name="size", value="nine"), tool("end_call", outcome="sold")]
        world = HeldWorld(lambda request: ["Thank you very much, and goodbye.", *tools])
        running = asyncio.ensure_future(world.run())
        await world.prompt_begins(1)
        await asyncio.sleep(0.3)
        running.cancel()
        await asyncio.wait({running})
        assert world.concluded == ["sold"]
        assert world.kept == [KeepFact("size", "nine")]

    in_no_time(call())


def test_what_is_not_recognised_is_asked_for_twice_at_most() -> None:
    async def call() -> None:
        world = HeldWorld(shop, held(listen_ms=2000))
        world.callee.failing = True

        async def callee() -> None:
            for count in (2, 3, 4):
                await world.prompts(count)
                await world.callee.says("Something.")

        await world.run(callee())
        assert world.spoken[2:5] == ["Pardon?", "Pardon?", "We have shoes."], "then it counts as a silence"
        assert world.faults == ["ASR_FAIL"] * 3

    in_no_time(call())


def test_who_opts_out_is_believed_without_asking_the_model() -> None:
    async def call() -> None:
        world = HeldWorld(shop)

        async def callee() -> None:
            await world.prompts(2)
            await world.callee.says("Please never call me again.")

        ending = await world.run(callee())
        assert isinstance(ending, OptsOut)
        assert ending.words.text == "Please never call me again."
        assert len(world.model.requests) == 1

    in_no_time(call())


def test_that_it_is_a_robot_is_said_without_asking_the_model() -> None:
    async def call() -> None:
        world = HeldWorld(shop)

        async def callee() -> None:
            await world.prompts(2)
            await world.callee.says("Are you a robot?")
            await world.prompts(3)
            await world.callee.says("Okay, bye.")

        await world.run(callee())
        answer = "Yes, I am an automated assistant, not a person."
        assert world.spoken[2:] == [answer, "Goodbye."]
        assert len(world.model.requests) == 2
        assert said_in(world.model.requests[-1])[-1] == answer

    in_no_time(call())


_WORDS = st.lists(st.sampled_from(["shoes", "boots", "a", "are", "red,", "very", "hats."]), min_size=3, max_size=30)


@settings(max_examples=60, deadline=None)
@given(_WORDS, st.floats(0.0, 8.0), st.sampled_from([0.7, 1.0, 2.5]), st.booleans())
def test_its_history_holds_the_beginning_of_what_it_wrote(
    words: list[str], over_s: float, speech_s: float, real: bool
) -> None:
    """Whenever it is talked over, and whether by words or by a noise."""
    written = " ".join(words)

    async def call() -> None:
        world = HeldWorld(lambda request: BYE if "bye" in heard_of(request) else [written])

        async def callee() -> None:
            await world.prompt_begins(1)
            await asyncio.sleep(over_s)
            await world.callee.says("Stop it, bye." if real else "", speech_s)
            while not real:
                await asyncio.sleep(3.0)
                if not world.speaking.sounds:
                    await world.callee.says("Then bye.")

        await world.run(callee())
        last = world.model.requests[-1]
        told = said_in(last)
        if real:
            assert written.startswith(" ".join(told))
        else:
            assert all(written.startswith(each) for each in told)
        played_ms = sum(turn.end_ms - turn.start_ms for turn in world.record.turns() if turn.speaker == "robot")
        assert len(" ".join(told)) <= played_ms / 1000 * LETTERS_PER_S + len(world.spoken), "no more than was heard"

    in_no_time(call())
