"""Asset checks that pseudonymous datasets contain no account name and no post or profile id of the lake."""

from collections.abc import Callable, Iterator

import dagster as dg

from instagram_assets.datasets.dataset_files import CSV, PARQUET, SEARCH, merged, names_of_datasets
from instagram_assets.datasets.delta import TABLES, delta_target, files_beside_tables, files_of_tables
from instagram_assets.datasets.pseudonymous import known_to
from instagram_assets.privacy.identifier_leaks import (
    NamedFile,
    find_identifier_leaks,
    foreign_entries,
    foreign_files,
    format_leaks,
    mask_file_names,
    named_files,
)
from instagram_assets.settings import settings
from instagram_assets.storage.folder_swap import LITTER
from instagram_assets.storage.lake import open_lake

_Files = Callable[[], Iterator[NamedFile]]

_MEANING = (
    "No account, owner or mention, and no id of a post or profile of the lake, stands in the files, in their names or "
    "in their notes, in whatever form, nor in what else lies in their folder."
)

_OF_NOBODY = (*LITTER, "selection")
"""Names of files that are searched but not reported as unexpected: from file managers and `export --accounts`."""


def identifier_checks() -> list[dg.AssetChecksDefinition]:
    """The check `no_raw_identifiers` for each exported dataset."""
    return [_check(asset, each) for asset, each in DATASET_FILES.items()]


def _check(asset: str, files: _Files) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=asset, name="no_raw_identifiers", description=_MEANING)
    def check() -> dg.AssetCheckResult:
        known, _ = known_to(settings(), open_lake(settings()))
        found = find_identifier_leaks(files(), known)
        strays = ", ".join(mask_file_names(_unexpected_names(), known))
        beside = f" In data/datasets lies what no export made: {strays}." if strays else ""
        return dg.AssetCheckResult(
            passed=not found,
            severity=dg.AssetCheckSeverity.ERROR,
            description=format_leaks(found) or f"No name and no id of the lake stands in it.{beside}",
            metadata={
                "findings": len(found),
                "names and ids": len(known.names) + len(known.ids),
            },
        )

    return check


def _below(*names: str) -> Iterator[NamedFile]:
    """Yield the files below `names` in `data/datasets`, and files there that no export wrote but could be shared."""
    folder = settings().folder("datasets")
    yield from named_files(folder / name for name in names)
    yield from foreign_files(folder, names_of_datasets(settings()))


def _unexpected_names() -> list[str]:
    entries = foreign_entries(settings().folder("datasets"), {*names_of_datasets(settings()), *_OF_NOBODY})
    return [entry.name for entry in entries]


def _search() -> Iterator[NamedFile]:
    return named_files([settings().folder("datasets") / SEARCH])


def _delta() -> Iterator[NamedFile]:
    target = delta_target(settings())
    yield from files_of_tables(open_lake(settings()), target, settings().delta.options, TABLES)
    yield from files_beside_tables(target, TABLES)


DATASET_FILES: dict[str, _Files] = {
    "dataset_csv": lambda: _below(*CSV),
    "dataset_json": lambda: _below(*merged(settings())),
    "dataset_parquet": lambda: _below(PARQUET),
    "dataset_delta": _delta,
    "search_dataset": _search,
}
"""The files that each dataset consists of."""
