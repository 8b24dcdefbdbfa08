"""Reels' videos: fetched once, in the order of their expiry, asked for anew with a session, each reel a row."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from PIL import Image

from instagram_assets.errors import (
    MediaFailedError,
    MediaTransientError,
    RateLimitedError,
    SessionRefusedError,
)
from instagram_assets.media.download_options import DownloadOptions
from instagram_assets.media.store import MediaStore
from instagram_assets.reels.instagram_session import read_session
from instagram_assets.reels.url_refresh import UrlRefresher
from instagram_assets.reels.videos import NO_ADDRESS, reel_videos, video_options
from instagram_assets.schemas import POSTS, REEL_VIDEOS
from instagram_assets.settings import DownloadSettings, ReelSettings
from instagram_assets_tests.media.films import box, film
from instagram_assets_tests.media.pictures import picture
from instagram_assets_tests.media.real_films import chequered, save_film, save_sound
from instagram_assets_tests.servers import hostile
from instagram_assets_tests.servers.hostile import HostileServer, Seen, answer
from instagram_assets_tests.servers.instagram import LIMIT, LoopbackInstagram

OPTIONS = DownloadOptions(
    allow_http=True, allow_loopback=True, retry_wait=0.01, timeout=0.5, deadline=5, retry_count=1, max_video_mb=1
)
DAY = date(2026, 10, 20)
PAST = datetime(2026, 1, 1, tzinfo=UTC)
EXPIRED_REASON = "address expired at 2026-01-01T00:00:00Z; collect the post again"


@pytest.fixture(scope="module")
def body(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = save_film(tmp_path_factory.mktemp("films") / "reel.mp4", [chequered(1), chequered(2)])
    return path.read_bytes()


def reel(number: int, url: str | None, account: str = "sun_diary", **changes: Any) -> dict[str, Any]:
    """A row of `posts` with a cover and a video."""
    media = [{"position": 0, "kind": "image", "url": f"https://cdn.example/{number}.jpg"}]
    media += [{"position": 0, "kind": "video", "url": url}] if url else []
    return {
        "post_id": str(number),
        "shortcode": f"CODE{number}",
        "account": account,
        "day": DAY,
        "kind": "reel",
        "media": media,
    } | changes


def other(body: bytes, number: int) -> bytes:
    """The same film with other bytes: another video to the store."""
    return body + box(b"free", bytes([number]))


def table_of(*rows: dict[str, Any]) -> pa.Table:
    return POSTS.table(list(rows))


def expiring(url: str, moment: datetime) -> str:
    return f"{url}?oe={int(moment.timestamp()):08X}"


class KnowsAddresses:
    """Answers with addresses, or raises the errors that it is given; keeps what it was asked."""

    def __init__(self, **says: str | Exception) -> None:
        self.says = says
        self.asked: list[str] = []

    def ask(self, shortcode: str) -> str:
        self.asked.append(shortcode)
        said = self.says[shortcode]
        if isinstance(said, Exception):
            raise said
        return said


def test_each_reel_is_a_row_with_its_file_facts_and_poster(
    server: HostileServer, store: MediaStore, body: bytes
) -> None:
    url = server.on("/a.mp4", answer(body))
    table = reel_videos(table_of(reel(1, url)), store, OPTIONS)
    assert table.schema.equals(REEL_VIDEOS.schema)
    [row] = table.to_pylist()
    assert (store.root / row["path"]).read_bytes() == body
    with Image.open(store.root / row["poster"]) as image:
        assert (image.format, image.size) == ("JPEG", (96, 160))
    known = {"url": url, "bytes": len(body), "width": 96, "height": 160, "codec": "h264", "has_audio": True}
    assert row | known | {"source": "direct", "status": "ok", "reason": None, "shortcode": "CODE1"} == row
    assert row["duration"] == pytest.approx(2, abs=0.1)


def test_only_reels_count_and_of_each_the_first_video(server: HostileServer, store: MediaStore, body: bytes) -> None:
    first, second = server.on("/first.mp4", answer(body)), server.on("/second.mp4", answer(body))
    media = [{"position": place, "kind": "video", "url": url} for place, url in ((2, second), (1, first))]
    posts = table_of(reel(1, None, media=media), reel(2, second, kind="post"), reel(3, None), reel(4, None, media=None))
    rows = reel_videos(posts, store, OPTIONS).to_pylist()
    assert [(row["post_id"], row["url"], row["status"], row["reason"]) for row in rows] == [
        ("1", first, "ok", None),
        ("3", None, "failed", NO_ADDRESS),
        ("4", None, "failed", NO_ADDRESS),
    ]
    assert server.hits("/second.mp4") == 0


def test_no_reels_are_no_rows(store: MediaStore) -> None:
    table = reel_videos(table_of(), store, OPTIONS)
    assert (table.num_rows, table.schema) == (0, REEL_VIDEOS.schema)


def test_what_expires_soonest_is_fetched_first(server: HostileServer, store: MediaStore, body: bytes) -> None:
    now, rows = datetime.now(UTC), list[dict[str, Any]]()
    for number, hours in ((1, 30), (2, 2), (3, 11)):
        url = server.on(f"/{number}.mp4", answer(other(body, number)))
        rows.append(reel(number, expiring(url, now + timedelta(hours=hours))))
    reel_videos(table_of(*rows), store, replace(OPTIONS, max_concurrent_requests=1))
    assert [one.path for one in server.seen] == ["/2.mp4", "/3.mp4", "/1.mp4"]


def test_a_second_run_fetches_nothing_decodes_no_poster_and_gives_the_same_table(
    server: HostileServer, store: MediaStore, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    posts = table_of(reel(1, server.on("/a.mp4", answer(body))), reel(2, server.on("/b.mp4", answer(other(body, 1)))))
    first = reel_videos(posts, store, OPTIONS)
    monkeypatch.delattr("instagram_assets.reels.videos.poster")
    assert reel_videos(posts, store, OPTIONS).equals(first)
    assert (server.hits("/a.mp4"), server.hits("/b.mp4")) == (1, 1)


def test_a_video_that_two_accounts_have_is_fetched_once(server: HostileServer, store: MediaStore, body: bytes) -> None:
    url = server.on("/a.mp4", answer(body))
    rows = reel_videos(table_of(reel(1, url), reel(1, url, account="moon_diary")), store, OPTIONS).to_pylist()
    assert [(row["account"], row["status"]) for row in rows] == [("moon_diary", "ok"), ("sun_diary", "ok")]
    assert rows[0]["video_id"] == rows[1]["video_id"]
    assert server.hits("/a.mp4") == 1


def test_bad_videos_are_rows_with_a_reason_and_cost_no_neighbour(
    server: HostileServer, store: MediaStore, body: bytes, tmp_path: Path
) -> None:
    start = body.index(b"mdat") + 4
    length = int.from_bytes(body[start - 8 : start - 4], "big") - 8
    zeros = body[:start] + bytes(length) + body[start + length :]
    cases: dict[str, tuple[hostile.Behaviour, str, str]] = {
        "good": (answer(body), "ok", ""),
        "0 bytes": (answer(b""), "failed", "empty body"),
        "4 GB": (answer(b"", length=4 << 30), "refused", "larger than 1 MB"),
        "longer than it says": (hostile.until_close(body + bytes(1_100_000)), "refused", "larger than 1 MB"),
        "sound alone": (answer(save_sound(tmp_path / "a.mp4").read_bytes()), "refused", "video without a picture"),
        "login page": (answer(b"<!DOCTYPE html><html>Log in</html>"), "refused", "HTML instead of a video"),
        "picture": (answer(picture()), "refused", "an image instead of a video"),
        "half": (answer(body[: len(body) // 2]), "failed", "ends early|damaged"),
        "gone": (answer(b"", status=404), "failed", "HTTP 404"),
        "zeros in the place of pictures": (answer(zeros), "failed", "can be decoded|cannot be read"),
        "no codec": (answer(film()), "failed", "has no picture|cannot be read"),
    }
    rows = [reel(number, server.on(f"/{number}.mp4", case[0])) for number, case in enumerate(cases.values(), 10)]
    table = reel_videos(table_of(*rows), store, OPTIONS)
    assert table.num_rows == len(cases)
    for row, (name, (_, status, reason)) in zip(table.to_pylist(), cases.items(), strict=True):
        assert row["status"] == status, (name, row)
        assert re.search(reason, row["reason"] or ""), (name, row["reason"])
        if status != "ok":
            assert (row["video_id"], row["path"], row["poster"]) == (None, None, None), name


def test_an_expired_address_is_not_asked_and_says_so(server: HostileServer, store: MediaStore) -> None:
    url = expiring(server.url("/a.mp4"), PAST)
    [row] = reel_videos(table_of(reel(1, url)), store, OPTIONS).to_pylist()
    assert (row["status"], row["reason"], row["url"]) == ("expired", EXPIRED_REASON, url)
    assert server.hits("/a.mp4") == 0


def _lacking(server: HostileServer) -> dict[str, str | None]:
    return {
        "expired": expiring(server.url("/old.mp4"), PAST),
        "signature": server.on("/signature.mp4", answer(b"URL signature expired", status=403)),
        "gone": server.on("/gone.mp4", answer(b"", status=410)),
        "login page": server.on("/login.mp4", answer(b"<html>Log in</html>")),
        "no address": None,
    }


def test_expired_gone_and_missing_addresses_are_asked_anew_once_in_all_runs(
    server: HostileServer, store: MediaStore, body: bytes
) -> None:
    rows = [reel(number, url) for number, url in enumerate(_lacking(server).values())]
    fresh = {f"CODE{n}": server.on(f"/fresh{n}.mp4", answer(other(body, n))) for n in range(len(rows))}
    addresses = KnowsAddresses(**fresh)
    first = reel_videos(table_of(*rows), store, OPTIONS, addresses)
    for number, row in enumerate(first.to_pylist()):
        page = f"https://www.instagram.com/reel/CODE{number}/"
        assert (row["status"], row["source"], row["url"]) == ("ok", "instaloader", page), row
        assert (store.root / row["path"]).read_bytes() == other(body, number)
    assert sorted(addresses.asked) == sorted(fresh)
    hits = len(server.seen)
    assert reel_videos(table_of(*rows), store, OPTIONS, addresses).equals(first)
    assert reel_videos(table_of(*rows), store, OPTIONS).equals(first)  # the session may be gone by then
    assert (len(addresses.asked), len(server.seen)) == (len(rows), hits)


def test_what_is_there_or_refused_is_never_asked_anew(server: HostileServer, store: MediaStore, body: bytes) -> None:
    urls = [
        server.on("/good.mp4", answer(body)),
        server.on("/large.mp4", answer(b"", length=4 << 30)),
        server.on("/busy.mp4", answer(b"", status=503)),
        "ftp://cdn.example/a.mp4",
    ]
    rows = [*(reel(number, url) for number, url in enumerate(urls)), reel(9, None, shortcode=None)]
    addresses = KnowsAddresses()
    reel_videos(table_of(*rows), store, OPTIONS, addresses)
    assert addresses.asked == []


def test_a_reel_of_two_accounts_is_asked_anew_once(server: HostileServer, store: MediaStore, body: bytes) -> None:
    addresses = KnowsAddresses(CODE1=server.on("/fresh.mp4", answer(body)))
    posts = table_of(reel(1, None), reel(1, None, account="moon_diary"))
    assert reel_videos(posts, store, OPTIONS, addresses)["status"].to_pylist() == ["ok", "ok"]
    assert addresses.asked == ["CODE1"]


def test_after_a_refusal_of_the_session_the_other_rows_say_why(
    server: HostileServer, store: MediaStore, body: bytes
) -> None:
    addresses = KnowsAddresses(
        CODE1=server.on("/fresh.mp4", answer(body)), CODE2=SessionRefusedError("Instagram asks for a checkpoint")
    )
    rows = reel_videos(table_of(*(reel(n, None) for n in range(1, 20))), store, OPTIONS, addresses).to_pylist()
    by_id = {row["post_id"]: row for row in rows}
    assert by_id["1"]["status"] == "ok"
    reasons = {by_id[str(n)]["reason"] for n in range(2, 20)}
    assert reasons == {f"{NO_ADDRESS}; not asked anew: Instagram asks for a checkpoint"}
    assert addresses.asked == ["CODE1", "CODE2"]


def test_gone_is_failed_and_says_both_reasons(store: MediaStore, server: HostileServer) -> None:
    addresses = KnowsAddresses(CODE1=MediaFailedError("Instagram no longer shows it"))
    url = expiring(server.url("/a.mp4"), PAST)
    [row] = reel_videos(table_of(reel(1, url)), store, OPTIONS, addresses).to_pylist()
    assert row["status"] == "failed"
    assert row["reason"] == f"{EXPIRED_REASON}; asked anew: Instagram no longer shows it"


def test_a_fresh_address_that_fails_too_is_a_row(store: MediaStore, server: HostileServer) -> None:
    addresses = KnowsAddresses(CODE1=server.on("/fresh.mp4", answer(b"", status=404)))
    [row] = reel_videos(table_of(reel(1, None)), store, OPTIONS, addresses).to_pylist()
    assert (row["status"], row["reason"], row["source"]) == ("failed", "HTTP 404", "instaloader")


def test_after_three_requests_without_an_answer_no_more_are_made(store: MediaStore) -> None:
    addresses = KnowsAddresses(**{f"CODE{n}": MediaTransientError("Instagram gave no answer") for n in range(9)})
    rows = reel_videos(table_of(*(reel(n, None) for n in range(9))), store, OPTIONS, addresses).to_pylist()
    assert len(addresses.asked) == 3
    assert {row["reason"] for row in rows} == {f"{NO_ADDRESS}; not asked anew: Instagram gave no answer"}


def test_a_limit_is_raised_after_what_was_asked_is_fetched_and_kept(
    server: HostileServer, store: MediaStore, body: bytes
) -> None:
    direct, fresh = server.on("/direct.mp4", answer(body)), server.on("/fresh.mp4", answer(other(body, 1)))
    posts = table_of(reel(1, direct), reel(2, None), reel(3, None))
    limited = KnowsAddresses(CODE2=fresh, CODE3=RateLimitedError("Instagram wants fewer requests.", 666))
    with pytest.raises(RateLimitedError) as limit:
        reel_videos(posts, store, OPTIONS, limited)
    assert limit.value.seconds == 666
    later = KnowsAddresses(CODE3=server.on("/third.mp4", answer(other(body, 2))))
    assert reel_videos(posts, store, OPTIONS, later)["status"].to_pylist() == ["ok", "ok", "ok"]
    assert later.asked == ["CODE3"]
    assert [server.hits(path) for path in ("/direct.mp4", "/fresh.mp4", "/third.mp4")] == [1, 1, 1]


def test_where_nobody_waits_a_limit_is_the_reason_of_the_rows_that_are_left(store: MediaStore) -> None:
    limited = KnowsAddresses(CODE1=RateLimitedError("Instagram wants fewer requests: ask again in 11 minutes.", 666))
    rows = reel_videos(table_of(reel(1, None), reel(2, None)), store, OPTIONS, limited, may_wait=False).to_pylist()
    expected = f"{NO_ADDRESS}; not asked anew: Instagram wants fewer requests: ask again in 11 minutes"
    assert [row["reason"] for row in rows] == [expected] * 2


def test_instagram_itself_is_asked_through_instaloader(
    server: HostileServer, store: MediaStore, body: bytes, instagram: LoopbackInstagram, session_file: Path
) -> None:
    instagram.says = {"CODE1": server.on("/fresh.mp4", answer(body)), "CODE3": LIMIT}
    addresses = UrlRefresher(read_session(str(session_file)))
    posts = table_of(*(reel(n, expiring(server.url("/old.mp4"), PAST)) for n in (1, 2, 3, 4)))
    rows = reel_videos(posts, store, OPTIONS, addresses, may_wait=False).to_pylist()
    assert [row["status"] for row in rows] == ["ok", "failed", "expired", "expired"]
    assert instagram.shortcodes == ["CODE1", "CODE2", "CODE3"]


def test_limits_hold_for_what_is_stored_too(server: HostileServer, store: MediaStore, body: bytes) -> None:
    direct, fresh = server.on("/direct.mp4", answer(body)), server.on("/fresh.mp4", answer(other(body, 1)))
    posts, addresses = table_of(reel(1, direct), reel(2, None)), KnowsAddresses(CODE2=fresh)
    reel_videos(posts, store, OPTIONS, addresses)
    rows = reel_videos(posts, store, replace(OPTIONS, max_video_mb=0.001), addresses).to_pylist()
    assert [(row["status"], row["reason"]) for row in rows] == [("refused", "larger than 0.001 MB")] * 2
    assert addresses.asked == ["CODE2"]


def test_videos_are_few_at_once_with_more_time_and_the_smaller_limit() -> None:
    options = video_options(DownloadSettings(max_video_mb=500), ReelSettings(max_video_mb=200))
    assert (options.max_video_mb, options.max_concurrent_requests, options.deadline) == (200, 8, 600)
    strict = video_options(DownloadSettings(max_video_mb=50, max_concurrent_requests=2), ReelSettings())
    assert (strict.max_video_mb, strict.max_concurrent_requests) == (50, 2)


_PROGRAM = """
    import json, sys
    from dataclasses import replace
    from pathlib import Path
    from instagram_assets.media.store import MediaStore
    from instagram_assets.reels.videos import reel_videos
    from instagram_assets_tests.reels.test_videos import OPTIONS, reel, table_of
    urls = json.loads(sys.argv[2])
    posts = table_of(*(reel(number, url) for number, url in enumerate(urls)))
    with MediaStore(Path(sys.argv[1])) as store:
        reel_videos(posts, store, replace(OPTIONS, max_concurrent_requests=1))
