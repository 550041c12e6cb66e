"""The demo can be run again although one of its callees asked not to be called; what a real person asked for stays."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from robot.demo import forget_wishes
from robot.direct_call import SIMULATOR_NODE
from robot.store.database import Database
from robot.store.errors import OnDoNotCallList
from robot.store.facts import Finished
from robot.store.records import AttemptResult, DoNotCallSource, NewAttempt, NewDoNotCall
from robot.store.store import Store

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ASKED = AttemptResult("do_not_call", None, None, None, None, None, NOW, None, None)
VIRTUAL, REAL, BY_HAND = (f"+3314000000{number}" for number in (1, 2, 3))


def attempt(number: str, node: str) -> NewAttempt:
    return NewAttempt(str(uuid4()), "demo", number, None, "trunk", node, NOW)


async def test_only_what_a_virtual_callee_asked_for_is_forgotten(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/robot.db")
    database.prepare()
    store = Store(database)
    try:
        for asking in (attempt(VIRTUAL, SIMULATOR_NODE), attempt(REAL, "127.0.0.1")):
            await store.begin_attempt(asking)
            await store.record(Finished(asking.uuid, asking.number, ASKED, (), (), ()))
        await store.import_do_not_call([NewDoNotCall(BY_HAND, NOW, DoNotCallSource.OPERATOR)])

        await forget_wishes(store, "demo", [VIRTUAL, REAL, BY_HAND])

        await store.begin_attempt(attempt(VIRTUAL, SIMULATOR_NODE))
        for number in (REAL, BY_HAND):
            with pytest.raises(OnDoNotCallList):
                await store.begin_attempt(attempt(number, SIMULATOR_NODE))
    finally:
        await store.close()
