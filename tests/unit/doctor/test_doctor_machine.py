"""What is read of this machine: not what it is, for that differs, but that it is right where we can make it so."""

from __future__ import annotations

import os
import resource
import zoneinfo
from pathlib import Path

import pytest

from robot.doctor import machine


def test_the_disk_of_a_folder_that_is_not_there_yet_is_that_of_its_parent(tmp_path: Path) -> None:
    there, missing = machine.read_disk(tmp_path), machine.read_disk(tmp_path / "a" / "b")
    assert (there.exists, missing.exists) == (True, False)
    assert missing.folder == tmp_path / "a" / "b"
    assert missing.free == pytest.approx(os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize, rel=0.05)


def test_the_limit_of_open_files_is_the_one_in_force() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 700), hard))
        assert machine.open_files_limit() == min(soft, 700)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_time_zones_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.has_time_zones()
    monkeypatch.setattr(zoneinfo, "ZoneInfo", lambda _name: _raise())
    assert not machine.has_time_zones()


def _raise() -> None:
    raise zoneinfo.ZoneInfoNotFoundError("Europe/Paris")


def test_whether_a_file_can_be_created(tmp_path: Path) -> None:
    assert machine.can_create(tmp_path / "new" / "robot.db")
    if os.geteuid() != 0:
        tmp_path.chmod(0o500)
        assert not machine.can_create(tmp_path / "new" / "robot.db")
