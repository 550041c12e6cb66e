"""What became of calls that no process knows any more: the database is compared with what FreeSWITCH has.

After a crash an attempt has no outcome. Its channel may be gone, or somebody may still be on the line with nobody to
talk to: that call is ended. Two people whom the robot had put through to each other are left alone. Either way the
attempt gets an outcome, and the person is not called again by itself: whether they were reached is not known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container
from datetime import UTC, datetime
from typing import Final

import structlog

from robot.call.call import Parts
from robot.call.nodes import Node
from robot.call.outcome import Outcome
from robot.call.outcome_webhook import OutcomeWebhook
from robot.esl import commands
from robot.esl.errors import CommandRefused, EventSocketError
from robot.store.facts import Finished
from robot.store.records import AttemptResult, StoredAttempt

log = structlog.get_logger(__name__)

_UNDEFINED: Final = "_undef_"
_GONE: Final = "the robot went away in the middle of the call, and nobody knows what became of it"
_ENDED: Final = "the robot went away in the middle of the call, which was ended when it came back"
_TALKS: Final = "the robot went away while the callee talked to somebody else"


class Reconciliation:
    """`wanted` is set when there may be something to do."""

    def __init__(self, parts: Parts, webhook_of: Callable[[str], OutcomeWebhook | None]) -> None:
        """webhook_of: who is told of a campaign's calls."""
        self._parts = parts
        self._webhook_of = webhook_of
        self.wanted = asyncio.Event()

    async def run(self, owner: str, live: Container[str]) -> int:
        """Give an outcome to each attempt of `owner` that is not `live`; how many got one.

        Those whose FreeSWITCH cannot be reached now are for the next time. Raises StoreError.
        """
        done = 0
        for attempt in await self._parts.store.unfinished_attempts(owner):
            if attempt.uuid in live:
                continue
            node = self._parts.nodes.named(attempt.node)
            if node is not None and not node.switch.connected:
                continue
            try:
                await self._settle(attempt, node)
                done += 1
            except EventSocketError as error:
                log.info("reconciliation.postponed", uuid=attempt.uuid, node=attempt.node, reason=str(error))
        return done

    async def _settle(self, attempt: StoredAttempt, node: Node | None) -> None:
        """node: None: a FreeSWITCH that is in robot.toml no more."""
        outcome, told = (Outcome.UNKNOWN, _GONE) if node is None else await self._fate(attempt.uuid, node)
        result = AttemptResult(
            outcome=outcome, hangup_cause=None, amd=attempt.amd, ring_ms=attempt.ring_ms, talk_ms=None,
            answered_at=attempt.answered_at, ended_at=datetime.now(UTC), recording=attempt.recording, error=told,
            recording_expires_at=attempt.recording_expires_at,
        )  # fmt: skip
        log.warning("reconciliation.settled", uuid=attempt.uuid, outcome=outcome)
        tells = None if attempt.campaign is None else self._webhook_of(attempt.campaign)
        webhook = None
        if tells is not None:
            webhook = tells.message(
                attempt.uuid, result, campaign=attempt.campaign, number=attempt.number, direction=attempt.direction,
                contact=attempt.fields,
            )  # fmt: skip
        await self._parts.store.record(
            Finished(
                attempt.uuid, attempt.number, result, attempt.turns, attempt.barge_ins, attempt.latencies,
                webhook=webhook,
            )
        )  # fmt: skip

    async def _fate(self, uuid: str, node: Node) -> tuple[Outcome, str]:
        """Raises EventSocketError when FreeSWITCH does not say."""
        if await node.switch.api(commands.exists(uuid)) != "true":
            return Outcome.UNKNOWN, _GONE
        try:
            if await node.switch.api(commands.getvar(uuid, "bridge_uuid")) != _UNDEFINED:
                return Outcome.TRANSFERRED, _TALKS
            await node.switch.api(commands.kill(uuid))
        except CommandRefused:  # it hung up meanwhile
            return Outcome.UNKNOWN, _GONE
        return Outcome.UNKNOWN, _ENDED
