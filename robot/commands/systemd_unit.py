"""`robot systemd-unit`: the unit file of this robot, for systemd."""

from __future__ import annotations

import re
import sys
from importlib.resources import files
from pathlib import Path
from typing import Final

import click

from robot.commands.common import DONE, explain, finish

_USER: Final = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
# What `ProtectHome=yes` and `PrivateTmp=yes` hide from the service.
_HIDDEN: Final = (Path("/home"), Path("/root"), Path("/run/user"), Path("/tmp"), Path("/var/tmp"))  # noqa: S108


def unit(robot: Path, user: str) -> str:
    """`robot`: the command. Raises click.BadParameter for what cannot stand in a unit."""
    if not _USER.fullmatch(user):
        raise click.BadParameter(f"{user!r} is no name of a system user")
    if re.search(r"[\s\"'\\$%@]", str(robot)):
        raise click.BadParameter(
            f"{robot} holds characters that mean something to systemd: install the robot elsewhere"
        )
    text = (files("robot") / "freeswitch-robot.service").read_text(encoding="utf-8")
    return text.replace("@robot@", str(robot)).replace("@user@", user)


@click.command("systemd-unit")
@click.option("--user", default="freeswitch-robot", show_default=True, help="The system user that the robot runs as.")
@explain
def systemd_unit(user: str) -> None:
    """Print the unit file with which systemd runs this robot, for /etc/systemd/system/freeswitch-robot.service."""
    robot = Path(sys.executable).parent / "robot"
    click.echo(unit(robot, user), nl=False)
    hidden = [folder for place in (robot, Path(sys.prefix), Path(sys.base_prefix).resolve())
              for folder in _HIDDEN if place.is_relative_to(folder)]  # fmt: skip
    if hidden:
        click.echo(
            f"robot: the service cannot reach {hidden[0]}, where the robot or its Python is installed: install it into "
            "/opt/freeswitch-robot, for example, and type this there.",
            err=True,
        )
    finish(DONE)
