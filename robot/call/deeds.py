"""What a script does beside talking: an entry on the do-not-call list, a message to a server of the customer's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Protocol

from robot.call.plan import CallPlan
from robot.dialogue.scenario import Webhook
from robot.store.facts import OptedOut
from robot.store.records import DoNotCallSource, NewDoNotCall
from robot.store.store import Store
from robot.webhook_message import new_webhook
from robot.webhooks import WebhookSender


class Deeds(Protocol):
    """Of one call."""

    async def opt_out(self) -> None:
        """Put the callee's number on the do-not-call list, for all campaigns."""

    async def post(self, step: str, webhook: Webhook, values: Mapping[str, str]) -> bool:
        """Tell the server what is known of the call so far; whether it took that in time. What it did not take is
        tried again later.
        """


class StoredDeeds:
    """Deeds that are done: through the database, and the senders of webhooks."""

    def __init__(self, uuid: str, plan: CallPlan, store: Store, webhooks: WebhookSender) -> None:
        self._webhooks = webhooks
        self._uuid = uuid
        self._plan = plan
        self._store = store

    async def opt_out(self) -> None:
        if not self._plan.number:
            return  # withheld: nobody could be called
        entry = NewDoNotCall(
            what=self._plan.number, added_at=datetime.now(UTC), source=DoNotCallSource.CALLEE, attempt_uuid=self._uuid
        )
        await self._store.record(OptedOut(entry))  # before the callee is told that it is done

    async def post(self, step: str, webhook: Webhook, values: Mapping[str, str]) -> bool:
        data = {
            "campaign": self._plan.campaign,
            "number": self._plan.number,
            "step": step,
            "fields": dict(values),
        }
        return await self._webhooks.deliver_now(new_webhook(webhook.url, "step", data, self._uuid), webhook.timeout_s)
