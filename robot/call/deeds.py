"""What a script does beside talking: an entry on the do-not-call list, a message to a server of the customer's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import structlog

from robot.call.plan import CallPlan
from robot.dialogue.scenario import Webhook
from robot.store.errors import StoreError
from robot.store.records import DoNotCallSource, NewDoNotCall
from robot.store.store import Store
from robot.webhooks import WebhookSender, new_webhook

log = structlog.get_logger(__name__)


class Deeds:
    """Of one call. What cannot be done is told in the log and does not end the call."""

    def __init__(self, uuid: str, plan: CallPlan, store: Store, webhooks: WebhookSender) -> None:
        self._webhooks = webhooks
        self._uuid = uuid
        self._plan = plan
        self._store = store

    async def opt_out(self) -> None:
        """Put the callee's number on the do-not-call list, for all campaigns."""
        if not self._plan.number:
            return  # withheld: nobody could be called
        entry = NewDoNotCall(
            what=self._plan.number, added_at=datetime.now(UTC), source=DoNotCallSource.CALLEE, attempt_uuid=self._uuid
        )
        try:
            await self._store.add_do_not_call(entry)
        except StoreError as error:
            log.error("call.opt_out_not_stored", uuid=self._uuid, reason=str(error))

    async def post(self, step: str, webhook: Webhook, values: Mapping[str, str]) -> bool:
        """Tell the server what is known of the call so far; whether it took that in time. What it did not take is
        tried again later.
        """
        data = {
            "campaign": self._plan.campaign,
            "number": self._plan.number,
            "step": step,
            "fields": dict(values),
        }
        return await self._webhooks.deliver_now(new_webhook(webhook.url, "step", data, self._uuid), webhook.timeout_s)
