"""What the robot hears with: the audio streams, and the recognition of speech."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from ws_audio.delays import BOUNDS_S
from ws_audio.server import AudioServer, Refusal
from ws_audio.transcription.scheduler import JobDone, Priority, TranscriptionScheduler

# For people who look on: with ten calls the utterances of half a minute.
_LATEST: Final = 100
_SECONDS: Final = (0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.5, 3.0, 10.0)


class TranscriptionMetrics:
    """`done` is for the scheduler's `on_done`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._wait = Histogram(
            "robot_transcription_wait_seconds", "How long utterances waited for the model.", ["priority"],
            registry=registry, buckets=_SECONDS,
        )  # fmt: skip
        self._run = Histogram(
            "robot_transcription_run_seconds",
            "How long utterances were in the model; divided by the audio it is the real-time factor.", ["priority"],
            registry=registry, buckets=_SECONDS,
        )  # fmt: skip
        self._audio = Counter(
            "robot_transcription_audio_seconds", "The length of what was transcribed.", registry=registry
        )
        self.latest: deque[JobDone] = deque(maxlen=_LATEST)

    def done(self, job: JobDone) -> None:
        priority = job.priority.name.lower()
        self._wait.labels(priority).observe(job.wait_s)
        self._run.labels(priority).observe(job.work_s)
        self._audio.inc(job.audio_s)
        self.latest.append(job)


def read_transcription(scheduler: TranscriptionScheduler) -> Iterator[Metric]:
    """On the loop."""
    now = scheduler.snapshot()
    waiting = GaugeMetricFamily(
        "robot_transcription_waiting_jobs", "Utterances that wait for the model.", labels=["priority"]
    )
    for priority in Priority:
        waiting.add_metric([priority.name.lower()], now.queued[priority])
    workers = GaugeMetricFamily(
        "robot_transcription_workers", "Threads of the model; those that hang count no more.", labels=["state"]
    )
    for state, count in (("busy", now.busy), ("idle", now.workers - now.busy), ("hanging", now.abandoned)):
        workers.add_metric([state], count)
    dropped = CounterMetricFamily(
        "robot_transcription_jobs_dropped",
        "Utterances without a text: cancelled (nobody wants it any more), refused (too many wait), failed, timed out.",
        labels=["reason"],
    )
    reasons = {
        "cancelled": now.cancelled,
        "refused": now.refused,
        "failed": now.failed,
        "timed_out": now.timed_out,
    }
    for reason, count in reasons.items():
        dropped.add_metric([reason], count)
    yield from (waiting, workers, dropped)


def read_audio(audio: AudioServer) -> Iterator[Metric]:
    """On the loop."""
    yield GaugeMetricFamily("robot_audio_open_streams", "Audio streams that are connected.", audio.open_streams)
    refused = CounterMetricFamily(
        "robot_audio_streams_refused", "WebSocket connections that were not let in.", labels=["reason"]
    )
    for reason in Refusal:
        refused.add_metric([reason.value], audio.refused[reason])
    yield refused
    bounds = [*map(str, BOUNDS_S), "+Inf"]
    yield HistogramMetricFamily(
        "robot_audio_delay_seconds",
        "From the arrival of a message of audio to the end of all it led to, a barge-in included.",
        buckets=[*zip(bounds, accumulate(audio.delays.counts), strict=True)],
        sum_value=audio.delays.total_s,
    )
