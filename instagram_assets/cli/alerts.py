"""Commands for alerts about failures: send a test message, or send pending alerts now."""

from typing import TYPE_CHECKING

import typer

from instagram_assets.cli.messages import report_errors

if TYPE_CHECKING:
    from instagram_assets.alerts.channels import Channel

commands = typer.Typer(no_args_is_help=True, help="Tell failures by webhook and mail; the settings say where to.")


@commands.command("test")
@report_errors
def test() -> None:
    """Send a test message by every alert channel in the settings, and print the result of each."""
    from instagram_assets.alerts.channels import UndeliveredError
    from instagram_assets.alerts.deliver import ALERTS_FOLDER, end_trouble
    from instagram_assets.alerts.message import Alert
    from instagram_assets.calendar import today
    from instagram_assets.errors import NothingDoneError
    from instagram_assets.settings import settings

    failed: list[str] = []
    for channel in _channels():
        try:
            remark = channel.send(Alert("test", today(settings().zone)))
        except UndeliveredError as error:
            failed.append(channel.name)
            typer.echo(f"{channel.name}: not sent: {error}")
            continue
        end_trouble(channel.name, settings().folder(ALERTS_FOLDER))
        typer.echo(f"{channel.name}: sent{f'; {remark}' if remark else ''}")
    if failed:
        raise NothingDoneError(f"Nothing went out by {' and '.join(failed)}. See INSTAGRAM_ASSETS_ALERTS__… in .env.")


@commands.command("send")
@report_errors
def send() -> None:
    """Send alerts now for failures of the last day that were not sent yet; a running `dev` does it every minute."""
    from datetime import UTC, datetime

    _channels()
    from instagram_assets.alerts.deliver import trouble_line
    from instagram_assets.automation import shell_runs
    from instagram_assets.automation.alert_sensor import send_due
    from instagram_assets.definitions import defs
    from instagram_assets.settings import settings

    graph = defs.resolve_asset_graph()
    with shell_runs.open_instance() as dagster:
        done = send_due(dagster, graph.get_all_asset_keys(), graph.asset_check_keys, datetime.now(UTC))
    troubles = [trouble_line(trouble, settings().zone) for trouble in done.troubles]
    for line in [*done.sent, *done.remarks, *troubles]:
        typer.echo(line)
    if not (done.sent or troubles):
        typer.echo("Nothing new to tell.")
    if troubles:
        raise typer.Exit(1)


def _channels() -> "list[Channel]":
    """The configured alert channels; raises SettingsError when there are none."""
    from instagram_assets.alerts.channels import NOWHERE, channels
    from instagram_assets.errors import SettingsError
    from instagram_assets.settings import settings

    found = channels(settings().alerts)
    if not found:
        raise SettingsError(f"{NOWHERE}.")
    return found
