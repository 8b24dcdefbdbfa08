"""DBSCAN against scikit-learn's on made-up embeddings, and the table of clusters as its asset makes it.

The embeddings lie as CLIP's do: all in one cone, each cluster with 24 directions of its own. `dense`: one cluster
holds 55 % of the rows; `sparse`: clusters of about 45, and a quarter of the rows is noise.
"""

import hashlib
import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.measure import Measured, Report, alternate, in_child, median_cpu_seconds, median_seconds

_EPS, _MIN_SAMPLES = 0.18, 3
_WIDTH = 512
_ACCOUNTS, _DAYS = 200, 25
_COLUMNS = ("account", "day")


def measure(report: Report, quick: bool) -> None:
    """Labels first, then times; the sized figures only when there is time."""
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("dense",) if quick else ("dense", "sparse"):
            _against_sklearn(report, Path(folder), kind)
        if not quick:
            _growth(report, Path(folder))
            _as_the_asset(report, Path(folder))


def ours(file: str) -> list[Any]:
    """Our labels of a file of vectors, in a child: seconds, seconds of processor, and a hash of the labels."""
    from instagram_assets.vision.dbscan import dbscan

    return _timed(file, lambda vectors: dbscan(vectors, _EPS, _MIN_SAMPLES))


def sklearn(file: str) -> list[Any]:
    """The peer's labels, in a child."""
    from sklearn.cluster import DBSCAN

    return _timed(file, DBSCAN(eps=_EPS, min_samples=_MIN_SAMPLES, metric="cosine").fit_predict)


def table_of_the_lake(lake: str) -> dict[str, int]:
    """The asset's work, in a child: embeddings streamed from the lake, clustered into a table."""
    from upath import UPath

    from instagram_assets.settings import ClusterSettings
    from instagram_assets.storage.lake import read_batches
    from instagram_assets.vision.cluster import cluster_table
    from instagram_assets.vision.embedding_matrix import read_vectors

    stream = read_batches(UPath(lake), "embeddings")
    found = cluster_table(read_vectors(stream), ClusterSettings(eps=_EPS, min_samples=_MIN_SAMPLES))
    return {"rows": found.table.num_rows, "clusters": found.scopes[0].clusters}


def _against_sklearn(report: Report, folder: Path, kind: str) -> None:
    file = _saved(folder, 10_000, kind)
    runs = alternate({"ours": _side("ours", file), "sklearn": _side("sklearn", file)})
    for name, side in runs.items():
        seconds, extra = median_seconds(side), max(run.extra_mb for run in side)
        report.note(f"10,000 {kind} rows, {name}: {seconds:.2f} s, {extra:.0f} MB beside the vectors; same labels")
    suffix = "" if kind == "dense" else f"_{kind}"
    report.figures |= {
        f"dbscan_ratio_10000{suffix}": median_seconds(runs["sklearn"]) / median_seconds(runs["ours"]),
        f"dbscan_cpu_ratio_10000{suffix}": median_cpu_seconds(runs["sklearn"]) / median_cpu_seconds(runs["ours"]),
    }


def _growth(report: Report, folder: Path) -> None:
    for kind in ("dense", "sparse"):
        sizes = (10_000, 30_000, 100_000)
        runs = [_side("ours", _saved(folder, size, kind))() for size in sizes]
        for size, run in zip(sizes, runs, strict=True):
            spent = f"{run.seconds:.1f} s, {run.cpu_seconds:.1f} s of processor"
            report.note(f"{size:,} {kind} rows: {spent}, {run.extra_mb:.0f} MB beside the vectors")
        growth = math.log(runs[2].seconds / runs[1].seconds, sizes[2] / sizes[1])
        report.note(
            f"{kind}: time grows with rows to the {growth:.2f} from 30,000 to 100,000; "
            f"1,000,000 rows extrapolated to the 2.00: {runs[2].seconds * 100 / 60:.0f} minutes, not run"
        )
        suffix = "" if kind == "dense" else f"_{kind}"
        report.figures |= {
            f"dbscan_100000_seconds{suffix}": runs[2].seconds,
            f"dbscan_100000_extra_mb{suffix}": runs[2].extra_mb,
            f"dbscan_growth_exponent{suffix}": growth,
        }


