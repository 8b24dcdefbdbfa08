"""Which datasets are not where they were written: taken away, or in a folder that a backup was brought back into."""

from collections.abc import Iterator
from pathlib import Path

from instagram_assets.datasets.delta import target_of
from instagram_assets.datasets.json import json_name
from instagram_assets.settings import Settings

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
