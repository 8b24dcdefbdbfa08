"""Command that serves the web app alone, next to a Dagster webserver that is already running."""

import socket
from typing import Annotated

import typer

from instagram_assets.cli.errors import clear_errors

commands = typer.Typer()


@commands.command()
@clear_errors
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
    """Serve the web app: collect, watch, look at what came and find it again. Dagster runs beside it."""
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
