"""What a server of the customer's is told of each call that is over. How it gets there is known elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from robot.store.records import AttemptResult, Direction, NewWebhook
from robot.webhook_message import new_webhook

EVENT: Final = "outcome"


@dataclass(frozen=True, slots=True)
class OutcomeWebhook:
    """outcomes: which are told; None: all. fields: which of the contact's are; None: all."""

    url: str
    outcomes: frozenset[str] | None = None
    fields: frozenset[str] | None = None

    def message(
        self,
        uuid: str,
        result: AttemptResult,
        *,
        campaign: str | None,
        number: str | None,
        direction: Direction,
        contact: Mapping[str, str],
    ) -> NewWebhook | None:
        """None: this outcome is not told.

        number: E.164; None where it is withheld. contact: its fields.
        """
        if self.outcomes is not None and result.outcome not in self.outcomes:
            return None
        data = {
            "campaign": campaign,
            "direction": str(direction),
            "number": number or None,
            "outcome": str(result.outcome),
            "hangup_cause": result.hangup_cause,
            "error": result.error,
            "answered_at": _text(result.answered_at),
            "ended_at": _text(result.ended_at),
            "ring_ms": result.ring_ms,
            "talk_ms": result.talk_ms,
            "who_picked_up": result.amd,
            "answers": dict(result.answers),
            "callback_earliest": _text(result.callback_earliest),
            "callback_latest": _text(result.callback_latest),
            "transferred_to": result.transferred_to,
            "recording": result.recording,
            "fields": {name: value for name, value in contact.items() if self.fields is None or name in self.fields},
        }
        return new_webhook(self.url, EVENT, data, uuid, result.ended_at)


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="milliseconds")
