import asyncio
import gzip
import socket
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import aiohttp
import pytest

from instagram_assets.media.download import download, download_all
from instagram_assets.media.download_options import DownloadOptions
from instagram_assets.media.download_types import DownloadOutcome, DownloadProgress, MediaRequest
from instagram_assets.media.store import MediaStore
from instagram_assets.media.url_checks import guarded_socket_factory
from instagram_assets.settings import DownloadSettings
from instagram_assets_tests.media.pictures import picture
from instagram_assets_tests.servers import hostile
from instagram_assets_tests.servers.hostile import Behaviour, HostileServer, answer

OPTIONS = DownloadOptions(allow_http=True, allow_loopback=True, retry_wait=0.01, timeout=0.3, deadline=3)
GOOD = picture(size=(200, 150))


def fetch(store: MediaStore, *urls: str | None, options: DownloadOptions = OPTIONS) -> list[DownloadOutcome]:
    return download_all([MediaRequest(number, url) for number, url in enumerate(urls)], store, options)


def stored(store: MediaStore) -> list[Path]:
    return [path for path in store.root.rglob("*") if path.is_file() and not path.name.startswith("index.sqlite")]


def oe(moment: datetime) -> str:
    return f"oe={int(moment.timestamp()):08X}"


RECOVERABLE: dict[str, Behaviour] = {
    "500": answer(b"oops", status=500),
    "503": answer(b"", status=503),
    "429": answer(b"", status=429),
    "429, wait in seconds": answer(b"", status=429, Retry_After="0"),
    "429, wait until a date": answer(b"", status=429, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT"),
    "429, absurd wait": answer(b"", status=429, Retry_After="tomorrow, 9" + "9" * 400),
    "503, negative wait": answer(b"", status=503, Retry_After="-5"),
    "no first byte": hostile.silent(),
    "silence in the body": hostile.silent_after(GOOD, 500),
    "reset at once": hostile.reset_after(GOOD, 0),
    "reset in the body": hostile.reset_after(GOOD, 900),
    "length too long": answer(GOOD, length=len(GOOD) + 7),
    "length too short": answer(GOOD, length=len(GOOD) - 7),
    "broken chunks": hostile.broken_chunks(GOOD),
    "206 unasked": answer(GOOD, status=206, Content_Range=f"bytes 0-{len(GOOD) - 1}/{len(GOOD)}"),
    "416": answer(b"", status=416),
    "empty body": answer(b""),
    "half an image of the right length": answer(GOOD[: len(GOOD) // 2]),
    "half an image, then zeros": answer(GOOD[: len(GOOD) // 2] + bytes(500)),
    "cut without a length": hostile.until_close(GOOD[:-1]),
    "no HTTP": hostile.raw(b"\x16\x03\x01 hello\r\n\r\n"),
    "closed without a word": hostile.raw(b""),
}


@pytest.mark.parametrize("fault", RECOVERABLE)
def test_a_passing_fault_is_tried_again_until_the_image_is_whole(
    server: HostileServer, store: MediaStore, fault: str
) -> None:
    url = server.on("/a.jpg", RECOVERABLE[fault], answer(GOOD))
    [outcome] = fetch(store, url)
    assert (outcome.status, outcome.reason, server.hits("/a.jpg")) == ("ok", None, 2)
    assert outcome.path is not None
    assert [path.read_bytes() for path in stored(store)] == [GOOD]
    assert stored(store) == [store.root / outcome.path]


FINAL: dict[str, tuple[Behaviour, str, str, int]] = {
    "404": (answer(b"gone", status=404), "failed", "HTTP 404", 1),
    "410": (answer(b"", status=410), "failed", "HTTP 410", 1),
    "403": (answer(b"no", status=403), "failed", "HTTP 403", 1),
    "204": (answer(b"", status=204), "failed", "HTTP 204", 1),
    "expired": (
        answer(b"URL signature expired", status=403),
        "expired",
        "URL signature expired; collect the post again",
        1,
    ),
    "HTML": (
        answer(b"<!doctype html><title>Login", Content_Type="image/jpeg"),
        "refused",
        "HTML instead of an image",
        1,
    ),
    "JSON": (answer(b'{"status": "fail"}'), "refused", "JSON instead of an image", 1),
    "SVG": (answer(b"<svg onload='x()'></svg>"), "refused", "SVG instead of an image", 1),
    "gzip bomb": (
        answer(gzip.compress(bytes(10_000_000)), Content_Encoding="gzip"),
        "refused",
        "compressed body that was not asked for",
        1,
    ),
    "announced too large": (answer(GOOD, length=10**12), "refused", "larger than 1 MB", 1),
    "endless": (hostile.endless(GOOD[:800]), "refused", "larger than 1 MB", 1),
    "too many pixels": (answer(picture(size=(400, 400))), "refused", "400 x 400 pixels, more than 0.1 megapixels", 1),
    "500 for ever": (answer(b"", status=500), "failed", "HTTP 500", 3),
    "429 for an hour": (answer(b"", status=429, Retry_After="3600"), "failed", "HTTP 429", 1),
    "429 until 2100": (
        answer(b"", status=429, Retry_After=format_datetime(datetime(2100, 1, 1, tzinfo=UTC), usegmt=True)),
        "failed",
        "HTTP 429",
        1,
    ),
    "silent for ever": (hostile.silent(), "failed", "no answer in time", 3),
    "reset for ever": (hostile.reset_after(GOOD, 700), "failed", "connection lost", 3),
    "half for ever": (answer(GOOD[:1000]), "failed", "image ends early", 3),
    "empty for ever": (answer(b""), "failed", "empty body", 3),
    "a byte at a time": (hostile.drip(GOOD, 0.05), "failed", "not complete within 1 seconds", 1),
    "redirect to nowhere": (answer(b"", status=302), "failed", "HTTP 302 without a new address", 1),
    "redirect to itself": (answer(b"", status=302, Location="/a.jpg"), "failed", "more than 5 redirects", 6),
    "redirect inwards": (
        answer(b"", status=302, Location="http://169.254.169.254/latest/meta-data/"),
        "refused",
        "redirect refused: address is not public",
        1,
    ),
    "redirect to a file": (
        answer(b"", status=301, Location="file:///etc/hostname"),
        "refused",
        "redirect refused: file scheme, only https is fetched",
        1,
    ),
}


@pytest.mark.parametrize("fault", FINAL)
def test_a_lasting_fault_is_a_row_with_its_reason_and_leaves_nothing(
    server: HostileServer, store: MediaStore, fault: str
) -> None:
    behaviour, status, reason, hits = FINAL[fault]
    bad = server.on("/a.jpg", behaviour)
    good = server.on("/good.png", answer(picture("PNG")))
    options = replace(OPTIONS, retry_count=2, max_image_mb=1, max_megapixels=0.1, deadline=1, timeout=0.2)
    first, neighbour = fetch(store, bad, good, options=options)
    assert (first.status, first.reason, server.hits("/a.jpg")) == (status, reason, hits)
    assert (first.image_id, first.path, first.bytes) == (None, None, None)
    assert neighbour.status == "ok"
    assert len(stored(store)) == 1


def test_nobody_listening_is_a_failed_row(store: MediaStore) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    [outcome] = fetch(store, f"http://127.0.0.1:{port}/a.jpg")
    assert (outcome.status, outcome.reason, outcome.attempts) == ("failed", "cannot connect", 4)


def test_the_content_decides_the_extension(server: HostileServer, store: MediaStore) -> None:
    [outcome] = fetch(store, server.on("/a.jpg", answer(picture("PNG"), Content_Type="image/jpeg")))
    assert outcome.path is not None
    assert outcome.path.endswith(".png")


def test_what_was_odd_is_told_again_from_the_cache(server: HostileServer, store: MediaStore) -> None:
    url = server.on("/a.jpg", answer(GOOD + b"<html>"))
    [fresh], [cached] = fetch(store, url), fetch(store, url)
    assert fresh.reason == cached.reason == "trailing bytes after the image"
    assert (fresh.cached, cached.cached) == (False, True)


def test_a_broken_long_body_is_continued_when_the_etag_agrees(server: HostileServer, store: MediaStore) -> None:
    url = server.on("/a.jpg", hostile.reset_after(GOOD, 3000, etag='"v1"'), hostile.ranged(GOOD, '"v1"'))
    [outcome] = fetch(store, url)
    assert outcome.status == "ok"
    assert server.seen[1].headers["range"] == "bytes=3000-"
    assert [path.read_bytes() for path in stored(store)] == [GOOD]


def test_a_body_that_changed_meanwhile_is_fetched_from_its_start(server: HostileServer, store: MediaStore) -> None:
    other = picture(seed=2, size=(200, 150))
    url = server.on("/a.jpg", hostile.reset_after(GOOD, 3000, etag='"v1"'), hostile.ranged(other, '"v2"'))
    [outcome] = fetch(store, url)
    assert outcome.status == "ok"
    assert [path.read_bytes() for path in stored(store)] == [other]


def test_what_is_stored_is_not_asked_again(server: HostileServer, store: MediaStore) -> None:
    urls = [server.on(f"/{number}.jpg", answer(picture(seed=number))) for number in range(8)]
    first = fetch(store, *urls)
    second = fetch(store, *urls)
    assert [outcome.image_id for outcome in first] == [outcome.image_id for outcome in second]
    assert all(outcome.cached for outcome in second)
    assert len(server.seen) == 8


def test_what_is_stored_stays_ok_when_its_address_may_no_longer_be_asked(
    server: HostileServer, store: MediaStore
) -> None:
    url = server.on("/a.jpg", answer(GOOD))
    [fetched] = fetch(store, url)
    [again] = fetch(store, url, options=replace(OPTIONS, allow_http=False, allow_loopback=False))
    assert (again.status, again.image_id, again.cached) == ("ok", fetched.image_id, True)


def test_without_the_cache_everything_is_fetched_again_and_replaced(server: HostileServer, store: MediaStore) -> None:
    url = server.on("/a.jpg", answer(GOOD), answer(picture("PNG")))
    fetch(store, url)
    [outcome] = fetch(store, url, options=replace(OPTIONS, cache_images=False))
    assert not outcome.cached
    assert fetch(store, url)[0].image_id == outcome.image_id
    assert server.hits("/a.jpg") == 2


def test_one_address_asked_twice_is_fetched_once(server: HostileServer, store: MediaStore) -> None:
    url = server.on("/a.jpg", answer(GOOD))
    outcomes = fetch(store, url, url + "#there", url)
    assert [(outcome.key, outcome.status) for outcome in outcomes] == [(0, "ok"), (1, "ok"), (2, "ok")]
    assert [outcome.cached for outcome in outcomes] == [False, True, True]
    assert server.hits("/a.jpg") == 1


def test_the_limits_hold_for_stored_images_too(server: HostileServer, store: MediaStore) -> None:
    url = server.on("/a.jpg", answer(GOOD))
    small = replace(OPTIONS, max_megapixels=0.001)
    assert fetch(store, url)[0].status == "ok"
    assert fetch(store, url, options=small)[0].reason == "200 x 150 pixels, more than 0.001 megapixels"


def test_expired_addresses_are_not_asked_and_the_soonest_goes_first(server: HostileServer, store: MediaStore) -> None:
    now = datetime.now(UTC)
    paths = ["/never.jpg", "/later.jpg", "/soon.jpg", "/past.jpg"]
    never, later, soon, past = (server.on(path, answer(picture(seed=n))) for n, path in enumerate(paths))
    urls = [
        never,
        f"{later}?{oe(now + timedelta(days=2))}",
        f"{soon}?{oe(now + timedelta(hours=1))}",
        f"{past}?oe=6576D61D",
    ]
    outcomes = fetch(store, *urls, options=replace(OPTIONS, max_concurrent_requests=1))
    assert [outcome.status for outcome in outcomes] == ["ok", "ok", "ok", "expired"]
    assert outcomes[3].reason == "address expired at 2023-12-11T09:27:57Z; collect the post again"
    assert [seen.path for seen in server.seen] == ["/soon.jpg", "/later.jpg", "/never.jpg"]


def test_no_more_requests_at_once_than_allowed_and_connections_are_kept(
    server: HostileServer, store: MediaStore
) -> None:
    urls = [server.on(f"/{number}.jpg", answer(picture(seed=number % 5))) for number in range(60)]
    fetch(store, *urls, options=replace(OPTIONS, max_concurrent_requests=4))
    assert server.most_at_once <= 4
    assert server.connections <= 4


def test_no_cookie_goes_back_and_nothing_compressed_is_asked(server: HostileServer, store: MediaStore) -> None:
    target = server.on("/b.jpg", answer(GOOD))
    fetch(store, server.on("/a.jpg", answer(b"", status=302, Location=target, Set_Cookie="a=b")))
    assert [seen.path for seen in server.seen] == ["/a.jpg", "/b.jpg"]
    assert all("cookie" not in seen.headers for seen in server.seen)
    assert all(seen.headers["accept-encoding"] == "identity" for seen in server.seen)


def test_a_signature_is_sent_exactly_as_it_was_collected(server: HostileServer, store: MediaStore) -> None:
    query = "?stp=a_b&_nc=%2F%7e&x=a+b&oh=00_A%3D%3d"
    fetch(store, server.on("/a.jpg", answer(GOOD)) + query)
    assert server.seen[0].target == "/a.jpg" + query


def test_images_closed_to_ai_are_refused_when_the_option_says_so(server: HostileServer, store: MediaStore) -> None:
    url = server.on("/a.jpg", answer(GOOD, X_Robots_Tag="otherbot: noindex, noimageai"))
    assert fetch(store, url, options=replace(OPTIONS, honour_noai=True))[0].reason == "X-Robots-Tag: noai"
    assert fetch(store, url)[0].status == "ok"


SPELLINGS = [
    *("127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0.0.0.0", "[::ffff:127.0.0.1]"),
    *("[::1]", "user@127.0.0.1", "①②⑦.⓪.⓪.①", "127。0。0。1"),
]


@pytest.mark.parametrize("options", [replace(OPTIONS, allow_loopback=False), DownloadOptions()])
def test_no_spelling_of_this_machine_reaches_it(
    server: HostileServer, store: MediaStore, options: DownloadOptions
) -> None:
    server.on("/a.jpg", answer(GOOD))
    outcomes = fetch(store, *(f"http://{name}:{server.port}/a.jpg" for name in SPELLINGS), options=options)
    assert {outcome.status for outcome in outcomes} == {"refused"}
    assert server.connections == 0


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_socket_itself_is_guarded_against_names_that_lead_inwards(server: HostileServer, spelling: str) -> None:
    async def ask() -> None:
        connector = aiohttp.TCPConnector(socket_factory=guarded_socket_factory(DownloadOptions()))
        async with aiohttp.ClientSession(connector=connector) as session:
            await session.get(f"http://{spelling}:{server.port}/a.jpg")

    with pytest.raises((aiohttp.ClientError, OSError)):
        asyncio.run(ask())
    assert server.connections == 0


def test_progress_counts_every_outcome(server: HostileServer, store: MediaStore) -> None:
    good, bad = server.on("/a.jpg", answer(GOOD)), server.on("/b.jpg", answer(b"", status=404))
    seen: list[tuple[int, int]] = []
    last = DownloadProgress()

    def note(progress: DownloadProgress) -> None:
        nonlocal last
        last = progress
        seen.append((progress.done, progress.total))

    urls = [good, good, bad, None, f"{bad}?oe=6576D61D"]
    download_all([MediaRequest(number, url) for number, url in enumerate(urls)], store, OPTIONS, note)
    assert seen == [(done, 5) for done in range(1, 6)]
    assert (last.ok, last.cached, last.failed, last.refused, last.expired) == (2, 1, 1, 1, 1)
    assert last.bytes == len(GOOD)
    assert last.images_per_second > 0
    assert last.megabytes_per_second > 0


def test_leaving_early_leaves_no_partial_file_and_nothing_open(server: HostileServer, store: MediaStore) -> None:
    urls = [server.on(f"/{n}.jpg", hostile.silent_after(GOOD, 800)) for n in range(5)]
    urls.append(server.on("/good.jpg", answer(GOOD)))

    async def first_only() -> DownloadOutcome:
        outcomes = download([MediaRequest(url, url) for url in urls], store, replace(OPTIONS, timeout=30, deadline=60))
        async for outcome in outcomes:
            await outcomes.aclose()
            return outcome
        raise AssertionError("no outcome")

    start = time.monotonic()
    assert asyncio.run(first_only()).status == "ok"
    assert time.monotonic() - start < 10
    assert [path.read_bytes() for path in stored(store)] == [GOOD]


def test_an_outcome_is_given_only_when_its_file_is_there(server: HostileServer, store: MediaStore) -> None:
    urls = [server.on(f"/{number}.jpg", answer(picture(seed=number))) for number in range(30)]

    async def look() -> int:
        count = 0
        async for outcome in download([MediaRequest(url, url) for url in urls], store, OPTIONS):
            assert outcome.path is not None
            assert (store.root / outcome.path).stat().st_size == outcome.bytes
            count += 1
        return count

    assert asyncio.run(look()) == 30


def test_it_can_be_called_where_an_event_loop_runs(server: HostileServer, store: MediaStore) -> None:
    url = server.on("/a.jpg", answer(GOOD))

    async def notebook() -> list[DownloadOutcome]:
        return fetch(store, url)

    assert asyncio.run(notebook())[0].status == "ok"


LIMITED = """
import resource, sys
from pathlib import Path
from instagram_assets.errors import StorageError
from instagram_assets.media.download import DownloadOptions, MediaRequest, download_all
from instagram_assets.media.store import MediaStore
base, root, kind = sys.argv[1:]
options = DownloadOptions(allow_http=True, allow_loopback=True, max_concurrent_requests=60, retry_wait=0.01)
with MediaStore(Path(root)) as store:
    import aiohttp, signal
    download_all([], store, options)
    if kind == "files":
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
    else:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
    try:
        download_all([MediaRequest(n, f"{base}/{n}.jpg") for n in range(60)], store, options)
    except StorageError as error:
        print(error)
        sys.exit(7)
"""


@pytest.mark.parametrize(("kind", "remedy"), [("files", "ulimit -n"), ("size", "ulimit -f")])
def test_a_limit_of_the_machine_is_a_clear_error_and_leaves_no_part(
    server: HostileServer, tmp_path: Path, kind: str, remedy: str
) -> None:
    for number in range(60):
        server.on(f"/{number}.jpg", hostile.silent_after(GOOD, 500) if kind == "files" else answer(GOOD))
    command = [sys.executable, "-W", "error", "-c", LIMITED, server.url(""), str(tmp_path), kind]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 7, done.stderr
    assert remedy in done.stdout
    assert not list(tmp_path.rglob("*.jpg"))
    assert not list((tmp_path / "incoming").iterdir())


def test_the_options_mirror_the_settings() -> None:
    settings = DownloadSettings.model_validate({"timeout": 7, "retry_count": 0, "allow_http": True})
    options = DownloadOptions.of(settings)
    assert (options.timeout, options.retry_count, options.allow_http) == (7, 0, True)
    shared = set(DownloadSettings.model_fields) - {"download_images", "images_per_post"}
    assert shared <= set(DownloadOptions.__dataclass_fields__)
    assert DownloadOptions.of(DownloadSettings.model_validate({})) == DownloadOptions()
