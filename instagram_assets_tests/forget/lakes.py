"""A data folder with three accounts that speak of each other, made by the real commands, and pictures of theirs."""

import hashlib
import json
import os
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from upath import UPath

from instagram_assets.ingest.post_ids import shortcode_of
from instagram_assets.lake_index.index_files import INDEX_FOLDER as INDEX
from instagram_assets.lake_index.remove_derived_files import THUMBNAILS
from instagram_assets.lake_index.update import update_index
from instagram_assets.media.url_index import StoredMedia, UrlIndex
from instagram_assets.schemas import CONTRACTS
from instagram_assets.settings import Settings
from instagram_assets.storage.features import FeatureStore
from instagram_assets.storage.fingerprints import url_identity
from instagram_assets.storage.lake_writer import write_asset, write_cells
from instagram_assets.vision.caption_tables import CAPTION_FEATURES as CAPTIONED
from instagram_assets.vision.embed import EMBEDDING_FEATURES as EMBEDDED
from instagram_assets_tests.conftest import export, post, profile

JANE, BOB, CARL = "sun_diary", "moon_cooks", "_star.walks"
"""Who is forgotten, who speaks of her, and who does not."""
SHARED = b"the same picture in two accounts"
DAY = date(2026, 10, 20)


def picture(number: int) -> bytes:
    return f"picture {number}".encode() * 50


