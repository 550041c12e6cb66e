"""What Deepgram sends becomes words with times, or is refused; and how a stream asks for it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ws_audio.transcription.deepgram import (
    BadMessage,
    DeepgramSettings,
    RefusedByDeepgram,
    address,
    read,
)
from ws_audio.transcription.streaming import Word

# As the reference shows them, shortened.
RESULTS: dict[str, Any] = {
    "type": "Results",
    "channel_index": [0, 1],
    "duration": 1.98,
    "start": 5.99,
    "is_final": True,
    "speech_final": True,
    "channel": {
        "alternatives": [
            {
                "transcript": "Tell me more.",
                "confidence": 0.99964225,
                "words": [
                    {"word": "tell", "start": 6.07, "end": 6.39, "confidence": 0.99, "punctuated_word": "Tell"},
                    {"word": "me", "start": 6.39, "end": 6.55, "confidence": 0.99, "punctuated_word": "me"},
                    {"word": "more", "start": 6.55, "end": 6.79, "confidence": 0.99, "punctuated_word": "more."},
                ],
            }
        ]
    },
    "metadata": {"request_id": "52cc0efe", "model_info": {"name": "nova-3", "version": "1", "arch": "nova-3"}},
    "from_finalize": False,
}


def test_results_are_words_with_times() -> None:
    heard = read(json.dumps(RESULTS))
    assert heard is not None
    assert [word.text for word in heard.words] == ["Tell", "me", "more."]
    assert heard.words[0] == Word("Tell", 6070, 6390)
    assert (heard.start_ms, round(heard.end_ms), heard.final, heard.flushed) == (5990, 7970, True, False)
    assert heard.confidence == pytest.approx(0.99964225)


def test_the_answer_to_finalise() -> None:
    heard = read(json.dumps(RESULTS | {"from_finalize": True}))
    assert heard is not None
    assert heard.flushed


def test_without_punctuation_and_without_words() -> None:
    plain = {"transcript": "yes", "confidence": 0.9, "words": [{"word": "yes", "start": 0.1, "end": 0.3}]}
    heard = read(json.dumps(RESULTS | {"channel": {"alternatives": [plain]}}))
    assert heard is not None
    assert [word.text for word in heard.words] == ["yes"]
    heard = read(json.dumps(RESULTS | {"channel": {"alternatives": [{"transcript": "well then"}]}}))
    assert heard is not None
    assert [(word.text, word.start_ms) for word in heard.words] == [("well then", 5990)]
    heard = read(
        json.dumps(RESULTS | {"channel": {"alternatives": [{"transcript": "", "confidence": 0, "words": []}]}})
    )
    assert heard is not None
    assert heard.words == ()


@pytest.mark.parametrize(
    "message",
    [
        '{"type": "Metadata", "request_id": "1", "duration": 0.0, "channels": 0}',
        '{"type": "SpeechStarted", "channel": [0], "timestamp": 9.5}',
        '{"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": 2.395}',
        '{"type": "OfTomorrow"}',
    ],
)
def test_what_is_of_no_concern(message: str) -> None:
    assert read(message) is None


@pytest.mark.parametrize(
    "message",
    [
        "", "hello", "[]", "{}", "null", '{"type": "Results"}', b"\xff\xfe", "[" * 100_000,
        json.dumps(RESULTS | {"start": "soon"}),
        json.dumps(RESULTS | {"channel": {"alternatives": []}}),
        json.dumps(RESULTS | {"channel": None}),
    ],
)  # fmt: skip
def test_what_nobody_can_read(message: str | bytes) -> None:
    with pytest.raises(BadMessage, match="no message of its protocol"):
        read(message)


def test_an_error_is_told_by_its_code() -> None:
    with pytest.raises(RefusedByDeepgram, match="DATA-0000"):
        read('{"type": "Error", "err_code": "DATA-0000", "description": "secret words"}')
    with pytest.raises(RefusedByDeepgram) as refused:
        read('{"type": "Error", "description": "secret words"}')
    assert "secret" not in str(refused.value)


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*RESULTS, "transcript", "words", "alternatives"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(list(RESULTS)), _JSON))
def test_nothing_that_comes_does_harm(changes: dict[str, Any]) -> None:
    try:
        read(json.dumps(RESULTS | changes))
    except (BadMessage, RefusedByDeepgram):
        return


def test_a_stream_says_what_it_sends_and_wants() -> None:
    url = urlsplit(address(DeepgramSettings("key"), 8000, "fr", ("Northwind", "tarif réduit")))
    assert (url.scheme, url.netloc, url.path) == ("wss", "api.deepgram.com", "/v1/listen")
    asked = parse_qs(url.query)
    assert asked["encoding"] == ["linear16"]
    assert (asked["sample_rate"], asked["channels"], asked["language"]) == (["8000"], ["1"], ["fr"])
    assert (asked["interim_results"], asked["endpointing"], asked["model"]) == (["true"], ["200"], ["nova-3"])
    assert asked["keyterm"] == ["Northwind", "tarif réduit"]
    assert "key" not in url.query.split("keyterm")[0]


def test_a_language_that_is_not_known_is_found_out() -> None:
    assert parse_qs(urlsplit(address(DeepgramSettings("key"), 16000, None, ())).query)["language"] == ["multi"]


def test_settings_do_not_show_the_key() -> None:
    assert "s3cret" not in repr(DeepgramSettings("s3cret"))
