"""Arguments of the notebook functions: optional settings, tables of any library, images as folder, files or table."""

from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, TypeVar

import pyarrow as pa
from pydantic import BaseModel, ValidationError
from upath import UPath

from instagram_assets.errors import ContractError, FileError, SettingsError
from instagram_assets.local.image_files import find_images, image_ids, is_url
from instagram_assets.settings import Settings
from instagram_assets.vision.image_batches import Failed

_Section = TypeVar("_Section", bound=BaseModel)
TableLike = Any
"""A pyarrow table, or what converts to one without a copy: a data frame of pandas 3 or polars, a DuckDB relation."""


def settings_or_defaults(settings: Settings | None) -> Settings:
    """Returns `settings`; if None, the default settings, ignoring `.env` and environment variables."""
    return Settings.model_construct() if settings is None else settings


def override(section: _Section, **given: Any) -> _Section:
    """A copy of a settings section with the values of `given` that are not None. Raises SettingsError if invalid."""
    values = {name: value for name, value in given.items() if value is not None}
    try:
        return type(section).model_validate(section.model_dump(exclude_unset=True) | values)
    except ValidationError as error:
        problem = error.errors()[0]
        message = f"{problem['msg'][0].lower()}{problem['msg'][1:]}"
        raise SettingsError(f"{problem['loc'][0]}={problem['input']!r}: {message}.") from error


def is_table_like(value: object) -> bool:
    """Whether the value is table-like, which means that it has named columns."""
    return hasattr(value, "__arrow_c_stream__") and (hasattr(value, "columns") or hasattr(value, "schema"))


def to_table(value: TableLike, columns: Sequence[str], remedy: str) -> pa.Table:
    """Converts the value to a pyarrow table with at least these columns.

    Raises ContractError, whose message ends with `remedy`, if it is not a table or lacks a column.
    """
    if not is_table_like(value):
        raise ContractError(f"{type(value).__name__} is no table. {remedy}.")
    table: pa.Table = value if isinstance(value, pa.Table) else pa.table(value)
    if missing := [name for name in columns if name not in table.column_names]:
        raise ContractError(f"the table has no column {', '.join(missing)}. {remedy}.")
    return table


def to_paths(value: str | Path | Iterable[str | Path]) -> list[Path]:
    """Returns one or several paths as a list, with `~` expanded."""
    some = [value] if isinstance(value, str | Path) else list(value)
    return [Path(one).expanduser() for one in some]


ImageInput = str | Path | Iterable[str | Path] | TableLike
"""A folder of images, a merged JSON that lists images, one image file, several of these, or a table with `file`."""

POSITION_COLUMNS = ("post_id", "account", "day", "position")
"""Columns that identify the post and position of an image; results keep those that the input has."""

_REMEDY = "Give a folder, files, or what download_images or measure_images gave"
_NO_FILE = "there is no file"


class ImageRows(NamedTuple):
    """Input images as rows: the table `positions` has `file` and the columns of POSITION_COLUMNS that are known.

    `files` are the distinct files to process, by image_id. `skipped` has status and reason, by row number, of each row
    that is not processed.
    """

    positions: pa.Table
    image_ids: list[str | None]
    files: dict[str, Path]
    skipped: dict[int, tuple[str, str | None]]

    def join_results(self, found: pa.Table) -> pa.Table:
        """Returns each row joined with the columns of `found` for its image, among them status and reason."""
        indexes = {image_id: index for index, image_id in enumerate(found["image_id"].to_pylist())}
        rows = found.take(pa.array([indexes.get(image_id) for image_id in self._processed_ids()], pa.int64()))
        table = self.positions.append_column("image_id", pa.array(self.image_ids, pa.string()))
        for name in found.column_names:
            if name not in ("image_id", "status", "reason"):
                table = table.append_column(found.schema.field(name), rows[name])
        for column, name in enumerate(("status", "reason")):
            values: list[Any] = rows[name].to_pylist()
            for row, why in self.skipped.items():
                values[row] = why[column]
            table = table.append_column(name, pa.array(values, pa.string()))
        return table

    def _processed_ids(self) -> list[str | None]:
        return [None if row in self.skipped else image_id for row, image_id in enumerate(self.image_ids)]


