"""A lake of N posts and N images, to measure the web app with: `python -m benchmarks.web_lake FOLDER N`.

200 accounts post about once a day for up to five years. Captions are Korean, their words as frequent as people's;
each image has its hash, sharpness, sentence, cluster and embedding, and one of a few hundred real JPEGs as its file.
Files are those that the lake has, written without waiting for the disk.
"""

import argparse
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from upath import UPath

from benchmarks import web_lake_images as pictures
from benchmarks.posts import account_name
from benchmarks.web_lake_posts import ACCOUNTS, LAST_DAY, MOST_DAYS, Plan, account_tables, table
from instagram_assets.demo import MODELS
from instagram_assets.schemas import CONTRACTS
from instagram_assets.settings import ModelSettings, Settings
from instagram_assets.storage.lake_writer import write_asset, write_cells
from instagram_assets.storage.layout import folder_name, lower_first_year
from instagram_assets.storage.parquet_files import to_bytes
from instagram_assets.vision.pipeline import find_embedder

SEARCHES = {"고양이": 500, "전기차": 300}
_WITHOUT_ACCOUNT = ("viral_labels",)
_FIRST_OF_SEARCHES = 10**12
"""Numbers of images that no post has."""


@dataclass(frozen=True)
class Written:
    """What was written of one account: its labels, and the numbers of its images that have embeddings."""

    labels: pa.Table
    embedded: pa.Array


def settings_of(data: Path) -> Settings:
    """The settings for such a folder: the models are those of the demo, whose embeddings have 512 numbers, too."""
    models = ModelSettings(embedding_model=str(MODELS / "clip"))
    return Settings(data_dir=data, models=models, _env_file=None)  # pyright: ignore[reportCallIssue]


def write_lake(data: Path, count: int, accounts: int = ACCOUNTS) -> Settings:
    """Fill a data folder with `count` posts, a multiple of `accounts`, and as many images; the settings for it."""
    settings = settings_of(data)
    lake = UPath(settings.lake_uri)
    each = count // accounts
    days = min(each, MOST_DAYS)
    lower_first_year(lake, date.fromordinal(LAST_DAY.toordinal() - days).year)
    files = pictures.draw_pictures(settings.folder("media"))
    model = find_embedder(settings).label
    plans = [Plan(number, each, days, model, files) for number in range(accounts)]
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        written = list(pool.map(_write_account, [lake.path] * accounts, plans))
    write_asset(lake, "viral_labels", pa.concat_tables([one.labels for one in written]))
    ids = pa.concat_arrays([one.embedded for one in written]).unique()
    _write_clusters(lake, ids, model)
    _write_topics(lake, ids)
    for place, (word, many) in enumerate(SEARCHES.items()):
        _write_search(lake, word, np.arange(many) + _FIRST_OF_SEARCHES + place * 10**6, files, model)
    return settings


def _write_account(lake: str, plan: Plan) -> Written:
    tables = account_tables(plan)
    account = account_name(plan.account)
    for name, rows in tables.items():
        if name in _WITHOUT_ACCOUNT:
            continue
        folder = Path(lake, name, folder_name(account))
        folder.mkdir(parents=True, exist_ok=True)
        for file, some in _months(rows):
            (folder / file).write_bytes(to_bytes(some))
    embeddings = tables["embeddings"]
    passed = embeddings.filter(embeddings["embedding"].is_valid())["image_id"]
    return Written(tables["viral_labels"], passed.combine_chunks())


def _months(rows: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """The rows of each month, which stand together, and the file that they go into."""
    if "day" not in rows.column_names:
        yield "part.parquet", rows
        return
    months = rows["day"].to_numpy().astype("datetime64[M]")
    starts = np.flatnonzero(np.concatenate([[True], months[1:] != months[:-1]])) if len(months) else []
    for start, end in zip(starts, [*starts[1:], len(months)], strict=True):
        yield f"{months[start]}.parquet", rows.slice(start, end - start)


def _write_clusters(lake: UPath, ids: pa.Array, model: str) -> None:
    clusters = _clusters_of(ids)
    columns = {"scope": "all", "image_id": ids, "cluster": clusters, "is_largest": clusters == 0, "model": model}
    write_asset(lake, "clusters", table("clusters", {**columns, "near_group": ids}))


def _clusters_of(ids: pa.Array) -> np.ndarray[Any, Any]:
    """A cluster for each image_id, by its first digits: which of them a picture is in does not matter here."""
    heads = np.array([int(image_id[:8], 16) for image_id in ids.to_pylist()])
    return np.where(heads % 5 == 0, -1, ((heads / 2**32) ** 2 * pictures.CLUSTERS).astype(np.int64))


def _write_topics(lake: UPath, ids: pa.Array) -> None:
    """Of each cluster its words and some of its images."""
    clusters, names = _clusters_of(ids), ids.to_pylist()
    rows: list[dict[str, Any]] = []
    for number in range(pictures.CLUSTERS):
        places = np.flatnonzero(clusters == number)
        words = [{"word": word, "score": 0.1} for word in ("산책", "육아", "카페")]
        known = {"source": "clusters", "scope": "all", "topic": number, "name": "산책, 육아, 카페", "words": words}
        shown = [names[place] for place in places[:12]]
        rows.append({**known, "images": len(places), "posts": len(places), "sizes": [], "image_ids": shown})
    write_asset(lake, "topics", CONTRACTS["topics"].table(rows))


def _write_search(lake: UPath, word: str, numbers: np.ndarray[Any, Any], files: list[str], model: str) -> None:
    ids, sharp = pictures.image_ids(numbers), pictures.sharpness(numbers)
    passed = sharp >= 100
    found = {
        "search": word,
        "rank": np.arange(len(ids)) + 1,
        "image_id": ids,
        "url": [f"https://blog.example/{image_id[:12]}.jpg" for image_id in ids],
        "path": [files[place % len(files)] for place in range(len(ids))],
        "width": 1080,
        "height": 1350,
        "bytes": 200_000,
        "sharpness": sharp,
        "passed": passed,
        "status": "ok",
        "reason": [None if good else "blurred" for good in passed],
    }
    write_cells(lake, "search_images", [word], None, table("search_images", found))
    kept = pa.array([image_id for image_id, good in zip(ids, passed, strict=True) if good])
    vectors = pictures.embeddings(numbers[passed])
    column = pa.array(list(vectors), CONTRACTS["search_embeddings"].schema.field("embedding").type)
    known = {"search": word, "image_id": kept}
    embedded = table("search_embeddings", {**known, "embedding": column, "model": model, "status": "ok"})
    write_cells(lake, "search_embeddings", [word], None, embedded)
    clusters = pictures.cluster_of(numbers[passed]) % 3
    grouped = {**known, "cluster": clusters, "distance": 0.1, "is_subject": clusters == 0, "near_group": kept}
    write_cells(lake, "search_clusters", [word], None, table("search_clusters", grouped))


def main() -> None:
    """Write one, and say with which settings to look at it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="data folder that is made")
    parser.add_argument("count", type=int, help="posts, and as many images: 10000, 100000, 1000000")
    chosen = parser.parse_args()
    settings = write_lake(chosen.folder.absolute(), chosen.count)
    print(f"INSTAGRAM_ASSETS_DATA_DIR={settings.data_dir}")
    print(f"INSTAGRAM_ASSETS_MODELS__EMBEDDING_MODEL={settings.models.embedding_model}")


if __name__ == "__main__":
    main()
