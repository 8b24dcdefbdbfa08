"""All that no other part has forgets: datasets, reports, ledgers, notes, the registry."""

import json
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path

from instagram_assets.forget import (
    collector_rows,
    delta_tables,
    derived_files,
    ledger_rows,
    output_files,
    registry_entries,
    reports,
    search_folders,
    search_requests,
)
from instagram_assets.forget.replaced import remove
from instagram_assets.forget.steps import Step
from instagram_assets.ingest.scrub.records import Scrubber
from instagram_assets.privacy.aliases import with_exported
from instagram_assets.privacy.forgotten import Forgotten
from instagram_assets.privacy.places import OWN_FOLDERS
from instagram_assets.settings import Settings
from instagram_assets.storage.atomic import is_local
from instagram_assets.storage.lake import lake_root


def steps(settings: Settings, forgotten: Forgotten) -> Iterator[Step]:
    """What is to be done, by what stands on the disk now. Raises StorageError when a file or a store cannot be read."""
    if not forgotten:
        return
    data, datasets = settings.data_dir.absolute(), settings.folder("datasets")
    forgotten = with_exported(forgotten, settings.folder("privacy"))
    yield from delta_tables.steps(settings, lake_root(settings), forgotten)
    searches = (datasets / "search", settings.folder("reports") / "search")
    own = search_requests.own_searches(lake_root(settings), forgotten)
    yield from chain.from_iterable(search_folders.steps(folder, data, forgotten, own) for folder in searches)
    yield from search_requests.steps(lake_root(settings), forgotten)
    yield from reports.steps(settings.folder("reports"), data, forgotten, searches[1])
    yield from ledger_rows.steps(settings.folder("ledger") / "calls.sqlite", forgotten)
    yield from collector_rows.steps(settings.folder("collection"), data, forgotten)
    yield from registry_entries.steps(settings.accounts_file, forgotten)
    yield from _notes(settings.folder("scrapes"), data, forgotten)
    yield from _others(settings, data, forgotten)


def _notes(folder: Path, root: Path, forgotten: Forgotten) -> Iterator[Step]:
    """Notes of scrapes that asked for the subject: a finished one goes, one that is open loses the name."""
    for path in sorted(folder.rglob("*.json")) if folder.is_dir() else ():
        try:
            note = json.loads(path.read_bytes())
        except ValueError:
            continue
        if Scrubber(forgotten).record(note) is note:
            continue
        if isinstance(note, dict) and note.get("status"):
            shown = output_files.seen(path, root)
            yield Step("scrapes", shown, "remove", 1, partial(remove, path))
        else:
            yield from output_files.of_file("scrapes", path, root, forgotten)


def _others(settings: Settings, data: Path, forgotten: Forgotten) -> Iterator[Step]:
    """Each folder of the program that no part of forgetting has by itself; whatever else lies there is a person's own.

    Such files are left for their owner: the byte search finds them and says where.
    """
    lake = lake_root(settings)
    # What the age model was trained with has no names in it, and its tokenizer's words are its own.
    others = ("media", "models", "privacy", "inbox", "dagster", "reports", "scrapes", "age", "collection")
    elsewhere = (*others, *derived_files.PLACES)
    passed = {settings.folder(name) for name in elsewhere} | {settings.folder("datasets") / "search"}
    passed |= {Path(lake.path).absolute()} if is_local(lake) else set()
    local = (target.removeprefix("file://") for target in delta_tables.targets(settings))
    passed |= {Path(target).expanduser().absolute() for target in local if "://" not in target}
    for name in sorted(OWN_FOLDERS):
        if (folder := data / name).is_dir() and folder not in passed:
            yield from output_files.steps(name, folder, data, forgotten, passed)
