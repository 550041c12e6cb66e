"""What can go wrong with the database, as a small tree whose messages say what to do.

StoreError
├── BadDatabaseUrl          `database.url` is not an address that can be used
├── DatabaseUnavailable     the database cannot be reached or cannot work now; `transient`: try again
│   ├── DatabaseTimeout     it took longer than the caller can wait
│   └── StoreOverloaded     too many operations are waiting for it
├── SchemaOutdated          the schema is older than this version of the robot, or not there at all
├── SchemaNewer             the schema was made by a newer version of the robot
├── StatementRefused        the database refused a statement: a defect of the robot
├── DuplicateAttempt        an attempt of that uuid was written before: it must not be dialled again
├── UnknownAttempt          there is no attempt of that uuid
└── StoreClosed             the store was used after it had been closed

No message holds a password, a number or a word of a callee.
"""

from __future__ import annotations


class StoreError(Exception):
    """The root: everything that `robot.store` raises about the database."""


class BadDatabaseUrl(StoreError):
    """Never repeats the URL: it may hold a password."""


class DatabaseUnavailable(StoreError):
    """`transient`: the same operation may work a moment later (a lock, a dropped connection)."""

    def __init__(self, message: str, *, transient: bool = False) -> None:
        super().__init__(message)
        self.transient = transient


class DatabaseTimeout(DatabaseUnavailable):
    """What had begun may still be written: see the method that raised it."""


class StoreOverloaded(DatabaseUnavailable):
    pass


class SchemaOutdated(StoreError):
    pass


class SchemaNewer(StoreError):
    pass


class StatementRefused(StoreError):
    """Stands for SQLAlchemy's errors, whose text may hold the values of a row: numbers, and words of callees."""


class DuplicateAttempt(StoreError):
    def __init__(self, uuid: str) -> None:
        super().__init__(f"attempt {uuid} is in the database already: it must not be dialled again")
        self.uuid = uuid


class UnknownAttempt(StoreError):
    def __init__(self, uuid: str) -> None:
        super().__init__(f"there is no attempt {uuid} in the database")
        self.uuid = uuid


class StoreClosed(StoreError):
    pass
