"""Reads `database.url`: which database, where, and how to name it without its password. Opens nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from robot.store.errors import BadDatabaseUrl

# libpq takes these as query parameters too.
_SECRET_PARAMETERS: Final = frozenset({"password", "sslpassword"})
# `postgres` is how hosting providers write it. The drivers are those that come with the robot.
_DRIVERS: Final = {
    "sqlite": "sqlite+pysqlite",
    "sqlite+pysqlite": "sqlite+pysqlite",
    "postgres": "postgresql+psycopg2",
    "postgresql": "postgresql+psycopg2",
    "postgresql+psycopg2": "postgresql+psycopg2",
}
_EXAMPLES: Final = "write sqlite:////var/lib/freeswitch-robot/robot.db or postgresql://user:password@host/database"


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """`address` holds the password. `masked` is for people. `file`: of SQLite; None for PostgreSQL."""

    address: URL
    masked: str
    file: Path | None

    @property
    def name(self) -> str:
        """Which database it is, whoever uses it: fit for a file's name."""
        parts = (self.address.host or "local", str(self.address.port or ""), self.address.database or "")
        return re.sub(r"[^A-Za-z0-9.-]+", "_", "_".join(part for part in parts if part)).lstrip(".")

    def __repr__(self) -> str:
        return f"<DatabaseUrl {self.masked}>"


def parse_database_url(text: str) -> DatabaseUrl:
    """Raises BadDatabaseUrl, which does not repeat `text`."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # Not chained: both repeat what they could not read.
        raise BadDatabaseUrl(
            f"the database URL cannot be read: {_EXAMPLES}. In a password, write @ as %40, / as %2F, : as %3A, % as %25"
        ) from None
    driver = _DRIVERS.get(url.drivername)
    if driver is None:
        raise BadDatabaseUrl(f"the database URL begins with '{url.drivername}:', which is not supported: {_EXAMPLES}")
    url = url.set(drivername=driver)
    if url.get_backend_name() == "sqlite":
        if url.host is not None:
            raise BadDatabaseUrl(
                "an SQLite URL has three slashes before a relative path and four before an absolute one"
            )
        if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
            raise BadDatabaseUrl("SQLite needs a file, in memory every call would be forgotten: " + _EXAMPLES)
        return DatabaseUrl(url, _masked(url), Path(url.database))
    if not url.database:
        raise BadDatabaseUrl("the PostgreSQL URL names no database: write postgresql://user:password@host/database")
    return DatabaseUrl(url, _masked(url), None)


def _masked(url: URL) -> str:
    query = {name: "hidden" if name in _SECRET_PARAMETERS else value for name, value in url.query.items()}
    scheme = url.get_backend_name()  # the driver is our choice and says nothing to the user
    return url.set(drivername=scheme, query=query).render_as_string(hide_password=True)
