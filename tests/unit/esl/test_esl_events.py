"""Typed events, from the headers and bodies that FreeSWITCH 1.11 was recorded to send."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot.esl.errors import MalformedEvent
from robot.esl.events import (
    SUBSCRIPTION,
    ApplicationCompleted,
    AudioStreamConnected,
    AudioStreamDisconnected,
    AudioStreamFailed,
    AudioStreamJson,
    AudioStreamPlay,
    ChannelAnswered,
    ChannelBridged,
    ChannelDestroyed,
    ChannelEvent,
    ChannelHungUp,
    ChannelParked,
    ChannelProgress,
    Dtmf,
    HangupCompleted,
    PlaybackStarted,
    PlaybackStatus,
    PlaybackStopped,
    typed,
)
from robot.esl.frames import Event, FrameReader, encode_event

UUID = "db4cb415-7f4c-44a3-94ea-ea4f46dd022c"
STREAM = "mod_audio_stream::"


def event(name: str, body: bytes = b"", **headers: str) -> Event:
    kind = [("Event-Name", "CUSTOM"), ("Event-Subclass", name)] if "::" in name else [("Event-Name", name)]
    named = [(key.replace("__", "-"), value) for key, value in headers.items()]
    (frame,) = FrameReader().feed(encode_event([*kind, ("Unique-ID", UUID), *named], body))
    return Event(frame.body)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (event("CHANNEL_PROGRESS"), ChannelProgress(UUID, 1.5, early_media=False)),
        (event("CHANNEL_PROGRESS_MEDIA"), ChannelProgress(UUID, 1.5, early_media=True)),
        (event("CHANNEL_ANSWER"), ChannelAnswered(UUID, 1.5)),
        (event("CHANNEL_PARK"), ChannelParked(UUID, 1.5)),
        (
            event("CHANNEL_BRIDGE", Bridge__A__Unique__ID=UUID, Other__Type="originatee", Other__Leg__Unique__ID="b"),
            ChannelBridged(UUID, 1.5, "b"),
        ),
        (
            event("PLAYBACK_START", Playback__File__Path="/audio/my prompt.wav"),
            PlaybackStarted(UUID, 1.5, "/audio/my prompt.wav"),
        ),
        (
            event(
                "PLAYBACK_STOP",
                Playback__File__Path="/a.wav",
                Playback__Status="break",
                variable_playback_last_offset_pos="30560",
            ),
            PlaybackStopped(UUID, 1.5, "/a.wav", PlaybackStatus.BREAK, 30560),
        ),
        (
            event("PLAYBACK_STOP", Playback__File__Path="/a.wav", Playback__Status="done"),
            PlaybackStopped(UUID, 1.5, "/a.wav", PlaybackStatus.DONE, None),
        ),
        (
            event(
                "CHANNEL_EXECUTE_COMPLETE",
                Application="playback",
                Application__Data="/audio/missing.wav",
                Application__Response="FILE NOT FOUND",
                Application__UUID="turn-7",
            ),
            ApplicationCompleted(UUID, 1.5, "playback", "/audio/missing.wav", "FILE NOT FOUND", "turn-7"),
        ),
        (event("DTMF", DTMF__Digit="#"), Dtmf(UUID, 1.5, "#")),
        (event("CHANNEL_HANGUP", Hangup__Cause="USER_BUSY"), ChannelHungUp(UUID, 1.5, "USER_BUSY")),
        (
            event(
                "CHANNEL_HANGUP_COMPLETE",
                Hangup__Cause="USER_BUSY",
                variable_sip_invite_failure_status="486",
                variable_mduration="340",
                variable_billmsec="0",
            ),
            HangupCompleted(UUID, 1.5, "USER_BUSY", 486, 340, 0),
        ),
        (
            event("CHANNEL_HANGUP_COMPLETE", Hangup__Cause="NORMAL_CLEARING"),
            HangupCompleted(UUID, 1.5, "NORMAL_CLEARING", None, 0, 0),
        ),
        (event("CHANNEL_DESTROY"), ChannelDestroyed(UUID, 1.5, "")),
        (event(STREAM + "connect", b'{"status":"connected"}'), AudioStreamConnected(UUID, 1.5)),
        (
            event(STREAM + "disconnect", b'{"status":"disconnected","message":{"code":1011,"reason":"bye"}}'),
            AudioStreamDisconnected(UUID, 1.5, 1011, "bye"),
        ),
        (
            event(STREAM + "error", b'{"status":"error","message":{"code":6,"error":"Connection refused"}}'),
            AudioStreamFailed(UUID, 1.5, 6, "Connection refused"),
        ),
        (event(STREAM + "json", b'{"no": "json'), AudioStreamJson(UUID, 1.5, '{"no": "json')),
        (
            event(STREAM + "play", b'{"audioDataType":"wav","sampleRate":8000,"reference":"7","file":"/tmp/x.wav"}'),
            AudioStreamPlay(UUID, 1.5, "/tmp/x.wav", "wav", 8000, "7"),
        ),
        (
            event(STREAM + "play", b'{"audioDataType":"raw","sampleRate":8000,"file":"/tmp/x.r8"}'),
            AudioStreamPlay(UUID, 1.5, "/tmp/x.r8", "raw", 8000),
        ),
        (event("CHANNEL_STATE"), None),
        (event("avmd::start"), None),
    ],
)
def test_typed(raw: Event, expected: ChannelEvent | None) -> None:
    assert typed(raw, 1.5) == expected


def test_a_missing_file_is_known_by_its_response() -> None:
    assert ApplicationCompleted(UUID, 0.0, "playback", "/a.wav", "FILE NOT FOUND", "").file_missing
    assert not ApplicationCompleted(UUID, 0.0, "playback", "/a.wav", "FILE PLAYED", "").file_missing
    assert not ApplicationCompleted(UUID, 0.0, "park", "", "FILE NOT FOUND", "").file_missing


@pytest.mark.parametrize(
    "raw",
    [
        event("PLAYBACK_START"),
        event("PLAYBACK_STOP", Playback__File__Path="/a.wav", Playback__Status="paused"),
        event("CHANNEL_HANGUP_COMPLETE", Hangup__Cause="X", variable_mduration="soon"),
        event(STREAM + "error", b"not JSON"),
        event(STREAM + "error", b"[]"),
        event(STREAM + "error", b'{"message":"text"}'),
        event(STREAM + "error", b'{"message":{"code":"x","error":""}}'),
        event(STREAM + "disconnect", b""),
        event(STREAM + "play", b"[" * 100_000),
        event(STREAM + "play", b"\xff"),
    ],
)
def test_what_lacks_something_is_a_typed_error(raw: Event) -> None:
    with pytest.raises(MalformedEvent, match="cannot read"):
        typed(raw, 0.0)


@given(
    st.recursive(st.none() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)
def test_no_body_does_harm(body: object) -> None:
    for kind in ("disconnect", "error", "play"):
        raw = event(STREAM + kind, json.dumps({"message": body, "file": body, "sampleRate": body}).encode())
        with pytest.raises(MalformedEvent):
            typed(raw, 0.0)


def test_the_subscription_names_custom_events_last() -> None:
    """What follows CUSTOM is read as subclasses: a name after it would not be subscribed to."""
    before, after = SUBSCRIPTION.split(" CUSTOM ")
    assert before.startswith("event plain ")
    assert {"BACKGROUND_JOB", "HEARTBEAT", "CHANNEL_ANSWER", "PLAYBACK_STOP"} <= set(before.split())
    assert all(name.startswith(STREAM) for name in after.split())
