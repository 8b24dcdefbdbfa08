"""The landing zone: every file that came in, read once, its records kept as rows.

`<lake>/landing/{posts,reels,profiles,quarantine}/<sha256>-<parser version>.parquet` hold the rows;
`landing/files/<sha256>-<parser version>.json` is written last and makes them count;
`landing/pending/…` remembers files whose cells are not materialized yet. What the lake holds is a pure
function of the set of landed files, whatever the order they came in.
"""

import hashlib
import os
import shutil
import tempfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from upath import UPath

from instagram_assets.ingest.manifests import (
    PARSER_VERSION,
    TABLES,
    LandedFile,
    first_seen,
    mark_pending,
    pending,
    pending_path,
    read_manifest,
    settle,
    table_path,
    write_manifest,
)
from instagram_assets.ingest.observations import Touched, landed_files, quarantine, read_posts, read_profiles, touched
from instagram_assets.ingest.source import Source
from instagram_assets.ingest.streams import changed, check_regular, file_chunks, identity
from instagram_assets.ingest.writer import write_rows
from instagram_assets.settings import Settings
from instagram_assets.storage.atomic import is_local, make_folder, remove_durably, sweep, sync_folders, write_atomic

__all__ = [
    "PARSER_VERSION",
    "LandedFile",
    "Touched",
    "land",
    "landed_files",
    "pending",
    "quarantine",
    "read_posts",
    "read_profiles",
    "settle",
    "touched",
]


def land(path: Path, lake: UPath, *, settings: Settings, observed_at: datetime | None = None) -> LandedFile:
    """Read a file into the landing zone, or say what is known of it when it has landed before (`new` is False).

    The bytes are hashed first, which costs little, so that known ones are not parsed again. Nothing of a file
    can be seen before all of it is there. `observed_at` (aware) is for records whose file does not say it.
    Raises FileError when the file cannot be used; nothing of it is taken then.
    """
    check_regular(path)
    before = identity(path.stat())
    digest = _sha256(path)
    name = f"{digest}-{PARSER_VERSION}"
    spool = _spool_folder(lake)
    sweep(spool)
    if known := read_manifest(lake, name):
        return replace(known, new=False)
    seen = first_seen(lake, digest)
    file = os.fsencode(path.name).decode("utf-8", "replace")
    source = Source(file, digest, seen, settings.zone, observed_at)
    mark_pending(lake, name, seen)
    try:
        with write_rows(path, source, settings.ingest, spool) as (landed, files):
            if identity(path.stat()) != before:
                raise changed(path)
            for table in TABLES:
                if landed.rows(table):
                    _publish(files[table], table_path(lake, table, name))
            write_manifest(lake, landed)
    except Exception:
        # What is half done must not look like work that waits; after a kill the note stays and is not counted.
        remove_durably(pending_path(lake, name))
        raise
    return landed


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    for chunk in file_chunks(path):
        digest.update(chunk)
    return digest.hexdigest()


def _spool_folder(lake: UPath) -> Path:
    """Where rows are written before they are published: inside a local lake, so that a rename is enough."""
    folder = Path(lake.path) / "landing" if is_local(lake) else Path(tempfile.gettempdir()) / "instagram-assets-landing"
    make_folder(folder)
    return folder


def _publish(spooled: Path, final: UPath) -> None:
    if not is_local(final):
        with open(spooled, "rb") as stream:
            write_atomic(final, lambda target: shutil.copyfileobj(stream, target))
        return
    with open(spooled, "rb") as stream:
        os.fsync(stream.fileno())
    folder = Path(final.path).parent
    make_folder(folder)
    os.replace(spooled, final.path)
    sync_folders([folder])
