"""A database to measure on, which is nobody else's and is deleted afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

from sqlalchemy import create_engine, text

from robot.store.database import Database
from robot.store.url import parse_database_url


@contextmanager
def own_database(url: str | None) -> Iterator[str]:
    """The URL of a new one, with its schema. url: of a server on which the user may create some; None: SQLite."""
    with _place(url) as own:
        with closing(Database(own)) as database:
            database.upgrade()
        yield own


@contextmanager
def _place(url: str | None) -> Iterator[str]:
    if url is None or parse_database_url(url).file is not None:
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{Path(folder) / 'bench.db'}"
        return
    name = f"robot_bench_{uuid4().hex}"
    server = parse_database_url(url).address
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        try:
            yield server.set(database=name).render_as_string(hide_password=False)
        finally:
            with engine.connect() as connection:
                connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    finally:
        engine.dispose()
