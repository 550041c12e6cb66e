"""What the store tells of its operations to who measures them."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from robot.store.database import Database
from robot.store.errors import OnDoNotCallList, StoreClosed
from robot.store.records import DoNotCallSource, NewAttempt, NewDoNotCall
from robot.store.store import Store

NOW = datetime(2026, 11, 21, tzinfo=UTC)


class Noted(list[tuple[str, str | None]]):
    """A StoreWatcher that keeps the operations and the kinds of their errors."""

    def operation_ended(self, name: str, took_s: float, error: BaseException | None) -> None:
        assert 0 <= took_s < 60
        self.append((name, None if error is None else type(error).__name__))


async def test_operations_are_told_with_what_became_of_them(database: Database) -> None:
    noted = Noted()
    store = Store(database, watcher=noted)
    await store.import_do_not_call([NewDoNotCall("+33140000001", NOW, DoNotCallSource.OPERATOR)])
    new = NewAttempt(
        uuid=str(uuid4()), campaign="demo", number="+33140000001", caller_id=None, gateway="trunk", node="fs1",
        created_at=NOW,
    )  # fmt: skip
    with pytest.raises(OnDoNotCallList):
        await store.begin_attempt(new)
    assert store.waiting == 0
    await store.close()
    with pytest.raises(StoreClosed):
        await store.waiting_webhooks()
    assert noted == [
        ("import_do_not_call", None),
        ("begin_attempt", "OnDoNotCallList"),
        ("waiting_webhooks", "StoreClosed"),
    ]
