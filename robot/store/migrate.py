"""Which schema a database has, and how it gets the one of this version. Works inside the caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

# Not alembic's own default: the database may be shared with another application that uses alembic.
VERSION_TABLE: Final = "robot_schema"
_SCRIPTS: Final = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True)
class SchemaStatus:
    """`current`: the revision of the database, None when it has no schema. `head`: the one of this version.

    known: whether this version has heard of `current`; one that it has not is of a newer version.
    """

    current: str | None
    head: str
    known: bool

    @property
    def up_to_date(self) -> bool:
        return self.current == self.head

    @property
    def newer(self) -> bool:
        return not self.known

    def __str__(self) -> str:
        if self.up_to_date:
            return f"schema {self.current}, up to date"
        if self.newer:
            return (
                f"schema {self.current} was made by a newer version of the robot, this one knows {self.head} at most: "
                "install that version"
            )
        if self.current is None:
            return f"no schema yet: run `robot db upgrade` to create {self.head}"
        return f"schema {self.current} is outdated, {self.head} is needed: stop the robot and run `robot db upgrade`"


def status_of(current: str | None) -> SchemaStatus:
    """What the revision `current` means to this version."""
    scripts = ScriptDirectory(str(_SCRIPTS))
    head = scripts.get_current_head()
    assert head is not None, "the package has lost its migrations"
    known = current is None or current in {script.revision for script in scripts.walk_revisions()}
    return SchemaStatus(current, head, known)


def current_revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Bring the schema up to `revision`, by default this version's.

    The caller sees to it that nobody else does so at the same time.
    """
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
