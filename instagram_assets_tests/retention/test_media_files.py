"""Images and videos go when every post that shows them was last observed too long ago, and are not fetched again."""

import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from upath import UPath

from instagram_assets import schemas
from instagram_assets.media.download_options import DownloadOptions
from instagram_assets.media.never_download import PAST_RETENTION, rows_past_retention
from instagram_assets.media.post_images import fetch_images
from instagram_assets.media.store import MediaStore
from instagram_assets.retention.expired_items import expired_totals
from instagram_assets.retention.media_files import expired_media
from instagram_assets.settings import Settings, load_settings
from instagram_assets.storage.lake import read_table
from instagram_assets.storage.lake_writer import write_asset, write_cells
from instagram_assets.vision.pipeline import measure_quality
from instagram_assets_tests.media.pictures import picture
from instagram_assets_tests.retention.exports import UTC_ZONE, day
from instagram_assets_tests.servers.hostile import HostileServer, answer

OPTIONS = DownloadOptions(allow_http=True, allow_loopback=True, retry_count=0, timeout=1)
DAY = date(2025, 7, 29)
LATER = datetime(2100, 1, 1, tzinfo=UTC)


class Shown:
    """Posts of several accounts, their pictures fetched from a server, in a lake and a media folder."""

    def __init__(self, folder: Path, server: HostileServer) -> None:
        self.settings: Settings = load_settings(data_dir=folder)
        self.lake, self.media = UPath(self.settings.folder("lake")), self.settings.folder("media")
        self.server = server
        self.posts: list[dict[str, Any]] = []

    def post(self, account: str, post_id: str, observed: int, *names: str) -> None:
        """A post with a picture for each name, equal for equal names."""
        urls = [self.server.on(f"/{name}.png", answer(picture("PNG", ord(name[0])))) for name in names]
        media = [{"position": n, "kind": "image", "url": url, "width": 1, "height": 1} for n, url in enumerate(urls)]
        row = {"account": account, "day": DAY, "post_id": post_id, "observed_at": day(observed), "media": media}
        self.posts = [other for other in self.posts if other["post_id"] != post_id] + [row]

    def fetch(self, before: datetime | None = None) -> pa.Table:
        """Make the table of images, as the asset does."""
        accounts = sorted({row["account"] for row in self.posts})
        posts = schemas.POSTS.table(sorted(self.posts, key=lambda row: (row["account"], row["post_id"])))
        write_cells(self.lake, "posts", accounts, (DAY, DAY), posts)
        past = rows_past_retention(read_table(self.lake, "images"), posts, before)
        with MediaStore(self.media) as store:
            table, _ = fetch_images(posts, store, OPTIONS, past=past)
        write_cells(self.lake, "images", accounts, (DAY, DAY), table)
        return table

    def take(self, before: datetime) -> list[str]:
        small = self.settings.folder("thumbnails")
        dues = list(expired_media(self.media, self.lake, before, small))
        for due in dues:
            due.apply()
        assert list(expired_media(self.media, self.lake, before, small)) == []
        return [str(total) for total in expired_totals(dues, UTC_ZONE)]

    def there(self) -> set[str]:
        return {path.stem for path in self.media.glob("??/*")}


@pytest.fixture
def shown(tmp_path: Path) -> Any:
    with HostileServer() as server:
        yield Shown(tmp_path, server)


def test_a_file_stays_while_one_post_that_shows_it_was_observed_since(shown: Shown) -> None:
    shown.post("a", "1", 2, "a", "b")
    shown.post("b", "2", 30, "b", "c")
    ids = dict(zip("abbc", shown.fetch()["image_id"].to_pylist(), strict=True))
    said = shown.take(day(9))
    assert shown.there() == {ids["b"], ids["c"]}
    # The day of the last observation, of the file and of the row that speaks of it.
    assert [line.split(", ")[2] for line in said] == [f"{day(2):%Y-%m-%d}"] * 2
    rows = [(r["post_id"], r["status"], r["image_id"], r["path"] is None, r["reason"]) for r in _rows(shown)]
    assert rows == [
        ("1", "ok", ids["a"], True, PAST_RETENTION),
        ("1", "ok", ids["b"], False, None),
        ("2", "ok", ids["b"], False, None),
        ("2", "ok", ids["c"], False, None),
    ]


def test_it_is_not_fetched_again_and_what_was_made_of_it_stays(shown: Shown) -> None:
    shown.post("a", "1", 2, "a", "b")
    shown.post("a", "2", 30, "c")
    shown.fetch()
    quality = measure_quality(read_table(shown.lake, "images"), shown.settings)
    shown.take(day(9))
    before, asked = read_table(shown.lake, "images"), len(shown.server.seen)
    assert shown.fetch(day(9)).equals(before)
    assert (len(shown.server.seen), len(shown.there())) == (asked, 1)
    assert measure_quality(before, shown.settings).equals(quality)


