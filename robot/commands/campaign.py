"""`robot campaign`: looks at a campaign's folder and rehearses it; its other commands have modules of their own."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from robot.campaign.definition import CampaignError, load_campaign
from robot.commands import campaign_control, contacts, explain_campaign, reports, status
from robot.commands.common import (
    DONE,
    FAILED,
    WRONG_INPUT,
    explain,
    finish,
    json_option,
    people,
    print_json,
    run,
    settings_of,
)
from robot.rehearsal.conversations_file import WrittenConversation, load_conversations

folder_argument = click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")


@click.group()
def campaign() -> None:
    """Campaigns: look at one, rehearse one, run one, report on one."""


campaign.add_command(contacts.import_contacts)
campaign.add_command(status.status)
campaign.add_command(explain_campaign.explain_campaign)
campaign.add_command(reports.report)
campaign.add_command(reports.export)
for command in (campaign_control.start, campaign_control.pause, campaign_control.resume, campaign_control.drain):
    campaign.add_command(command)


@campaign.command()
@folder_argument
@click.option("--diagram", is_flag=True, help="Print the script as a Mermaid flowchart, and nothing else.")
@json_option
@click.pass_context
@explain
def check(context: click.Context, folder: Path, diagram: bool, as_json: bool) -> None:
    """Say everything that is wrong with the campaign in DIR, and what its callees will hear."""
    from robot.campaign.diagram import mermaid
    from robot.campaign.review import problem_as_json, review
    from robot.campaign.review_view import print_review
    from robot.speech import prompt_library

    settings = settings_of(context).settings
    try:
        loaded = load_campaign(folder)
    except CampaignError as error:
        if not as_json:
            raise
        print_json({"good": False, "problems": [problem_as_json(problem) for problem in error.problems]})
        finish(WRONG_INPUT)
    if diagram:
        click.echo(mermaid(loaded.scenario))
        finish(DONE)
    console = people(as_json)
    library = prompt_library(settings)
    try:
        with console.status("Making the prompts ready ..."):
            found = review(loaded, library, has_model=settings.llm.url is not None)
    finally:
        library.close()
    if as_json:
        print_json(found.as_json())
    else:
        print_review(console, found)
    finish(DONE if found.good else WRONG_INPUT)


@campaign.command("test")
@folder_argument
@click.option("-k", "pattern", metavar="TEXT", help="Only conversations whose name, or file, holds TEXT.")
@click.option("--list", "only_list", is_flag=True, help="Name the conversations and hold none.")
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), help="Write the result as JUnit XML.")
@click.option("--at-once", type=click.IntRange(min=1), help="So many calls at the same time; 4 for each core.")
@json_option
@click.pass_context
@explain
def test_campaign(
    context: click.Context,
    folder: Path,
    pattern: str | None,
    only_list: bool,
    junit: Path | None,
    at_once: int | None,
    as_json: bool,
) -> None:
    """Hold the conversations of DIR/tests with virtual callees, and tell what goes otherwise than written.

    Nobody is called: the calls go to the built-in simulator, with real speech and real recognition.
    """
    from robot.rehearsal.junit import write_junit
    from robot.rehearsal.run import Rehearsal, known_of, rehearse
    from robot.rehearsal.view import RehearsalView, print_failures, print_summary

    settings = settings_of(context).settings
    loaded = load_campaign(folder)
    conversations = _chosen(load_conversations(folder, known_of(loaded)), pattern)
    if only_list:
        _list(conversations, as_json)
        finish(DONE)
    if junit is not None:
        _make_writable(junit)
    console, started, began = people(as_json), datetime.now(UTC), time.monotonic()
    with RehearsalView(console, conversations) as view:
        rehearsal = Rehearsal(loaded, conversations, view.began, view.ended, at_once)
        try:
            results = run(rehearse(settings, rehearsal, console))
        except KeyboardInterrupt:
            print_failures(console, view.results)
            raise
    took_s = time.monotonic() - began
    print_failures(console, results)
    print_summary(console, results, took_s)
    failed = sum(not result.passed for result in results)
    if as_json:
        print_json(
            {
                "campaign": loaded.name,
                "passed": len(results) - failed,
                "failed": failed,
                "seconds": round(took_s, 1),
                "conversations": [result.as_json() for result in results],
            }
        )
    if junit is not None:
        write_junit(junit, loaded.name, results, started)
    finish(FAILED if failed else DONE)


def _make_writable(file: Path) -> None:
    """Tell before minutes are spent that the result could not be written."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    except OSError as error:
        raise click.BadParameter(f"{file} cannot be written: {error.strerror or error}") from error


def _chosen(conversations: Sequence[WrittenConversation], pattern: str | None) -> Sequence[WrittenConversation]:
    """Those that `pattern` is in; all without one."""
    wanted = (pattern or "").casefold()
    chosen = [each for each in conversations if wanted in f"{each.file.stem}\n{each.name}".casefold()]
    if not chosen:
        raise click.BadParameter(f"no conversation holds {pattern!r} in its name or file: `--list` names them all")
    return chosen


def _list(conversations: Sequence[WrittenConversation], as_json: bool) -> None:
    if as_json:
        print_json([{"file": str(each.file), "line": each.line, "name": each.name} for each in conversations])
    else:
        for each in conversations:
            click.echo(f"{each.file}:{each.line}: {each.name}")
