"""Erases from files and folders that have no module of their own here: datasets, scrape records, the demo.

A file or folder that is named after the data subject is removed; in all others erased names are replaced.
"""

import os
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa

from instagram_assets.datasets.parquet import ROWS_OF_GROUP
from instagram_assets.forget.erasure_steps import Step, scrub_with_counts
from instagram_assets.forget.file_operations import remove_path, rename_path, scrub_in_place
from instagram_assets.forget.text_files import preview_scrub
from instagram_assets.ingest.redact.redactor import scrubbed_name
from instagram_assets.privacy.data_inventory import OWN_FOLDERS
from instagram_assets.privacy.forgotten_identifiers import Forgotten
from instagram_assets.privacy.names_in_file_names import is_common_file_word, strip_suffixes
from instagram_assets.privacy.table_scrub import scrub_table
from instagram_assets.storage.atomic import is_temporary, write_atomic

_TEXT_SUFFIXES = frozenset(
    (
        *(".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".txt", ".md", ".html", ".htm", ".toml", ".yaml", ".yml"),
        *(".log", ".gz", ".xz", ".zip", ".xlsx"),
    )
)


_BY_ACCOUNT = "parquet"
"""The dataset folder that has one folder per account, each named after its account."""
_SMALL_BYTES = 1 << 18
_Stamp = tuple[int, int, int]


def tree_steps(area: str, top: Path, root: Path, forgotten: Forgotten, passed: Iterable[Path] = ()) -> Iterator[Step]:
    """Yields the steps for a file, or for all files below a folder except those in `passed`.

    Paths of steps are relative to `root`. Symbolic links are not followed, except one in place of a program folder.
    """
    others = {path.absolute() for path in passed}
    if top.is_symlink() and top.name not in OWN_FOLDERS:
        yield from link_steps(area, top, root, forgotten)
    elif top.is_dir():
        yield from _of_folder(area, top, root, forgotten, others)
    elif top.is_file() and top.absolute() not in others:
        yield from file_steps(area, top, root, forgotten)


def file_steps(area: str, path: Path, root: Path, forgotten: Forgotten) -> Iterator[Step]:
    """Yields the steps for one file: to remove it, or to replace erased names in its content and then its name."""
    if path.is_symlink():
        yield from link_steps(area, path, root, forgotten)
        return
    shown = scrubbed_name(path_below(path, root), forgotten)
    names = {path.stem, strip_suffixes(path.name), path.name.split(".json")[0]}
    if any(is_named_after_subject(name, forgotten) for name in names):
        yield Step(area, shown, "remove", 1, partial(remove_path, path))
        return
    if path.suffix == ".parquet":
        yield from _of_parquet(area, path, shown, forgotten)
    elif path.suffix.lower() in _TEXT_SUFFIXES:
        found = preview_scrub(path, forgotten)
        if found.is_gone:
            yield Step(area, shown, "remove", found.rows, partial(remove_path, path))
            return
        if found.changed:
            yield Step(area, shown, "rewrite", found.rows, partial(scrub_in_place, path, forgotten))
    # Users join words in the names of exports; in other areas a longer name is another account's.
    scrub = scrubbed_name if area == "datasets" else _scrub_words
    if (name := scrub(path.name, forgotten)) != path.name:
        yield Step(area, shown, "rewrite", 1, partial(rename_path, path, name))


def link_steps(area: str, path: Path, root: Path, forgotten: Forgotten) -> Iterator[Step]:
    """Yields the step to remove or rename a symbolic link named after the subject; its target is not touched."""
    shown = scrubbed_name(path_below(path, root), forgotten)
    if is_named_after_subject(path.stem, forgotten) or is_named_after_subject(path.name, forgotten):
        yield Step(area, shown, "remove", 1, partial(remove_path, path))
    elif (name := forgotten.scrub(path.name)) != path.name:
        yield Step(area, shown, "rewrite", 1, partial(rename_path, path, name))


def _scrub_words(name: str, forgotten: Forgotten) -> str:
    """Returns a file name with erased account names replaced by pseudonyms where they are whole words."""
    return forgotten.scrub(name)


def is_named_after_subject(name: str, forgotten: Forgotten) -> bool:
    """Whether a file or folder name, without suffix, is the name of an erased account or image.

    An account name that is a common file name, such as `posts`, counts only as `@posts`.
    """
    unquoted = unquote(name)
    is_name = forgotten.has("account", unquoted.removeprefix("@")) and (
        unquoted.startswith("@") or not is_common_file_word(unquoted)
    )
    return is_name or forgotten.has("image", unquoted)


def path_below(path: Path, root: Path) -> str:
    """Returns a path relative to the folder `root`; the unchanged path if it is outside of that folder."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _of_folder(area: str, folder: Path, root: Path, forgotten: Forgotten, passed: set[Path]) -> Iterator[Step]:
    for name in sorted(os.listdir(folder)):
        path = folder / name
        if path.absolute() in passed or is_temporary(name):
            continue
        if path.is_symlink() or not path.is_dir():
            yield from file_steps(area, path, root, forgotten)
            continue
        shown = scrubbed_name(path_below(path, root), forgotten)
        is_partition = folder.name == _BY_ACCOUNT and forgotten.has("account", unquote(name))
        if is_partition or is_named_after_subject(name, forgotten):
            files = sum(len(names) for _, _, names in os.walk(path))
            yield Step(area, shown, "remove", files, partial(remove_path, path))
            continue
        yield from _of_folder(area, path, root, forgotten, passed)
        if (new := forgotten.scrub(name)) != name:
            yield Step(area, shown, "rewrite", 1, partial(rename_path, path, new))


def _of_parquet(area: str, path: Path, shown: str, forgotten: Forgotten) -> Iterator[Step]:
    import pyarrow.parquet as pq

    stamp = _stamp(path)
    try:
        table = pq.ParquetFile(path).read()
    except pa.ArrowException:
        # What is in a damaged file is unknown, and all files here can be generated again.
        yield Step(area, shown, "remove", 1, partial(remove_path, path))
        return
    counted = scrub_with_counts(table, forgotten)
    if counted.rows:
        verb = "rewrite" if counted.table.num_rows else "remove"
        # Small tables are kept until `apply`, so that the files of many accounts need not be read twice.
        kept = counted.table if counted.table.nbytes <= _SMALL_BYTES else None
        yield Step(area, shown, verb, counted.rows, partial(_rewrite_parquet, path, forgotten, stamp, kept))


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
        return remove_path(path)
    write_atomic(
        path,
        lambda stream: pq.write_table(
            after, stream, compression="zstd", write_page_checksum=True, row_group_size=ROWS_OF_GROUP
        ),
    )
    return path.stat().st_size


def _stamp(path: Path) -> _Stamp:
    """Returns the inode, modification time and size of a file, which change when it is written again."""
    status = path.stat()
    return status.st_ino, status.st_mtime_ns, status.st_size