def test_a_post_that_is_observed_again_has_its_pictures_again(shown: Shown) -> None:
    shown.post("a", "1", 2, "a")
    (row,) = shown.fetch().to_pylist()
    shown.take(day(9))
    shown.post("a", "1", 12, "a")
    assert shown.fetch(day(9)).to_pylist() == [row]
    assert shown.there() == {row["image_id"]}


def test_the_index_forgets_the_addresses(shown: Shown) -> None:
    shown.post("a", "1", 2, "a")
    shown.fetch()
    address = shown.posts[0]["media"][0]["url"].encode()
    files = [shown.media / name for name in ("index.sqlite", "index.sqlite-wal")]
    assert any(address in file.read_bytes() for file in files if file.exists())
    shown.take(day(9))
    assert not any(address in file.read_bytes() for file in files if file.exists())


def test_what_an_image_search_found_is_held_by_it(shown: Shown) -> None:
    shown.post("a", "1", 2, "a", "b")
    held, gone = shown.fetch()["image_id"].to_pylist()
    found: dict[str, object] = {"search": "cats", "rank": 1, "image_id": held, "status": "ok"}
    write_cells(shown.lake, "search_images", ["cats"], None, schemas.SEARCH_IMAGES.table([found]))
    shown.take(LATER)
    assert (shown.there(), gone in shown.there()) == ({held}, False)


def test_a_reel_goes_with_its_poster_and_its_row_says_so(shown: Shown) -> None:
    shown.post("a", "1", 2, "a", "b")
    video, poster = shown.fetch().to_pylist()
    places = {"account": "a", "day": DAY, "post_id": "1"}
    reel: dict[str, object] = {
        **places,
        "video_id": video["image_id"],
        "path": video["path"],
        "poster": poster["path"],
        "status": "ok",
    }
    write_cells(shown.lake, "images", ["a"], (DAY, DAY), schemas.IMAGES.empty())
    write_cells(shown.lake, "reel_videos", ["a"], (DAY, DAY), schemas.REEL_VIDEOS.table([reel]))
    shown.take(day(9))
    (row,) = read_table(shown.lake, "reel_videos").to_pylist()
    assert (row["path"], row["poster"], row["reason"], row["status"]) == (None, None, PAST_RETENTION, "ok")
    assert row["video_id"] == video["image_id"]
    assert shown.there() == set()


def test_what_no_row_speaks_of_goes_by_when_it_was_written(shown: Shown) -> None:
    shown.post("a", "1", 30, "a")
    shown.fetch()
    write_cells(shown.lake, "images", ["a"], (DAY, DAY), schemas.IMAGES.empty())
    (path,) = shown.media.glob("??/*")
    aside = path.with_name(f"{path.name}.damaged")
    aside.write_bytes(b"")
    os.utime(aside, (0, 0))
    shown.take(day(9))
    assert list(shown.media.glob("??/*")) == [path]
    shown.take(LATER)
    assert list(shown.media.glob("??/*")) == []


def test_what_goes_is_said_before_with_bytes(shown: Shown) -> None:
    shown.post("a", "1", 2, "a", "b")
    shown.post("b", "2", 3, "a")
    shown.fetch()
    told = [str(total) for total in expired_totals(expired_media(shown.media, shown.lake, day(9)), UTC_ZONE)]
    assert told == [
        "rows of media, images: 3 rows, 2025-07-31…2025-08-01, 0.0 MB",
        "media, images: 2 files, 2025-07-31…2025-08-01, 0.0 MB",
    ]
    assert len(shown.there()) == 2


def test_a_run_that_died_between_rows_and_files_is_finished_by_the_next(shown: Shown) -> None:
    shown.post("a", "1", 2, "a", "b")
    shown.fetch()
    first = next(iter(expired_media(shown.media, shown.lake, day(9))))
    first.apply()
    assert len(shown.there()) == 2
    shown.take(day(9))
    assert shown.there() == set()
    assert {row["reason"] for row in _rows(shown)} == {PAST_RETENTION}


def test_a_lake_without_tables_of_media_has_nothing_due(tmp_path: Path) -> None:
    write_asset(UPath(tmp_path / "lake"), "landed_files", schemas.LANDED_FILES.empty())
    assert list(expired_media(tmp_path / "media", UPath(tmp_path / "lake"), LATER)) == []


def _rows(shown: Shown) -> list[dict[str, Any]]:
    return read_table(shown.lake, "images").to_pylist()


def test_thumbnails_go_with_their_pictures_also_after_a_kill_between_both(shown: Shown) -> None:
    shown.post("a", "1", 2, "a", "b")
    shown.post("b", "2", 30, "c", "d")
    ids = dict(zip("abcd", shown.fetch()["image_id"].to_pylist(), strict=True))
    small = [shown.settings.folder("thumbnails") / image_id[:2] / f"{image_id}.jpg" for image_id in ids.values()]
    for path in small:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"small")
    (shown.media / ids["d"][:2] / f"{ids['d']}.png").unlink()  # as who is killed leaves it
    said = shown.take(day(9))
    assert [path.exists() for path in small] == [False, False, True, False]
    assert "media, thumbnails: 3 files, 0.0 MB" in said
