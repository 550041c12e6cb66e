"""What becomes of a sound on its way to a prompt: rate, channels, ends, loudness."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from robot.prompts.errors import NoSound, PromptTooLong, PromptUnreadable
from robot.prompts.loudness import Samples, active_speech_level
from robot.prompts.sound import LEVEL_DBOV, decode, prepared, wav

RATE = 16000


def tone(hz: float, seconds: float = 1.0, level_db: float = -20.0, rate: int = RATE) -> Samples:
    """`level_db`: of its power, relative to a square wave of full scale."""
    at = np.arange(int(seconds * rate)) / rate
    amplitude = 10 ** (level_db / 20) * np.sqrt(2)
    sine: Samples = (amplitude * np.sin(2 * np.pi * hz * at)).astype(np.float32)
    return sine


def silence(seconds: float, rate: int = RATE) -> Samples:
    return np.zeros(int(seconds * rate), np.float32)


def speech(seconds: float = 4.0, level_db: float = -30.0, rate: int = RATE) -> Samples:
    """Syllables of noise with pauses between them: its peaks are above its level as those of speech are."""
    noise = np.random.default_rng(7).normal(0, 1, int(seconds * rate))
    at = np.arange(noise.size) / rate
    syllables = np.clip(np.sin(2 * np.pi * 2.5 * at), 0, None) ** 2 * (at % 2 < 1.4)
    spoken: Samples = (noise * syllables * 10 ** (level_db / 20)).astype(np.float32)
    return spoken


def content(sound: Samples, rate: int = RATE, kind: str = "WAV", subtype: str | None = "PCM_16") -> bytes:
    written = io.BytesIO()
    soundfile.write(written, sound, rate, format=kind, subtype=subtype)
    return written.getvalue()


def power_db(sound: Samples) -> float:
    return float(10 * np.log10(np.mean(np.square(sound, dtype=np.float64)) + 1e-12))


def loudest_hz(sound: Samples, rate: int = RATE) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(sound))) * rate / sound.size)


def level(sound: Samples, rate: int = RATE) -> float:
    measured = active_speech_level(sound, rate)
    assert measured is not None
    return measured


# ── the active speech level ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 48000])
@pytest.mark.parametrize("level_db", [-6.0, -26.0, -45.0])
def test_a_tone_is_as_loud_as_it_is(level_db: float, rate: int) -> None:
    assert level(tone(500, 10, level_db, rate), rate) == pytest.approx(level_db, abs=0.3)


def test_pauses_do_not_count() -> None:
    half = np.concatenate([tone(500, 5, -26.0), silence(5)])
    assert power_db(half) == pytest.approx(-29.0, abs=0.1)
    assert level(half) == pytest.approx(-26.0, abs=0.5)


def test_noise_far_below_the_speech_does_not_count() -> None:
    noise = np.random.default_rng(1).normal(0, 10 ** (-60 / 20), 10 * RATE).astype(np.float32)
    sound = noise.copy()
    sound[: 3 * RATE] += tone(500, 3, -26.0)
    assert level(sound) == pytest.approx(-26.0, abs=0.7)


@pytest.mark.parametrize("sound", [silence(0), silence(0.0005), silence(1), np.full(RATE, 1e-6, np.float32)])
def test_nothing_has_no_level(sound: Samples) -> None:
    assert active_speech_level(sound, RATE) is None


# ── what is read ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("kind", "subtype"),
    [
        ("WAV", "PCM_U8"), ("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "PCM_32"), ("WAV", "FLOAT"), ("WAV", "DOUBLE"),
        ("WAV", "ALAW"), ("WAV", "ULAW"), ("WAVEX", "PCM_24"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"),
        ("MP3", "MPEG_LAYER_III"), ("AIFF", "PCM_16"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("channels", [1, 2])
def test_every_kind_of_file_is_read(kind: str, subtype: str, channels: int) -> None:
    rate = 44100
    sound = np.tile(tone(440, 1, -12.0, rate)[:, None], channels)
    decoded, its_rate = decode(content(sound, rate, kind, subtype))
    assert its_rate == rate
    assert decoded.ndim == 1
    assert loudest_hz(decoded, rate) == pytest.approx(440, abs=3)
    assert power_db(decoded) == pytest.approx(-12.0, abs=1.0)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 32000, 44100, 48000])
def test_every_rate_is_read(rate: int) -> None:
    decoded, its_rate = decode(content(tone(440, 1, -20.0, rate), rate))
    sound = prepared(decoded, its_rate, RATE)
    assert sound.size == pytest.approx(RATE, abs=0.05 * RATE)
    assert loudest_hz(sound) == pytest.approx(440, abs=3)


def test_one_channel_whose_wires_are_crossed_does_not_cancel_the_other() -> None:
    left = tone(440)
    decoded, _ = decode(content(np.stack([left, -left], axis=1)))
    assert power_db(decoded) == pytest.approx(-20.0, abs=0.2)


@pytest.mark.parametrize("garbage", [b"", b"RIFF", b"\0" * 1000, b"<html>not found</html>"])
def test_what_is_no_sound_is_told(garbage: bytes) -> None:
    with pytest.raises(PromptUnreadable, match="save it as WAV"):
        decode(garbage)


@given(st.binary(max_size=300), st.integers(0, 43))
def test_a_damaged_file_is_read_or_told(noise: bytes, at: int) -> None:
    whole = bytearray(content(tone(440, 0.05)))
    whole[at : at + len(noise)] = noise
    try:
        sound, rate = decode(bytes(whole))
        prepared(sound, rate, RATE)
    except (PromptUnreadable, NoSound, PromptTooLong):
        return
    assert sound.ndim == 1


def test_a_prompt_has_an_end() -> None:
    with pytest.raises(PromptTooLong, match="lasts 301 s"):
        decode(content(silence(301, 4000), 4000))


def test_a_file_without_samples_and_one_without_numbers() -> None:
    with pytest.raises(NoSound):
        decode(content(silence(0)))
    with pytest.raises(PromptUnreadable, match="no numbers"):
        decode(content(np.full(100, np.nan, np.float32), subtype="FLOAT"))


# ── what it becomes ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_8_khz_cannot_hold_is_gone_and_not_folded_back() -> None:
    rate = 48000
    both = tone(1000, 1, -20.0, rate) + tone(5000, 1, -20.0, rate)
    spectrum = np.abs(np.fft.rfft(prepared(both, rate, 8000)))
    hz = np.fft.rfftfreq(2 * spectrum.size - 2, 1 / 8000)
    wanted = spectrum[np.abs(hz - 1000) < 50].max()
    folded = spectrum[np.abs(hz - 3000) < 200].max()  # where 5 kHz would come back
    assert 20 * np.log10(folded / wanted) < -50


def test_what_telephones_carry_is_kept() -> None:
    rate = 44100
    for hz in (300, 1000, 3400):
        both = prepared(tone(hz, 1, -20.0, rate), rate, 8000)
        assert power_db(both[1000:-1000]) == pytest.approx(LEVEL_DBOV, abs=0.7)


def test_silence_at_the_ends_is_cut_to_a_little() -> None:
    sound = prepared(np.concatenate([silence(0.8), speech(), silence(1.2)]), RATE, RATE)
    loud = np.nonzero(np.abs(sound) > 0.01)[0]
    assert loud[0] < 0.05 * RATE
    assert sound.size - loud[-1] < 0.9 * RATE  # the last syllable ends before its pause
    assert sound.size < 4.2 * RATE


def test_noise_of_the_room_at_the_ends_is_cut_too() -> None:
    noise = np.random.default_rng(3).normal(0, 10 ** (-58 / 20), 5 * RATE).astype(np.float32)
    noise[2 * RATE : 3 * RATE] += tone(500, 1, -24.0)
    assert prepared(noise, RATE, RATE).size == pytest.approx(1.13 * RATE, abs=0.05 * RATE)


def test_a_click_before_the_first_word_is_no_beginning() -> None:
    sound = np.concatenate([silence(1), tone(500, 1), silence(0.1)])
    sound[100:150] = 0.3
    assert prepared(sound, RATE, RATE).size == pytest.approx(1.13 * RATE, abs=0.02 * RATE)


def test_a_soft_beginning_of_a_word_is_kept() -> None:
    soft, loud = tone(3000, 0.2, -55.0), tone(500, 1, -22.0)
    sound = prepared(np.concatenate([silence(1), soft, loud, silence(1)]), RATE, RATE)
    assert sound.size == pytest.approx(1.33 * RATE, abs=0.03 * RATE)


@given(st.floats(-44, -8))
def test_everything_is_equally_loud_afterwards(level_db: float) -> None:
    sound = prepared(speech(level_db=level_db), RATE, RATE)
    assert level(sound) == pytest.approx(LEVEL_DBOV, abs=0.6)
    assert np.abs(sound).max() < 0.9


def test_peaks_are_not_cut_off() -> None:
    sound = speech(level_db=-35.0)
    sound[RATE : RATE + 10] = 0.5  # a click in the middle of it
    evened = prepared(sound, RATE, RATE)
    assert np.abs(evened).max() == pytest.approx(10 ** (-1 / 20), abs=1e-3)
    assert level(evened) < LEVEL_DBOV
    assert evened.size > 3 * RATE


def test_a_bad_recording_is_not_blown_up_for_ever() -> None:
    assert level(prepared(speech(level_db=-55.0), RATE, RATE)) < LEVEL_DBOV


def test_a_constant_is_taken_off() -> None:
    assert abs(prepared(tone(500) + np.float32(0.2), RATE, RATE).mean()) < 1e-3


@pytest.mark.parametrize("sound", [silence(1), silence(0), np.full(RATE, 0.3, np.float32)])
def test_what_cannot_be_heard_is_told(sound: Samples) -> None:
    with pytest.raises(NoSound, match="record it again"):
        prepared(sound, RATE, RATE)


def test_it_begins_and_ends_without_a_click() -> None:
    sound = prepared(tone(500), RATE, RATE)
    assert abs(sound[0]) < 0.001
    assert abs(sound[-1]) < 0.01


@pytest.mark.parametrize("rate", [8000, 16000])
def test_the_file_is_what_freeswitch_plays(rate: int) -> None:
    sound = tone(440, 1, -20.0, rate)
    with soundfile.SoundFile(io.BytesIO(wav(sound, rate))) as opened:
        assert (opened.samplerate, opened.channels, opened.subtype, opened.format) == (rate, 1, "PCM_16", "WAV")
        assert np.abs(opened.read(dtype="float32") - sound).max() < 1e-4
