"""Data folders to back up: a small one with a file of every kind, made by the program's own parts."""

import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from upath import UPath

from instagram_assets.backups.backup_contents import BackupContents
from instagram_assets.backups.restore import RESTORED_FILE
from instagram_assets.ingest.landing import land_file
from instagram_assets.ingest.observations import read_posts
from instagram_assets.media.download_options import SizeLimits
from instagram_assets.media.store import MediaStore
from instagram_assets.settings import Settings
from instagram_assets.storage.features import FeatureStore
from instagram_assets.storage.lake_writer import write_cells
from instagram_assets_tests.conftest import export, post
from instagram_assets_tests.media.pictures import picture

DAYS = (date(2026, 10, 20), date(2026, 10, 21))
FEATURES = pa.schema([("image_id", pa.string()), ("caption", pa.string())])
ACCOUNTS = ("sun_diary", "007", "_sea")


def filled(data: Path, **settings: Any) -> BackupContents:
    """A data folder with two landed files, a waiting one, tables, features, media, a ledger and a history."""
    chosen = Settings(data_dir=data, **settings)
    contents = BackupContents(chosen, data / "dagster", {})
    inbox, lake = chosen.folder("inbox"), contents.lake
    (inbox / "done").mkdir(parents=True)
    put_posts(contents, "first.json", [post(n, account) for n, account in enumerate(ACCOUNTS)])
    put_posts(contents, "second.json", [post(9, day="2026-10-21"), {"error": "not_found"}])
    export(inbox / "waiting.json", [post(77)])
    features(lake).append(pa.table({"image_id": ["a"], "caption": ["a dog"]}, FEATURES))
    with MediaStore(chosen.folder("media")) as store:
        for number in range(3):
            store.add_local(
                f"https://cdn.example/{number}.jpg", picture("JPEG", number), SizeLimits("image", 1 << 20, 40)
            )
    (data / "scrapes").mkdir()
    (data / "scrapes" / "note.json").write_text("{}")
    (data / "accounts.toml").write_text("# nobody\n")
    (data / "datasets").mkdir()
    (data / "datasets" / "post.csv").write_text("id\n")
    (data / "datasets" / "search" / "cat").mkdir(parents=True)
    (data / "datasets" / "search" / "cat" / "my notes.txt").write_text("the third is a dog\n")
    for place in ("ledger/calls.sqlite", "dagster/history/runs.db", "dagster/history/runs/index.db"):
        database(data / place, 3)
    (data / "dagster" / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    return contents


def put_posts(contents: BackupContents, name: str, posts: list[dict[str, Any]]) -> None:
    """Land a file of posts, put it aside, and make its cells: what a run does."""
    done = export(contents.settings.folder("inbox") / "done" / name, posts)
    landed = land_file(done, contents.lake, settings=contents.settings, observed_at=datetime(2026, 11, 1, tzinfo=UTC))
    rows = read_posts(contents.lake, "posts", landed.accounts, *DAYS)
    write_cells(contents.lake, "raw_posts", landed.accounts, DAYS, rows)


def features(lake: UPath) -> FeatureStore:
    """The captions of a model."""
    return FeatureStore(lake / "features", "captions", "model", FEATURES)


def database(path: Path, rows: int) -> Path:
    """A database in which somebody might write; its log is not yet part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as made, made:
        made.execute("PRAGMA journal_mode = WAL")
        made.execute("CREATE TABLE IF NOT EXISTS numbers (number INTEGER)")
        made.executemany("INSERT INTO numbers VALUES (?)", [(number,) for number in range(rows)])
    return path


def numbers(path: Path) -> list[int]:
    """What is in such a database."""
    with closing(sqlite3.connect(path)) as opened:
        return [number for (number,) in opened.execute("SELECT number FROM numbers ORDER BY number")]


def tree(root: Path, prefix: str = "") -> dict[str, bytes]:
    """Every file below a folder with its bytes, but for what each machine has of its own, and marks of a restore."""
    return {
        prefix + path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.name.endswith((".db", ".sqlite", "-wal", "-shm")) and path.name != RESTORED_FILE
    }


def stored_tree(data: Path) -> dict[str, bytes]:
    """As `tree`, of what belongs to a backup."""
    left = ("datasets/", "reports/", "models/", "privacy/")
    return {
        path: content
        for path, content in tree(data).items()
        if path.startswith("datasets/search/") or not path.startswith(left)
    }
