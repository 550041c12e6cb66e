"""Statements that SQLite and PostgreSQL both know and SQLAlchemy spells apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import CursorResult, Executable
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from robot.store.schema import Base


def is_postgresql(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"


def insert_into(session: Session, table: type[Base]) -> sqlite.Insert | postgresql.Insert:
    """Both dialects know ON CONFLICT, each in a class of its own."""
    return postgresql.insert(table) if is_postgresql(session) else sqlite.insert(table)


def insert_unless_there(session: Session, table: type[Base], row: Mapping[str, Any], key: Sequence[str]) -> bool:
    """Whether it was inserted. A conflict is no error, which would end the transaction on PostgreSQL."""
    return (
        rows_changed(session, insert_into(session, table).values(row).on_conflict_do_nothing(index_elements=key)) == 1
    )


def rows_changed(session: Session, statement: Executable) -> int:
    """Execute; how many rows the statement changed."""
    result = session.execute(statement)
    assert isinstance(result, CursorResult)
    return result.rowcount
