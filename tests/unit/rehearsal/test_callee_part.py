from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from robot.rehearsal.callee_part import ANSWERS_AFTER_MS, GOES_ON_AFTER_MS, PICKED_UP_MS, callee_of
from robot.rehearsal.conversations_file import Conversation, Turn
from robot.simulator.callee import DTMF_GAP_MS, Act, Press, PutDown, Script, Speak
from robot.simulator.callees_file import Beep, Callee


def conversation(*turns: dict[str, object], **keys: object) -> Conversation:
    return Conversation.model_validate({"name": "one", "outcome": "completed", "turns": turns, **keys})


def moments(callee: Callee) -> list[tuple[str, int | None, int]]:
    return [(say.after, say.count, say.wait_ms) for say in callee.says]


def test_who_speaks_first_speaks_after_picking_up_and_then_after_each_prompt() -> None:
    first: list[dict[str, object]] = [{"callee": "Hello?"}, {"robot": "greeting"}, {"callee": "Yes."}]
    callee = callee_of(
        conversation(*first, {"robot": "confirmed"}, {"callee": "Bye.", "wait_ms": 50}),
        "+33199000001",
    )
    assert moments(callee) == [
        ("answer", 1, PICKED_UP_MS),
        ("prompt_end", 1, ANSWERS_AFTER_MS),
        ("prompt_end", 2, 50),
    ]
    assert [say.text for say in callee.says] == ["Hello?", "Yes.", "Bye."]
    assert callee.number == "+33199000001"


def test_a_reprompt_is_a_prompt_and_silence_is_nothing() -> None:
    callee = callee_of(
        conversation({"robot": "greeting"}, {"silent": True}, {"robot": "silence"}, {"callee": "Yes."}), "1"
    )
    assert moments(callee) == [("prompt_end", 2, ANSWERS_AFTER_MS)]


def test_talking_over_a_prompt_counts_from_its_start() -> None:
    over: dict[str, object] = {"callee": "Stop, stop.", "over_prompt_ms": 1500}
    turns: list[dict[str, object]] = [{"robot": "greeting"}, over, {"callee": "Not now."}]
    assert moments(callee_of(conversation(*turns), "1")) == [
        ("prompt_start", 1, 1500),
        ("said", 1, GOES_ON_AFTER_MS),
    ]


def test_who_stops_no_prompt_answers_after_it() -> None:
    aside: dict[str, object] = {"callee": "Mm-hmm.", "over_prompt_ms": 1500, "interrupts": False}
    asked: dict[str, object] = {"robot": "greeting"}
    callee = callee_of(conversation(asked, aside, {"callee": "Yes."}), "1")
    assert moments(callee) == [("prompt_start", 1, 1500), ("prompt_end", 1, ANSWERS_AFTER_MS)]


def test_keys_and_hanging_up() -> None:
    callee = callee_of(
        conversation({"robot": "menu"}, {"keys": "12"}, {"robot": "other"}, {"callee": "No.", "hangs_up": True}), "1"
    )
    assert [(key.after, key.count, key.digits) for key in callee.dtmf] == [("prompt_end", 1, "12")]
    assert callee.hang_up is not None
    assert (callee.hang_up.after, callee.hang_up.count) == ("said", 1)
    callee = callee_of(conversation({"keys": "12"}, {"silent": True, "wait_ms": 900}, {"hangs_up": True}), "1")
    assert callee.hang_up is not None
    assert callee.hang_up.wait_ms == PICKED_UP_MS + 2 * DTMF_GAP_MS + 900 + GOES_ON_AFTER_MS
    callee = callee_of(conversation({"robot": "menu"}, {"hangs_up": True, "over_prompt_ms": 300}), "1")
    assert callee.hang_up is not None
    assert (callee.hang_up.after, callee.hang_up.count, callee.hang_up.wait_ms) == ("prompt_start", 1, 300)


def test_the_line_is_as_written() -> None:
    machine = conversation({"callee": "Leave a message."}, answer="machine", beep={"hz": 800}, echo_db=-20)
    callee = callee_of(machine, "1")
    assert (callee.answer, callee.beep, callee.echo_db, callee.noise_db) == ("machine", Beep(hz=800), -20, -60)


ROBOT = st.just({"robot": "step"})
CALLEE = st.one_of(
    st.fixed_dictionaries({"callee": st.just("x")}, optional={"wait_ms": st.integers(0, 3000)}),
    st.fixed_dictionaries({"keys": st.sampled_from("0123456789*#")}, optional={"wait_ms": st.integers(0, 3000)}),
    st.just({"silent": True}),
)
OVER = st.fixed_dictionaries(
    {"callee": st.just("x"), "over_prompt_ms": st.integers(0, 2000), "interrupts": st.booleans()}
)
EXCHANGE = st.tuples(ROBOT, st.lists(OVER, max_size=1), st.lists(CALLEE, max_size=2)).map(
    lambda parts: [parts[0], *parts[1], *parts[2]]
)


@given(st.lists(CALLEE, max_size=2), st.lists(EXCHANGE, max_size=5), st.booleans())
def test_against_a_robot_that_says_what_is_written_each_turn_comes_in_its_place(
    before: list[dict[str, object]], exchanges: list[list[dict[str, object]]], hangs_up: bool
) -> None:
    turns = before + [turn for exchange in exchanges for turn in exchange] + ([{"hangs_up": True}] if hangs_up else [])
    written = conversation(*turns)
    stage = Stage(Script(callee_of(written, "1")))
    for turn in written.turns:
        stage.play(turn)
    stage.prompt_ends()
    assert stage.script.next_ms is None


class Stage:
    """A robot that keeps to what is written: a prompt of 5 s follows 5 s after the last thing that was done."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.now_ms = 0.0
        self.spoken = 0
        self.ends_ms: float | None = None
        script.happened("answer", 0)

    def play(self, turn: Turn) -> None:
        if turn.by_robot:
            self.prompt_ends()
            assert self.script.next_ms is None, "the callee has something left to say before this prompt"
            self.now_ms += 5000
            self.script.happened("prompt_start", self.now_ms)
            self.ends_ms = self.now_ms + 5000
            return
        if turn.over_prompt_ms is None:
            self.prompt_ends()
        if turn.silent:
            return
        assert self.script.next_ms is not None
        self.now_ms = max(self.now_ms, self.script.next_ms)
        assert self.script.due(self.now_ms) == [self.act(turn)]
        if turn.speaks:
            if turn.stops_prompt:
                self.ends_ms = self.now_ms + 400
                self.prompt_ends()
            self.now_ms += 1000
            self.script.happened("said", self.now_ms)

    def act(self, turn: Turn) -> Act:
        if turn.keys is not None:
            return Press(turn.keys)
        if turn.hangs_up:
            return PutDown()
        self.spoken += 1
        return Speak(self.spoken - 1)

    def prompt_ends(self) -> None:
        if self.ends_ms is not None:
            self.now_ms, self.ends_ms = max(self.now_ms, self.ends_ms), None
            self.script.happened("prompt_end", self.now_ms)
