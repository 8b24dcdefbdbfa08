"""Commands that serve the web app and the Dagster UI with all their processes, or only one of the two."""

import socket
from pathlib import Path
from typing import Annotated

import typer

from instagram_assets.cli.messages import report_errors

commands = typer.Typer()
_Port = Annotated[int, typer.Option(help="Port of the Dagster UI; 0 takes a free one.", min=0, max=65_535)]
_Names = Annotated[
    list[str],
    typer.Option("--name", help="Another name that browsers may ask for it under, with its port: ui.example.org:8443."),
]


@commands.command()
@report_errors
def dev(
    port: _Port = 3000,
    web_port: Annotated[
        int | None, typer.Option(help="Port of the web app; 0 takes a free one.  [default: 3001]", min=0, max=65_535)
    ] = None,
    demo_models: Annotated[
        bool, typer.Option(help="Use the demo's models, which know only the demo, and its people.")
    ] = False,
    verbose: Annotated[bool, typer.Option(help="Show all that its servers and the daemon say.")] = False,
) -> None:
    """Serve the web app and the Dagster UI on 127.0.0.1, with sensors and schedules, until Ctrl-C."""
    if demo_models:
        from instagram_assets.demo import MODELS
        from instagram_assets.demo.demo_settings import use_demo_settings
        from instagram_assets.settings import load_settings

        use_demo_settings(MODELS, load_settings())
    from instagram_assets.settings import settings
    from instagram_assets.web.http_server import LOOPBACK, listen

    # First: report a port that is in use before importing for seconds.
    ui = listen(LOOPBACK, port)
    web = listen(LOOPBACK, settings().web.port if web_port is None else web_port, "--web-port")
    from instagram_assets.status.preflight import check_stages, missing_models, skipped_line

    check_stages(settings())
    typer.echo("Starting …")
    if skipped := skipped_line(missing_models(settings())):
        typer.echo(skipped)
    from instagram_assets.automation.dev_processes import Listeners, run_dev
    from instagram_assets.automation.shell_runs import open_instance
    from instagram_assets.forget.erasure_journal import unfinished_targets

    with open_instance():
        pass  # creates DAGSTER_HOME and closes dead runs
    folder = settings().folder
    failures = folder("reports") / "failures.jsonl"
    typer.echo(f"Inbox       {folder('inbox')}: files put there are read by themselves")
    if unfinished_targets(folder("privacy")):  # without the name, since the output may be stored
        typer.echo("Forgetting was begun and stopped before its end: the web app says how to finish it")
    try:
        run_dev(Listeners(ui, web), folder("dagster"), failures, typer.echo, verbose=verbose)
    finally:
        with open_instance() as instance:  # closes runs that ended with it
            instance.wipe_daemon_heartbeats()  # otherwise other processes would think that the daemon is still running


@commands.command("dagster-ui")
@report_errors
def dagster_ui(
    host: Annotated[
        str, typer.Option(help="Address to listen at. There is no login: mind who can reach it.")
    ] = "127.0.0.1",
    port: _Port = 3000,
    names: _Names = [],  # noqa: B006
    workspace: Annotated[
        Path | None, typer.Option(help="A workspace.yaml, such as one that names a code server; none: this package.")
    ] = None,
    listener: Annotated[int | None, typer.Option(hidden=True, help="A socket that listens already.")] = None,
) -> None:
    """Serve only the Dagster UI, without sensors and schedules; it rejects requests from other web pages."""
    from instagram_assets.web.http_server import listen
    from instagram_assets.web.run_servers import serve_dagster_ui

    if listener is not None:  # shared with `dev`, which has created DAGSTER_HOME
        serve_dagster_ui(socket.socket(fileno=listener), workspace, names)
        return
    from instagram_assets.automation.shell_runs import prepare_home

    prepare_home()
    given = listen(host, port)
    typer.echo("Dagster UI  http://{}:{}".format(*given.getsockname()[:2]))
    serve_dagster_ui(given, workspace, names)


@commands.command("web")
@report_errors
def web(
    host: Annotated[str, typer.Option(help="Address to listen at; beyond this machine it demands a token.")] = (
        "127.0.0.1"
    ),
    port: Annotated[
        int | None,
        typer.Option(help="Port; 0 takes a free one.", min=0, max=65_535, show_default="the setting web.port"),
    ] = None,
    dagster: Annotated[
        str | None,
        typer.Option(help="Address of the Dagster webserver to ask.", show_default="the setting web.dagster_url"),
    ] = None,
    names: Annotated[
        list[str],
        typer.Option("--name", help="Another name that browsers may ask for it under: app.example.org; needs a token."),
    ] = [],  # noqa: B006
    listener: Annotated[int | None, typer.Option(hidden=True, help="A socket that listens already.")] = None,
) -> None:
    """Serve the web app: start collections, follow runs, browse and search the data. Dagster has to run as well."""
    from instagram_assets.settings import settings
    from instagram_assets.web.http_server import address_of, listen
    from instagram_assets.web.run_servers import serve_web_app

    options = settings().web
    url = dagster or options.dagster_url
    if listener is not None:  # shared with `dev`
        serve_web_app(socket.socket(fileno=listener), url, names)
        return
    with listen(host, options.port if port is None else port) as given:
        serve_web_app(given, url, names, lambda: typer.echo(f"Web app     http://{address_of(given)}"))
