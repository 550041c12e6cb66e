"""The campaigns of a robot that goes on running while their files are edited: each as it was when it was last good."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from robot.campaign.definition import Campaign, CampaignError, load_campaign
from robot.campaign.incoming import CampaignsByCall
from robot.toml_file import Problem


@dataclass(frozen=True, slots=True)
class Roster:
    """problems: what is wrong with files now; the campaigns they belong to are as they were before, if they were."""

    campaigns: tuple[Campaign, ...]
    problems: tuple[Problem, ...] = ()

    def named(self, name: str) -> Campaign | None:
        return next((campaign for campaign in self.campaigns if campaign.name == name), None)


def reread(before: Sequence[Campaign], folder: Path, elsewhere: Iterable[Path] = ()) -> Roster:
    """The campaigns in `folder` and those in the folders `elsewhere`, from their files. Reads files: not for the loop.

    One whose file is gone from `folder` is gone. When two do not go together (the same name, the same number that they
    answer) all stay as they were. Of a campaign that is in both places, that in `folder` counts.
    """
    known = {campaign.folder: campaign for campaign in before}
    found: dict[Path, Campaign] = {}
    problems: list[Problem] = []

    def take(home: Path) -> None:
        try:
            campaign: Campaign | None = load_campaign(home)
        except CampaignError as error:
            problems.extend(error.problems)
            campaign = known.get(home)
        if campaign is not None:
            found[home] = campaign

    for file in sorted(folder.glob("*/campaign.toml")):
        take(file.parent.resolve())
    ours = {campaign.name for campaign in found.values()}
    for home in dict.fromkeys(each.resolve() for each in elsewhere):
        if home not in found:
            take(home)
            if home in found and found[home].name in ours:
                del found[home]
    campaigns = tuple(found.values())
    try:
        CampaignsByCall(campaigns)
    except CampaignError as error:
        return Roster(tuple(before), (*problems, *error.problems))
    return Roster(campaigns, tuple(problems))
