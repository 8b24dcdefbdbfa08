"""The files in data/datasets that runs of the platform write, and which of them are missing."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from instagram_assets.datasets.delta import TABLES, folder_of, target_of
from instagram_assets.datasets.json import json_name
from instagram_assets.datasets.parquet import is_ours
from instagram_assets.settings import Settings

CSV = ("post.csv", "reel.csv")
PARQUET = "parquet"
SEARCH = "search"
PSEUDONYMOUS = "pseudonymous"


def merged(settings: Settings) -> list[str]:
    """The merged dataset's files, without and with captions."""
    return [json_name(settings.mode, captions=each) for each in (False, True)]


def names_of_datasets(settings: Settings) -> set[str]:
    """The files and folders of all datasets that these settings make, and of exports without names."""
    delta = _delta(settings)
    return {*CSV, *merged(settings), PARQUET, SEARCH, PSEUDONYMOUS} | ({delta} if delta else set())


def is_made_again(settings: Settings, path: str) -> bool:
    """True for a file or folder, by its path below `data/datasets`, that a plain run with these settings makes again.

    Not so for folders of image searches, in which people choose, nor for what `export` was asked for: pseudonyms are
    others once the key is another. Of a folder with a person's own files among ours these are told apart.
    """
    first, _, rest = path.partition("/")
    if first in _being_written((*CSV, *merged(settings))):
        return True
    if first in _being_written((PARQUET,)):
        return is_ours(rest) or first != PARQUET
    if first == _delta(settings):
        return PurePosixPath(rest).parts[:1] in {(table.name,) for table in TABLES}
    return False


def _delta(settings: Settings) -> str:
    """The folder of the Delta tables directly in `data/datasets`; empty where they are elsewhere."""
    folder = folder_of(target_of(settings))
    is_here = folder is not None and folder.parent == settings.folder("datasets").absolute()
    return folder.name if folder and is_here else ""


def _being_written(names: tuple[str, ...]) -> set[str]:
    """These names, and those that they have while they are replaced."""
    return {*names, *(f".{name}.{state}" for name in names for state in ("new", "old"))}


_KINDS = ("post", "reel")


def missing_datasets(settings: Settings) -> Iterator[str]:
    """The names of the datasets of which a file, or the whole folder, is not there.

    The Delta tables count where they are on this machine; where there is no row there are none.
    """
    folder = settings.folder("datasets")
    kinds = _KINDS if settings.mode == "all" else (settings.mode,)
    files = {
        "dataset_csv": [folder / f"{kind}.csv" for kind in kinds],
        "dataset_json": [folder / json_name(settings.mode)],
        "dataset_parquet": [folder / "parquet"],
    }
    target = target_of(settings).removeprefix("file://")
    if "://" not in target:
        files["dataset_delta"] = [Path(target).expanduser()]
    yield from (name for name, paths in files.items() if not all(path.exists() for path in paths))
