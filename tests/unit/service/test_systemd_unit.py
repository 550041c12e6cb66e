"""The unit file: where it points, how little of the machine it leaves to the robot."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from robot.cli import main
from robot.commands.systemd_unit import unit

ANALYZE = shutil.which("systemd-analyze")
MOST_EXPOSURE = 2.0  # of 10; systemd calls everything up to 2.0 ok


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_it_starts_this_robot_as_the_user_that_was_asked_for() -> None:
    text = unit(Path("/opt/freeswitch-robot/bin/robot"), "dialer")
    assert "ExecStart=/opt/freeswitch-robot/bin/robot --config /etc/freeswitch-robot/robot.toml run" in lines(text)
    assert "User=dialer" in lines(text)
    assert "@" not in "".join(line for line in lines(text) if not line.startswith("SystemCallFilter"))


def test_an_older_systemd_keeps_a_type_that_it_knows() -> None:
    types = [line for line in lines(unit(Path("/opt/robot"), "robot")) if line.startswith("Type=")]
    assert types == ["Type=notify", "Type=notify-reload"]


@pytest.mark.parametrize("user", ["", "Robot", "robot\nExecStart=/bin/sh", "1robot", "%i"])
def test_what_is_no_user_does_not_get_into_the_unit(user: str) -> None:
    with pytest.raises(click.BadParameter):
        unit(Path("/opt/robot"), user)


@pytest.mark.parametrize("place", ["/opt/my robot/robot", "/opt/%n/robot", "/opt/$HOME/robot"])
def test_a_path_that_systemd_would_read_otherwise_is_refused(place: str) -> None:
    with pytest.raises(click.BadParameter, match="elsewhere"):
        unit(Path(place), "robot")


def test_the_command_prints_the_unit_and_nothing_else_on_stdout() -> None:
    result = CliRunner().invoke(main, ["systemd-unit", "--user", "dialer"])
    assert result.exit_code == 0
    assert result.stdout.startswith("# The robot as a service of systemd.")
    assert "\nUser=dialer\n" in result.stdout


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not here: it comes with systemd")
def test_it_is_as_exposed_as_we_allow_at_most(tmp_path: Path) -> None:
    assert ANALYZE is not None
    file = tmp_path / "freeswitch-robot.service"
    file.write_text(unit(Path("/bin/true"), "freeswitch-robot"), encoding="utf-8")
    threshold = f"--threshold={MOST_EXPOSURE * 10:.0f}"
    done = subprocess.run(
        [ANALYZE, "security", "--offline=true", "--no-pager", threshold, str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze is older than 250 and cannot look at a file")
    assert "Overall exposure level" in done.stdout, done.stderr
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not here: it comes with systemd")
def test_systemd_understands_every_line(tmp_path: Path) -> None:
    assert ANALYZE is not None
    file = tmp_path / "freeswitch-robot.service"
    file.write_text(unit(Path("/bin/true"), "freeswitch-robot"), encoding="utf-8")
    done = subprocess.run([ANALYZE, "verify", str(file)], capture_output=True, text=True, timeout=60, check=False)
    ours = [line for line in done.stderr.splitlines() if file.name in line and "notify-reload" not in line]
    assert ours == []
