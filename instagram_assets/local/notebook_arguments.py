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
from instagram_assets.local.image_files import image_ids, images_of, is_address
from instagram_assets.settings import Settings
from instagram_assets.vision.image_batches import Failed

Section = TypeVar("Section", bound=BaseModel)
Table = Any
"""A pyarrow table, or what converts to one without a copy: a data frame of pandas 3 or polars, a DuckDB relation."""


def settings_or_defaults(settings: Settings | None) -> Settings:
    """Returns the given settings, or else all defaults, ignoring `.env` and the environment."""
    return Settings.model_construct() if settings is None else settings


def with_values(section: Section, **given: Any) -> Section:
    """A section of the settings with the values that are not None replaced. Raises SettingsError for invalid ones."""
    values = {name: value for name, value in given.items() if value is not None}
    try:
        return type(section).model_validate(section.model_dump(exclude_unset=True) | values)
    except ValidationError as error:
        problem = error.errors()[0]
        message = f"{problem['msg'][0].lower()}{problem['msg'][1:]}"
        raise SettingsError(f"{problem['loc'][0]}={problem['input']!r}: {message}.") from error


def is_table(value: object) -> bool:
    """Whether the value has named columns."""
    return hasattr(value, "__arrow_c_stream__") and (hasattr(value, "columns") or hasattr(value, "schema"))


def table_of(value: Table, columns: Sequence[str], remedy: str) -> pa.Table:
    """Converts the value to a pyarrow table with at least these columns. Raises ContractError with the remedy."""
    if not is_table(value):
        raise ContractError(f"{type(value).__name__} is no table. {remedy}.")
    table: pa.Table = value if isinstance(value, pa.Table) else pa.table(value)
    if missing := [name for name in columns if name not in table.column_names]:
        raise ContractError(f"the table has no column {', '.join(missing)}. {remedy}.")
    return table


def paths_of(value: str | Path | Iterable[str | Path]) -> list[Path]:
    """Returns one or several paths as a list, with `~` expanded."""
    some = [value] if isinstance(value, str | Path) else list(value)
    return [Path(one).expanduser() for one in some]


Source = str | Path | Iterable[str | Path] | Table
"""A folder of images, a merged JSON that lists images, one image file, several of these, or a table with `file`."""

PLACE = ("post_id", "account", "day", "position")
"""Columns that identify the post and position of an image; results keep those that the input has."""

_REMEDY = "Give a folder, files, or what download_images or measure_images gave"
_NO_FILE = "there is no file"


class Pictures(NamedTuple):
    """Input images as rows: the table `place` has `file` and the columns of PLACE that are known.

    `files` are the distinct files to process, by image_id. `unseen` has status and reason, by row number, of each row
    that is not processed.
    """

    place: pa.Table
    image_ids: list[str | None]
    files: dict[str, Path]
    unseen: dict[int, tuple[str, str | None]]

    def answered(self, found: pa.Table) -> pa.Table:
        """Returns each row joined with the columns of `found` for its image, among them status and reason."""
        places = {image_id: place for place, image_id in enumerate(found["image_id"].to_pylist())}
        rows = found.take(pa.array([places.get(image_id) for image_id in self._looked_at()], pa.int64()))
        table = self.place.append_column("image_id", pa.array(self.image_ids, pa.string()))
        for name in found.column_names:
            if name not in ("image_id", "status", "reason"):
                table = table.append_column(found.schema.field(name), rows[name])
        for column, name in enumerate(("status", "reason")):
            values: list[Any] = rows[name].to_pylist()
            for row, why in self.unseen.items():
                values[row] = why[column]
            table = table.append_column(name, pa.array(values, pa.string()))
        return table

    def _looked_at(self) -> list[str | None]:
        return [None if row in self.unseen else image_id for row, image_id in enumerate(self.image_ids)]


def read_pictures(source: Source, folder: str | Path | None = None) -> Pictures:
    """Resolves the images to process. Raises FileError if there are none, ContractError for a table without files.

    Rows with `passed` false are skipped, those without a file keep their reason. A table of the lake's `images` has
    `path` instead of `file`: `folder` is the media folder that it is relative to.
    """
    place, files, unseen = _of_table(source, folder) if is_table(source) else _of_paths(source)
    known = image_ids(dict.fromkeys(file for file in files if file is not None))
    ids: list[str | None] = []
    wanted: dict[str, Path] = {}
    for row, file in enumerate(files):
        image_id = None if file is None else known[file]
        if isinstance(image_id, Failed):
            unseen.setdefault(row, ("failed", image_id.reason))
        ids.append(image_id if isinstance(image_id, str) else None)
        if file is not None and isinstance(image_id, str) and row not in unseen:
            wanted.setdefault(image_id, file)
    return Pictures(place, ids, wanted, unseen)


@contextmanager
def kept_in(keep: str | Path | None) -> Generator[UPath]:
    """Yields the cache folder for results; without one, a temporary folder that is deleted when the block ends."""
    if keep is not None:
        yield UPath(Path(keep).expanduser().absolute())
        return
    with TemporaryDirectory(prefix="instagram-assets-") as scratch:
        yield UPath(scratch)


def _of_paths(source: Any) -> tuple[pa.Table, list[Path | None], dict[int, tuple[str, str | None]]]:
    files: list[Path | None] = []
    if isinstance(source, Path) or (isinstance(source, str) and not is_address(source)):
        _check_there(Path(source).expanduser())
    for path in paths_of(source):
        if is_address(str(source) if isinstance(source, str) else str(path).replace(":/", "://", 1)):
            raise FileError(str(source), "an address, not a file", "Fetch it with download_images first")
        looked_into = path.is_dir() or path.suffix.lower() in (".json", ".jsonl", ".ndjson")
        inside = images_of(path) if looked_into else [path]
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
    source: Table, folder: str | Path | None
) -> tuple[pa.Table, list[Path | None], dict[int, tuple[str, str | None]]]:
    table = table_of(source, [], _REMEDY)
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
    unseen: dict[int, tuple[str, str | None]] = {}
    why = [table[name].to_pylist() if name in table.column_names else None for name in ("passed", "reason")]
    for row, name in enumerate(names):
        reason = why[1][row] if why[1] else None
        if name is None:
            unseen[row] = ("failed", reason or _NO_FILE)
        elif why[0] and why[0][row] is False:
            unseen[row] = ("skipped", reason)
    place = pa.table({"file": pa.array(names, pa.string())})
    for name in PLACE:
        if name in table.column_names:
            place = place.append_column(table.schema.field(name), table[name])
    return place, [None if name is None else Path(name) for name in names], unseen
