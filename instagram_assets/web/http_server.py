"""The HTTP server of the web app and of the Dagster UI."""

from typing import TYPE_CHECKING

from instagram_assets.web.guard import Application

if TYPE_CHECKING:
    import uvicorn

# A page that is open keeps its WebSocket for ever, and an answer under way must not hold up the end.
_SECONDS_TO_FINISH = 2


def http_server(application: Application, *, is_behind_proxy: bool = False) -> "uvicorn.Server":
    """A server that cuts off headers above 64 KiB.

    With `is_behind_proxy` it takes a proxy's word for whose address a request came from; else anybody on this machine
    could name another one with each request.
    """
    import uvicorn

    config = uvicorn.Config(
        application,  # pyright: ignore[reportArgumentType]  # ours says less about messages than uvicorn's own types
        http="h11",  # httptools 0.9 reads headers without a limit, before anything of ours sees the request
        log_level="warning",
        server_header=False,
        proxy_headers=is_behind_proxy,
        timeout_graceful_shutdown=_SECONDS_TO_FINISH,
    )
    return uvicorn.Server(config)
