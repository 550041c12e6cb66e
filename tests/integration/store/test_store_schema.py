"""The schema and its history, the same on both databases, and what is told when the two do not fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine, inspect, text

from robot.store.database import Database
from robot.store.errors import DatabaseUnavailable, SchemaNewer, SchemaOutdated, StatementRefused
from robot.store.migrate import VERSION_TABLE, upgrade
from robot.store.records import Direction
from robot.store.repositories import AttemptRepository
from robot.store.schema import Base
from robot.store.url import parse_database_url

NewUrl = Callable[[bool], str]


@contextmanager
def beside(url: str) -> Iterator[Connection]:
    """A connection of somebody else to the same database."""
    engine = create_engine(parse_database_url(url).address)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def test_the_migrations_make_exactly_the_models(new_url: NewUrl) -> None:
    url = new_url(False)
    with closing(Database(url)) as database:
        database.upgrade()
    with beside(url) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "version_table": VERSION_TABLE})
        assert compare_metadata(context, Base.metadata) == []
        for table in Base.metadata.sorted_tables:  # alembic compares no checks and no names of keys
            inspector = inspect(connection)
            wanted = {str(each.name) for each in table.constraints}
            made = {
                str(each["name"])
                for each in (
                    inspector.get_pk_constraint(table.name),
                    *inspector.get_foreign_keys(table.name),
                    *inspector.get_unique_constraints(table.name),
                    *inspector.get_check_constraints(table.name),
                )
            }
            assert made == wanted


def test_every_constraint_and_index_has_a_name() -> None:
    for table in Base.metadata.sorted_tables:
        assert all(constraint.name for constraint in table.constraints), table.name
        assert all(index.name for index in table.indexes), table.name


def test_status_from_nothing_to_up_to_date(new_url: NewUrl) -> None:
    with closing(Database(new_url(False))) as database:
        before = database.status()
        assert (before.current, before.up_to_date, before.newer) == (None, False, False)
        assert str(before) == f"no schema yet: run `robot db upgrade` to create {before.head}"
        database.upgrade()
        after = database.status()
        assert (after.current, after.up_to_date) == (before.head, True)
        assert str(after) == f"schema {before.head}, up to date"
        database.upgrade()
        assert database.status() == after


def test_a_status_creates_no_file(tmp_path: Path) -> None:
    file = tmp_path / "state" / "robot.db"
    with closing(Database(f"sqlite:///{file}")) as database:
        assert database.status().current is None
        assert not file.parent.exists()
        database.upgrade()
    assert file.is_file()
    assert file.parent.stat().st_mode & 0o077 == 0, "conversations are nobody else's business"


def test_a_database_without_a_schema_is_not_worked_with(new_url: NewUrl) -> None:
    with closing(Database(new_url(False))) as database:
        with pytest.raises(SchemaOutdated, match="run `robot db upgrade`"), database.write():
            pass
        database.prepare()
        with database.write() as session:
            session.execute(text("SELECT 1 FROM attempts"))


@pytest.mark.parametrize(
    ("revision", "error", "advice"),
    [("9999", SchemaNewer, "made by a newer version of the robot"), (None, SchemaOutdated, "run `robot db upgrade`")],
)
def test_another_schema_than_ours_is_not_worked_with(
    new_url: NewUrl, revision: str | None, error: type[Exception], advice: str
) -> None:
    url = new_url(True)
    with beside(url) as connection:
        connection.execute(text("DELETE FROM robot_schema"))
        if revision:
            connection.execute(text("INSERT INTO robot_schema VALUES (:revision)"), {"revision": revision})
    with closing(Database(url)) as database:
        with pytest.raises(error, match=advice), database.read():
            pass
        if revision:
            with pytest.raises(SchemaNewer):
                database.upgrade()
            with pytest.raises(SchemaNewer):
                database.prepare()
            assert database.status().current == revision


def test_two_that_upgrade_at_once(new_url: NewUrl) -> None:
    url = new_url(False)

    def upgraded(_: int) -> bool:
        with closing(Database(url)) as database:
            database.upgrade()
            return database.status().up_to_date

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(upgraded, range(2))) == [True, True]


def test_an_upgrade_that_fails_half_way_leaves_nothing(new_url: NewUrl) -> None:
    url = new_url(False)
    with closing(Database(url)) as database:
        database.upgrade()
    with beside(url) as connection:
        for table in ("turns", VERSION_TABLE):
            connection.execute(text(f"DROP TABLE {table}"))
        connection.execute(text("ALTER TABLE campaigns RENAME TO old_campaigns"))
        before = set(inspect(connection).get_table_names())
    with closing(Database(url)) as database, pytest.raises(Exception, match="already exists"):
        database.upgrade()
    with beside(url) as connection:
        assert set(inspect(connection).get_table_names()) == before


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    file = tmp_path / "robot.db"
    file.write_text("not a database, but long enough to be looked at as one" * 100)
    told = pytest.raises(DatabaseUnavailable, match=r"is not an SQLite database: check `database\.url`")
    with closing(Database(f"sqlite:///{file}")) as database, told:
        database.status()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = pytest.raises(DatabaseUnavailable, match=r"set `database\.url` to a file in a folder of this user")
    with closing(Database(f"sqlite:///{tmp_path}/file/robot.db")) as database, told:
        database.upgrade()


def test_a_postgresql_that_is_not_there_is_told_without_its_password(tmp_path: Path) -> None:
    with (
        closing(Database(f"postgresql://robot:s3cret@/robot?host={tmp_path}")) as database,
        pytest.raises(DatabaseUnavailable, match="cannot be used: ") as told,
    ):
        database.status()
    assert told.value.transient
    assert "s3cret" not in str(told.value)


def test_sqlite_keeps_what_is_committed_through_a_power_cut(tmp_path: Path) -> None:
    """As far as SQLite's settings can: 2 is FULL, see https://sqlite.org/pragma.html#pragma_synchronous."""
    with closing(Database(f"sqlite:///{tmp_path}/robot.db")) as database:
        database.prepare()
        with database.write() as session:
            values = {
                name: session.execute(text(f"PRAGMA {name}")).scalar_one()
                for name in ("synchronous", "journal_mode", "foreign_keys", "busy_timeout")
            }
    assert values == {"synchronous": 2, "journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 5000}


def test_an_upgrade_from_the_first_schema_keeps_every_row(new_url: NewUrl, backend: str) -> None:
    url = new_url(False)
    if file := parse_database_url(url).file:
        file.parent.mkdir()
    uuid = "5f0e2b9c-3a51-4a2e-9c57-0d4f6f0a7b11"
    with beside(url) as connection:
        upgrade(connection, "0001")
        for statement in (
            "INSERT INTO campaigns (id, name, created_at) VALUES (1, 'spring', '2026-03-29 00:59:59')",
            "INSERT INTO contacts (id, campaign_id, number, fields, state, created_at) "
            "VALUES (1, 1, '+33140000001', '{}', 'done', '2026-03-29 00:59:59')",
            "INSERT INTO attempts (uuid, campaign_id, contact_id, number, gateway, node, created_at) "
            "VALUES (:uuid, 1, 1, '+33140000001', 'carrier', 'fs1', '2026-03-29 00:59:59')",
            "INSERT INTO turns (attempt_uuid, seq, speaker, text, start_ms, end_ms, interrupted) "
            "VALUES (:uuid, 1, 'callee', 'Yes.', 0, 400, false)",
        ):
            connection.execute(text(statement), {"uuid": uuid} if ":uuid" in statement else {})
    with closing(Database(url)) as database:
        assert database.status().current == "0001"
        if backend == "sqlite":
            database.prepare()  # a file is one robot's own
        else:
            with pytest.raises(SchemaOutdated, match="stop the robot and run `robot db upgrade`"):
                database.prepare()
            database.upgrade()
        with database.read() as session:
            stored = AttemptRepository(session).get(uuid)
        assert [turn.text for turn in stored.turns] == ["Yes."]
        assert (stored.direction, stored.campaign, stored.number) == (Direction.OUTGOING, "spring", "+33140000001")
        assert (stored.answers, stored.amd_confidence, stored.turns[0].step) == ({}, None, None)
        # Foreign keys are minded again.
        stray = text(
            "INSERT INTO turns (attempt_uuid, seq, speaker, text, start_ms, end_ms, interrupted) "
            "VALUES ('5f0e2b9c-3a51-4a2e-9c57-000000000000', 1, 'callee', 'Yes.', 0, 400, false)"
        )
        with pytest.raises(StatementRefused), database.write() as session:
            session.execute(stray)
