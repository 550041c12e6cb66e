"""The page's modules that know nothing of the page, in a real browser: resampling, playback, partial transcripts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.integration.console.chromium import chromium, needs_chromium, pages_served, visit
from ws_audio.voice import FinalText, PartialText, VoiceProtocol

pytestmark = needs_chromium

# Fits a sine of `hz` to samples: its amplitude, what is beside it, and how loud all of it is.
_MEASURE = """
const sine = (hz, rate, count) =>
  Float32Array.from({ length: count }, (_, at) => 0.5 * Math.sin(2 * Math.PI * hz * at / rate));
const measured = (samples, hz, rate) => {
  let s = 0, c = 0, total = 0, rest = 0;
  const angle = (at) => 2 * Math.PI * hz * at / rate;
  samples.forEach((x, at) => { s += x * Math.sin(angle(at)); c += x * Math.cos(angle(at)); total += x * x; });
  s *= 2 / samples.length; c *= 2 / samples.length;
  samples.forEach((x, at) => { rest += (x - s * Math.sin(angle(at)) - c * Math.cos(angle(at))) ** 2; });
  const db = (power) => 10 * Math.log10(power / samples.length / 0.125 + 1e-15);
  return { amplitude: Math.hypot(s, c), rest: db(rest), total: db(total) };
};
"""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with pages_served() as port, chromium() as browser, visit(browser) as visitor:
        visitor.page.goto(f"http://127.0.0.1:{port}/talk")
        yield visitor.page
        assert visitor.complaints == []


def run(page: Page, body: str, argument: Any = None) -> Any:
    """`body` is the body of an async function of `given`."""
    return page.evaluate(f"async (given) => {{ {_MEASURE} {body} }}", argument)


_RESAMPLE = """
const { Resampler } = await import("/static/talk/resampler.js");
const { from, to, hz, block } = given;
const input = sine(hz, from, from), resampler = new Resampler(from, to), output = [];
for (let at = 0; at < from; at += block) output.push(...resampler.process(input.subarray(at, at + block)));
return { count: output.length, ...measured(output.slice(to * 0.2, to * 0.8), hz, to) };
"""


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 32000, 44100, 48000, 96000])
@pytest.mark.parametrize("hz", [150, 1000, 3400])
def test_a_tone_comes_through_resampling_as_it_was(page: Page, rate: int, hz: int) -> None:
    got = run(page, _RESAMPLE, {"from": rate, "to": 16000, "hz": hz, "block": 128})
    assert got["amplitude"] == pytest.approx(0.5, rel=0.01)
    assert got["rest"] < -80
    assert 15900 < got["count"] <= 16000


@pytest.mark.parametrize("hz", [8000, 8500, 9000, 12000, 15500, 20000])
def test_what_16_khz_cannot_hold_does_not_fold_back(page: Page, hz: int) -> None:
    assert run(page, _RESAMPLE, {"from": 48000, "to": 16000, "hz": hz, "block": 128})["total"] < -85


def test_speech_keeps_its_highs(page: Page) -> None:
    assert run(page, _RESAMPLE, {"from": 48000, "to": 16000, "hz": 6500, "block": 128})["total"] > -0.5


@pytest.mark.parametrize("rate", [44100, 48000])
def test_blocks_leave_no_seam(page: Page, rate: int) -> None:
    body = """
    const { Resampler } = await import("/static/talk/resampler.js");
    const input = sine(700, given, given), whole = new Resampler(given, 16000).process(input), cut = [];
    const resampler = new Resampler(given, 16000);
    for (let at = 0, size = 1; at < given; at += size, size = (size * 7 + 3) % 500) {
      cut.push(...resampler.process(input.subarray(at, at + size)));
    }
    return cut.length === whole.length && cut.every((sample, at) => sample === whole[at]);
    """
    assert run(page, body, rate) is True


def test_the_microphone_becomes_frames_of_20_ms(page: Page) -> None:
    body = """
    const { Microphone } = await import("/static/talk/microphone.js");
    const { loudness } = await import("/static/talk/pcm.js");
    const context = new AudioContext();
    const tone = new OscillatorNode(context, { frequency: 1000 }), out = new MediaStreamAudioDestinationNode(context);
    tone.connect(new GainNode(context, { gain: 0.5 })).connect(out);
    tone.start();
    const frames = [];
    const microphone = await Microphone.open(context, out.stream, (frame) => frames.push(frame));
    while (frames.length < 40) await new Promise((resolve) => setTimeout(resolve, 10));
    const { level } = microphone;
    microphone.close();
    await context.close();
    const late = new Int16Array(frames.at(-1));
    return { sizes: [...new Set(frames.map((frame) => frame.byteLength))], level, db: loudness(late, 32768) };
    """
    got = run(page, body)
    assert got["sizes"] == [640]
    assert got["db"] == pytest.approx(-9, abs=1)  # half of full scale on one of two channels or on both
    assert got["level"] == pytest.approx(got["db"], abs=1)


_PLAY = """
const { Playback } = await import("/static/talk/playback.js");
const { toPcm } = await import("/static/talk/pcm.js");
const context = new OfflineAudioContext(1, given.rate * 2, given.rate);
const playback = new Playback(context);
const pcm = toPcm(sine(600, 16000, 24000));
for (let at = 0; at < pcm.length; at += 320) playback.play(pcm.slice(at, at + 320), 16000);
"""


@pytest.mark.parametrize("rate", [44100, 48000])
def test_pieces_are_played_without_a_click_between_them(page: Page, rate: int) -> None:
    body = (
        _PLAY
        + """
    const samples = (await context.startRendering()).getChannelData(0);
    return { gaps: playback.gaps, ...measured(samples.slice(given.rate * 0.3, given.rate * 1.4), 600, given.rate) };
    """
    )
    got = run(page, body, {"rate": rate})
    assert got["amplitude"] == pytest.approx(0.5, rel=0.01)
    assert got["rest"] < -70
    assert got["gaps"] == 0


def test_silence_comes_within_a_quantum(page: Page) -> None:
    body = (
        _PLAY
        + """
    let stoppedAt = 0, ahead = 0;
    context.suspend(0.8).then(() => {
      stoppedAt = Math.round(context.currentTime * given.rate);
      playback.clear();
      ahead = playback.aheadS;
      return context.resume();
    });
    const samples = (await context.startRendering()).getChannelData(0);
    const last = samples.findLastIndex((sample) => sample !== 0);
    return { late: last - stoppedAt, ahead };
    """
    )
    got = run(page, body, {"rate": 48000})
    assert -128 < got["late"] <= 128
    assert got["ahead"] == 0


def test_a_phrase_begins_without_the_end_of_the_last_one(page: Page) -> None:
    body = (
        _PLAY.replace("24000", "1600")
        + """
    playback.pause();
    context.suspend(1).then(() => { playback.play(new Int16Array(8000), 16000); return context.resume(); });
    const samples = (await context.startRendering()).getChannelData(0);
    return samples.slice(given.rate).every((sample) => sample === 0);
    """
    )
    assert run(page, body, {"rate": 48000}) is True


UTTERANCES = [
    ["Yes", "Yes, I", "Yes, I would", "Yes, I would like"],
    ["I won", "I want two", "I want to know", "", "I want to know more"],
    ["Zoé 😀 dit", "Zoé 😀 dit oui", "Zoé 🙂 dit oui, bien sûr", "Zoe"],
    ["one two three", "one too", "one too three", "won two three four"],
]


@pytest.mark.parametrize("texts", UTTERANCES, ids=lambda texts: texts[-1])
def test_partials_grow_in_the_browser_to_what_the_server_meant(page: Page, texts: list[str]) -> None:
    protocol = VoiceProtocol()
    messages = [json.loads(protocol.encode(PartialText(1, text))) for text in texts]
    messages.append(json.loads(protocol.encode(FinalText(1, "All of it."))))
    body = """
    const { Conversation } = await import("/static/talk/conversation.js");
    const conversation = new Conversation();
    return given.map((message) => {
      const { text, over } = conversation.receive(message);
      return [text, over];
    });
    """
    assert run(page, body, messages) == [*([text, False] for text in texts), ["All of it.", True]]


def test_what_is_heard_of_a_phrase_ends_between_words(page: Page) -> None:
    body = """
    const { heardOf } = await import("/static/talk/conversation.js");
    const phrase = { id: 0, text: "This is a long phrase of ours.", lengthMs: 3000, playedMs: 1500, interrupted: true };
    const going = { ...phrase, playedMs: null, interrupted: false };
    return [heardOf(phrase, 0), heardOf(going, 1500), heardOf({ ...going, playedMs: 3000 }, 0), heardOf(going, 9000)];
    """
    whole, half = ["This is a long phrase of ours.", ""], ["This is a long ", "phrase of ours."]
    assert run(page, body) == [half, half, whole, whole]


def test_the_middle_reply_is_told(page: Page) -> None:
    body = """
    const { Conversation } = await import("/static/talk/conversation.js");
    const conversation = new Conversation(), medians = [conversation.medianReplyMs];
    [900, 700, null, 800].forEach((ms, turn) => {
      conversation.receive({ type: "metrics", turn, t_first_audio_ms: ms });
      medians.push(conversation.medianReplyMs);
    });
    return medians;
    """
    assert run(page, body) == [None, 900, 800, 800, 800]


def test_who_interrupts_stands_between_what_they_interrupted_and_its_reply(page: Page) -> None:
    body = """
    const { Conversation } = await import("/static/talk/conversation.js");
    const conversation = new Conversation();
    given.forEach((message) => conversation.receive({ turn: 0, ...message }));
    return conversation.says.map((say) => say.text ?? [say.phrases.map(({ text }) => text).join(" "), say.afterMs]);
    """
    messages = [
        {"type": "tts_chunk", "phrase": 0, "text": "May I tell you"},
        {"type": "tts_phrase_done", "phrase": 0, "interrupted": True, "played_ms": 100},
        {"type": "partial_transcript", "keep": 0, "text": "Who is"},
        {"type": "final_transcript", "text": "Who is there?"},
        {"type": "tts_chunk", "phrase": 1, "text": "This is Anna."},
        {"type": "tts_chunk", "phrase": 2, "text": "From Example."},
        {"type": "metrics", "t_first_audio_ms": 700},
        {"type": "partial_transcript", "turn": 1, "keep": 0, "text": "Ah"},
    ]
    assert run(page, body, messages) == [
        ["May I tell you", None],
        "Who is there?",
        ["This is Anna. From Example.", 700],
        "Ah",
    ]
