"""What one would do without an index, beside it: DuckDB over the lake's files, `ILIKE`, an exact search by numpy."""

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import numpy as np
from upath import UPath

from benchmarks.measure import Report, in_child
from benchmarks.web_asking import timed_once_each
from benchmarks.web_lake import settings_of
from instagram_assets.lake_index.embedding_file import embedding_parts
from instagram_assets.lake_index.index_reader import LakeIndex
from instagram_assets.lake_index.nearest_neighbours import Vectors, nearest_rows

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_QUERIES, _FIRST = 20, 100
_ROUNDS = 3


def measure_peers(report: Report, app: str, data: Path, name: str, words: Sequence[str]) -> None:
    """The same questions by DuckDB, each time over the lake's Parquet files and over the index without its terms."""
    import duckdb

    lake = data / "lake"
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2")
        posts = f"read_parquet('{lake}/posts/*/*.parquet')"
        scanned = [_ms(lambda word=word: _scan(connection, posts, word)) for word in words]
    index = LakeIndex(data / "index")
    liked = [_ms(lambda word=word: _scan_index(index, word)) for word in words]
    ours = [
        timed_once_each(app, word, [f"/api/posts?{urlencode({'q': word, 'limit': n})}" for n in range(57, 60)])
        for word in words
    ]
    index.close()
    middle = statistics.median(one.median for one in ours)
    report.figures |= {
        f"parquet_text_search_ms_{name}": statistics.median(scanned),
        f"ilike_text_search_ms_{name}": statistics.median(liked),
        f"text_search_ratio_vs_parquet_{name}": statistics.median(scanned) / middle,
        f"text_search_ratio_vs_ilike_{name}": statistics.median(liked) / middle,
    }
    report.note(
        f"a word in captions: {middle:.0f} ms by the app, {statistics.median(scanned):.0f} ms by DuckDB over the files "
        f"of the lake, {statistics.median(liked):.0f} ms by ILIKE over the index's captions"
    )


def _scan(connection: "DuckDBPyConnection", posts: str, word: str) -> object:
    found = "SELECT account, post_id, taken_at, caption FROM {} WHERE caption ILIKE '%' || $1 || '%'"
    return connection.execute(
        f"SELECT *, count(*) OVER () FROM ({found.format(posts)}) ORDER BY taken_at DESC LIMIT 60", [word]
    ).fetchall()


def _scan_index(index: LakeIndex, word: str) -> object:
    return index.rows(
        "SELECT account, post_id, taken_at, caption, count(*) OVER () FROM posts "
        "WHERE caption ILIKE '%' || $1 || '%' ORDER BY taken_at DESC LIMIT 60",
        word,
    )


def measure_recall(report: Report, data: Path, name: str) -> None:
    """How many of the exact 100 nearest of the lake's own float32 numbers are found, and what exactness would cost."""
    measured = in_child("benchmarks.web_index_peers:recall", str(data))
    found = measured.result
    report.figures |= {
        f"meaning_recall_{name}": found["recall"],
        "meaning_recall": min(found["recall"], report.figures.get("meaning_recall", 1.0)),
        f"nearest_ms_{name}": found["ours_ms"],
        f"exact_numpy_ms_{name}": found["exact_ms"],
        f"exact_numpy_mb_{name}": found["exact_mb"],
        f"vectors_mb_{name}": found["ours_mb"],
    }
    report.note(
        f"recall of the nearest {_FIRST}: {found['recall']:.4f}; a scan takes {found['ours_ms']:.0f} ms over "
        f"{found['ours_mb']:.0f} MB, numpy's of float32 {found['exact_ms']:.0f} ms over {found['exact_mb']:.0f} MB"
    )


def recall(folder: str) -> dict[str, float]:
    """Both searches for vectors that no image has and for some that images have; in a process of its own."""
    data = Path(folder)
    index = LakeIndex(data / "index")
    opened = Vectors.of_index(index)
    if opened is None:
        raise AssertionError("the index has no embeddings")
    vectors: Vectors = opened
    rows = {bytes(row["image_id"]).hex(): row["vector"] for row in index.rows("SELECT vector, image_id FROM vectors")}
    exact = np.empty((vectors.rows, vectors.width), np.float32)
    for table in embedding_parts(UPath(settings_of(data).lake_uri)):
        there = table.filter(table["embedding"].is_valid())
        if there.num_rows:
            places = [rows[image_id] for image_id in there["image_id"].to_pylist()]
            exact[places] = there["embedding"].combine_chunks().flatten().to_numpy().reshape(-1, vectors.width)
    chance = np.random.default_rng(1)
    asked = chance.normal(size=(_QUERIES, vectors.width)).astype(np.float32)
    asked[::2] = exact[chance.integers(0, len(exact), _QUERIES // 2)] + 0.02 * asked[::2]
    asked /= np.linalg.norm(asked, axis=1, keepdims=True)
    shares = [
        len(
            {*nearest_rows(vectors.similarities(each), _FIRST).tolist()}
            & {*nearest_rows(exact @ each, _FIRST).tolist()}
        )
        for each in asked
    ]
    return {
        "recall": sum(shares) / _FIRST / len(shares),
        "ours_ms": statistics.median(_ms(lambda each=each: vectors.similarities(each)) for each in asked),
        "exact_ms": statistics.median(_ms(lambda each=each: exact @ each) for each in asked),
        "ours_mb": vectors.rows * vectors.width * 2 / 1e6,
        "exact_mb": exact.nbytes / 1e6,
    }


def _ms(call: Callable[[], object]) -> float:
    """The middle of three rounds."""
    seconds: list[float] = []
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds) * 1e3
