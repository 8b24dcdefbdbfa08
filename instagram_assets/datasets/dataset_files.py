"""Names of the files and folders in data/datasets that the platform's runs write, and which of them are missing."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from instagram_assets.datasets.delta import TABLES, delta_target, local_folder
from instagram_assets.datasets.json import json_name
from instagram_assets.datasets.parquet import is_ours
from instagram_assets.settings import Settings

CSV = ("post.csv", "reel.csv")
PARQUET = "parquet"
SEARCH = "search"
PSEUDONYMOUS = "pseudonymous"


def merged(settings: Settings) -> list[str]:
    """Returns the file names of the two JSON files of the merged dataset: without and with image captions."""
    return [json_name(settings.mode, captions=each) for each in (False, True)]


def names_of_datasets(settings: Settings) -> set[str]:
    """Returns the names of all dataset files and folders with these settings, including pseudonymous exports."""
    delta = _delta(settings)
    return {*CSV, *merged(settings), PARQUET, SEARCH, PSEUDONYMOUS} | ({delta} if delta else set())


def is_made_again(settings: Settings, path: str) -> bool:
    """Whether a run with these settings recreates a file or folder, given by its path below `data/datasets`.

    False for folders of image searches, which hold manual decisions, and for pseudonymous exports, which a later run
    cannot recreate with the same pseudonyms once the key has changed. In a folder that also has a user's own files,
    true only for files that a run writes.
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
    """Returns the name of the Delta tables' folder if it is directly in `data/datasets`; else an empty string."""
    folder = local_folder(delta_target(settings))
    is_here = folder is not None and folder.parent == settings.folder("datasets").absolute()
    return folder.name if folder and is_here else ""


def _being_written(names: tuple[str, ...]) -> set[str]:
    """Returns these file names, and the temporary names used while each is replaced: `.NAME.new` and `.NAME.old`."""
    return {*names, *(f".{name}.{state}" for name in names for state in ("new", "old"))}


_KINDS = ("post", "reel")


def missing_datasets(settings: Settings) -> Iterator[str]:
    """Yields the names of the dataset assets of which a file or the whole folder is missing.

    Delta tables are checked only if they are in a local folder, and then only whether that folder exists, since tables
    without rows have no files.
    """
    folder = settings.folder("datasets")
    kinds = _KINDS if settings.mode == "all" else (settings.mode,)
    files = {
        "dataset_csv": [folder / f"{kind}.csv" for kind in kinds],
        "dataset_json": [folder / json_name(settings.mode)],
        "dataset_parquet": [folder / "parquet"],
    }
    target = delta_target(settings).removeprefix("file://")
    if "://" not in target:
        files["dataset_delta"] = [Path(target).expanduser()]
    yield from (name for name, paths in files.items() if not all(path.exists() for path in paths))
