"""`robot run`: the robot as a service."""

from __future__ import annotations

import click

from robot.commands.common import explain, people, run, settings_of


@click.command("run")
@click.pass_context
@explain
def run_service(context: click.Context) -> None:
    """The robot as a service: answers calls that come in, runs campaigns, keeps recordings no longer than it may.

    SIGTERM and Ctrl-C end it: calls may finish, a second one ends them at once. SIGHUP reads campaigns again.
    """
    from robot.lifetime import serve

    settings = settings_of(context).settings
    console = people(as_json=True)
    # Whoever reads JSON lines wants nothing in between; the log tells the same.
    console.quiet = settings.logging.as_json
    run(serve(settings, console, lambda: settings_of(context).settings))
