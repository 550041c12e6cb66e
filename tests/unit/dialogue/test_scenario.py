"""Where a conversation stands in its scenario."""

from pathlib import Path

import pytest

from robot.dialogue.intents import Intent
from robot.dialogue.scenario import Conversation, HangUp, Prompt, Say, Scenario, ScenarioError, Step

PROMPT = Prompt(Path("/x.wav"), "x", 1.0)
YES = Intent("yes", ("yes",))
NO = Intent("no", ("no",))


def scenario() -> Scenario:
    return Scenario(
        [
            Step("offer", PROMPT, listen_ms=1000, answers={"yes": "thanks", "no": "bye"}, otherwise="again"),
            Step("again", PROMPT, listen_ms=1000, answers={"yes": "thanks"}, outcome="completed"),
            Step("thanks", PROMPT, otherwise="bye"),
            Step("bye", PROMPT, outcome="not_interested"),
        ],
        [YES, NO],
    )


def test_the_first_step_comes_first() -> None:
    conversation = Conversation(scenario())
    assert conversation.begin() == Say(scenario().steps[0])


def test_answers_lead_on() -> None:
    conversation = Conversation(scenario())
    conversation.begin()
    assert conversation.intent_of("well, yes") == "yes"
    action = conversation.answered("yes")
    assert isinstance(action, Say)
    assert action.step.name == "thanks"
    following = conversation.finished()
    assert isinstance(following, Say)
    assert following.step.name == "bye"
    assert conversation.finished() == HangUp("not_interested")


def test_an_answer_that_matches_nothing_and_silence() -> None:
    conversation = Conversation(scenario())
    conversation.begin()
    action = conversation.answered(None)
    assert isinstance(action, Say)
    assert action.step.name == "again"
    assert conversation.answered(None) == HangUp("completed")
    silent = Conversation(scenario())
    silent.begin()
    assert silent.silent() == HangUp(None)


def test_only_intents_of_the_step_count_while_it_expects_some() -> None:
    conversation = Conversation(scenario())
    conversation.answered(None)
    assert conversation.step.name == "again"
    assert conversation.intent_of("no") is None


def test_phrases_of_the_intents_that_are_expected_now_take_turns() -> None:
    many = Intent("many", tuple(f"phrase {number}" for number in range(20)))
    steps = [Step("a", PROMPT, listen_ms=1, answers={"yes": "b", "many": "b"}), Step("b", PROMPT)]
    conversation = Conversation(Scenario(steps, [YES, NO, many]))
    assert conversation.expected_phrases() == ("yes", "phrase 0", "phrase 1", "phrase 2", "phrase 3")
    conversation.answered("yes")
    assert conversation.expected_phrases() == ()


def test_what_is_understood_is_in_the_language_of_the_scenario() -> None:
    interested = Intent("interested", ("je suis intéressé",))
    scenario = Scenario([Step("a", PROMPT, listen_ms=1, answers={"interested": "a"})], [interested], "fr")
    assert Conversation(scenario).understand("je suis très intéressé").intent == "interested"
    assert Conversation(scenario).understand("je ne suis pas intéressé").intent is None


@pytest.mark.parametrize(
    ("steps", "intents", "complaint"),
    [
        ([], [], "there is no step"),
        ([Step("a", PROMPT), Step("a", PROMPT)], [], "two steps are called 'a'"),
        ([Step("a", PROMPT, otherwise="b")], [], "goes on to 'b'"),
        ([Step("a", PROMPT, listen_ms=1, answers={"yes": "a"})], [], r"add \[intents.yes\]"),
        ([Step("a", PROMPT, answers={"yes": "a"})], [YES], "give it listen_ms"),
    ],
)
def test_what_does_not_hang_together_is_refused(steps: list[Step], intents: list[Intent], complaint: str) -> None:
    with pytest.raises(ScenarioError, match=complaint):
        Scenario(steps, intents)