def sha(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def records() -> list[dict[str, Any]]:
    """Posts of all three; one of hers stands in Bob's collection, and one of Bob's in hers."""
    own = [long(post(number, JANE, f"2026-10-{19 + number}", caption=f"아침 산책 {number}")) for number in (1, 2, 3)]
    old = long(post(4, JANE, "2011-01-05", caption="아주 오래된 글"))
    jane_id = own[0]["ownerId"]
    bobs = [
        long(post(11, BOB, caption=f"mit @{JANE.upper()} und @{JANE}_2", mentions=[JANE, f"{JANE}_2"])),
        long(post(12, BOB, taggedUsers=[{"username": JANE, "id": jane_id}], caption="산책")),
        long(post(13, BOB, coauthorProducers=[{"username": JANE, "id": jane_id}], caption="함께")),
        long(post(14, BOB, caption="ohne jemanden", url=f"https://www.instagram.com/p/CODE14/?taken-by={JANE}")),
        long(post(15, BOB, caption=f"see instagram.com/p/{own[0]['shortCode']}/")),
        long(post(16, BOB, ownerUsername=JANE, ownerId=jane_id, caption="her post in his collection")),
    ]
    theirs = [long(post(17, JANE, ownerUsername=BOB, ownerId=bobs[0]["ownerId"], caption="his post in hers"))]
    carls = [long(post(number, CARL, f"2026-10-{number}", caption="바다")) for number in (21, 22)]
    return [*own, old, *bobs, *theirs, *carls]


def long(item: dict[str, Any]) -> dict[str, Any]:
    """With an id and a code as long as Instagram's are."""
    number = 3_000_000_000_000_000_000 + int(item["id"])
    code = shortcode_of(number)
    url = item["url"] if "taken-by" in item["url"] else f"https://www.instagram.com/p/{code}/"
    return item | {"id": str(number), "shortCode": code, "url": url}


def make_data(parent: Path) -> Path:
    """Ingest an export of the three and give them pictures; the data folder."""
    from instagram_assets.automation import shell_runs

    files = [export(parent / "data" / "inbox" / f"{JANE}_and_others.json", records())]
    files.append(export(parent / "data" / "inbox" / "profiles.json", [profile(name) for name in (JANE, BOB, CARL)]))
    files.append(export(parent / "data" / "inbox" / "carl_only.json", [long(post(23, CARL, "2026-10-23"))]))
    broken = parent / "data" / "inbox" / "bad.json"
    broken.write_text(json.dumps([long(post(24, CARL)), {**long(post(25, JANE)), "timestamp": "never"}]))
    with shell_runs.open_instance() as instance:
        shell_runs.land(instance, [*files, broken], "2026-11-01T00:00:00+09:00")
        shell_runs.bring_up_to_date(instance)
        shell_runs.run_job(instance, "datasets")
    return parent / "data"


def make_tables(settings: Settings) -> None:
    """Land an export of the three and make raw posts, posts and pictures of it, without Dagster."""
    from instagram_assets.ingest.landing import land_file
    from instagram_assets.ingest.merge import merge_posts
    from instagram_assets.ingest.observations import landed_files, read_posts
    from instagram_assets.schemas import PROFILES_RAW
    from instagram_assets.storage.lake import open_lake

    done = settings.folder("inbox") / "done"
    done.mkdir(parents=True)
    lake = open_lake(settings)
    export(done / f"{JANE}.json", records())
    export(done / "profiles.json", [profile(name) for name in (JANE, BOB, CARL)])
    for path in sorted(done.iterdir()):
        os.utime(path, (1_760_000_000, 1_760_000_000))
        land_file(path, lake, settings=settings)
    span = date(2010, 1, 1), date(2026, 12, 31)
    for account in (JANE, BOB, CARL):
        raw = read_posts(lake, "posts", [account], *span)
        write_cells(lake, "raw_posts", [account], span, raw)
        write_cells(lake, "posts", [account], span, merge_posts(raw, raw.slice(0, 0), PROFILES_RAW.empty()))
    write_asset(lake, "landed_files", landed_files(lake, *span))
    add_pictures(settings)


def add_derived(settings: Settings) -> None:
    """The index of the lake, what a killed update of it left, and a thumbnail of each picture."""
    folder = settings.folder(INDEX)
    update_index(UPath(settings.lake_uri), folder, settings.time_zone)
    (folder / f".index.duckdb.host.4194303.{'0' * 32}.tmp.wal").write_bytes(f"posts of {JANE}".encode())
    spilled = folder / f".index.duckdb.host.4194303.{'0' * 32}.tmp.tmp"
    spilled.mkdir()
    (spilled / "duckdb_temp_storage_DEFAULT-0.tmp").write_bytes(f"more of {JANE}".encode())
    for image in sorted(settings.folder("media").glob("??/*.jpg")):
        small = settings.folder(THUMBNAILS) / image.parent.name / image.name
        small.parent.mkdir(parents=True, exist_ok=True)
        small.write_bytes(b"a small one")


def add_pictures(settings: Settings) -> None:
    """A picture for each account, one that two of them have, and what models would say of them."""
    posts = {item["id"]: item for item in records()}
    given = [
        *((JANE, long(post(number, JANE)), picture(number)) for number in (1, 2)),
        (JANE, long(post(3, JANE)), SHARED),
        (BOB, long(post(11, BOB)), SHARED),
        (BOB, long(post(12, BOB)), picture(12)),
        (BOB, long(post(16, BOB)), picture(16)),
        (JANE, long(post(17, JANE)), picture(17)),
        (CARL, long(post(21, CARL)), picture(21)),
    ]
    rows = [_stored(settings, account, posts[item["id"]], body) for account, item, body in given]
    lake = UPath(settings.lake_uri)
    for account in (JANE, BOB, CARL):
        own = [row for row in rows if row["account"] == account]
        days = date(2026, 10, 1), date(2026, 10, 31)
        for name in ("images", "image_quality", "captions", "embeddings"):
            known = CONTRACTS[name].schema.names
            table = [{key: row[key] for key in row if key in known} for row in own]
            write_cells(lake, name, [account], days, CONTRACTS[name].table(table))
    clusters: list[dict[str, Any]] = [
        {"scope": "all", "cluster": 0, **_ids(row)} for row in {row["image_id"]: row for row in rows}.values()
    ]
    write_asset(lake, "clusters", CONTRACTS["clusters"].table(clusters))
    images = [row["image_id"] for row in clusters]
    topics: list[dict[str, Any]] = [{"source": "clusters", "scope": "all", "topic": 0, "image_ids": images}]
    write_asset(lake, "topics", CONTRACTS["topics"].table(topics))
    _features(lake, images)


def _ids(row: dict[str, Any]) -> dict[str, Any]:
    return {"image_id": row["image_id"], "near_group": row["image_id"]}


def _stored(settings: Settings, account: str, item: dict[str, Any], body: bytes) -> dict[str, Any]:
    """A picture in the media store, with its row."""
    image_id, url = sha(body), item["displayUrl"]
    path = settings.folder("media") / image_id[:2] / f"{image_id}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    index = UrlIndex(settings.folder("media") / "index.sqlite")
    index.record([StoredMedia(url_identity(url), image_id, "jpg", len(body), path.stat().st_mtime_ns, 10, 10, None)])
    index.close()
    day = date.fromisoformat(item["timestamp"][:10])
    return {
        "image_id": image_id,
        "post_id": item["id"],
        "account": account,
        "day": day,
        "position": 0,
        "url": url,
        "path": f"{image_id[:2]}/{image_id}.jpg",
        "status": "ok",
        "near_group": image_id,
        "caption": "a walk",
    }


def _features(lake: UPath, images: list[str]) -> None:
    embedded = FeatureStore(lake / "features", "embeddings", "clip", EMBEDDED)
    captioned = FeatureStore(lake / "features", "captions", "blip", CAPTIONED)
    for image_id in images:
        vector = pa.array([np.ones(4, np.float32)], pa.list_(pa.float32()))
        embedded.append(pa.table([[image_id], vector, ["ok"], [None]], schema=EMBEDDED))
    said = [{"image_id": image_id, "caption": "a walk", "score": 0.2, "status": "ok"} for image_id in images]
    said[-1]["caption"] = f"a page of @{JANE}"
    captioned.append(pa.Table.from_pylist(said, schema=CAPTIONED))
