"""A step of a campaign tells a web server, through the whole robot; one that does not take it hears of it again."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.acceptance.shell import Shell

CAMPAIGN = """\
name = "hook"
gateway = "trunk"
[amd]
enabled = false
[[step]]
name = "tell"
audio = "goodbye.wav"
text = "One moment."
webhook = {{ url = "http://127.0.0.1:{port}/robot", failed = "sorry" }}
outcome = "completed"
[[step]]
name = "sorry"
audio = "goodbye.wav"
text = "Sorry."
outcome = "webhook_failed"
"""
CALLEES = """\
[[callee]]
number = "+33140000001"
answer = "human"
"""
PROMPT = Path(__file__).parents[2] / "campaigns" / "demo" / "audio" / "goodbye.wav"


class Receiver(ThreadingHTTPServer):
    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[dict[str, str], bytes]] = []


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Receiver)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *_: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def call(folder: Path, port: int) -> tuple[dict[str, object], str]:
    """The document and what was told to people."""
    campaign = folder / "hook"
    campaign.mkdir(exist_ok=True)
    shutil.copy(PROMPT, campaign)
    (campaign / "campaign.toml").write_text(CAMPAIGN.format(port=port))
    (folder / "callees.toml").write_text(CALLEES)
    robot = Shell(folder, ROBOT_WEBHOOKS__SECRET="s3cret")
    done = robot("call", "+33140000001", "--campaign", campaign, "--simulate", folder / "callees.toml", "--json")
    assert done.status == 0, done.err
    return done.document, done.err


@pytest.mark.slow
def test_what_a_step_tells_is_delivered_or_kept(tmp_path: Path, receiver: Receiver) -> None:
    document, told = call(tmp_path, receiver.server_port)
    assert document["outcome"] == "completed"
    [(headers, body)] = receiver.got
    message = json.loads(body)
    assert (message["event"], message["attempt"]) == ("step", document["uuid"])
    assert message["data"]["step"] == "tell"
    assert message["data"]["campaign"] == "hook"
    assert headers["idempotency-key"] == message["id"]
    assert headers["robot-signature"].startswith("t=")
    assert "webhook" not in told

    receiver.status = 503
    document, told = call(tmp_path, receiver.server_port)
    assert document["outcome"] == "webhook_failed"
    assert "1 webhook(s) are not delivered yet" in told
    connection = sqlite3.connect(tmp_path / "robot.db")
    assert connection.execute("SELECT last_error FROM webhooks WHERE next_try_at IS NOT NULL").fetchall() == [
        ("status 503",)
    ]
    connection.close()
