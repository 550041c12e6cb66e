"""From tokens to phrases: where they end, what is no speech, and that the pieces they come in do not matter."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from robot.dialogue.phrases import PhraseCutter, speakable


def cut(text: str, longest: int = 60) -> list[str]:
    cutter = PhraseCutter(longest)
    return [*cutter.push(text, 0), *cutter.end()]


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("Hello there. How are you? Fine! Well… yes", ["Hello there.", "How are you?", "Fine!", "Well…", "yes"]),
        ("Let me think... Yes.", ["Let me think...", "Yes."]),
        ("It costs 3.50 euros a month.", ["It costs 3.50 euros a month."]),
        ("Dr. Smith and M. Dupont, z.B. at 5 p.m. today.", ["Dr. Smith and M. Dupont, z.B. at 5 p.m. today."]),
        ("I said no. Call me. Goodbye.", ["I said no.", "Call me.", "Goodbye."]),
        ("Really?! Yes.", ["Really?!", "Yes."]),
        ('"Stop." Then silence.', ['"Stop."', "Then silence."]),
        ("Comment allez-vous ? Bien ! Et « vous » ?", ["Comment allez-vous ?", "Bien !", "Et vous ?"]),
        ("C'est 10 € par mois, soit 5 % de moins.", ["C'est 10 € par mois, soit 5 % de moins."]),
        ("你好。你怎么样？很好", ["你好。", "你怎么样？", "很好"]),
        ("One line\nAnother one", ["One line", "Another one"]),
    ],
)  # fmt: skip
def test_phrases_end_where_sentences_do(text: str, phrases: list[str]) -> None:
    assert cut(text) == phrases


def test_a_long_sentence_is_cut_at_a_comma_or_at_the_last_word_that_fits() -> None:
    assert cut("I see that you may be interested in this offer, and would like to tell you more about it") == [
        "I see that you may be interested in this offer,",
        "and would like to tell you more about it",
    ]
    assert cut("one two three four five six", 13) == ["one two three", "four five six"]
    assert cut("no, " + "word " * 12) == ["no, " + "word " * 10 + "word", "word"]  # too short a phrase up to the comma
    assert cut("hello " + "x" * 70 + " there") == ["hello", "x" * 70, "there"]


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("# Offer\n- **Coffee**\n- `Tea`\n* Milk", "Offer Coffee Tea Milk"),
        ("*smiles warmly* Hello! _nods_ That is *really* good.", "Hello! That is really good."),
        ("*Yes*, I can. __Really__.", "Yes, I can. Really."),
        ("[laughs] See [our page](https://www.example.com/a?b=1), please.", "See our page, please."),
        ("It is on https://www.example.com/some/page.html.", "It is on example.com."),
        ("Mail me: ann@example.com", "Mail me: ann@example.com"),
        ("Great 😊! 👍🏽 ❤️ Let's go 🇫🇷", "Great ! Let's go"),
        ("<think>They want a price.\n\nOk.</think>\nIt is free.", "It is free."),
        ("Wait.<tool_call>{}</tool_call> Done.", "Wait. Done."),
        ("```python\nprint('x')\n``` There.", "There."),
        ("5 * 3 [1] <b>bold</b> a | b ![a picture](x.png)", "5 3 bold a b a picture"),
        ("*not closed, and said", "not closed, and said"),
        ("(about ten minutes)", "(about ten minutes)"),
        ("<think>never ends", ""),
        ("--- *** ... 😊", ""),
    ],
)  # fmt: skip
def test_what_is_no_speech_is_not_spoken(text: str, spoken: str) -> None:
    assert speakable(text) == spoken


# What models write, more often than by chance.
PIECES = st.sampled_from([
    "Hello", "yes", " ", " ", " ", ". ", "?", "!", "…", "...", ", ", "\n", "*", "**", "_", "[", "](", "]", ")",
    "(", "é", "<think>", "</think>", "```", "https://a.example/b?c", "😊", "3.50", "Dr.", "10 €", " ?", "«", " –", "。",
    "好", "<", "<th", "x" * 90,
])  # fmt: skip
TEXTS = st.lists(PIECES | st.text(max_size=4), max_size=40).map("".join)


@given(TEXTS, st.lists(st.integers(1, 12), min_size=1), st.integers(5, 80))
@example("vous ?", [1], 60)
@example("*a*. b", [1], 60)
def test_the_pieces_that_a_text_comes_in_do_not_matter(text: str, sizes: list[int], longest: int) -> None:
    cutter = PhraseCutter(longest)
    phrases: list[str] = []
    at = turn = 0
    while at < len(text):
        size = sizes[turn % len(sizes)]
        phrases += cutter.push(text[at : at + size], 0)
        at, turn = at + size, turn + 1
    phrases += cutter.end()
    assert phrases == cut(text, longest)
    assert " ".join(phrases) == speakable(text)
    for phrase in phrases:
        words = [word for word in phrase.split() if any(letter.isalnum() for letter in word)]
        assert words
        assert len(phrase) <= longest or len(words) == 1
        assert "\n" not in phrase
        assert "*" not in phrase


@given(TEXTS, st.lists(st.tuples(st.integers(1, 12), st.sampled_from([10, 700, 2000])), min_size=1))
def test_nothing_is_lost_or_torn_apart_where_the_tokens_are_slow(text: str, pieces: list[tuple[int, int]]) -> None:
    cutter = PhraseCutter()
    phrases: list[str] = []
    now = at = turn = 0
    while at < len(text):
        size, wait_ms = pieces[turn % len(pieces)]
        phrases += cutter.push(text[at : at + size], now)
        now += wait_ms
        deadline = cutter.deadline()
        if deadline is not None and deadline <= now:
            phrases += cutter.expired(deadline)
            assert cutter.deadline() is None
        at, turn = at + size, turn + 1
    assert " ".join([*phrases, *cutter.end()]) == speakable(text)


def test_what_is_waiting_is_spoken_when_no_token_comes() -> None:
    cutter = PhraseCutter(patience_ms=700)
    assert cutter.deadline() is None
    assert cutter.push("I can see", 1000) == []
    assert cutter.deadline() == 1700
    assert cutter.push(" that", 1500) == []
    assert cutter.deadline() == 2200
    assert cutter.expired(2199) == []
    assert cutter.expired(2200) == ["I can see"]  # "that" may be the beginning of a word
    assert cutter.deadline() is None
    assert cutter.push("'s fine.", 4000) == []
    assert cutter.end() == ["that's fine."]
