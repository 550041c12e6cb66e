from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from robot.simulator import sound
from robot.simulator.errors import SoundError


def rms(samples: sound.Samples) -> float:
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))


def test_a_wav_comes_back_as_it_was_written(tmp_path: Path) -> None:
    samples = sound.tone(440, 500, 8000)
    sound.write_wav(tmp_path / "a.wav", samples, 8000)
    clip = sound.read_clip(str(tmp_path / "a.wav"), 8000)
    assert np.array_equal(clip.samples, samples)
    assert clip.duration_ms == 500


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000])
def test_any_rate_becomes_the_lines(tmp_path: Path, rate: int) -> None:
    sound.write_wav(tmp_path / "a.wav", sound.tone(1000, 1000, rate), rate)
    clip = sound.read_clip(str(tmp_path / "a.wav"), 16000)
    assert len(clip.samples) == 16000
    spectrum = np.abs(np.fft.rfft(clip.samples.astype(np.float64)))
    assert int(np.argmax(spectrum)) == 1000
    assert rms(clip.samples) == pytest.approx(rms(sound.tone(1000, 1000, 16000)), rel=0.02)


def test_stereo_is_mixed_down(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as opened:
        opened.setnchannels(2)
        opened.setsampwidth(2)
        opened.setframerate(8000)
        opened.writeframes(np.array([[100, 300]] * 800, "<i2").tobytes())
    assert set(sound.read_clip(str(tmp_path / "a.wav"), 8000).samples) == {200}


@pytest.mark.parametrize("content", [b"", b"RIFF....", b"no sound at all" * 50])
def test_a_broken_file_is_told(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "broken.wav"
    file.write_bytes(content)
    with pytest.raises(SoundError, match=r"broken\.wav"):
        sound.read_clip(str(file), 8000)


def test_an_empty_and_a_missing_file_too(tmp_path: Path) -> None:
    sound.write_wav(tmp_path / "empty.wav", np.zeros(0, np.int16), 8000)
    for name in ("empty.wav", "missing.wav"):
        with pytest.raises(SoundError, match=name):
            sound.read_clip(str(tmp_path / name), 8000)


def test_raw_files_and_silence(tmp_path: Path) -> None:
    (tmp_path / "a.r16").write_bytes(np.ones(320, "<i2").tobytes())
    assert len(sound.read_clip(str(tmp_path / "a.r16"), 8000).samples) == 160
    assert sound.read_clip("silence_stream://2000", 8000).duration_ms == 2000
    with pytest.raises(SoundError, match="milliseconds"):
        sound.read_clip("silence_stream://x", 8000)


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "a.wav"
    sound.write_wav(file, np.ones(160, np.int16), 8000)
    assert len(sound.read_clip(str(file), 8000).samples) == 160
    sound.write_wav(file, np.ones(320, np.int16), 8000)
    assert len(sound.read_clip(str(file), 8000).samples) == 320


@given(arrays(np.int16, st.integers(1, 400)))
def test_mulaw_is_close_and_stays_as_it_is(samples: sound.Samples) -> None:
    once = sound.through_mulaw(samples)
    assert np.array_equal(sound.through_mulaw(once), once)
    limited = np.clip(samples.astype(np.int32), -32124, 32124)
    assert np.all(np.abs(once - limited) <= np.maximum(8, np.abs(limited) // 16))


def test_mulaw_has_255_values_and_knows_silence() -> None:
    every = np.arange(-32768, 32768).astype(np.int16)
    assert len(np.unique(sound.through_mulaw(every))) == 255
    assert sound.through_mulaw(np.zeros(1, np.int16))[0] == 0


@given(arrays(np.int16, 160), arrays(np.int16, 160))
def test_mixing_limits_and_never_wraps(one: sound.Samples, other: sound.Samples) -> None:
    mixed = sound.mix(one, other)
    assert np.array_equal(mixed, np.clip(one.astype(np.int32) + other, -32768, 32767))


def test_noise_has_its_level() -> None:
    assert rms(sound.noise(-40, 8000)) == pytest.approx(327.68, rel=0.02)


@pytest.mark.parametrize(("from_rate", "to_rate"), [(8000, 16000), (16000, 8000), (8000, 8000)])
def test_frames_are_resampled_without_a_seam(from_rate: int, to_rate: int) -> None:
    whole = sound.tone(700, 1000, from_rate)
    resampler = sound.FrameResampler(from_rate, to_rate)
    frames = whole.reshape(-1, from_rate // 50)
    joined = np.concatenate([resampler.convert(frame) for frame in frames])
    assert len(joined) == to_rate
    spectrum = np.abs(np.fft.rfft(joined[to_rate // 10 :].astype(np.float64) * np.hanning(len(joined) * 9 // 10)))
    peak = int(np.argmax(spectrum))
    assert peak == 630  # 700 Hz in 0.9 s
    away = np.concatenate([spectrum[: peak - 20], spectrum[peak + 20 :]])
    assert away.max() < spectrum[peak] / 1000  # a seam would ring all over the spectrum
    assert rms(joined[to_rate // 10 :]) == pytest.approx(rms(whole), rel=0.02)


def test_silence_stays_silence_and_what_follows_is_heard() -> None:
    resampler = sound.FrameResampler(8000, 16000)
    silence, tone = np.zeros(160, np.int16), sound.tone(500, 20, 8000)
    assert not resampler.convert(silence).any()
    assert resampler.convert(tone).any()
    assert resampler.convert(silence).any()  # the filter's tail
    assert not resampler.convert(silence).any()


def test_an_impossible_pair_of_rates() -> None:
    with pytest.raises(ValueError, match="48000"):
        sound.FrameResampler(48000, 16000)
