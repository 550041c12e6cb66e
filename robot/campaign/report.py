"""A campaign's report: what was counted of its attempts, put in the order and the hours in which people read it.

Holds no number, name or word of a callee. How it looks is known elsewhere (`report_view`, `report_page`).
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from robot.campaign.agents import Handovers
from robot.store.database import Database
from robot.store.records import Handover
from robot.store.reporting import (
    AmdCount,
    BucketCount,
    NamedCount,
    OutcomeCount,
    Period,
    ReportRepository,
    StepCount,
)

WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
#: Length of talks, in seconds: from, up to and without; None: no end.
TALK_CLASSES: Final[tuple[tuple[int, int | None], ...]] = (
    (0, 10), (10, 30), (30, 60), (60, 120), (120, 300), (300, None),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Slot:
    """Attempts that began at such a time, and how many of them were answered."""

    attempts: int = 0
    answered: int = 0

    def __add__(self, other: Slot) -> Slot:
        return Slot(self.attempts + other.attempts, self.answered + other.answered)

    @property
    def answer_rate(self) -> float | None:
        """0 to 1; None: there was no attempt."""
        return self.answered / self.attempts if self.attempts else None


@dataclass(frozen=True, slots=True)
class Report:
    """All counts are of calls that the robot placed within `period`, but for `contacts` (the list as it is now) and
    `incoming` (calls that came in). Hours and days are those of `zone`."""

    campaign: str
    zone: ZoneInfo
    period: Period
    made_at: datetime
    contacts: Mapping[str, int]
    incoming: int
    outcomes: Sequence[OutcomeCount]
    hangup_causes: Sequence[NamedCount]
    amd: Sequence[AmdCount]
    steps: Sequence[StepCount]
    handovers: Handovers
    gateways: Sequence[NamedCount]
    caller_ids: Sequence[NamedCount]
    attempts_per_contact: Mapping[int, int]
    talks: Sequence[int]
    week: Sequence[Sequence[Slot]]
    days: Mapping[date, Slot]
    faults: Sequence[NamedCount] = ()

    @property
    def attempts(self) -> int:
        return sum(count.attempts for count in self.outcomes)

    @property
    def answered(self) -> int:
        return sum(count.answered for count in self.outcomes)

    @property
    def talk_s(self) -> float:
        return sum(count.talk_ms for count in self.outcomes) / 1000

    @property
    def hours(self) -> Sequence[Slot]:
        """By hour of the day."""
        return [sum((day[hour] for day in self.week), Slot()) for hour in range(24)]

    @property
    def weekdays(self) -> Sequence[Slot]:
        """From Monday on."""
        return [sum(day, Slot()) for day in self.week]

    def as_json(self) -> dict[str, Any]:
        return {
            "campaign": self.campaign,
            "zone": self.zone.key,
            "since": _written(self.period.since),
            "until": _written(self.period.until),
            "made_at": _written(self.made_at),
            "contacts": dict(self.contacts),
            "incoming": self.incoming,
            "attempts": self.attempts,
            "answered": self.answered,
            "talk_s": round(self.talk_s, 1),
            "outcomes": [asdict(count) for count in self.outcomes],
            "hangup_causes": [asdict(count) for count in self.hangup_causes],
            "amd": [asdict(count) for count in self.amd],
            "handovers": asdict(self.handovers),
            "faults": [asdict(count) for count in self.faults],
            "steps": [asdict(count) for count in self.steps],
            "gateways": [asdict(count) for count in self.gateways],
            "caller_ids": [asdict(count) for count in self.caller_ids],
            "attempts_per_contact": {str(attempts): number for attempts, number in self.attempts_per_contact.items()},
            "talks": [
                {"from_s": begin, "to_s": end, "calls": calls}
                for (begin, end), calls in zip(TALK_CLASSES, self.talks, strict=True)
            ],
            "hours": [{"hour": hour, **asdict(slot)} for hour, slot in enumerate(self.hours)],
            "weekdays": [{"weekday": name, **asdict(slot)} for name, slot in zip(WEEKDAYS, self.weekdays, strict=True)],
            "days": [{"day": str(day), **asdict(slot)} for day, slot in self.days.items()],
        }

    def as_csv(self) -> str:
        """One count a line: `part,item,measure,value`, which a pivot table takes as it is."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(("part", "item", "measure", "value"))
        writer.writerows(self._csv_rows())
        return text.getvalue()

    def _csv_rows(self) -> Iterator[tuple[str, str, str, object]]:
        document = self.as_json()
        for name in ("incoming", "attempts", "answered", "talk_s"):
            yield "total", "", name, document[name]
        yield from (("handovers", item, "calls", value) for item, value in document["handovers"].items())
        for part in ("contacts", "attempts_per_contact"):
            yield from ((part, item, "contacts", value) for item, value in document[part].items())
        for part, key in _KEYS.items():
            for row in document[part]:
                item = "" if row[key] is None else str(row[key])
                yield from ((part, item, measure, value) for measure, value in row.items() if measure != key)


