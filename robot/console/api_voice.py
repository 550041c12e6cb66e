"""/api/voice: what the page to talk to a campaign needs. The talking goes over the WebSocket of the audio server."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from robot.console.errors import Refused
from robot.console.routes import Console, problems
from robot.console.voice import Voice

router = APIRouter(prefix="/api/voice", tags=["voice"])


class TalkingCampaign(BaseModel):
    """One that can be talked to. fields: of a contact, without which its prompts cannot be spoken."""

    name: str
    language: str | None
    fields: list[str]


class Offer(BaseModel):
    """campaigns: the first is the usual one."""

    campaigns: list[TalkingCampaign]


class Ticket(BaseModel):
    """What opens one conversation."""

    url: str = Field(description="Of a WebSocket: good for a minute, and once. See docs/websocket-protocol.md.")


@router.get("", responses=problems())
async def show_voice(console: Console) -> Offer:
    """Which campaigns can be talked to."""
    campaigns = await _voice(console.voice).campaigns()
    return Offer(
        campaigns=[
            TalkingCampaign(name=each.name, language=each.table.language, fields=sorted(each.fields()))
            for each in campaigns
        ]
    )


@router.post("/tickets", responses=problems())
async def get_voice_ticket(request: Request, console: Console) -> Ticket:
    """Leave to talk to a campaign, for whoever may use the console."""
    voice = _voice(console.voice)
    scheme = "wss" if request.url.scheme == "https" else "ws"
    host = request.url.hostname or "127.0.0.1"
    name = f"[{host}]" if ":" in host else host
    return Ticket(url=f"{scheme}://{name}:{voice.port}/ws?ticket={voice.ticket()}")


def _voice(voice: Voice | None) -> Voice:
    """Raises Refused."""
    if voice is None:
        raise Refused(503, "no-voice", "nobody can talk to this robot by WebSocket: set `voice.enabled` to true")
    return voice
