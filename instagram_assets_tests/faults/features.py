"""The feature store under faults: a run that finds some rows, computes the others, and folds many small files."""

import hashlib
import shutil
import tempfile
from collections.abc import Generator, Sequence
from functools import cache
from pathlib import Path

import pyarrow as pa
from upath import UPath

from instagram_assets.storage.atomic import is_temporary
from instagram_assets.storage.features import FeatureStore, computed
from instagram_assets_tests.faults.campaign import Scenario

# pandas is what pyarrow loads with its first array.
IMPORTS = ("pandas", "pyarrow.compute", "pyarrow.parquet")
BATCH = 4
IDS = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(80)]
# So many files of one row each are there before that the run's own batches are enough to fold them all.
KNOWN = IDS[:62]
_SCHEMA = pa.schema([("image_id", pa.string()), ("vector", pa.list_(pa.float32(), 4)), ("status", pa.string())])


def compute_features(root: str) -> None:
    """Called in the worker: prints each image that it computes."""
    computed(IDS, store(Path(root)), _compute, batch=BATCH)


def store(root: Path) -> FeatureStore:
    """The store that `compute_features` fills."""
    return FeatureStore(UPath(root), "captions", "model", _SCHEMA)


def known(root: Path) -> set[str]:
    """The images whose right row is in the store; a wrong row raises ValueError."""
    table = store(root).find(IDS)
    if table != _rows(table["image_id"].to_pylist()):
        raise ValueError(f"a row is wrong: {table}")
    return set(table["image_id"].to_pylist())


def fill(root: Path) -> None:
    """The state before: many files of one row."""
    shutil.copytree(_filled(), root, dirs_exist_ok=True)


@cache
def _filled() -> Path:
    root = Path(tempfile.mkdtemp(prefix="faults-features-"))
    for image_id in KNOWN:
        store(root).append(_rows([image_id]))
    return root


def _compute(missing: list[str]) -> Generator[pa.Table]:
    for start in range(0, len(missing), 2):
        print(*missing[start : start + 2], sep="\n", flush=True)
        yield _rows(missing[start : start + 2])


def _rows(ids: Sequence[str]) -> pa.Table:
    vectors = [[float(IDS.index(image_id))] * 4 for image_id in ids]
    return pa.table({"image_id": ids, "vector": vectors, "status": ["ok"] * len(ids)}, schema=_SCHEMA)


def _nothing_lost(root: Path) -> str:
    lost = set(KNOWN) - known(root)
    return f"{len(lost)} rows are lost" if lost else _damage(root)


def _complete(root: Path) -> str:
    if missing := set(IDS) - known(root):
        return f"{len(missing)} rows are not there"
    leftovers = [path.name for path in root.rglob("*") if is_temporary(path.name)]
    return f"left half done: {leftovers}" if leftovers else _damage(root)


def _damage(root: Path) -> str:
    return "a file was damaged" if any(root.rglob("damaged")) else ""


def _arguments(folder: Path) -> Sequence[object]:
    return [str(folder)]


FEATURES = Scenario(
    "the feature store",
    "instagram_assets_tests.faults.features:compute_features",
    prepare=fill,
    arguments=_arguments,
    after_fault=_nothing_lost,
    after_rerun=_complete,
    imports=IMPORTS,
)