#: The parts of a report that are lists, and what tells their rows apart.
_KEYS: Final[Mapping[str, str]] = {
    "outcomes": "outcome", "hangup_causes": "name", "amd": "kind", "faults": "name", "steps": "step",
    "gateways": "name", "caller_ids": "name", "talks": "from_s", "hours": "hour", "weekdays": "weekday", "days": "day",
}  # fmt: skip


def make_report(
    database: Database,
    campaign_id: int,
    campaign: str,
    zone: ZoneInfo,
    period: Period,
    now: datetime,
    steps: Sequence[str] = (),
) -> Report:
    """steps: the names of the script's steps in their order; without them they are in the order in which calls came to
    them."""
    with database.read() as session:
        counts = ReportRepository(session, campaign_id, period)
        buckets = counts.buckets()
        return Report(
            campaign=campaign,
            zone=zone,
            period=period,
            made_at=now,
            contacts=counts.contacts(),
            incoming=counts.incoming(),
            outcomes=sorted(counts.outcomes(), key=lambda count: (-count.attempts, count.outcome or "")),
            hangup_causes=counts.hangup_causes(),
            amd=sorted(counts.amd(), key=lambda count: (-count.answered, count.kind or "")),
            steps=_in_order(counts.steps(), steps),
            handovers=_handovers(counts.handovers().values()),
            gateways=counts.gateways(),
            caller_ids=counts.caller_ids(),
            attempts_per_contact=counts.attempts_per_contact(),
            talks=_talks(counts.talk_seconds()),
            week=_week(buckets, zone),
            days=_days(buckets, zone),
            faults=counts.faults(),
        )


def _in_order(counts: Sequence[StepCount], steps: Sequence[str]) -> list[StepCount]:
    known = {name: index for index, name in enumerate(steps)}
    return sorted(counts, key=lambda count: (known.get(count.step, len(known)), count.place, count.step))


def _handovers(days: Iterable[Mapping[Handover, int]]) -> Handovers:
    counted = Counter[Handover]()
    for day in days:
        counted.update(day)
    return Handovers(counted[Handover.CONNECTED], counted[Handover.ABANDONED])


def _talks(by_tens: Mapping[int, int]) -> list[int]:
    return [
        sum(calls for ten, calls in by_tens.items() if begin <= ten * 10 and (end is None or ten * 10 < end))
        for begin, end in TALK_CLASSES
    ]


def _week(buckets: Sequence[BucketCount], zone: ZoneInfo) -> list[list[Slot]]:
    week = [[Slot()] * 24 for _ in WEEKDAYS]
    for bucket in buckets:
        local = bucket.begin.astimezone(zone)
        week[local.weekday()][local.hour] += Slot(bucket.attempts, bucket.answered)
    return week


def _days(buckets: Sequence[BucketCount], zone: ZoneInfo) -> dict[date, Slot]:
    """From the first day with an attempt to the last, those without one in between, too."""
    counted: dict[date, Slot] = {}
    for bucket in buckets:
        day = bucket.begin.astimezone(zone).date()
        counted[day] = counted.get(day, Slot()) + Slot(bucket.attempts, bucket.answered)
    if not counted:
        return {}
    first, last = min(counted), max(counted)
    days = [first + timedelta(days=ahead) for ahead in range((last - first).days + 1)]
    return {day: counted.get(day, Slot()) for day in days}


def _written(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")