def _as_the_asset(report: Report, folder: Path) -> None:
    count = _ACCOUNTS * _DAYS * 20
    _write_lake(folder / "lake", made_vectors(count, "dense"))
    run = in_child("benchmarks.vision.clusters:table_of_the_lake", str(folder / "lake"))
    extra = run.extra_mb - _megabytes(count)
    report.note(
        f"{count:,} embeddings in {_ACCOUNTS * _DAYS:,} cells of a lake to a table of "
        f"{run.result['clusters']} clusters: {run.seconds:.1f} s, {run.cpu_seconds:.1f} s of processor, "
        f"{extra:.0f} MB beside the vectors' {_megabytes(count):.0f}"
    )
    report.figures |= {"clusters_100000_seconds": run.seconds, "clusters_100000_extra_mb": extra}


def made_vectors(count: int, kind: str) -> NDArray[np.float32]:
    """Unit rows, float32[count, 512]; see the top of this file for the kinds."""
    rng = np.random.default_rng(0)
    clusters, inside, first = (40, 0.85, 0.55) if kind == "dense" else (count // 60, 0.75, 0.75 * 60 / count)
    shares = [first, *[(inside - first) / (clusters - 1)] * (clusters - 1), 1 - inside]
    labels = rng.choice(clusters + 1, count, p=np.array(shares) / sum(shares))
    scale = np.float32(1 / math.sqrt(_WIDTH))
    cone, centres, basis = (rng.standard_normal((rows, _WIDTH), dtype=np.float32) * scale for rows in (1, clusters, 24))
    vectors = np.empty((count, _WIDTH), np.float32)
    for start in range(0, count, 8192):
        some = labels[start : start + 8192]
        own, noise = (rng.standard_normal((len(some), _WIDTH), dtype=np.float32) * scale for _ in range(2))
        middle = np.where((some < clusters)[:, None], centres[np.minimum(some, clusters - 1)], own)
        spread = rng.standard_normal((len(some), 24), dtype=np.float32) @ basis / math.sqrt(24)
        rows = 0.9 * cone + middle + 0.45 * spread + 0.2 * noise
        vectors[start : start + 8192] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return vectors


def _saved(folder: Path, count: int, kind: str) -> Path:
    file = folder / f"{kind}-{count}.npy"
    if not file.exists():
        np.save(file, made_vectors(count, kind))
    return file


def _side(function: str, file: Path) -> Callable[[], Measured]:
    """One call in a child, with the times of the clustering alone and the memory beside the vectors."""

    def run() -> Measured:
        measured = in_child(f"benchmarks.vision.clusters:{function}", str(file))
        seconds, cpu_seconds, labels = measured.result
        extra = measured.extra_mb - file.stat().st_size / 1e6
        return replace(measured, seconds=seconds, cpu_seconds=cpu_seconds, extra_mb=extra, result=labels)

    return run


def _timed(file: str, cluster: Callable[[NDArray[np.float32]], NDArray[Any]]) -> list[Any]:
    vectors = np.load(file)
    # The first call loads what it needs; both sides get it.
    cluster(vectors[:100])
    start, cpu_start = time.perf_counter(), time.process_time()
    labels = cluster(vectors)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    return [seconds, cpu_seconds, hashlib.sha256(labels.astype(np.int32).tobytes()).hexdigest()]


def _write_lake(root: Path, vectors: NDArray[np.float32]) -> None:
    from upath import UPath

    from instagram_assets.storage.lake_writer import write_cells

    days = [date(2026, 1, 1) + timedelta(days=day) for day in range(_DAYS)]
    each = len(vectors) // _ACCOUNTS
    for account in range(_ACCOUNTS):
        rows = vectors[account * each : (account + 1) * each]
        posts = [f"{account * each + row:06d}" for row in range(each)]
        table = pa.table(
            {
                "image_id": [hashlib.sha256(post.encode()).hexdigest() for post in posts],
                "post_id": posts,
                "account": pa.repeat(f"account{account:03d}", each),
                "day": [days[row * _DAYS // each] for row in range(each)],
                "position": pa.array(np.zeros(each, np.int32)),
                "embedding": pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), _WIDTH),
                "model": pa.repeat("clip@made-up", each),
                "status": pa.repeat("ok", each),
                "reason": pa.nulls(each, pa.string()),
            }
        )
        write_cells(UPath(root), "embeddings", [f"account{account:03d}"], (days[0], days[-1]), table)


def _megabytes(rows: int) -> float:
    return rows * _WIDTH * 4 / 1e6
