"""`database.url`: what is taken, what is refused, and that no password gets out."""

from __future__ import annotations

from pathlib import Path

import pytest

from robot.store.errors import BadDatabaseUrl
from robot.store.url import parse_database_url


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_postgresql_in_all_its_spellings(scheme: str) -> None:
    url = parse_database_url(f"{scheme}://robot:s3cret%40@db:5433/calls")
    assert url.address.drivername == "postgresql+psycopg2"
    assert url.address.password == "s3cret@"
    assert url.masked == "postgresql://robot:***@db:5433/calls"
    assert url.file is None
    assert "s3cret" not in repr(url)


def test_a_password_among_the_parameters_is_hidden() -> None:
    url = parse_database_url("postgresql:///calls?host=/run/pg&password=s3cret&sslpassword=s3cret")
    assert url.masked == "postgresql:///calls?host=%2Frun%2Fpg&password=hidden&sslpassword=hidden"
    assert url.address.query["password"] == "s3cret"


@pytest.mark.parametrize(("text", "file"), [("sqlite:////var/lib/r.db", "/var/lib/r.db"), ("sqlite:///r.db", "r.db")])
def test_sqlite_is_a_file(text: str, file: str) -> None:
    url = parse_database_url(text)
    assert url.file == Path(file)
    assert url.masked == text


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("", "write sqlite:"),
        ("robot.db", "write sqlite:"),
        ("s3cret://robot@db:port/x", "write %40|write @ as %40"),
        ("postgresql://robot:s3cret@db:70000x/calls", "write @ as %40"),
        ("mysql://robot:s3cret@db/calls", "'mysql:', which is not supported"),
        ("postgresql+asyncpg://robot:s3cret@db/calls", "not supported"),
        ("postgresql://robot:s3cret@db", "names no database"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("sqlite:///file:r.db?mode=ro&uri=true", "needs a file"),
        ("sqlite://r.db", "three slashes"),
    ],
)
def test_what_is_refused_is_told_with_the_remedy(text: str, advice: str) -> None:
    with pytest.raises(BadDatabaseUrl, match=advice) as refused:
        parse_database_url(text)
    assert "s3cret" not in str(refused.value)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None
