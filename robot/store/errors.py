"""What can go wrong with the database, as a small tree whose messages say what to do.

StoreError
├── BadDatabaseUrl          `database.url` is not an address that can be used
├── DatabaseUnavailable     the database cannot be reached or cannot work now; `transient`: try again
│   ├── DatabaseTimeout     it took longer than the caller can wait
│   └── StoreOverloaded     too many operations are waiting for it
├── SchemaOutdated          the schema is older than this version of the robot, or not there at all
├── SchemaNewer             the schema was made by a newer version of the robot
├── StatementRefused        the database refused a statement: a defect of the robot
├── OnDoNotCallList         the number is on the do-not-call list: it must not be dialled
│   └── JustOptedOut        it is about to be: the database does not know yet
├── DuplicateAttempt        an attempt of that uuid was written before: it must not be dialled again
├── UnknownAttempt          there is no attempt of that uuid
├── ClaimLost               the claim of a contact does not count any more: it must not be dialled
├── CalledMeanwhile         the number was called since the rules were asked: ask them again
├── UnknownCampaign         there is no campaign of that name
├── CampaignStateRefused    a campaign cannot go from the state that it has to that one
├── AnotherDaemon           another daemon works on the same SQLite file
└── StoreClosed             the store was used after it had been closed

No message holds a password, a number or a word of a callee.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from robot.store.campaign_records import CampaignState, Daemon
from robot.store.records import DoNotCallEntry, DoNotCallSource

_PUT_THERE: Final = MappingProxyType(
    {
        DoNotCallSource.CALLEE: "as the callee wished",
        DoNotCallSource.OPERATOR: "put there by an operator",
        DoNotCallSource.IMPORT: "imported from a file",
    }
)


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


class OnDoNotCallList(StoreError):
    """Nothing was written. The message tells the entry by its id: the number is not repeated."""

    def __init__(self, entry: DoNotCallEntry) -> None:
        scope = "all campaigns" if entry.campaign is None else f"the campaign {entry.campaign!r}"
        what = "the number is" if entry.pattern is None else f"numbers like {entry.pattern} are"
        super().__init__(
            f"not called: {what} on the do-not-call list of {scope} since {entry.added_at:%Y-%m-%d}, "
            f"{_PUT_THERE[entry.source]} (entry {entry.id}). If that was a mistake: "
            f"`robot dnc remove --entry {entry.id}`"
        )


class JustOptedOut(OnDoNotCallList):
    def __init__(self) -> None:
        StoreError.__init__(
            self, "not called: the callee has just asked not to be called again, which the database does not know yet"
        )


class DuplicateAttempt(StoreError):
    def __init__(self, uuid: str) -> None:
        super().__init__(f"attempt {uuid} is in the database already: it must not be dialled again")
        self.uuid = uuid


class UnknownAttempt(StoreError):
    def __init__(self, uuid: str) -> None:
        super().__init__(f"there is no attempt {uuid} in the database")
        self.uuid = uuid


class ClaimLost(StoreError):
    """Nothing was written."""

    def __init__(self) -> None:
        super().__init__(
            "not called: the claim ran out, another daemon has taken the contact, or the campaign does not run any more"
        )


class CalledMeanwhile(StoreError):
    """Nothing was written."""

    def __init__(self) -> None:
        super().__init__("not called: the number was called since the rules were asked whether it may be")


class UnknownCampaign(StoreError):
    def __init__(self, name: str) -> None:
        super().__init__(f"the database knows no campaign {name!r}: `robot campaign import` makes it known")
        self.name = name


class CampaignStateRefused(StoreError):
    def __init__(self, name: str, state: CampaignState, wanted: CampaignState) -> None:
        super().__init__(f"the campaign {name!r} is {state}: it cannot become {wanted} from there")
        self.state = state


class AnotherDaemon(StoreError):
    def __init__(self, daemon: Daemon) -> None:
        super().__init__(
            f"another robot works on this SQLite file: on {daemon.host}, process {daemon.process.split()[-1]}, last "
            f"seen {daemon.seen_at:%Y-%m-%d %H:%M:%S} UTC. End it first, or let both use PostgreSQL (`database.url`)"
        )
        self.daemon = daemon


class StoreClosed(StoreError):
    pass
