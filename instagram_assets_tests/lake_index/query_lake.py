"""A lake of some hundred posts and images whose rows a test finds again in plain Python."""

from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

from upath import UPath

from instagram_assets.lake_index.index_reader import LakeIndex
from instagram_assets.lake_index.update import update_index
from instagram_assets.schemas import CONTRACTS
from instagram_assets.storage.lake_writer import write_asset, write_cells

ACCOUNTS = ("jane.doe", "_min_", "007", "#육아일기")
CAPTIONS = (
    "Cats at #Home 🐶",
    "강아지산책 하는 날 @sun_diary",
    "ＣＡＴＳ and dogs! 100%",
    "STRASSE 👍🏽 #산책",
    'it\'s "quoted"',
    None,
)
LOOKS = ("a red cat on a mat", "two dogs", None)
DAYS = (date(2026, 10, 1), date(2026, 10, 31))


def write_lake(root: UPath) -> None:
    """The lake."""
    random = Random(7)
    clusters: dict[str, dict[str, Any]] = {}
    for account in ACCOUNTS:
        tables: dict[str, list[dict[str, Any]]] = {
            name: [] for name in ("posts", "raw_posts", "impressions", "tokens", "images", "image_quality", "captions")
        }
        for number in range(30):
            _add_post(tables, clusters, account, number, random)
        for name, rows in tables.items():
            write_cells(root, name, [account], DAYS, CONTRACTS[name].table(rows))
    write_asset(root, "clusters", CONTRACTS["clusters"].table(list(clusters.values())))
    found: list[dict[str, Any]] = [
        {"search": "cats", "rank": rank, "image_id": image_id(f"cats{rank}"), "status": "ok", "sharpness": 1.5}
        for rank in range(5)
    ]
    write_cells(root, "search_images", ["cats"], None, CONTRACTS["search_images"].table(found))


def indexed(folder: Path) -> LakeIndex:
    """The lake in `lake` of a folder, and its index in `index`."""
    root = UPath(folder / "lake")
    write_lake(root)
    update_index(root, folder / "index", "Asia/Seoul")
    return LakeIndex(folder / "index")


def image_id(name: str) -> str:
    """The id of an image."""
    return sha256(name.encode()).hexdigest()


def _add_post(
    tables: dict[str, list[dict[str, Any]]], clusters: dict[str, Any], account: str, number: int, random: Random
) -> None:
    day = date(2026, 10, 1 + number)
    key = {"account": account, "day": day, "post_id": f"{number:03}"}
    taken = datetime(2026, 10, 1, tzinfo=UTC) + timedelta(days=number, hours=number % 9)
    counts = {"likes": random.choice((None, *range(5))), "comments": 1, "kind": random.choice(("post", "reel"))}
    caption = CAPTIONS[number % len(CAPTIONS)]
    seen = key | counts | {"observed_at": taken + timedelta(hours=1)}
    post = {"taken_at": taken, "caption": caption, "hashtags": ["only.here"] if number == 4 else []}
    tables["posts"].append(seen | post | {"shortcode": f"S{number}", "source_file": "a.json", "source_index": number})
    tables["raw_posts"].append(seen)
    tables["impressions"].append(key | {"followers": 10, "impression": random.choice((None, 0.1, 0.2))})
    if caption:
        tables["tokens"].append(key | {"language": "ko", "tokens": [{"word": "걷다", "pos": "verb"}]})
    for position in range((number + number // 6) % 3):
        found = image_id(f"{account}{number}{position}")
        place = key | {"image_id": found, "position": position}
        tables["images"].append(place | {"status": "ok", "path": f"{found[:2]}/{found}.jpg"})
        quality = {"sharpness": float(random.randrange(9)), "passed": random.random() < 0.5, "near_group": found}
        tables["image_quality"].append(place | quality | {"status": "ok"})
        tables["captions"].append(place | {"caption": random.choice(LOOKS), "status": "ok"})
        clusters[found] = {"scope": "all", "image_id": found, "cluster": random.randrange(-1, 3), "is_largest": False}
        clusters[found] |= {"near_group": found, "model": "small"}