"""


def test_killed_and_repeated_no_whole_video_is_fetched_twice(
    server: HostileServer, store: MediaStore, body: bytes
) -> None:
    under_way = threading.Event()

    async def stuck(seen: Seen, writer: asyncio.StreamWriter) -> bool:
        under_way.set()
        return await hostile.silent_after(body, 500)(seen, writer)

    urls = [server.on(f"/{n}.mp4", answer(other(body, n))) for n in range(3)]
    urls.append(server.on("/stuck.mp4", stuck, stuck, answer(other(body, 9))))
    far = datetime.now(UTC) + timedelta(days=1)
    ordered = [expiring(url, far + timedelta(hours=place)) for place, url in enumerate(urls)]
    command = [sys.executable, "-c", textwrap.dedent(_PROGRAM), str(store.root), json.dumps(ordered)]
    child = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)})
    assert under_way.wait(60)
    end = time.monotonic() + 60
    while len(store.find(ordered[:3])) < 3 and time.monotonic() < end:
        under_way.wait(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    posts = table_of(*(reel(number, url) for number, url in enumerate(ordered)))
    assert set(reel_videos(posts, store, OPTIONS)["status"].to_pylist()) == {"ok"}
    assert [server.hits(f"/{n}.mp4") for n in range(3)] == [1, 1, 1]
    store.sweep()
    assert list((store.root / "incoming").iterdir()) == []
