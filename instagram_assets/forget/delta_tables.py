"""The Delta tables forget: rows of the subject go, then all older versions, which have them still."""

import hashlib
from collections.abc import Iterator
from functools import partial

from upath import UPath

from instagram_assets.datasets.delta import TABLES, place_of, target_of
from instagram_assets.datasets.delta.files import Asked
from instagram_assets.datasets.delta.log import LOG
from instagram_assets.datasets.delta.places import Place
from instagram_assets.datasets.delta.rewrite import rewrite_rows, rows_of_file
from instagram_assets.forget.counted import scrub_counted
from instagram_assets.forget.steps import Applied, Step
from instagram_assets.forget.suspicion import Suspicion
from instagram_assets.ingest.scrub.records import Scrubber
from instagram_assets.privacy.forgotten import Forgotten
from instagram_assets.privacy.tables import scrub_table
from instagram_assets.settings import Settings

PLACE = "datasets"


def steps(settings: Settings, root: UPath, forgotten: Forgotten) -> Iterator[Step]:
    """One for each table that has something of the subject in any version, in its log or in what was set aside."""
    for target in targets(settings):
        for asked in TABLES:
            place = place_of(target, asked.name, settings.delta.options, root.storage_options)
            if rows := _rows_in(place, forgotten):
                yield Step(PLACE, place.uri, "rewrite", rows, partial(_forget, place, asked, forgotten, rows))


def targets(settings: Settings) -> list[str]:
    """Where tables may stand: where the settings say, in their usual place before that, and those without names."""
    usual, pseudonymous = (settings.folder("datasets") / name for name in ("delta", "pseudonymous/delta"))
    return list(dict.fromkeys((target_of(settings), str(usual), str(pseudonymous))))


def _rows_in(place: Place, forgotten: Forgotten) -> int:
    """How many rows and entries of the log, of any version, hold something of it."""
    suspects, scrubber = Suspicion(forgotten), Scrubber(forgotten)
    found = 0
    for name in place.names():
        if name.endswith(".parquet"):
            rows = rows_of_file(place, name)
            found += 1 if rows is None else scrub_counted(rows, forgotten).rows
        elif suspects(text := place.read(name).decode("utf-8", "replace")):
            found += scrubber.text(text) != text
    return found


def _forget(place: Place, asked: Asked, forgotten: Forgotten, rows: int) -> Applied:
    before = {name: _hash_in_log(place, name) for name in place.names()}
    written = rewrite_rows(place, asked, lambda table: scrub_table(table, forgotten))
    after = {name: _hash_in_log(place, name) for name in place.names()}
    new = [name for name in sorted(after) if name not in before or after[name] != before[name]]
    gone = before.keys() - after.keys()
    rewritten = [after[name] or hashlib.sha256(place.read(name)).hexdigest() for name in new]
    return Applied(max(len(gone) - len(new), 0), rewritten, rows, written)


def _hash_in_log(place: Place, name: str) -> str:
    """The hash of a file of the log, whose names stay when it is written again; empty for files of rows."""
    return hashlib.sha256(place.read(name)).hexdigest() if name.startswith(f"{LOG}/") else ""
