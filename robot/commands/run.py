"""`robot run`: the robot as a service."""

from __future__ import annotations

import click

from robot.commands.common import explain, people, run, settings_of


@click.command("run")
@click.option(
    "--simulate",
    is_flag=True,
    help="Without a FreeSWITCH: the campaigns that come with the robot, virtual callees, and nothing is kept.",
)
@click.pass_context
@explain
def run_service(context: click.Context, simulate: bool) -> None:
    """The robot as a service: answers calls that come in, runs campaigns, keeps recordings no longer than it may.

    SIGTERM and Ctrl-C end it: calls may finish, a second one ends them at once. SIGHUP reads campaigns again.
    """
    from robot.lifetime import serve
    from robot.trial import on_a_simulator

    settings = settings_of(context).settings
    console = people(as_json=True)
    # Whoever reads JSON lines wants nothing in between; the log tells the same.
    console.quiet = settings.logging.as_json
    if not simulate:
        run(serve(settings, console, lambda: settings_of(context).settings))
        return
    with on_a_simulator(settings, console) as alone:
        run(serve(alone, console, lambda: alone))
