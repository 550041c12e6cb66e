"""Why somebody is called now, later, or never: what the list, the history, the do-not-call list and the rules say.

Pure, of what the store has read. Numbers come out masked: what is told here ends up in tickets and screenshots.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from robot.campaign.campaign_calls import candidate_of
from robot.campaign.definition import Campaign
from robot.campaign.rules import Allowed, Candidate, Never, NotNow, Ruling, Verdict
from robot.campaign.whereabouts import regions_of, zones_of
from robot.dialogue.prompt_text import MissingField
from robot.store.campaign_records import ContactState, PastAttempt, StoredContact
from robot.store.records import DoNotCallEntry
from robot.store.standing import Reason

_SHOWN_AT_THE_END: Final = 2


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a number. contact: None: it is not on the campaign's list. history: in all campaigns.

    claimed_by: the host of the robot that is about to call it.
    """

    number: str
    contact: StoredContact | None
    history: Sequence[PastAttempt]
    do_not_call: DoNotCallEntry | None
    claimed_by: str | None = None

    @property
    def candidate(self) -> Candidate:
        return Candidate(self.number) if self.contact is None else candidate_of(self.contact)


@dataclass(frozen=True, slots=True)
class Conclusion:
    """Whether the list and the rules let somebody be called now. until: when that may change by itself."""

    called: bool
    reason: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """zones: where the callee may be; empty: that is not known. verdict: of the rules alone, rulings: of each."""

    known: Known
    zones: tuple[ZoneInfo, ...]
    regions: tuple[str, ...]
    verdict: Verdict
    rulings: Sequence[Ruling]
    conclusion: Conclusion
    at: datetime

    def as_json(self, *, numbers: bool) -> dict[str, Any]:
        known, contact = self.known, self.known.contact
        entry = known.do_not_call
        return {
            "number": known.number if numbers else masked(known.number),
            "would_be_called": self.conclusion.called,
            "reason": self.conclusion.reason,
            "until": _iso(self.conclusion.until),
            "contact": None if contact is None else {
                "state": contact.state,
                "next_at": _iso(contact.next_at),
                "reason": contact.reason,
                "priority": contact.priority.name.lower(),
                "attempts": contact.attempts,
                "last_outcome": contact.last_outcome,
                "claimed_by": known.claimed_by,
            },
            "do_not_call": None if entry is None else {
                "entry": entry.id,
                "pattern": None if entry.pattern is None else entry.pattern if numbers else masked(entry.pattern),
                "campaign": entry.campaign,
                "added_at": _iso(entry.added_at),
                "source": entry.source,
            },
            "history": [
                {
                    "campaign": each.campaign,
                    "at": _iso(each.created_at),
                    "ended_at": _iso(each.ended_at),
                    "outcome": each.outcome,
                    "callback_earliest": _iso(each.callback_earliest),
                }
                for each in known.history
            ],
            "callee": {
                "regions": list(self.regions),
                "local_times": {zone.key: _iso(self.at.astimezone(zone)) for zone in self.zones},
            },
            "rules": {
                **verdict_as_json(self.verdict),
                "each": [
                    {"rule": each.rule, "counted": each.counted, **verdict_as_json(each.verdict)}
                    for each in self.rulings
                ],
            },
        }  # fmt: skip


def explain(known: Known, campaign: Campaign, now: datetime) -> Explanation:
    rules = campaign.rules()
    verdict = rules.decide(known.candidate, known.history, now)
    return Explanation(
        known=known,
        zones=_zones(known.candidate),
        regions=regions_of(known.number),
        verdict=verdict,
        rulings=rules.rulings(known.candidate, known.history, now),
        conclusion=_conclusion(known, campaign, verdict, now),
        at=now,
    )


def _conclusion(known: Known, campaign: Campaign, verdict: Verdict, now: datetime) -> Conclusion:
    contact = known.contact
    if known.do_not_call is not None:
        return Conclusion(False, "is on the do-not-call list")
    if contact is None:
        return Conclusion(False, "is not on the list of the campaign")
    match contact.state:
        case ContactState.DONE:
            return Conclusion(False, told_done(contact.reason, contact.last_outcome))
        case ContactState.IN_CALL:
            return Conclusion(False, "is in a call")
        case ContactState.CLAIMED if contact.next_at is not None and contact.next_at > now:
            robot = f"the robot on {known.claimed_by}" if known.claimed_by else "a robot that is gone"
            return Conclusion(False, f"is about to be called: {robot} has claimed it", contact.next_at)
        case _:
            pass
    match verdict:
        case Never(reason):
            return Conclusion(False, reason)
        case NotNow(until, reason):
            # The list may keep somebody longer than the rules: they are asked again when it lets go.
            return Conclusion(False, reason, max(until, contact.next_at or until))
        case Allowed():
            pass
    if contact.next_at is not None and contact.next_at > now:
        return Conclusion(False, contact.reason or "waits", contact.next_at)
    unsayable = _unsayable(campaign, contact.fields)
    if unsayable is not None:
        return Conclusion(False, unsayable)
    return Conclusion(True, "a callback is due" if verdict.callback else "is due")


