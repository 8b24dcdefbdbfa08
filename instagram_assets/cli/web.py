"""The web app alone: beside a Dagster webserver that runs already."""

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
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one.", min=0, max=65_535)] = None,
    dagster: Annotated[str, typer.Option(help="Address of the Dagster webserver to ask.")] = "",
) -> None:
    """Serve the web app: collect, watch, look at what came and find it again. Dagster runs beside it."""
    from instagram_assets.settings import settings
    from instagram_assets.web.dagster_ui import listen
    from instagram_assets.web.serving import serve

    options = settings().web
    listener = listen(host, options.port if port is None else port)
    typer.echo("Web app     http://{}:{}".format(*listener.getsockname()[:2]))
    serve(listener, dagster or options.dagster_url or "http://127.0.0.1:3000")
