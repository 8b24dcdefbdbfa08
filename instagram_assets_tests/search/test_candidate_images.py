"""Images of a search's results: the original or its thumbnail, and hosts that give no connection."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pytest

from instagram_assets.media.download_options import DownloadOptions
from instagram_assets.media.store import MediaStore
from instagram_assets.schemas import SEARCH_RESULTS
from instagram_assets.search.candidate_images import fetch_candidates
from instagram_assets_tests.media.pictures import picture
from instagram_assets_tests.servers.hostile import HostileServer, answer

OPTIONS = DownloadOptions(allow_http=True, allow_loopback=True, retry_wait=0.01, timeout=0.5, max_concurrent_requests=8)
GOOD = picture(size=(200, 150))
THUMBNAIL = picture(size=(80, 60))


def results(*addresses: tuple[str, str]) -> pa.Table:
    return SEARCH_RESULTS.table(
        [{"rank": rank, "url": url, "fallback_url": other} for rank, (url, other) in enumerate(addresses, start=1)]
    )


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with HostileServer() as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MediaStore]:
    with MediaStore(tmp_path / "media") as store:
        yield store


@pytest.fixture
def dead_host() -> Iterator[str]:
    """A host that lets everyone wait: its queue of connections is full and nobody takes one."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = listening.getsockname()
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(address)
        yield f"http://127.0.0.1:{address[1]}"


def test_a_thumbnail_stands_in_for_an_original_that_is_gone(server: HostileServer, store: MediaStore) -> None:
    good, small = server.on("/good.jpg", answer(GOOD)), server.on("/small.jpg", answer(THUMBNAIL))
    gone = server.url("/gone.jpg")
    server.on("/gone.jpg", answer(b"", status=404))
    found = fetch_candidates(results((good, small), (gone, small), (gone, ""), (gone, gone)), store, OPTIONS)
    assert [outcome.key for outcome in found] == [1, 2, 3, 4]
    assert [(outcome.status, outcome.url, outcome.reason) for outcome in found] == [
        ("ok", good, None),
        ("ok", small, "original: HTTP 404"),
        ("failed", gone, "HTTP 404"),
        ("failed", gone, "original: HTTP 404; thumbnail: HTTP 404"),
    ]


def test_a_dead_host_costs_one_timeout_and_no_image_of_another(
    server: HostileServer, store: MediaStore, dead_host: str
) -> None:
    alive = [server.on(f"/{number}.jpg", answer(GOOD)) for number in range(10)]
    dead = [f"{dead_host}/{number}.jpg" for number in range(40)]
    found = fetch_candidates(results(*((url, "") for url in [*dead, *alive])), store, OPTIONS)
    assert [outcome.status for outcome in found] == ["failed"] * 40 + ["ok"] * 10
    assert {outcome.reason for outcome in found[:40]} == {"no answer in time"}
    # Those that were under way when the first found out, each once; the others were never tried.
    tried = [outcome.attempts for outcome in found[:40] if outcome.attempts]
    assert set(tried) == {1}
    assert len(tried) <= OPTIONS.max_concurrent_requests
