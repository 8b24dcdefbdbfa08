"""What a server does to us, what we do to it, and what is on disk afterwards."""

import asyncio
import socket
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from instagram_assets.media.download import DownloadOptions, DownloadOutcome, MediaRequest, download_all
from instagram_assets.media.http_fetch import open_session
from instagram_assets.media.store import MediaStore
from instagram_assets.media.url_checks import PrivateAddressError, is_public
from instagram_assets_tests.media.films import film
from instagram_assets_tests.media.pictures import picture
from instagram_assets_tests.servers import hostile
from instagram_assets_tests.servers.hostile import Behaviour, HostileServer, answer

OPTIONS = DownloadOptions(allow_http=True, allow_loopback=True, retry_wait=0.01, timeout=0.3, deadline=3)
GOOD = picture(size=(200, 150))
LARGE = picture("PNG", size=(400, 400))
"""Above what is held in memory."""


def fetch(
    store: MediaStore, *requests: str | MediaRequest, options: DownloadOptions = OPTIONS
) -> list[DownloadOutcome]:
    wanted = [MediaRequest(n, item) if isinstance(item, str) else item for n, item in enumerate(requests)]
    return download_all(wanted, store, options)


def stored(store: MediaStore) -> list[bytes]:
    return [path.read_bytes() for path in store.root.rglob("*") if path.is_file() and "index.sqlite" not in path.name]


CONTINUED: dict[str, Behaviour] = {
    "416": answer(b"", status=416, Content_Range=f"bytes */{len(LARGE)}"),
    "a part that begins elsewhere": answer(
        LARGE[7:], status=206, ETag='"v1"', Content_Range=f"bytes 7-{len(LARGE) - 1}/{len(LARGE)}"
    ),
    "a part without its place": answer(LARGE[300_000:], status=206, ETag='"v1"'),
    "a part of another version": answer(
        LARGE[300_000:], status=206, ETag='"v2"', Content_Range=f"bytes 300000-{len(LARGE) - 1}/{len(LARGE)}"
    ),
    "the whole after all": answer(LARGE, ETag='"v1"'),
}


@pytest.mark.parametrize("reply", CONTINUED)
def test_a_part_that_does_not_fit_is_never_joined_on(server: HostileServer, store: MediaStore, reply: str) -> None:
    begun = hostile.reset_after(LARGE, 300_000, etag='"v1"')
    [outcome] = fetch(store, server.on("/a.png", begun, CONTINUED[reply], answer(LARGE)))
    assert outcome.status == "ok"
    assert stored(store) == [LARGE]
    assert "range" not in server.seen[-1].headers or reply == "the whole after all"


def test_a_large_body_goes_on_where_it_broke_off(server: HostileServer, store: MediaStore) -> None:
    begun = hostile.reset_after(LARGE, 300_000, etag='"v1"')
    [outcome] = fetch(store, server.on("/a.png", begun, hostile.ranged(LARGE, '"v1"')))
    assert (outcome.status, outcome.attempts) == ("ok", 2)
    assert server.seen[1].headers["range"] == "bytes=300000-"
    assert server.seen[1].headers["if-range"] == '"v1"'
    assert stored(store) == [LARGE]


def test_a_weak_etag_is_no_proof_that_the_body_is_the_same(server: HostileServer, store: MediaStore) -> None:
    begun = hostile.reset_after(LARGE, 300_000, etag='W/"v1"')
    assert fetch(store, server.on("/a.png", begun, answer(LARGE)))[0].status == "ok"
    assert "range" not in server.seen[1].headers


def test_a_connection_that_is_never_accepted_is_given_up(store: MediaStore) -> None:
    with socket.socket() as listener, ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        for _ in range(4):  # fill the queue of those who wait to be accepted
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with suppress(BlockingIOError):
                waiting.connect(("127.0.0.1", port))
        start = time.monotonic()
        [outcome] = fetch(store, f"http://127.0.0.1:{port}/a.jpg", options=replace(OPTIONS, retry_count=1))
    assert (outcome.status, outcome.reason, outcome.attempts) == ("failed", "no answer in time", 2)
    assert time.monotonic() - start < 2


def test_a_byte_per_second_ends_at_the_deadline(server: HostileServer, store: MediaStore) -> None:
    url = server.on("/a.jpg", hostile.drip(GOOD, 1.0))
    start = time.monotonic()
    [outcome] = fetch(store, url, options=replace(OPTIONS, timeout=2, deadline=1.5))
    assert (outcome.status, outcome.reason) == ("failed", "not complete within 1.5 seconds")
    assert time.monotonic() - start < 3
    assert stored(store) == []


