"""A small lake for the gallery: three accounts, sharp and blurred images of two clusters, in October and November."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from instagram_assets.lake_index.index_files import INDEX_FOLDER
from instagram_assets.lake_index.update import update_index
from instagram_assets.schemas import CONTRACTS
from instagram_assets.settings import load_settings
from instagram_assets.storage.lake import lake_root
from instagram_assets.storage.lake_writer import write_asset, write_cells

ACCOUNTS = ("sun_diary", "moon_walks", "tree_house")
COLOURS = ("crimson", "gold", "seagreen", "royalblue", "orchid")


@dataclass(frozen=True)
class Stored:
    """One image of the lake."""

    image_id: str
    account: str
    post_id: str
    day: date
    is_sharp: bool
    cluster: int


def write_gallery_lake(data: Path) -> list[Stored]:
    """Write the tables, the pictures and the index; what there is, by account and day."""
    settings = load_settings(data_dir=data)
    lake = lake_root(settings)
    every: list[Stored] = []
    for number, account in enumerate(ACCOUNTS):
        for turn in range(20):
            day = date(2026, 10 if turn < 14 else 11, 1 + turn % 14)
            body = _picture(number * 100 + turn)
            image_id = sha256(body).hexdigest()
            path = data / "media" / image_id[:2] / f"{image_id}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
            every.append(Stored(image_id, account, f"{account}-{turn:02}", day, turn % 4 != 0, 3 if turn % 3 else 5))
    for account in ACCOUNTS:
        own = [image for image in every if image.account == account]
        for month in (10, 11):
            cells = [image for image in own if image.day.month == month]
            days = (min(image.day for image in cells), max(image.day for image in cells))
            for name, rows in _tables(cells).items():
                write_cells(lake, name, [account], days, CONTRACTS[name].table(rows))
    clusters = [_row(image, cluster=image.cluster, is_largest=image.cluster == 3, scope="all") for image in every]
    wanted = set(CONTRACTS["clusters"].schema.names)
    rows = [{name: value for name, value in row.items() if name in wanted} for row in clusters]
    write_asset(lake, "clusters", CONTRACTS["clusters"].table(rows))
    update_index(lake, settings.folder(INDEX_FOLDER), settings.time_zone)
    return every


def _tables(images: Iterable[Stored]) -> dict[str, list[dict[str, Any]]]:
    posts: list[dict[str, Any]] = []
    tables: dict[str, list[dict[str, Any]]] = {"images": [], "image_quality": [], "captions": []}
    for number, image in enumerate(images):
        at = datetime(image.day.year, image.day.month, image.day.day, 3, tzinfo=UTC)
        posts.append(
            {
                "post_id": image.post_id,
                "shortcode": image.post_id.replace("_", "").replace("-", ""),
                "account": image.account,
                "day": image.day,
                "kind": "post",
                "owner": image.account,
                "taken_at": at,
                "observed_at": at,
                "caption": f"{'고양이 산책' if image.cluster == 5 else '바다'} #{image.account} <b>no markup</b>",
                "likes": 100 + number,
                "comments": number,
            }
        )
        place: dict[str, Any] = {
            "image_id": image.image_id,
            "account": image.account,
            "day": image.day,
            "post_id": image.post_id,
        }
        place["position"] = 0
        path = f"{image.image_id[:2]}/{image.image_id}.jpg"
        tables["images"].append({**place, "path": path, "width": 400, "height": 400, "bytes": 1, "status": "ok"})
        tables["image_quality"].append(
            {**place, "sharpness": 400.0 if image.is_sharp else 20.0, "passed": image.is_sharp}
        )
        tables["captions"].append({**place, "caption": f"a shape, number {number}", "score": 0.9})
    return {"raw_posts": posts, "posts": posts, **tables}


def _row(image: Stored, **also: Any) -> dict[str, Any]:
    return {
        "image_id": image.image_id,
        "account": image.account,
        "day": image.day,
        "post_id": image.post_id,
        "position": 0,
        **also,
    }


def _picture(seed: int) -> bytes:
    image = Image.new("RGB", (400, 400), COLOURS[seed % 5])
    draw = ImageDraw.Draw(image)
    draw.text((40 + seed % 200, 60 + seed // 2), str(seed), fill="white", font_size=120)
    out = io.BytesIO()
    image.save(out, "JPEG")
    return out.getvalue()
