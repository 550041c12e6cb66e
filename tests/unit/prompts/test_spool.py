"""The spool: files that FreeSWITCH can read, gone with their call, and what dead processes left gone at the start."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from robot.prompts.errors import PromptsFolderUnusable
from robot.prompts.spool import Shelf, Spool


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = Spool(tmp_path / "spool")
    yield made
    made.close()


def files(spool: Spool) -> list[str]:
    return sorted(file.name for file in spool.path.rglob("*.wav"))


def test_another_user_can_read_what_is_written_whatever_the_umask(spool: Spool) -> None:
    before = os.umask(0o077)
    try:
        file = Shelf(spool, "call-1").write(b"abc")
    finally:
        os.umask(before)
    assert file is not None
    assert file.read_bytes() == b"abc"
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    for folder in (file.parent, file.parent.parent, spool.path):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o755


def test_a_shelf_is_cleared_alone_and_takes_nothing_more(spool: Spool) -> None:
    one, other = Shelf(spool, "one"), Shelf(spool, "other")
    for shelf in (one, one, other):
        assert shelf.write(b"x") is not None
    assert files(spool) == ["001.wav", "001.wav", "002.wav"]
    one.clear()
    assert one.closed
    assert one.write(b"late") is None
    assert files(spool) == ["001.wav"]
    Shelf(spool, "never-written").clear()


@pytest.mark.parametrize("owner", ["", "..", "a/b", "a b", "x" * 65, "a\n"])
def test_an_owner_is_no_path(spool: Spool, owner: str) -> None:
    with pytest.raises(ValueError, match="cannot name a folder"):
        Shelf(spool, owner)


def test_what_a_killed_process_left_is_swept_and_what_lives_is_not(spool: Spool) -> None:
    program = (
        "import sys, time; from pathlib import Path; from robot.prompts.spool import Shelf, Spool\n"
        "Shelf(Spool(Path(sys.argv[1])), 'dead').write(b'x'); print('written', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program, spool.path], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        Shelf(spool, "alive").write(b"x")
        assert spool.sweep() == 0
        assert len(files(spool)) == 2
        process.send_signal(signal.SIGKILL)
    other = Spool(spool.path)
    assert other.sweep() == 1
    assert [file.parent.name for file in spool.path.rglob("*.wav")] == ["alive"]
    assert other.sweep() == 0


def test_nothing_else_in_the_folder_is_touched(spool: Spool) -> None:
    assert spool.sweep() == 0
    assert not spool.path.exists()
    theirs = spool.path / "somebody" / "001.wav"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"x")
    Shelf(spool, "one").write(b"x")
    Spool(spool.path).sweep()
    spool.close()
    assert list(spool.path.rglob("*.wav")) == [theirs]


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(PromptsFolderUnusable, match=r"spool\.folder"):
        Shelf(Spool(tmp_path / "file" / "spool"), "one").write(b"x")
