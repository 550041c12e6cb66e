"""A message to a web server, as it lies in the outbox: what it looks like, and where it may go. Sends nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from robot.store.records import NewWebhook


class BadWebhookUrl(ValueError):
    """That is not an address that webhooks can be sent to; the message says why."""


def check_url(url: str) -> None:
    """Raises BadWebhookUrl."""
    try:
        parsed = urlsplit(url)
        _ = parsed.port  # is read here and not before
    except ValueError as error:
        raise BadWebhookUrl(f"is not an address: {error}") from None
    if parsed.scheme not in ("http", "https") or not parsed.hostname:
        raise BadWebhookUrl("should be an address like https://example.com/robot: only http and https are sent to")


def new_webhook(
    url: str, event: str, data: Mapping[str, Any], attempt_uuid: str | None = None, now: datetime | None = None
) -> NewWebhook:
    """`data`: what JSON can hold. The body is `{"id", "event", "created_at", "attempt", "data"}`."""
    key, created_at = str(uuid4()), now or datetime.now(UTC)
    body = {
        "id": key,
        "event": event,
        "created_at": created_at.isoformat(timespec="milliseconds"),
        "attempt": attempt_uuid,
        "data": dict(data),
    }
    return NewWebhook(key, url, event, json.dumps(body), created_at, attempt_uuid)
