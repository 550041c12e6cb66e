"""Where a conversation stands in its scenario: every way that an answer, a key or silence can lead."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot.dialogue.conversation import (
    Action,
    Conversation,
    HandOver,
    HangUp,
    OptOut,
    Post,
    Press,
    Say,
)
from robot.dialogue.intents import DO_NOT_CALL, Intent
from robot.dialogue.language import language_of
from robot.dialogue.prompt_text import PromptText
from robot.dialogue.scenario import (
    Branch,
    Condition,
    Listening,
    PressKeys,
    Reprompts,
    Scenario,
    ScenarioError,
    Step,
    Transfer,
    Variant,
    Webhook,
    Wording,
)

NOW = datetime(2026, 11, 18, 10, 0, tzinfo=UTC)  # a Wednesday
INTENTS = [
    Intent(name, language_of("en").intents[name])
    for name in ("yes", "no", "price", "repeat", "wait", "do_not_call", "who_is_calling")
]


def wording(*texts: str) -> Wording:
    return Wording(tuple(Variant(PromptText.parse(text)) for text in texts))


def asks(name: str = "question", **listening: Any) -> Step:
    answers: Mapping[str, str] = listening.pop("answers", {"yes": "thanks", "no": "bye"})
    return Step(
        name,
        wording(f"{name}?"),
        again=wording(f"{name} again?"),
        listens=Listening(3000, answers=answers, **listening),
    )


THANKS = Step("thanks", wording("thanks"), outcome="interested")
BYE = Step("bye", wording("bye"), outcome="not_interested")
ENDS = (THANKS, BYE)


def conversation(*steps: Step, **more: Any) -> Conversation:
    values = more.pop("values", None)
    objections = more.pop("objections", {})
    scenario = Scenario(steps, INTENTS, "en", objections)
    talk = Conversation(scenario, values, now=lambda: NOW, **more)
    talk.begin()
    return talk


def said(action: Action) -> str:
    """What the robot says."""
    assert isinstance(action, Say), action
    return "" if action.variant is None else action.variant.text.source


def test_the_first_step_comes_first_and_answers_lead_on() -> None:
    talk = Conversation(Scenario([asks(), *ENDS], INTENTS))
    first = talk.begin()
    assert said(first) == "question?"
    assert isinstance(first, Say)
    assert first.listening is not None
    assert said(talk.answered("well, yes")) == "thanks"
    assert talk.conclusion == "interested"
    assert talk.said() == HangUp("interested")


def test_without_reprompts_an_answer_that_matches_nothing_leads_on_at_once() -> None:
    assert said(conversation(asks(otherwise="bye", silence="thanks"), *ENDS).answered("the weather is nice")) == "bye"
    assert said(conversation(asks(otherwise="bye", silence="thanks"), *ENDS).silent()) == "thanks"
    assert conversation(asks(), *ENDS).silent() == HangUp(None)


def test_reprompts_come_one_after_the_other_and_then_the_step_gives_up() -> None:
    reprompts = Reprompts((wording("yes or no?"), wording("please say yes or no")), limit=3)
    talk = conversation(asks(otherwise="bye", not_understood=reprompts), *ENDS)
    heard = [said(talk.answered("the weather is nice")) for _ in range(4)]
    assert heard == ["yes or no?", "please say yes or no", "please say yes or no", "bye"]


def test_silence_and_misunderstandings_are_counted_apart() -> None:
    once = Reprompts((wording("what?"),), limit=1)
    talk = conversation(asks(not_understood=once, unheard=Reprompts((wording("hello?"),), 1)), *ENDS)
    assert said(talk.silent()) == "hello?"
    assert said(talk.not_understood()) == "what?"
    assert talk.silent() == HangUp(None)


def test_a_limit_without_texts_asks_the_question_again() -> None:
    talk = conversation(asks(unheard=Reprompts((), 1)), *ENDS)
    assert said(talk.silent()) == "question?"


def test_an_objection_is_answered_and_the_question_asked_again() -> None:
    price = Step("about_price", wording("it is free"))
    talk = conversation(asks(), price, *ENDS, objections={"price": "about_price"})
    assert said(talk.answered("how much is it?")) == "it is free"
    assert talk.conclusion is None
    assert said(talk.said()) == "question again?"
    assert said(talk.answered("yes")) == "thanks"


def test_an_objection_is_explained_twice_and_not_a_third_time() -> None:
    price = Step("about_price", wording("it is free"))
    talk = conversation(asks(otherwise="bye"), price, *ENDS, objections={"price": "about_price"})
    for _ in range(2):
        assert said(talk.answered("how much is it?")) == "it is free"
        talk.said()
    assert said(talk.answered("how much is it?")) == "bye"


def test_an_objection_to_an_explanation_still_returns_to_the_question() -> None:
    price = asks("price", answers={})
    who = Step("who", wording("we are Northwind"))
    talk = conversation(asks(), price, who, *ENDS, objections={"price": "price", "who_is_calling": "who"})
    assert said(talk.answered("how much is it?")) == "price?"
    assert said(talk.answered("who is calling?")) == "we are Northwind"
    assert said(talk.said()) == "question again?"


def test_an_objection_that_ends_the_call_does_not_return() -> None:
    talk = conversation(asks(), *ENDS, objections={"price": "bye"})
    assert said(talk.answered("how much is it?")) == "bye"
    assert talk.said() == HangUp("not_interested")


def test_reprompts_go_on_counting_after_an_objection() -> None:
    once = Reprompts((wording("what?"),), limit=1)
    talk = conversation(
        asks(otherwise="bye", not_understood=once), Step("p", wording("free")), *ENDS, objections={"price": "p"}
    )
    assert said(talk.not_understood()) == "what?"
    talk.answered("how much is it?")
    talk.said()
    assert said(talk.not_understood()) == "bye"


def test_pardon_is_answered_with_the_same_again_but_not_for_ever() -> None:
    talk = conversation(asks(otherwise="bye"), *ENDS)
    assert [said(talk.answered("pardon?")) for _ in range(4)] == ["question?"] * 3 + ["bye"]


def test_who_asks_to_wait_is_waited_for() -> None:
    talk = conversation(asks(), *ENDS)
    action = talk.answered("hold on a second please")
    assert isinstance(action, Say)
    assert (action.variant, action.listening and action.listening.within_ms) == (None, 20_000)


def test_never_call_again_ends_the_call_or_leads_to_the_step_for_it() -> None:
    assert conversation(asks(), *ENDS).answered("please do not call me again") == HangUp("do_not_call")
    removed = Step("removed", wording("removed"), opts_out=True, outcome="do_not_call")
    talk = conversation(asks(answers={"yes": "removed"}), removed, objections={"do_not_call": "removed"})
    assert talk.answered("take me off your list") == OptOut()
    assert said(talk.opted_out()) == "removed"
    assert talk.said() == HangUp("do_not_call")


def test_who_opts_out_of_an_explanation_is_not_asked_again() -> None:
    removed = Step("removed", wording("removed"))
    talk = conversation(
        asks(), asks("price", answers={}), removed, *ENDS, objections={"price": "price", "do_not_call": "removed"}
    )
    talk.answered("how much is it?")
    assert said(talk.answered("never call me again")) == "removed"
    assert talk.said() == HangUp(None)


def test_a_remark_over_a_statement() -> None:
    step = Step("legal", wording("this call is recorded"), next="question")
    talk = conversation(step, asks(), Step("p", wording("free")), *ENDS, objections={"price": "p"})
    assert said(talk.remarked("uh huh okay")) == "question?"
    talk = conversation(step, asks(), Step("p", wording("free")), *ENDS, objections={"price": "p"})
    assert said(talk.remarked("how much does it cost?")) == "free"
    assert said(talk.said()) == "this call is recorded"
    assert conversation(step, asks(), *ENDS).remarked("stop calling me") == HangUp("do_not_call")


def test_what_is_said_is_kept_and_said_back() -> None:
    asking = Step("why", wording("why?"), listens=Listening(3000, keep="reason"), next="bye")
    talk = conversation(asking, *ENDS, values={"first_name": "Ann"})
    assert not talk.is_clear("yes")
    assert said(talk.answered("because it was too late")) == "bye"
    assert talk.kept == {"reason": "because it was too late"}
    assert talk.values == {"first_name": "Ann", "reason": "because it was too late"}


def test_keys_answer_or_are_kept() -> None:
    talk = conversation(asks(keys={"1": "thanks", "2": "bye"}, otherwise="bye"), *ENDS)
    assert talk.takes_keys()
    assert said(talk.typed("1")) == "thanks"
    assert not talk.takes_keys()
    asking = Step("code", wording("your code?"), listens=Listening(3000, keep="code"), next="bye")
    talk = conversation(asking, *ENDS)
    talk.typed("4711")
    assert talk.kept == {"code": "4711"}
    assert said(conversation(asks(keys={"1": "thanks"}, otherwise="bye"), *ENDS).typed("9")) == "bye"


def test_a_time_to_call_back_is_understood_and_can_be_said() -> None:
    asking = Step("when", wording("when?"), listens=Listening(3000, wants_time=True, otherwise="thanks"), next="bye")
    talk = conversation(asking, *ENDS, zone=ZoneInfo("Europe/Paris"))
    assert said(talk.answered("tomorrow at ten")) == "bye"
    assert talk.callback is not None
    assert talk.callback.earliest == datetime(2026, 11, 19, 9, 0, tzinfo=UTC)
    assert "tomorrow" in talk.values["callback_time"]
    assert said(conversation(asking, *ENDS).answered("the weather is nice")) == "thanks"


def test_an_hour_that_was_begun_and_not_understood_is_asked_for_once_more() -> None:
    again = Reprompts((wording("when again?"),), limit=2)
    asking = Step("when", wording("when?"), listens=Listening(3000, wants_time=True, not_understood=again), next="bye")
    talk = conversation(asking, *ENDS)
    assert said(talk.answered("tomorrow at tin")) == "when again?"
    assert "callback_time" not in talk.values
    assert said(talk.answered("tomorrow at tin")) == "bye"
    assert talk.callback is not None
    assert talk.callback.earliest == datetime(2026, 11, 19, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("condition", "values", "holds"),
    [
        (Condition("plan", "thanks", equals="Gold"), {"plan": "gold "}, True),
        (Condition("plan", "thanks", one_of=("silver", "gold")), {"plan": "GOLD"}, True),
        (Condition("plan", "thanks", contains="old"), {"plan": "gold"}, True),
        (Condition("age", "thanks", at_least=18, at_most=65), {"age": "18"}, True),
        (Condition("age", "thanks", at_least=18), {"age": "17,5"}, False),
        (Condition("age", "thanks", at_least=18), {"age": "old"}, False),
        (Condition("age", "thanks", known=True), {}, False),
        (Condition("age", "thanks", known=False), {"age": " "}, True),
    ],
)
def test_branches(condition: Condition, values: Mapping[str, str], holds: bool) -> None:
    talk = Conversation(Scenario([Step("b", does=Branch((condition,)), next="bye"), *ENDS], INTENTS), values)
    assert said(talk.begin()) == ("thanks" if holds else "bye")


def test_deeds_are_done_after_the_prompt_and_lead_on() -> None:
    press = Step("press", wording("one moment"), does=PressKeys("1w2"), next="hand_over")
    transfer = Transfer(number="+33140000001", announce=wording("a caller"), failed="post")
    hand_over = Step("hand_over", wording("I put you through"), does=transfer)
    post = Step("post", does=Webhook("https://example.org", failed="thanks"), next="bye")
    talk = conversation(press, hand_over, post, *ENDS)
    assert talk.said() == Press("1w2")
    assert said(talk.done()) == "I put you through"
    assert talk.said() == HandOver(transfer, wording("a caller").variants[0], None)
    action = talk.failed()
    assert isinstance(action, Post)
    assert (action.step, action.webhook) == (post, post.does)
    assert said(talk.failed()) == "thanks"


def test_a_webhook_that_fails_goes_on_where_no_step_is_named_for_it() -> None:
    talk = Conversation(Scenario([Step("post", does=Webhook("https://example.org"), next="bye"), *ENDS], INTENTS))
    assert isinstance(talk.begin(), Post)
    assert said(talk.failed()) == "bye"


def test_a_step_that_opts_out_does_so_before_it_says_so() -> None:
    talk = Conversation(Scenario([Step("off", wording("done"), opts_out=True)], INTENTS))
    assert talk.begin() == OptOut()
    assert said(talk.opted_out()) == "done"


def test_wordings_take_turns_from_any_first_one() -> None:
    step = Step("a", wording("one", "two", "three"), listens=Listening(1000))
    talk = Conversation(Scenario([step], INTENTS), first_variant=4)
    assert said(talk.begin()) == "two"
    assert said(talk.answered("pardon?")) == "three"
    assert said(talk.answered("pardon?")) == "one"


def test_only_a_sure_answer_of_the_step_ends_the_waiting() -> None:
    talk = conversation(asks(), *ENDS)
    assert talk.is_clear("yes, of course")
    assert not talk.is_clear("the weather")
    assert not talk.is_clear("wait a second")
    assert talk.answers_early("yes")
    assert not talk.answers_early("how much is it?")
    assert not conversation(THANKS).is_clear("yes")


def test_opting_out_is_understood_whatever_is_being_said() -> None:
    assert conversation(THANKS).opts_out("don't ever call me again")
    assert not conversation(THANKS).opts_out("yes please")


def test_a_message_is_said_to_nobody() -> None:
    action = conversation(asks(), *ENDS).leave_message("question")
    assert isinstance(action, Say)
    assert action.listening is None


def test_phrases_of_the_intents_that_are_expected_now_take_turns() -> None:
    many = Intent("many", tuple(f"phrase {number}" for number in range(20)))
    yes = Intent("yes", ("yes",))
    talk = Conversation(Scenario([asks(answers={"yes": "b", "many": "b"}), Step("b", wording("b"))], [yes, many]))
    assert talk.expected_phrases() == ("yes", "phrase 0", "phrase 1", "phrase 2", "phrase 3")
    talk.answered("yes")
    assert talk.expected_phrases() == ()


def test_what_may_be_said_at_any_step_is_expected_after_the_answers() -> None:
    intents = [Intent("price", ("how much",)), Intent(DO_NOT_CALL, ("stop calling me",)), Intent("yes", ("yes",))]
    question = asks(answers={"yes": "b"})
    talk = Conversation(Scenario([question, Step("b", wording("b"))], intents, objections={"price": "b"}))
    assert talk.expected_phrases() == ("yes", "stop calling me", "how much")


@pytest.mark.parametrize(
    ("steps", "objections", "complaint"),
    [
        ([], {}, "there is no step"),
        ([BYE, BYE], {}, "two steps are called 'bye'"),
        ([Step("a", wording("a"), next="b")], {}, "goes on to 'b'"),
        ([asks(answers={"maybe": "question"})], {}, r"add \[intents.maybe\]"),
        ([BYE], {"price": "free"}, "the objection 'price' leads to 'free'"),
        ([BYE], {"weather": "bye"}, r"add \[intents.weather\]"),
    ],
)
def test_what_does_not_hang_together_is_refused(
    steps: Sequence[Step], objections: Mapping[str, str], complaint: str
) -> None:
    with pytest.raises(ScenarioError, match=complaint):
        Scenario(steps, INTENTS, "en", objections)


@settings(deadline=None)  # of wall time, which others take their share of
@given(
    st.lists(
        st.sampled_from(["yes", "no", "how much is it?", "who is calling?", "pardon?", "wait", "blue", "", "1", "9"]),
        max_size=40,
    )
)
def test_whatever_the_callee_says_the_conversation_goes_on_or_ends(heard: list[str]) -> None:
    reprompts = Reprompts((wording("what?"),), 2)
    steps = [
        asks(keys={"1": "name"}, otherwise="bye", silence="bye", not_understood=reprompts, unheard=reprompts),
        Step("name", wording("name?"), listens=Listening(1000, keep="name", silence="thanks"), next="thanks"),
        Step("price", wording("free")),
        asks("who", answers={"yes": "question", "no": "bye"}),
        *ENDS,
    ]
    scenario = Scenario(steps, INTENTS, "en", {"price": "price", "who_is_calling": "who"})
    talk = Conversation(scenario)
    action = talk.begin()
    for text in heard:
        while isinstance(action, Say) and action.listening is None:
            assert action.variant is not None
            action = talk.said()
        if isinstance(action, HangUp):
            break
        assert isinstance(action, Say)
        assert talk.step.listens is not None
        reply = talk.typed if text.isdigit() else talk.answered
        action = reply(text) if text else talk.silent()
    assert isinstance(action, Say | HangUp)
