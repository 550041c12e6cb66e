"""Who listens on a port, and what the database says: what needs a socket or a file."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from robot.doctor import machine
from robot.doctor.parts import read_database
from robot.store.database import Database
from ws_audio.server import AudioServer, AudioServerSettings


async def test_a_robot_is_told_from_another_server_and_from_nobody() -> None:
    robot = AudioServer(AudioServerSettings(port=0))
    await robot.start()
    port = robot.port
    assert await machine.a_robot_listens("127.0.0.1", port)
    await robot.close()
    assert not await machine.a_robot_listens("127.0.0.1", port)

    async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot found")
        writer.close()

    async with await asyncio.start_server(web, "127.0.0.1", 0) as other:
        assert not await machine.a_robot_listens("127.0.0.1", other.sockets[0].getsockname()[1])


def test_a_database_is_looked_at_and_not_made(tmp_path: Path) -> None:
    file = tmp_path / "robot.db"
    reading = read_database(f"sqlite:///{file}")
    assert (reading.exists, reading.creatable, reading.schema.current) == (False, True, None)
    assert not file.exists()


def test_a_database_that_is_there_is_written_to_without_a_change(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'robot.db'}"
    database = Database(url)
    database.upgrade()
    database.close()
    before = _content(tmp_path / "robot.db")
    reading = read_database(url)
    assert reading.exists
    assert reading.schema.up_to_date
    assert _content(tmp_path / "robot.db") == before


def _content(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as connection:
        return list(connection.iterdump())
