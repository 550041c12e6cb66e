"""How the robot is: its FreeSWITCHes, recognition, database and loop, as the console shows them."""

from __future__ import annotations

from datetime import datetime
from statistics import quantiles

from pydantic import BaseModel, Field

from robot import __version__
from robot.call.call import Parts
from robot.live_sessions import this_robot
from robot.metrics.metrics import Metrics
from ws_audio.transcription.scheduler import JobDone, SchedulerSnapshot

# Below so many utterances nothing is told of the slowest of them.
_ENOUGH = 2


class SwitchHealth(BaseModel):
    """One FreeSWITCH."""

    name: str
    connected: bool = Field(description="Commands can be sent and events come.")
    calls: int = Field(description="Calls of ours.")
    free: int = Field(description="Further calls that it takes.")
    gateways: dict[str, bool] = Field(description="Which of them are up; empty: not known.")
    connections_lost: int
    unread: int = Field(description="Events that were received and not looked at.")


class RecognitionHealth(BaseModel):
    """What the speech model is doing, and how long the last utterances took."""

    workers: int
    busy: int
    hanging: int = Field(description="Threads of the model that do not come back.")
    waiting: int = Field(description="Utterances that wait for the model.")
    failed: int
    timed_out: int
    lag_ms: float | None = Field(description="From the end of an utterance's audio to its text: median of the last.")
    lag_p95_ms: float | None
    real_time_factor: float | None = Field(description="Time in the model by length of the audio.")


class DatabaseHealth(BaseModel):
    """The database as this robot finds it."""

    address: str = Field(description="Without its password.")
    up: bool = Field(description="False: what happens in calls is kept on the disk, and nobody is called.")
    waiting_operations: int
    waiting_facts: int = Field(description="What happened and is not in the database yet.")
    last_ms: float | None = Field(description="How long the last operation took.")


class Health(BaseModel):
    """How this robot is."""

    robot: str = Field(description="Its machine and its process.")
    version: str
    started_at: datetime
    calls: int = Field(description="Calls that go on, of this robot.")
    loop_delay_ms: float = Field(description="How late the loop that runs the calls was at most, of the last seconds.")
    switches: list[SwitchHealth]
    recognition: RecognitionHealth
    database: DatabaseHealth
    open_streams: int = Field(description="Audio streams that are connected.")
    waiting_webhooks: int | None


def look(
    parts: Parts, metrics: Metrics, transcription: SchedulerSnapshot, address: str, started_at: datetime, calls: int
) -> Health:
    """On the loop; quick."""
    return Health(
        robot=this_robot(),
        version=__version__,
        started_at=started_at,
        calls=calls,
        loop_delay_ms=round(metrics.loop_watch.worst_s * 1000, 1),
        switches=[
            SwitchHealth(
                name=node.name, connected=node.status.connected, calls=node.calls, free=node.free,
                gateways=node.status.gateways, connections_lost=node.switch.counters.connections_lost,
                unread=node.switch.unread,
            )
            for node in parts.nodes
        ],
        recognition=_recognition(transcription, [*metrics.transcription.latest]),
        database=DatabaseHealth(
            address=address,
            up=metrics.store.up and not parts.store.away,
            waiting_operations=parts.store.waiting,
            waiting_facts=parts.store.facts_waiting,
            last_ms=None if metrics.store.last_s is None else round(metrics.store.last_s * 1000, 1),
        ),
        open_streams=parts.audio.open_streams,
        waiting_webhooks=parts.webhooks.waiting,
    )  # fmt: skip


def _recognition(now: SchedulerSnapshot, latest: list[JobDone]) -> RecognitionHealth:
    lags = sorted((job.wait_s + job.work_s) * 1000 for job in latest)
    audio_s = sum(job.audio_s for job in latest)
    return RecognitionHealth(
        workers=now.workers,
        busy=now.busy,
        hanging=now.abandoned,
        waiting=sum(now.queued.values()),
        failed=now.failed,
        timed_out=now.timed_out,
        lag_ms=round(lags[len(lags) // 2], 1) if lags else None,
        lag_p95_ms=round(quantiles(lags, n=20, method="inclusive")[-1], 1) if len(lags) >= _ENOUGH else None,
        real_time_factor=round(sum(job.work_s for job in latest) / audio_s, 3) if audio_s else None,
    )
