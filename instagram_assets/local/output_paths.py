"""Paths of the output files of captioning, embedding and clustering: beside or in their source, without collisions."""

import os
from pathlib import Path

from instagram_assets.datasets.json import WITH_CAPTIONS
from instagram_assets.errors import FileError
from instagram_assets.storage.owned_files import check_free

OVERWRITE_REMEDY = "Take it away, or give --out another name"

_ENDINGS = (".gz", ".xz", ".json", ".jsonl", ".ndjson")
_EMBEDDINGS, _CLUSTERS = "embeddings", "clusters"


def embeddings_path(source: Path) -> Path:
    """Returns the path for embeddings: `embeddings.parquet` in a folder; beside a JSON, `<name>_embeddings.parquet`."""
    return _output(source, f"{_EMBEDDINGS}.parquet")


def clusters_path(source: Path) -> Path:
    """Returns the path for clusters: `clusters.csv` in a folder; beside a JSON or embeddings, `<name>_clusters.csv`."""
    if source.suffix != ".parquet":
        return _output(source, f"{_CLUSTERS}.csv")
    begin, found, _ = source.stem.rpartition(_EMBEDDINGS)
    return source.with_name(f"{begin if found else ''}{_CLUSTERS}.csv")


def contact_sheet_path(table: Path, source: Path) -> Path:
    """The path of a CSV's contact sheet: beside the CSV, or beside the image folder if the CSV is in that folder."""
    sheet = table.with_suffix(".jpg")
    if not source.is_dir() or not sheet.resolve().is_relative_to(source.resolve()):
        return sheet
    folder = source.resolve()
    return folder.with_name(f"{folder.name}_{sheet.name}")


def caption_paths(source: Path, out: Path | None = None) -> list[Path]:
    """The output paths of captioning: for a folder `captions.json` and `captions.csv`, in it or in the folder `out`.

    For a JSON `<name>_with_captions.json` beside it, or `out`; a JSON that already has that name is replaced.
    """
    if source.is_dir():
        return [(out or source) / f"captions{ending}" for ending in (".json", ".csv")]
    return [out or source.with_name(f"{base_name(source).removesuffix(WITH_CAPTIONS)}{WITH_CAPTIONS}.json")]


def is_source(path: Path, source: Path) -> bool:
    """Whether an output would overwrite its own source."""
    return path.absolute() == source.absolute()


def check_outputs(paths: list[Path], source: Path) -> None:
    """Raise FileError if a file cannot be written, or if it exists and was not made by this program from `source`."""
    for path in paths:
        there = next(folder for folder in path.absolute().parents if folder.exists())
        if not os.access(there, os.W_OK):
            raise FileError(str(path), f"cannot be written: {there} is not yours to write into", "Give another --out")
        if not is_source(path, source):
            check_free(path, source, OVERWRITE_REMEDY)


def base_name(file: Path) -> str:
    """Returns the file name without the extensions of JSON and compression: `posts` for `posts.json.gz`."""
    name = file.name
    for ending in _ENDINGS:
        name = name.removesuffix(ending)
    return name


def _output(source: Path, name: str) -> Path:
    return source / name if source.is_dir() else source.with_name(f"{base_name(source)}_{name}")
