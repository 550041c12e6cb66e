"""How long what lasts when it is told who picked up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AmdSettings:
    """Times in ms of audio."""

    initial_silence_ms: int = 3000  # nobody there
    hello_ms: int = 1000  # not longer than this, with its pauses, is "Hello?", "Oui, allô ?" ...
    hello_silence_ms: int = 500  # ... after which somebody who waits for us is so long silent
    short_greeting_ms: int = 1700  # not longer is "Hello, this is Mary.", and the beginning of many another greeting
    short_silence_ms: int = 700  # so that its text is there first, where recognition is fast
    click_ms: int = 120  # less is no greeting until it has words
    text_wait_ms: int = 1300  # silence after a greeting of any length, when no text has come
    human_greeting_ms: int = 4500  # beyond, and without words that say otherwise, a machine
    human_words: int = 12  # the same, in words
    no_more_words_ms: int = 2500  # without a new word in partial transcripts, who speaks on is not the callee
    long_speech_ms: int = 7500  # without a stop: a machine, before its words are known
    no_beep_ms: int = 5000  # silence after the greeting of a voicemail that has no beep
    no_screening_beep_ms: int = 1200  # the same of a call screening: it listens after its question
    beep_alone_ms: int = 1500  # silence after a beep without a greeting
    watch_ms: int = 4000  # what begins so long after a decision may take it back
    beep_again_ms: int = 2500  # after the beep: another one begins the message anew
