"""The data folder of `benchmarks.web`: 200 accounts with posts, one finished image search, a long history."""

import hashlib
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
from upath import UPath

from benchmarks.forget_lake import write_data
from benchmarks.web_history import write_history
from instagram_assets.datasets.image_folder import write_folder
from instagram_assets.demo.synthetic_images import SCENE_COLOURS, SCENE_SHAPES, Scene, encode_image
from instagram_assets.partitions import register_search
from instagram_assets.schemas import CONTRACTS
from instagram_assets.search.results_page import SearchHit
from instagram_assets.search.search_requests import SearchRequest, save_hits, save_request
from instagram_assets.settings import Settings
from instagram_assets.storage.lake_writer import write_cells

ACCOUNTS, DAYS, PICTURES = 200, 30, 500
WORD = "펭귄"
_BACKGROUNDS = ("white", "black")
_REASONS = ("", "", "", "", "blurred: sharpness 31.2, below 100", "in no cluster", "in cluster 1, not the subject's")

Row = dict[str, Any]


def write_platform(data: Path, accounts: int = ACCOUNTS, images: int = PICTURES) -> Settings:
    """Everything but the history; the settings that name it."""
    settings = write_data(data, accounts, DAYS, accounts)
    _write_search(settings, images)
    return settings


def add_history(home: Path, count: int, before: int = 0) -> list[str]:
    """Add runs to the history; their ids. The newest is the search whose images are there."""
    os.environ["DAGSTER_HOME"] = str(home)  # which the home's settings ask for
    with dg.DagsterInstance.get() as instance:
        register_search(instance, WORD)
        return write_history(instance, count, before, WORD)


def _write_search(settings: Settings, count: int) -> None:
    """A search as it is when it has ended: its request, its results, every table of it, its folder."""
    lake, media = UPath(settings.lake_uri), settings.folder("media")
    request = SearchRequest.of(settings, WORD, limit=count)
    pictures = list(_pictures(media, count))
    rows = [_row(number, image_id, width) for number, (image_id, _, width) in enumerate(pictures)]
    files = {image_id: path for image_id, path, _ in pictures}
    hits = [SearchHit(row["rank"], row["url"], "", "img", row["page_url"]) for row in rows]
    save_request(lake, request)
    save_hits(lake, request, "naver", hits)
    written = write_folder(settings.folder("datasets") / "search" / WORD, rows, files, request.model_dump())
    fetched = [_fetched(row, files[row["image_id"]].relative_to(media)) for row in rows]
    tables = {
        "search_results": [{**row, "selector": "img"} for row in rows],
        "search_images": fetched,
        "search_clusters": [{**row, "is_subject": row["cluster"] == 0, "near_group": row["image_id"]} for row in rows],
        "search_dataset": written.rows,
    }
    for name, some in tables.items():
        contract = CONTRACTS[name]
        known = set(contract.schema.names)
        table = contract.table([{key: row[key] for key in known & row.keys()} for row in some])
        write_cells(lake, name, [WORD], None, table)


def _pictures(media: Path, count: int) -> Iterator[tuple[str, Path, int]]:
    """Pictures in the media folder: the SHA-256 of each, its file and its width."""
    chance = random.Random(20)
    for number in range(count):
        shape, colour = chance.choice(list(SCENE_SHAPES)), chance.choice(list(SCENE_COLOURS))
        scene = Scene(shape, colour, chance.choice(_BACKGROUNDS), 400, 300, number)
        content = encode_image(scene)
        image_id = hashlib.sha256(content).hexdigest()
        path = media / image_id[:2] / f"{image_id}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        yield image_id, path, scene.width


def _row(number: int, image_id: str, width: int) -> Row:
    reason = _REASONS[number % len(_REASONS)]
    return {
        "search": WORD,
        "query": WORD,
        "rank": number + 1,
        "file": None,
        "kept": not reason,
        "reason": reason or None,
        "source": "naver",
        "url": f"https://blog.example/{number}.jpg",
        "page_url": "https://search.example/?query=word",
        "image_id": image_id,
        "width": width,
        "height": 300,
        "sharpness": 31.2 if reason.startswith("blurred") else 412.5,
        "cluster": -1 if reason == "in no cluster" else int("cluster 1" in reason),
        "distance": 0.07,
    }


def _fetched(row: Row, path: Path) -> Row:
    is_sharp = row["sharpness"] > 100
    reason = None if is_sharp else row["reason"]
    return {**row, "path": path.as_posix(), "status": "ok", "passed": is_sharp, "reason": reason}
