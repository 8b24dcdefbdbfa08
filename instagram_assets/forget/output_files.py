"""What stands in folders of the program outside of lake, media, inbox and Dagster's history: datasets, notes, the demo.

A file or folder that is called like the subject goes; of all others, what is in them.
"""

import os
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa

from instagram_assets.datasets.parquet import ROWS_OF_GROUP
from instagram_assets.forget.counted import scrub_counted
from instagram_assets.forget.replaced import remove, rename, scrub_in_place
from instagram_assets.forget.steps import Step
from instagram_assets.forget.text_outputs import look_at
from instagram_assets.ingest.scrub.names import scrubbed_name
from instagram_assets.privacy.file_names import is_of_files, stem_of
from instagram_assets.privacy.forgotten import Forgotten
from instagram_assets.privacy.places import OWN_FOLDERS
from instagram_assets.privacy.tables import scrub_table
from instagram_assets.storage.atomic import is_temporary, write_atomic

TEXTS = frozenset(
    (
        *(".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".txt", ".md", ".html", ".htm", ".toml", ".yaml", ".yml"),
        *(".log", ".gz", ".xz", ".zip", ".xlsx"),
    )
)


_BY_ACCOUNT = "parquet"
"""A folder with one for each account, which is called by its name whatever that is."""
_KEPT = 1 << 18
_Stamp = tuple[int, int, int]


def steps(place: str, top: Path, root: Path, forgotten: Forgotten, passed: Iterable[Path] = ()) -> Iterator[Step]:
    """What is to be done to a file, or to all files below a folder, but for those in `passed`.

    Paths are told as they are seen from `root`. No link is followed but one to a folder of the program.
    """
    others = {path.absolute() for path in passed}
    if top.is_symlink() and top.name not in OWN_FOLDERS:
        yield from of_link(place, top, root, forgotten)
    elif top.is_dir():
        yield from _of_folder(place, top, root, forgotten, others)
    elif top.is_file() and top.absolute() not in others:
        yield from of_file(place, top, root, forgotten)


def of_file(place: str, path: Path, root: Path, forgotten: Forgotten) -> Iterator[Step]:
    """What is to be done to one file: what is in it, then its name."""
    if path.is_symlink():
        yield from of_link(place, path, root, forgotten)
        return
    shown = scrubbed_name(seen(path, root), forgotten)
    names = {path.stem, stem_of(path.name), path.name.split(".json")[0]}
    if any(is_own(name, forgotten) for name in names):
        yield Step(place, shown, "remove", 1, partial(remove, path))
        return
    if path.suffix == ".parquet":
        yield from _of_parquet(place, path, shown, forgotten)
    elif path.suffix.lower() in TEXTS:
        found = look_at(path, forgotten)
        if found.is_gone:
            yield Step(place, shown, "remove", found.rows, partial(remove, path))
            return
        if found.changed:
            yield Step(place, shown, "rewrite", found.rows, partial(scrub_in_place, path, forgotten))
    # People run words together in the names of what they export; elsewhere a longer name is somebody else's.
    scrub = scrubbed_name if place == "datasets" else scrubbed_text
    if (name := scrub(path.name, forgotten)) != path.name:
        yield Step(place, shown, "rewrite", 1, partial(rename, path, name))


def of_link(place: str, path: Path, root: Path, forgotten: Forgotten) -> Iterator[Step]:
    """What is to be done to a link: only its name is looked at, what it leads to is somebody else's and stays."""
    shown = scrubbed_name(seen(path, root), forgotten)
    if is_own(path.stem, forgotten) or is_own(path.name, forgotten):
        yield Step(place, shown, "remove", 1, partial(remove, path))
    elif (name := scrubbed_text(path.name, forgotten)) != path.name:
        yield Step(place, shown, "rewrite", 1, partial(rename, path, name))


def scrubbed_text(name: str, forgotten: Forgotten) -> str:
    """The name of a file or folder with pseudonyms for accounts that stand in it as a whole."""
    return forgotten.scrub(name)


def is_own(name: str, forgotten: Forgotten) -> bool:
    """Whether a file or folder of this name, without its ending, is the subject's.

    What files are called by, such as `posts`, is theirs whoever they are of: then it is the subject's as `@posts`.
    """
    said = unquote(name)
    is_name = forgotten.has("account", said.removeprefix("@")) and (said.startswith("@") or not is_of_files(said))
    return is_name or forgotten.has("image", said)


def seen(path: Path, root: Path) -> str:
    """A path as it is seen from a folder, where it lies below it."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _of_folder(place: str, folder: Path, root: Path, forgotten: Forgotten, passed: set[Path]) -> Iterator[Step]:
    for name in sorted(os.listdir(folder)):
        path = folder / name
        if path.absolute() in passed or is_temporary(name):
            continue
        if path.is_symlink() or not path.is_dir():
            yield from of_file(place, path, root, forgotten)
            continue
        shown = scrubbed_name(seen(path, root), forgotten)
        is_partition = folder.name == _BY_ACCOUNT and forgotten.has("account", unquote(name))
        if is_partition or is_own(name, forgotten):
            files = sum(len(names) for _, _, names in os.walk(path))
            yield Step(place, shown, "remove", files, partial(remove, path))
            continue
        yield from _of_folder(place, path, root, forgotten, passed)
        if (new := scrubbed_text(name, forgotten)) != name:
            yield Step(place, shown, "rewrite", 1, partial(rename, path, new))


def _of_parquet(place: str, path: Path, shown: str, forgotten: Forgotten) -> Iterator[Step]:
    import pyarrow.parquet as pq

    stamp = _stamp(path)
    try:
        table = pq.ParquetFile(path).read()
    except pa.ArrowException:
        # Nobody can tell what is in a damaged one, and whatever stands here is made again.
        yield Step(place, shown, "remove", 1, partial(remove, path))
        return
    counted = scrub_counted(table, forgotten)
    if counted.rows:
        verb = "rewrite" if counted.table.num_rows else "remove"
        # Small ones are kept for `apply`, so that a file of each account need not be read and searched twice.
        kept = counted.table if counted.table.nbytes <= _KEPT else None
        yield Step(place, shown, verb, counted.rows, partial(_rewrite_parquet, path, forgotten, stamp, kept))


def _rewrite_parquet(path: Path, forgotten: Forgotten, stamp: _Stamp, kept: pa.Table | None) -> int:
    import pyarrow.parquet as pq

    if not path.exists():
        return 0
    if kept is not None and _stamp(path) == stamp:
        after = kept
    else:
        before = pq.ParquetFile(path).read()
        after = scrub_table(before, forgotten)
        if after is before:
            return 0
    if not after.num_rows:
        return remove(path)
    write_atomic(
        path,
        lambda stream: pq.write_table(
            after, stream, compression="zstd", write_page_checksum=True, row_group_size=ROWS_OF_GROUP
        ),
    )
    return path.stat().st_size


def _stamp(path: Path) -> _Stamp:
    """Another one when the file was written again."""
    status = path.stat()
    return status.st_ino, status.st_mtime_ns, status.st_size
