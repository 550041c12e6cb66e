"""What operators order a running robot to do with a campaign: written into the database, where it looks every second.

No socket, no restart, and it works from any machine that reaches the database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from robot.campaign.definition import Campaign, CampaignError, load_campaign
from robot.campaign.roster import reread
from robot.store.campaign_records import CampaignState, ContactState, Daemon, StoredCampaign
from robot.store.errors import CampaignStateRefused
from robot.store.store import Store
from robot.toml_file import Problem

#: Who tells no reason.
BY_AN_OPERATOR: Final = "by an operator"
#: What may be resumed.
INTERRUPTED: Final = frozenset({CampaignState.PAUSED, CampaignState.DRAINING, CampaignState.RUNNING})


@dataclass(frozen=True, slots=True)
class Moved:
    """before, after: the campaign in the database. contacts: how many are in each state. robots: those that run."""

    before: CampaignState
    after: StoredCampaign
    contacts: Mapping[ContactState, int]
    robots: Sequence[Daemon]

    def as_json(self) -> dict[str, Any]:
        return {
            "campaign": self.after.name,
            "before": self.before,
            "state": self.after.state,
            "reason": self.after.reason,
            "contacts": {state.value: self.contacts.get(state, 0) for state in ContactState},
            "robots": [{"host": robot.host, "started_at": robot.started_at.isoformat()} for robot in self.robots],
        }


async def order(
    store: Store,
    folder: Path,
    what: str,
    state: CampaignState,
    reason: str | None = None,
    *,
    only_from: frozenset[CampaignState] = frozenset(CampaignState),
) -> Moved:
    """The campaign `what` shall be in `state`. what: its name or its folder. folder: campaigns.folder.

    Raises CampaignError, UnknownCampaign, CampaignStateRefused and other StoreErrors.
    """
    now, name = datetime.now(UTC), what
    # Who wants it to call nobody is not asked for sound files.
    stored = None if state is CampaignState.RUNNING else _stored(what, await store.campaigns())
    if stored is not None:
        name = stored.name
    elif (campaign := _campaign(what, folder)) is not None:
        name = campaign.name
        if state is CampaignState.RUNNING:
            await store.set_campaign_folder(name, str(campaign.folder))
    before = (await store.campaign(name)).state
    if before not in only_from:
        raise CampaignStateRefused(name, before, state)
    after = await store.move_campaign(name, state, now, reason)
    return Moved(before, after, await store.contact_states(name), await store.living_daemons(now))


def _stored(what: str, campaigns: Sequence[StoredCampaign]) -> StoredCampaign | None:
    """By its name, or by the folder that it was started from or its list was imported for."""
    home = str(Path(what).resolve())
    by_name = (campaign for campaign in campaigns if campaign.name == what)
    return next(by_name, next((campaign for campaign in campaigns if campaign.folder == home), None))


def _campaign(what: str, folder: Path) -> Campaign | None:
    """The campaign that `what` names, read and sound; None: it has no files that are known here.

    Raises CampaignError, also when the robot would run another one of that name.
    """
    known = reread((), folder)
    named = known.named(what)
    home = next((home for home in (Path(what), folder / what) if (home / "campaign.toml").is_file()), None)
    if home is None and (named is not None or not Path(what).is_dir()):
        return named
    campaign = load_campaign(home or Path(what))
    other = known.named(campaign.name)
    if other is not None and other.folder != campaign.folder:
        told = f"{other.folder} is named so, too, and that is the one that the robot runs: rename or remove one"
        raise CampaignError([Problem(campaign.folder / "campaign.toml", "name", None, told)])
    return campaign


def told(moved: Moved) -> list[str]:
    """What happened and what will, for people."""
    name, state = moved.after.name, moved.after.state
    already = " already" if state is moved.before else ""
    calls = moved.contacts.get(ContactState.IN_CALL, 0)
    lines = []
    match state:
        case CampaignState.RUNNING:
            waiting = moved.contacts.get(ContactState.WAITING, 0) + moved.contacts.get(ContactState.CLAIMED, 0)
            lines.append(f"{name} runs{already}: {waiting} contact(s) wait to be called.")
            if not sum(moved.contacts.values()):
                lines.append("Nobody is on its list: `robot campaign import` puts people there.")
        case CampaignState.PAUSED:
            lines.append(f"{name} is paused{already}: no new calls; {calls} that go(es) on may come to an end.")
        case CampaignState.DRAINING:
            lines.append(f"{name} drains{already}: no new calls; it stops when {calls} that go(es) on are over.")
        case CampaignState.STOPPED | CampaignState.DONE:
            lines.append(f"{name} is {state}.")
    hosts = ", ".join(dict.fromkeys(robot.host for robot in moved.robots))
    if hosts:
        lines.append(f"The robot on {hosts} does so within a second.")
    else:
        lines.append("No robot is running: this is done when `robot run` is started.")
    return lines
