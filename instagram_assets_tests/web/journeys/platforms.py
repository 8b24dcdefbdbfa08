"""A data folder with all of `instagram-assets dev` at work in it and its history in PostgreSQL; it can be restarted."""

import signal
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from instagram_assets.demo.search_site import SearchPage
from instagram_assets.homes import HOMES
from instagram_assets_tests.servers.dev import Dev, end, start_dev, wait_until_it_says
from instagram_assets_tests.servers.postgres import Cluster, postgres_cluster
from instagram_assets_tests.servers.searching_dev import search_environment

# Files are taken at once, and what follows after they have landed is short.
_SETTINGS = {"INSTAGRAM_ASSETS_INGEST__SETTLE_SECONDS": "0", "INSTAGRAM_ASSETS_DOWNLOAD__DOWNLOAD_IMAGES": "false"}


@dataclass
class Platform:
    """The folder, what its processes are told, and PostgreSQL's server."""

    folder: Path
    environment: dict[str, str]
    cluster: Cluster
    _open: ExitStack = field(default_factory=ExitStack)
    _dev: Dev | None = None

    @property
    def dev(self) -> Dev:
        assert self._dev, "the platform is not open"
        return self._dev

    @property
    def url(self) -> str:
        """Where the web app is; another one after each start."""
        return f"http://127.0.0.1:{self.dev.web_port}"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def start(self) -> None:
        """Start the code server, the webserver, the web app and the daemon; all answer when this returns."""
        self._dev = self._open.enter_context(start_dev(self.folder, **self.environment))
        wait_until_it_says(self.dev, "Dagster UI")

    def stop(self) -> None:
        """End them all, as Ctrl-C does."""
        status, said = end(self.dev, signal.SIGINT)
        assert status == 0, said
        self._dev = None

    def restart(self) -> None:
        """Stop everything, PostgreSQL too, and start it again."""
        self.stop()
        self.cluster.stop()
        self.cluster.start()
        self.start()

    def close(self) -> None:
        self._open.close()


@contextmanager
def open_platform(folder: Path, page: SearchPage) -> Generator[Platform]:
    """A platform with an empty data folder, that searches on a page of this machine."""
    with ExitStack() as stack:
        cluster = stack.enter_context(postgres_cluster())
        environment = _SETTINGS | search_environment(page, folder) | cluster.create("journeys")
        home = folder / "data" / "dagster"
        home.mkdir(parents=True)
        (home / "dagster.yaml").write_text((HOMES / "postgres" / "dagster.yaml").read_text("utf-8"), "utf-8")
        platform = Platform(folder, environment, cluster)
        stack.callback(platform.close)
        platform.start()
        yield platform
