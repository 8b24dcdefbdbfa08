"""Retention under faults: rows, files and pictures that are past go, whatever breaks on the way, and no others."""

import hashlib
import json
import os
import shutil
import tempfile
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from upath import UPath

from instagram_assets.ingest.manifests import clear_pending, pending_files
from instagram_assets.ingest.observations import landed_files, quarantine_table, read_posts
from instagram_assets_tests.faults.campaign import Scenario

IMPORTS = (
    *("instagram_assets_tests.faults.warm", "pyarrow.dataset", "pyarrow.acero", "instagram_assets.retention.retention"),
    *("instagram_assets.ingest.inbox", "instagram_assets.media.store"),
)
_POSTED = datetime(2025, 7, 1, 3, tzinfo=UTC)
_DAY = date(2025, 7, 1)
_DAYS = (date(2010, 1, 1), date(2100, 1, 1))
_BEFORE = _POSTED + timedelta(days=9)
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_ACCOUNT = "sun_diary"
_RECENT, _PAST = (30, 31), (2, 3)


def take(home: str) -> None:
    """Called in the worker: one retention."""
    from instagram_assets.retention.expired_items import RetentionLimits
    from instagram_assets.retention.retention import apply_retention
    from instagram_assets.settings import load_settings

    os.chdir(home)  # away from anybody's .env
    settings = load_settings(data_dir=home)
    apply_retention(UPath(settings.folder("lake")), settings, RetentionLimits(_BEFORE, _BEFORE), _DAYS, _NOW)


def fill(home: Path) -> None:
    """The state before: a file that is past, one that is in part, their tables, and a picture of each post."""
    shutil.copytree(_filled(), home, dirs_exist_ok=True)


@cache
def _filled() -> Path:
    from instagram_assets import schemas
    from instagram_assets.ingest.inbox import land_files
    from instagram_assets.media.url_index import StoredMedia, UrlIndex
    from instagram_assets.settings import load_settings
    from instagram_assets.storage.lake_writer import write_asset, write_cells

    home = Path(tempfile.mkdtemp(prefix="faults-retention-"))
    settings = load_settings(data_dir=home)
    lake, media = UPath(settings.folder("lake")), settings.folder("media")
    (home / "inbox").mkdir()
    (home / "inbox" / "half.json").write_text(json.dumps([_post(2), _post(30), _post(31), None]))
    (home / "inbox" / "old.json").write_text(json.dumps([_post(3)]))
    for path in (home / "inbox").iterdir():
        os.utime(path, (_POSTED.timestamp() + 86_400 * 4,) * 2)  # pyright: ignore[reportArgumentType] it is a pair
    land_files([], lake, settings)
    clear_pending(lake, pending_files(lake))
    posts = read_posts(lake, "posts", [_ACCOUNT], *_DAYS)
    write_cells(lake, "raw_posts", [_ACCOUNT], (_DAY, _DAY), posts)
    write_asset(lake, "quarantine", quarantine_table(lake))
    write_asset(lake, "landed_files", landed_files(lake, *_DAYS))
    rows = posts.select([name for name in schemas.POSTS.schema.names if name in posts.column_names]).to_pylist()
    write_cells(lake, "posts", [_ACCOUNT], (_DAY, _DAY), schemas.POSTS.table(rows))
    images: list[dict[str, object]] = []
    media.mkdir()
    index = UrlIndex(media / "index.sqlite")
    for row in rows:
        body = str(row["likes"]).encode()
        sha256 = hashlib.sha256(body).hexdigest()
        entry = StoredMedia(f"https://cdn.example/{row['likes']}", sha256, "jpg", len(body), 0, 1, 1, None)
        (media / entry.path).parent.mkdir(exist_ok=True)
        (media / entry.path).write_bytes(body)
        index.record([entry])
        place = {name: row[name] for name in ("account", "day", "post_id")}
        images.append({**place, "position": 0, "image_id": sha256, "path": entry.path, "status": "ok"})
    index.close()
    write_cells(lake, "images", [_ACCOUNT], (_DAY, _DAY), schemas.IMAGES.table(images))
    return home


def _post(days: int) -> dict[str, Any]:
    """A post that was observed so many days after it was published, as its likes say."""
    return {
        "id": str(9000 + days),
        "shortCode": f"M{days}",
        "type": "Image",
        "caption": "",
        "likesCount": days,
        "timestamp": _POSTED.isoformat(),
        "observed_at": (_POSTED + timedelta(days=days)).isoformat(),
        "displayUrl": f"https://cdn.example/{days}",
        "ownerUsername": _ACCOUNT,
        "ownerId": "1001",
    }


def _nothing_recent_is_lost(home: Path) -> str:
    """What is not past is there and can be read, and what is gone is said to be."""
    from instagram_assets.ingest.landing_repair import repair_landing
    from instagram_assets.settings import load_settings
    from instagram_assets.storage.lake import read_table
    from instagram_assets.storage.retention_horizon import read_horizon

    settings = load_settings(data_dir=home)
    lake = UPath(settings.folder("lake"))
    mended = repair_landing(lake, settings)
    if mended.lost or mended.again:
        return f"the landing zone is damaged: {mended}"
    landed = set(read_posts(lake, "posts", [_ACCOUNT], *_DAYS)["likes"].to_pylist())
    kept = set(read_table(lake, "raw_posts")["likes"].to_pylist())
    for name, found in (("landing zone", landed), ("raw_posts", kept)):
        if not set(_RECENT) <= found:
            return f"{name}: only {found}"
        if found != {*_RECENT, *_PAST} and read_horizon(lake).raw is None:
            return f"{name}: observations are gone, and the lake does not say so"
    if read_table(lake, "posts").num_rows != len(_RECENT) + len(_PAST):
        return "posts lost rows"
    images = read_table(lake, "images").to_pylist()
    if missing := [row["path"] for row in images if row["path"] and not (home / "media" / row["path"]).exists()]:
        return f"rows of images name files that are gone: {missing}"
    return ""


def _just_what_is_recent(home: Path) -> str:
    from instagram_assets.retention.retention import RetentionLimits, preview_retention
    from instagram_assets.settings import load_settings
    from instagram_assets.storage.atomic import is_temporary
    from instagram_assets.storage.lake import read_table

    settings = load_settings(data_dir=home)
    lake = UPath(settings.folder("lake"))
    if due := preview_retention(lake, settings, RetentionLimits(_BEFORE, _BEFORE), _DAYS):
        return f"still due: {due.totals}"
    landed = read_posts(lake, "posts", [_ACCOUNT], *_DAYS)["likes"].to_pylist()
    kept = read_table(lake, "raw_posts")["likes"].to_pylist()
    pictures = sorted(path.read_text() for path in (home / "media").glob("??/*"))
    found = sorted(landed), sorted(kept), sorted(map(int, pictures)), os.listdir(home / "inbox" / "done")
    if found != ([*_RECENT], [*_RECENT], [*_RECENT], ["half.json"]):
        return f"left are {found}"
    left = [path.name for path in home.rglob("*") if is_temporary(path.name)]
    return f"left half done: {left}" if left else _nothing_recent_is_lost(home)


RETENTION = Scenario(
    "retention",
    f"{__name__}:take",
    prepare=fill,
    arguments=lambda folder: [str(folder)],
    after_fault=_nothing_recent_is_lost,
    after_rerun=_just_what_is_recent,
    imports=IMPORTS,
)
