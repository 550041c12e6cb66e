from __future__ import annotations

import asyncio
import urllib.error
import urllib.request

import pytest

from robot.rehearsal.receiver import WebhookReceiver


def status(url: str) -> int:
    request = urllib.request.Request(url, data=b'{"x": 1}', method="POST")  # noqa: S310 - our own server
    with urllib.request.urlopen(request, timeout=5) as reply:  # noqa: S310
        return int(reply.status)


async def test_webhooks_are_taken_or_refused() -> None:
    async with WebhookReceiver() as receiver:
        assert await asyncio.to_thread(status, receiver.url("taken")) == 204
        with pytest.raises(urllib.error.HTTPError) as refused:
            await asyncio.to_thread(status, receiver.url("refused"))
        assert refused.value.code == 503
        refused.value.close()