def resolve_images(source: ImageInput, folder: str | Path | None = None) -> ImageRows:
    """Resolves the images to process. Raises FileError if there are none, ContractError for a table without files.

    Rows with `passed` false are skipped, rows without a file keep the reason in the table. A table of the lake's
    `images` has `path` instead of `file`: `folder` is the media folder that it is relative to.
    """
    positions, files, skipped = _of_table(source, folder) if is_table_like(source) else _of_paths(source)
    known = image_ids(dict.fromkeys(file for file in files if file is not None))
    ids: list[str | None] = []
    files_by_id: dict[str, Path] = {}
    for row, file in enumerate(files):
        image_id = None if file is None else known[file]
        if isinstance(image_id, Failed):
            skipped.setdefault(row, ("failed", image_id.reason))
        ids.append(image_id if isinstance(image_id, str) else None)
        if file is not None and isinstance(image_id, str) and row not in skipped:
            files_by_id.setdefault(image_id, file)
    return ImageRows(positions, ids, files_by_id, skipped)


@contextmanager
def cache_folder(keep: str | Path | None) -> Generator[UPath]:
    """Yields the cache folder for results; without one, a temporary folder that is deleted when the block ends."""
    if keep is not None:
        yield UPath(Path(keep).expanduser().absolute())
        return
    with TemporaryDirectory(prefix="instagram-assets-") as scratch:
        yield UPath(scratch)


def _of_paths(source: Any) -> tuple[pa.Table, list[Path | None], dict[int, tuple[str, str | None]]]:
    files: list[Path | None] = []
    if isinstance(source, Path) or (isinstance(source, str) and not is_url(source)):
        _check_there(Path(source).expanduser())
    for path in to_paths(source):
        if is_url(str(source) if isinstance(source, str) else str(path).replace(":/", "://", 1)):
            raise FileError(str(source), "an address, not a file", "Fetch it with download_images first")
        has_many = path.is_dir() or path.suffix.lower() in (".json", ".jsonl", ".ndjson")
        inside = find_images(path) if has_many else [path]
        if not inside:
            raise FileError(str(path), "there is no image in it", _REMEDY)
        files += inside
    if not files:
        raise FileError("pictures", "none was named", _REMEDY)
    return pa.table({"file": pa.array([str(file) for file in files], pa.string())}), files, {}


def _check_there(path: Path) -> None:
    if not path.exists():
        raise FileError(str(path), "no such file or folder", _REMEDY)


def _of_table(
    source: TableLike, folder: str | Path | None
) -> tuple[pa.Table, list[Path | None], dict[int, tuple[str, str | None]]]:
    table = to_table(source, [], _REMEDY)
    names: list[str | None]
    if "file" in table.column_names:
        names = table["file"].to_pylist()
    elif "path" in table.column_names and folder is not None:
        names = [path and str(Path(folder) / path) for path in table["path"].to_pylist()]
    else:
        raise ContractError(
            f"the table has no column file. {_REMEDY}; for the lake's `images` also name the media folder: "
            'folder="data/media".'
        )
    skipped: dict[int, tuple[str, str | None]] = {}
    why = [table[name].to_pylist() if name in table.column_names else None for name in ("passed", "reason")]
    for row, name in enumerate(names):
        reason = why[1][row] if why[1] else None
        if name is None:
            skipped[row] = ("failed", reason or _NO_FILE)
        elif why[0] and why[0][row] is False:
            skipped[row] = ("skipped", reason)
    positions = pa.table({"file": pa.array(names, pa.string())})
    for name in POSITION_COLUMNS:
        if name in table.column_names:
            positions = positions.append_column(table.schema.field(name), table[name])
    return positions, [None if name is None else Path(name) for name in names], skipped
