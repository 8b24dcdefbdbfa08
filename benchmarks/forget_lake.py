"""A data folder in which one account of many is to be forgotten: landed, merged and looked at, as ingest leaves it."""

import hashlib
import random
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from upath import UPath

from benchmarks.posts import FIRST_DAY, account_name, write_days, write_profiles
from instagram_assets.arrow import compute
from instagram_assets.engagement.post_metrics import impressions
from instagram_assets.ingest.landing import land_file
from instagram_assets.ingest.merge import merge_posts
from instagram_assets.ingest.observations import read_posts, read_profiles
from instagram_assets.media.url_index import StoredMedia, UrlIndex
from instagram_assets.schemas import CONTRACTS
from instagram_assets.settings import Settings
from instagram_assets.storage.features import FeatureStore
from instagram_assets.storage.fingerprints import url_identity
from instagram_assets.storage.layout import folder_name, set_up
from instagram_assets.storage.parquet_files import to_bytes
from instagram_assets.vision.embed import EMBEDDING_FEATURES

_AT_ONCE = 50
_WIDTH = 512


def write_data(data: Path, accounts: int, days: int, images: int) -> Settings:
    """Fill a data folder with a post per account and day, and `images` pictures; the settings that name it."""
    settings = Settings(data_dir=data, _env_file=None)  # pyright: ignore[reportCallIssue]
    lake = UPath(settings.lake_uri)
    set_up(lake)
    for name in ("posts", "profiles"):
        path = data / f"{name}.json"
        if name == "posts":
            write_days(path, accounts, range(days))
        else:
            write_profiles(path, accounts)
        land_file(path, lake, settings=settings)
        path.unlink()
    every = max(accounts * days // images, 1)
    names = [account_name(number) for number in range(accounts)]
    first = date.fromisoformat(FIRST_DAY)
    span = first - timedelta(days=1), first + timedelta(days=days)
    entries: list[StoredMedia] = []
    labels: list[pa.Table] = []
    for start in range(0, accounts, _AT_ONCE):
        some = names[start : start + _AT_ONCE]
        raw, reels = read_posts(lake, "posts", some, *span), read_posts(lake, "reels", some, *span)
        profiles = read_profiles(lake, some)
        posts = merge_posts(raw, reels, profiles)
        tables = {"raw_posts": raw, "raw_reels": reels, "posts": posts}
        tables |= {"impressions": impressions(posts), "tokens": _tokens(posts)}
        tables |= _pictures(posts, every, settings.folder("media"), entries)
        labels.append(_labels(posts))
        for name, table in tables.items():
            _write(lake, name, table)
        for account in some:
            rows = profiles.filter(compute.equal(profiles["account"], account))
            _put(lake / "raw_profiles" / folder_name(account) / "part.parquet", rows)
    _put(lake / "viral_labels" / "part.parquet", pa.concat_tables(labels))
    index = UrlIndex(settings.folder("media") / "index.sqlite")
    index.record(entries)
    index.close()
    _features(lake, entries)
    return settings


def _tokens(posts: pa.Table) -> pa.Table:
    rows: list[dict[str, object]] = []
    for row in posts.select(["post_id", "account", "day", "caption", "hashtags", "mentions"]).to_pylist():
        words = (row.pop("caption") or "").split()
        rows.append({**row, "tokens": [{"word": word, "pos": "Noun"} for word in words], "nouns": words})
    return CONTRACTS["tokens"].table(rows)


def _pictures(posts: pa.Table, every: int, media: Path, entries: list[StoredMedia]) -> dict[str, pa.Table]:
    """The tables of pictures, one of each so many posts, whose files are stored."""
    chance = random.Random(len(entries))
    rows: list[dict[str, Any]] = []
    for row in posts.select(["post_id", "account", "day", "media"]).to_pylist()[::every]:
        if not row["media"]:
            continue
        body = chance.randbytes(60_000)
        image_id, url = hashlib.sha256(body).hexdigest(), row["media"][0]["url"]
        path = media / image_id[:2] / f"{image_id}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        entries.append(
            StoredMedia(url_identity(url), image_id, "jpg", len(body), path.stat().st_mtime_ns, 1080, 1080, None)
        )
        known = {name: row[name] for name in ("post_id", "account", "day")}
        rows.append({**known, "position": 0, "image_id": image_id, "url": url, "status": "ok", "near_group": image_id})
    made: dict[str, pa.Table] = {}
    for name in ("images", "image_quality", "captions", "embeddings"):
        own = CONTRACTS[name].schema.names
        made[name] = CONTRACTS[name].table([{key: each[key] for key in each if key in own} for each in rows])
    vectors = pa.array(list(np.zeros((len(rows), _WIDTH), np.float32)), pa.list_(pa.float32()))
    place = made["embeddings"].column_names.index("embedding")
    made["embeddings"] = made["embeddings"].set_column(place, made["embeddings"].schema.field(place), vectors)
    return made


def _labels(posts: pa.Table) -> pa.Table:
    columns = ["kind", "account", "url", "taken_at", "observed_at", "likes"]
    ids = [{"id": row.pop("post_id"), **row} for row in posts.select(["post_id", *columns]).to_pylist()]
    return CONTRACTS["viral_labels"].table(ids)


def _features(lake: UPath, entries: list[StoredMedia]) -> None:
    store = FeatureStore(lake / "features", "embeddings", "clip", EMBEDDING_FEATURES)
    for start in range(0, len(entries), 256):
        some = entries[start : start + 256]
        vectors = np.random.default_rng(start).random((len(some), _WIDTH), np.float32)
        ids, count = [entry.image_id for entry in some], len(some)
        columns = [pa.array(ids), pa.array(list(vectors), pa.list_(pa.float32())), ["ok"] * count, [None] * count]
        store.append(pa.table(columns, schema=EMBEDDING_FEATURES))


def _write(lake: UPath, name: str, table: pa.Table) -> None:
    for place, rows in _months(table):
        _put(lake / name / place, rows)


def _months(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    table = table.sort_by([("account", "ascending"), ("day", "ascending")])
    months = compute.strftime(table["day"], "%Y-%m").to_pylist()
    places = [
        f"{folder_name(account)}/{month}.parquet"
        for account, month in zip(table["account"].to_pylist(), months, strict=True)
    ]
    starts = [row for row in range(len(places)) if not row or places[row] != places[row - 1]]
    for start, end in zip(starts, [*starts[1:], len(places)], strict=True):
        yield places[start], table.slice(start, end - start)


def _put(path: UPath, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(to_bytes(table))
