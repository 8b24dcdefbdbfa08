from datetime import date
from pathlib import Path
from typing import Any

import pytest

from instagram_assets import schemas
from instagram_assets.media.download_options import DownloadOptions
from instagram_assets.media.post_images import fetch_images, posts_to_requests
from instagram_assets.media.store import MediaStore
from instagram_assets_tests.media.pictures import picture
from instagram_assets_tests.servers.hostile import HostileServer, answer

OPTIONS = DownloadOptions(allow_http=True, allow_loopback=True, retry_count=0, timeout=1)


def medium(position: int, url: str | None, kind: str = "image") -> dict[str, Any]:
    return {"position": position, "kind": kind, "url": url, "width": 1, "height": 1}


def post(name: str, *media: dict[str, Any], account: str = "zoo.keeper", day: int = 1) -> dict[str, Any]:
    return {"post_id": name, "account": account, "day": date(2024, 1, day), "media": list(media)}


def test_covers_count_and_video_files_do_not() -> None:
    posts = schemas.POSTS.table(
        [
            post("1", medium(1, "https://a/b"), medium(0, "https://a/a")),
            post("2", medium(0, "https://a/film", "video"), medium(0, "https://a/cover")),
            {"post_id": "3", "account": "zoo.keeper", "day": date(2024, 1, 1)},
        ]
    )
    assert [request.url for request in posts_to_requests(posts)] == ["https://a/a", "https://a/b", "https://a/cover"]
    assert [request.url for request in posts_to_requests(posts, 1)] == ["https://a/a", "https://a/cover"]


def test_the_table_is_the_same_on_every_run_and_sorted(tmp_path: Path) -> None:
    with HostileServer() as server, MediaStore(tmp_path) as store:
        good = server.on("/a.png", answer(picture("PNG")))
        bad = server.on("/b.png", answer(b"", status=404))
        posts = schemas.POSTS.table(
            [
                post("9", medium(1, bad), medium(0, good)),
                post("8", medium(0, None), day=2),
                post("7", medium(0, good), account="a.zoo"),
            ]
        )
        table, progress = fetch_images(posts, store, OPTIONS)
        again, _ = fetch_images(posts, store, OPTIONS)
    assert table.schema == schemas.IMAGES.schema
    assert table.equals(again)
    rows = [(r["account"], r["post_id"], r["position"], r["status"], r["reason"]) for r in table.to_pylist()]
    assert rows == [
        ("a.zoo", "7", 0, "ok", None),
        ("zoo.keeper", "9", 0, "ok", None),
        ("zoo.keeper", "9", 1, "failed", "HTTP 404"),
        ("zoo.keeper", "8", 0, "refused", "empty address"),
    ]
    assert table["image_id"].null_count == table["path"].null_count == 2
    assert (progress.total, progress.ok, progress.cached) == (4, 2, 1)


@pytest.mark.parametrize("rows", [[], [post("1")]])
def test_no_images_is_an_empty_table(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    with MediaStore(tmp_path) as store:
        table, progress = fetch_images(schemas.POSTS.table(rows), store, OPTIONS)
    assert table.equals(schemas.IMAGES.empty())
    assert progress.total == 0
