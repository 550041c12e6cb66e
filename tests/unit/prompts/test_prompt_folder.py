"""The folder of prepared prompts: what is found, what is written, what is deleted when."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import numpy as np
import pytest

from robot.prompts.errors import PromptsFolderUnusable
from robot.prompts.folder import SAFE_FOR_S, PromptFolder
from robot.prompts.sound import wav

A_SECOND = wav(np.full(16000, 0.1, np.float32), 16000)


@pytest.fixture
def folder(tmp_path: Path) -> PromptFolder:
    return PromptFolder(tmp_path / "robot" / "prompts")


def aged(file: Path, seconds: float) -> None:
    os.utime(file, (time.time() - seconds,) * 2)


def test_what_was_written_is_found_with_its_length(folder: PromptFolder) -> None:
    assert folder.find("a") is None
    written = folder.write("a", A_SECOND)
    assert written == folder.find("a")
    assert (written.file, written.length_s) == (folder.path / "a.wav", 1.0)
    assert os.listdir(folder.path) == ["a.wav"]


def test_freeswitch_may_read_it_whatever_the_umask(folder: PromptFolder) -> None:
    before = os.umask(0o077)
    try:
        file = folder.write("a", A_SECOND).file
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o755


@pytest.mark.parametrize("damaged", [b"", A_SECOND[:40], A_SECOND[:-100], b"no sound at all", A_SECOND + b"more"])
def test_a_file_that_is_not_whole_is_none(folder: PromptFolder, damaged: bytes) -> None:
    folder.write("a", A_SECOND).file.write_bytes(damaged)
    assert folder.find("a") is None
    assert folder.write("a", A_SECOND) == folder.find("a")


def test_a_folder_that_cannot_be_written_to_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PromptsFolderUnusable, match=r"set prompts\.folder"):
        PromptFolder(tmp_path / "file" / "prompts").write("a", A_SECOND)


def test_what_was_wanted_longest_ago_is_deleted_first(folder: PromptFolder) -> None:
    for days, name in enumerate(("d", "c", "b", "a"), 2):
        aged(folder.write(name, A_SECOND).file, days * SAFE_FOR_S)
    assert folder.sweep(2 * len(A_SECOND)) == 2
    assert {file.name for file in folder.path.iterdir()} == {"d.wav", "c.wav"}
    assert folder.sweep(2 * len(A_SECOND)) == 0


def test_what_was_wanted_today_may_be_in_a_call(folder: PromptFolder) -> None:
    fresh, looked_for = folder.write("fresh", A_SECOND), folder.write("looked_for", A_SECOND)
    aged(looked_for.file, 9 * SAFE_FOR_S)
    assert folder.find("looked_for")
    aged(folder.write("old", A_SECOND).file, 2 * SAFE_FOR_S)
    pinned = folder.write("pinned", A_SECOND)
    aged(pinned.file, 9 * SAFE_FOR_S)
    folder.touch([pinned.file, folder.path / "gone.wav"])
    assert folder.sweep(0) == 1
    assert set(folder.path.iterdir()) == {fresh.file, looked_for.file, pinned.file}


def test_only_prompts_and_what_a_killed_process_left_is_deleted(folder: PromptFolder) -> None:
    folder.write("a", A_SECOND)
    ours, theirs, now = (folder.path / name for name in (".a.1.part", "notes.txt", ".b.2.part"))
    for file in (ours, theirs, now):
        file.write_text("x")
    for file in (ours, theirs):
        aged(file, 9 * SAFE_FOR_S)
    folder.sweep(0)
    assert set(folder.path.iterdir()) == {folder.path / "a.wav", theirs, now}


def test_there_is_nothing_to_sweep_before_the_first_prompt(folder: PromptFolder) -> None:
    assert folder.sweep(0) == 0
