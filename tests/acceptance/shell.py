"""`robot` as a person runs it: a process of its own, in an environment of the test's own."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROBOT = Path(sys.executable).parent / "robot"


@dataclass(frozen=True)
class Done:
    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


def own_environment(folder: Path) -> dict[str, str]:
    """Ours, without what it says of a robot, and with the user's folders in `folder`, but for the cache of voices."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("ROBOT_")},
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_STATE_HOME": str(folder / "state"),
        "COLUMNS": "100",
    }


def run_robot(*arguments: str | Path, folder: Path, environment: Mapping[str, str], limit_s: float = 120) -> Done:
    done = subprocess.run(
        [ROBOT, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=limit_s,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


class Shell:
    """Runs `robot` in a folder of the test's own, with a database and ports of its own."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.database = folder / "robot.db"
        self.environment = {
            **own_environment(folder),
            "ROBOT_DATABASE__URL": f"sqlite:///{self.database}",
            "ROBOT_AUDIO__PORT": str(free_port()),
            "ROBOT_METRICS__PORT": str(free_port()),
            "ROBOT_CONSOLE__PORT": str(free_port()),
            "ROBOT_PROMPTS__FOLDER": str(folder / "prompts"),
            **environment,
        }

    def __call__(self, *arguments: str | Path, **environment: str) -> Done:
        return run_robot(*arguments, folder=self.folder, environment={**self.environment, **environment})

    @contextmanager
    def service(self, *arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
        """`robot run`, ready, with the line that says so."""
        running = subprocess.Popen(
            [ROBOT, "run", *arguments],
            cwd=self.folder,
            env={**self.environment, **environment},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert running.stderr is not None
        with running.stderr:
            try:
                ready = next((line for line in running.stderr if line.startswith("Ready.")), None)
                assert ready is not None, "it ended"
                yield running, ready
            finally:
                running.kill()
                running.wait()

    def query(self, statement: str, *values: object) -> list[Any]:
        """Rows of the database; none where it is not there."""
        if not self.database.exists():
            return []
        connection = sqlite3.connect(self.database)
        try:
            return connection.execute(statement, values).fetchall()
        finally:
            connection.close()

    def attempts(self) -> list[tuple[str, str]]:
        """Number and outcome of each row."""
        return self.query("SELECT number, outcome FROM attempts")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
