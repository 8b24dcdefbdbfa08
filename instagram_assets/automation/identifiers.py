"""Datasets that are declared pseudonymous, checked for names and ids of the lake in any form."""

from collections.abc import Callable, Iterator

import dagster as dg

from instagram_assets.datasets.delta import TABLES, files_of_tables, target_of
from instagram_assets.datasets.json import json_name
from instagram_assets.datasets.pseudonymous import known_to
from instagram_assets.privacy.raw_identifiers import NamedFile, files_of, raw_identifiers, told
from instagram_assets.settings import settings
from instagram_assets.storage.lake import open_lake

Files = Callable[[], Iterator[NamedFile]]

_MEANING = (
    "No account, owner or mention, and no id of a post or profile of the lake, stands in the files, in their names or "
    "in their notes, in whatever form."
)


def identifier_checks() -> list[dg.AssetChecksDefinition]:
    """`no_raw_identifiers` of each dataset that goes out."""
    return [_check(asset, each) for asset, each in FILES.items()]


def _check(asset: str, files: Files) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=asset, name="no_raw_identifiers", description=_MEANING)
    def check() -> dg.AssetCheckResult:
        known, _ = known_to(settings(), open_lake(settings()))
        found = raw_identifiers(files(), known)
        return dg.AssetCheckResult(
            passed=not found,
            severity=dg.AssetCheckSeverity.ERROR,
            description=told(found) or "No name and no id of the lake stands in it.",
            metadata={
                "findings": len(found),
                "names and ids": len(known.names) + len(known.ids),
            },
        )

    return check


def _below(*names: str) -> Iterator[NamedFile]:
    return files_of(settings().folder("datasets") / name for name in names)


def _delta() -> Iterator[NamedFile]:
    return files_of_tables(open_lake(settings()), target_of(settings()), settings().delta.options, TABLES)


FILES: dict[str, Files] = {
    "dataset_csv": lambda: _below("post.csv", "reel.csv"),
    "dataset_json": lambda: _below(*(json_name(settings().mode, captions=each) for each in (False, True))),
    "dataset_parquet": lambda: _below("parquet"),
    "dataset_delta": _delta,
    "search_dataset": lambda: _below("search"),
}
"""The files that each dataset consists of."""
