"""One database: how it is opened, its transactions, its schema, and what its errors mean to the user.

Synchronous, and safe to use from several threads; `robot.store.store` is its asyncio face.

What is committed is on the disk. SQLite runs with WAL and `synchronous=FULL`, not the usual NORMAL: with NORMAL the
last commits survive kill -9 but not a power cut, and an attempt that is forgotten after it was dialled is a person
called twice. It costs one fsync a commit.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn

import structlog
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from robot.store import migrate
from robot.store.errors import DatabaseUnavailable, SchemaNewer, SchemaOutdated, StatementRefused
from robot.store.migrate import SchemaStatus
from robot.store.url import DatabaseUrl, parse_database_url

log = structlog.get_logger(__name__)

CONNECT_TIMEOUT_S: Final = 5
LOCK_TIMEOUT_S: Final = 5  # for another process that writes
STATEMENT_TIMEOUT_S: Final = 10  # everything here touches a few rows
POSTGRES_CONNECTIONS: Final = 4  # of one daemon; transactions take milliseconds
# A router forgets idle connections without a word: found before use by pre_ping, in the middle of use by these.
_KEEPALIVES: Final = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,  # ms
}
_BEGIN_OPTION: Final = "robot_begin"  # how SQLite begins: see `_set_up_sqlite`
_LOOSE_OPTION: Final = "robot_loose_keys"
_UPGRADE_LOCK: Final = 0x726F626F74  # "robot": PostgreSQL's advisory lock for whoever upgrades the schema

# SQLite's primary result codes (the low byte), https://sqlite.org/rescode.html
_SQLITE_BUSY: Final = frozenset({5, 6})  # BUSY, LOCKED
_SQLITE_HINTS: Final = {
    5: "another process is writing to it",
    8: "the file, or its folder, cannot be written by this user",  # READONLY
    10: "the disk, or its file system, reports an error",  # IOERR
    11: "the file is damaged: restore a backup",  # CORRUPT
    13: "the disk is full: make room",  # FULL
    14: "the file cannot be opened: check `database.url`, and that its folder belongs to this user",  # CANTOPEN
    26: "the file is not an SQLite database: check `database.url`",  # NOTADB
}
# https://www.postgresql.org/docs/current/errcodes-appendix.html: what may work when tried again; so may class 08.
_POSTGRES_TRANSIENT: Final = frozenset({"40001", "40P01", "55P03", "57014", "57P01", "57P02", "57P03", "53300"})
_POSTGRES_HINTS: Final = {
    "42501": "grant the rights, like GRANT CREATE, USAGE ON SCHEMA public TO the user of `database.url`",
    "25006": "this server is a read-only replica: name the primary in `database.url`",
    "53100": "the server's disk is full: make room",
}


class Database:
    """Opens nothing until it is used.

    Raises BadDatabaseUrl. Every method but `close` may raise DatabaseUnavailable.
    """

    def __init__(self, url: str) -> None:
        self._url = parse_database_url(url)
        self._engine = _sqlite_engine(self._url) if self._url.file else _postgres_engine(self._url)
        self._writing = self._engine.execution_options(**{_BEGIN_OPTION: "BEGIN IMMEDIATE"})
        self._checked = False

    @property
    def masked_url(self) -> str:
        """For people: without the password."""
        return self._url.masked

    @property
    def connections(self) -> int:
        """How many threads can use it at once; SQLite has one writer, and more threads would only wait for it."""
        return 1 if self._url.file else POSTGRES_CONNECTIONS

    def close(self) -> None:
        self._engine.dispose()

    # -- the schema ----------------------------------------------------------------------------------------------------

    def status(self) -> SchemaStatus:
        """Looks only: a missing SQLite file is not created."""
        if self._url.file and not self._url.file.exists():
            return migrate.status_of(None)
        with self._explained(), self._engine.connect() as connection:
            return migrate.status_of(migrate.current_revision(connection))

    def check(self) -> None:
        """Raises SchemaOutdated or SchemaNewer when this version cannot work with the schema as it is."""
        if self._checked:
            return
        status = self.status()
        if status.newer:
            raise SchemaNewer(f"{self.masked_url}: {status}")
        if not status.up_to_date:
            raise SchemaOutdated(f"{self.masked_url}: {status}")
        self._checked = True

    def upgrade(self) -> None:
        """Create the schema, or bring it up to this version, in one transaction. Raises SchemaNewer.

        Of two processes that do so at once, one waits and finds it done.
        """
        self._create_folder()
        # SQLite changes a table by making another one and dropping the first, which would delete what refers to it.
        upgrading = self._engine.execution_options(**{_BEGIN_OPTION: "BEGIN IMMEDIATE", _LOOSE_OPTION: True})
        try:
            self._upgrade(upgrading)
        finally:
            self._engine.dispose()  # the connection that minds no foreign keys
        self._checked = True

    def _upgrade(self, engine: Engine) -> None:
        with self._explained(), engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SET LOCAL statement_timeout = 0"))  # a large table takes its time
                connection.execute(text("SET LOCAL lock_timeout = '60s'"))
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
            status = migrate.status_of(migrate.current_revision(connection))
            if status.newer:
                raise SchemaNewer(f"{self.masked_url}: {status}")
            if not status.up_to_date:
                migrate.upgrade(connection)
                if self._url.file and connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
                    raise RuntimeError("the migration left rows behind that refer to nothing: nothing was changed")
                log.info("store.schema_upgraded", before=status.current, after=status.head)

    def prepare(self) -> None:
        """Create the schema in an empty database, and bring that of an SQLite file up to this version.

        An old one on a server is left to `robot db upgrade`: other robots may be using it. Raises SchemaOutdated or
        SchemaNewer.
        """
        status = self.status()
        if status.current is None or (self._url.file and not status.up_to_date and not status.newer):
            self.upgrade()
        self.check()

    # -- transactions --------------------------------------------------------------------------------------------------

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads: on SQLite it neither waits for writers nor keeps them waiting."""
        with self._session(self._engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction, committed at the end of the block and rolled back when it raises."""
        with self._session(self._writing) as session:
            yield session

    @contextmanager
    def _session(self, engine: Engine) -> Iterator[Session]:
        self.check()
        with self._explained(), Session(engine, expire_on_commit=False) as session, session.begin():
            yield session

    # -- errors --------------------------------------------------------------------------------------------------------

    def _create_folder(self) -> None:
        if self._url.file is None:
            return
        folder = self._url.file.parent
        try:
            # Conversations with people: nobody else on this machine has to read them.
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise DatabaseUnavailable(
                f"{self.masked_url}: the folder {folder} cannot be created ({error.strerror}): set `database.url` to a "
                "file in a folder of this user"
            ) from error

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            self._explain(error)
        except PoolTimeout as error:
            raise DatabaseUnavailable(
                f"{self.masked_url}: all connections were busy for {CONNECT_TIMEOUT_S} s", transient=True
            ) from error

    def _explain(self, error: DBAPIError) -> NoReturn:
        """Raise DatabaseUnavailable when the user, or time, can do something about it, and StatementRefused otherwise.

        Only SQLite's and PostgreSQL's first line is told: the lines after it may hold the values of a row.
        """
        cause = error.orig
        reason = (str(cause).strip().splitlines() or ["no reason given"])[0]
        refused = StatementRefused(f"{reason}. Please report this defect of the robot. Statement: {error.statement}")
        hint: str | None = None
        if isinstance(cause, sqlite3.DatabaseError) and not isinstance(cause, sqlite3.IntegrityError):
            code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
            hint = _SQLITE_HINTS.get(code)
            if hint is None and code not in _SQLITE_BUSY:
                raise refused from None
            transient = code in _SQLITE_BUSY
        elif isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated:
            code = getattr(cause, "pgcode", None)
            # Without a code it never came to the server, or the server is gone.
            transient = code is None or code in _POSTGRES_TRANSIENT or code.startswith("08")
            hint = _POSTGRES_HINTS.get(code or "")
        elif getattr(cause, "pgcode", None) in _POSTGRES_HINTS:
            transient = False
            hint = _POSTGRES_HINTS[getattr(cause, "pgcode", "")]
        else:
            raise refused from None
        advice = f"; {hint}" if hint else ""
        raise DatabaseUnavailable(
            f"the database {self.masked_url} cannot be used: {reason}{advice}", transient=transient
        ) from error


def _sqlite_engine(url: DatabaseUrl) -> Engine:
    # One connection for the writing thread, a few for those who read; a session never waits long for one.
    engine = create_engine(
        url.address,
        hide_parameters=True,  # an error's text would hold numbers and words of callees
        pool_timeout=CONNECT_TIMEOUT_S,
        connect_args={"timeout": LOCK_TIMEOUT_S},
    )

    @event.listens_for(engine, "connect")
    def _set_up_sqlite(connection: sqlite3.Connection, _: object) -> None:
        # Otherwise the driver begins transactions when it sees fit, and commits before DDL.
        connection.isolation_level = None
        _enter_wal(connection)
        for pragma in ("synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A transaction that reads first and writes later cannot wait for another writer: SQLite gives BUSY at once.
        # One that will write takes the lock at its beginning.
        options = connection.get_execution_options()
        if options.get(_LOOSE_OPTION):
            connection.exec_driver_sql("PRAGMA foreign_keys = OFF")  # has no effect inside a transaction
        connection.exec_driver_sql(options.get(_BEGIN_OPTION, "BEGIN"))

    return engine


def _enter_wal(connection: sqlite3.Connection) -> None:
    """The file stays in WAL once it is. The one statement for which SQLite does not wait by itself when another process
    does the same at the same time: it gives BUSY at once."""
    deadline = time.monotonic() + LOCK_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in _SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _postgres_engine(url: DatabaseUrl) -> Engine:
    engine = create_engine(
        url.address,
        hide_parameters=True,
        pool_size=POSTGRES_CONNECTIONS,
        max_overflow=1,  # for a status that is asked for while all are busy
        pool_timeout=CONNECT_TIMEOUT_S,
        pool_pre_ping=True,
        connect_args={"connect_timeout": CONNECT_TIMEOUT_S, "application_name": "freeswitch-robot", **_KEEPALIVES},
    )

    @event.listens_for(engine, "connect")
    def _set_up_postgres(connection: Any, _: object) -> None:
        # By SET and not in the start-up packet, which PgBouncer refuses.
        with connection.cursor() as cursor:
            cursor.execute(f"SET statement_timeout = '{STATEMENT_TIMEOUT_S}s'")
            cursor.execute(f"SET lock_timeout = '{LOCK_TIMEOUT_S}s'")
        connection.commit()

    return engine