def _unsayable(campaign: Campaign, fields: Mapping[str, str]) -> str | None:
    """Which text cannot be said to them: a call looks at all of them before it is dialled (`PromptBook.prepare`)."""
    try:
        for variant in campaign.scenario.told_before(fields):
            if variant.audio is None:
                variant.text.render(fields)
    except MissingField as missing:
        return str(missing)
    return None


def _zones(candidate: Candidate) -> tuple[ZoneInfo, ...]:
    try:
        return (ZoneInfo(candidate.zone),) if candidate.zone else zones_of(candidate.number)
    except (KeyError, ValueError, OSError):  # of the list; the verdict says so
        return ()


@dataclass(slots=True)
class Group:
    """Contacts for whom the same is true. until: when it ends for the first of them."""

    reason: str
    contacts: int = 0
    until: datetime | None = None

    def add(self, contacts: int, until: datetime | None) -> None:
        self.contacts += contacts
        known = [at for at in (self.until, until) if at is not None]
        self.until = min(known, default=None)


@dataclass(slots=True)
class Overview:
    """A whole list. called: those who would be called now, in their order, of `judged` who are due.

    due: how many are, of whom `judged` were looked at one by one. others: whoever is not called now, by reason.
    """

    due: int = 0
    judged: int = 0
    called: list[Known] = field(default_factory=list)
    others: dict[str, Group] = field(default_factory=dict)

    def count(self, reason: str, contacts: int = 1, until: datetime | None = None) -> None:
        self.others.setdefault(reason, Group(reason)).add(contacts, until)

    @property
    def groups(self) -> list[Group]:
        """The largest first."""
        return sorted(self.others.values(), key=lambda group: (-group.contacts, group.reason))

    @property
    def next_openings(self) -> list[tuple[datetime, str]]:
        """When the first of each group may be called, and why not before; the soonest first."""
        return sorted((group.until, group.reason) for group in self.others.values() if group.until is not None)

    def as_json(self, *, numbers: bool) -> dict[str, Any]:
        return {
            "due": self.due,
            "judged": self.judged,
            "would_be_called": [each.number if numbers else masked(each.number) for each in self.called],
            "others": [
                {"reason": each.reason, "contacts": each.contacts, "earliest": _iso(each.until)} for each in self.groups
            ],
        }


def overview(reasons: Sequence[Reason], due: Sequence[Known], campaign: Campaign, now: datetime) -> Overview:
    """reasons: of the whole list. due: those whose turn it is, as many of them as are to be looked at."""
    seen, rules = Overview(judged=len(due)), campaign.rules()
    for group in reasons:
        if group.due:
            seen.due += group.contacts
        else:
            seen.count(_told(group), group.contacts, group.earliest)
    for known in due:
        conclusion = _conclusion(known, campaign, rules.decide(known.candidate, known.history, now), now)
        if conclusion.called:
            seen.called.append(known)
        else:
            seen.count(conclusion.reason, 1, conclusion.until)
    if seen.due > seen.judged:
        seen.count("is due, after those that were looked at", seen.due - seen.judged)
    return seen


def _told(group: Reason) -> str:
    match group.state:
        case ContactState.DONE:
            return told_done(group.reason, group.last_outcome)
        case ContactState.IN_CALL:
            return "is in a call"
        case ContactState.CLAIMED:
            return "is about to be called: a robot has claimed it"
        case ContactState.WAITING:
            return group.reason or "waits"


def told_done(reason: str | None, outcome: str | None) -> str:
    """Why a contact is done. reason: where it is without a call."""
    return reason or (f"is done: {outcome}" if outcome else "is done")


def verdict_as_json(verdict: Verdict) -> Mapping[str, Any]:
    match verdict:
        case Allowed(callback):
            return {"verdict": "now", "callback": callback}
        case NotNow(until, reason):
            return {"verdict": "not_now", "reason": reason, "until": _iso(until)}
        case Never(reason):
            return {"verdict": "never", "reason": reason}


def masked(number: str) -> str:
    """`+33•••••••01`: the country mostly, and enough to tell two of them apart; of a pattern its beginning."""
    if number.endswith("*"):
        return number[:3] + "•" * (len(number) - 4) + "*" if len(number) > 4 else number
    return number[:3] + "•" * (len(number) - 3 - _SHOWN_AT_THE_END) + number[-_SHOWN_AT_THE_END:]


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