def test_all_faults_at_once_cost_only_their_own_image(server: HostileServer, store: MediaStore) -> None:
    bodies = {f"/{number}.jpg": picture(seed=number) for number in range(60)}
    faults = [
        lambda body: [answer(b"", status=503)],
        lambda body: [hostile.reset_after(body, 100)],
        lambda body: [answer(body, length=len(body) + 5)],
        lambda body: [hostile.broken_chunks(body)],
        lambda body: [hostile.raw(b"no HTTP at all"), answer(b"", status=429, Retry_After="0")],
        lambda body: [answer(body[:-9]), answer(b"")],
    ]
    urls = [
        server.on(path, *faults[number % len(faults)](body), answer(body))
        for number, (path, body) in enumerate(bodies.items())
    ]
    outcomes = fetch(store, *urls, options=replace(OPTIONS, max_concurrent_requests=8))
    assert {outcome.status for outcome in outcomes} == {"ok"}
    assert sorted(stored(store)) == sorted(bodies.values())
    # Each address was asked once per fault and once for the image, and never again after it had come.
    assert Counter(seen.path for seen in server.seen) == {
        path: 2 + (number % len(faults) >= 4) for number, path in enumerate(bodies)
    }
    assert server.most_at_once <= 8


def test_no_host_gets_more_requests_at_once_than_its_share(server: HostileServer, store: MediaStore) -> None:
    paths = [f"/{number}.jpg" for number in range(30)]
    for number, path in enumerate(paths):
        server.on(path, answer(picture(seed=number)))
    urls = [server.url(path) for path in paths]
    others = [url.replace("127.0.0.1", "localhost") + "?other" for url in urls]
    options = replace(OPTIONS, max_concurrent_requests=20, max_per_host=3)
    assert {outcome.status for outcome in fetch(store, *urls, *others, options=options)} == {"ok"}
    assert server.most_at_once <= 6
    assert server.connections <= 6


class Rebinding(AbstractResolver):
    """A name server that answers a public address first and this machine afterwards."""

    def __init__(self) -> None:
        self.answers: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        address = "127.0.0.1" if self.answers else "8.8.8.8"
        self.answers.append(address)
        return [ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing is open."""


def test_a_name_that_changes_its_answer_reaches_nobody(server: HostileServer) -> None:
    async def ask() -> None:
        resolver = Rebinding()
        [first] = await resolver.resolve("rebind.example")
        assert is_public(first["host"])
        async with open_session(DownloadOptions(), resolver) as session:
            with pytest.raises(aiohttp.ClientConnectorError) as refusal:
                await session.get(f"http://rebind.example:{server.port}/a.jpg")
        assert isinstance(refusal.value.os_error, PrivateAddressError)
        assert resolver.answers == ["8.8.8.8", "127.0.0.1"]

    asyncio.run(ask())
    assert server.connections == 0


FILMS = {
    "mp4": (film(), ("ok", None, ".mp4", 720, 1280)),
    "mov": (film(b"qt  "), ("ok", None, ".mov", 720, 1280)),
    "large": (film(size=1_500_000), ("ok", None, ".mp4", 720, 1280)),
    "64-bit length": (film(wide=True), ("ok", None, ".mp4", 720, 1280)),
    "cut": (film()[:-1], ("failed", "video ends early", "", None, None)),
    "cut in the header": (film()[:90], ("failed", "video ends early", "", None, None)),
    "zeros at its end": (film() + bytes(64), ("failed", "damaged video", "", None, None)),
    "sound only": (film(width=0, height=0), ("refused", "video without a picture", "", None, None)),
    "too many pixels": (
        film(width=9000, height=9000),
        ("refused", "9000 x 9000 pixels, more than 40 megapixels", "", None, None),
    ),
    "too large": (film(size=2_500_000), ("refused", "larger than 2 MB", "", None, None)),
    "a picture": (GOOD, ("refused", "an image instead of a video", "", None, None)),
    "a page": (b"<html><title>Log in", ("refused", "HTML instead of a video", "", None, None)),
    "webm": (b"\x1aE\xdf\xa3" + bytes(600), ("refused", "a video of a kind that is not supported", "", None, None)),
}


@pytest.mark.parametrize("name", FILMS)
def test_a_video_is_whole_or_told_why_not(server: HostileServer, store: MediaStore, name: str) -> None:
    data, wanted = FILMS[name]
    url = server.on("/a.mp4", answer(data))
    options = replace(OPTIONS, retry_count=0, max_video_mb=2)
    [outcome] = fetch(store, MediaRequest("a", url, "video"), options=options)
    ending = Path(outcome.path or "").suffix
    assert (outcome.status, outcome.reason, ending, outcome.width, outcome.height) == wanted
    assert stored(store) == ([data] if outcome.status == "ok" else [])
    assert server.seen[0].headers["accept"].startswith("video/mp4")


def test_a_stored_video_is_no_answer_to_a_request_for_an_image(server: HostileServer, store: MediaStore) -> None:
    url = server.on("/a.mp4", answer(film()))
    both = fetch(store, MediaRequest(0, url, "video"), MediaRequest(1, url))
    assert [(outcome.status, outcome.reason) for outcome in both] == [
        ("ok", None),
        ("refused", "a video instead of an image"),
    ]
