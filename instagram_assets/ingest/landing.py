"""The landing zone: every incoming file is parsed once, and its records are stored as Parquet rows.

`<lake>/landing/{posts,reels,profiles,ads,comments,quarantine}/<sha256>-<parser version>.parquet` hold the rows;
`landing/files/<sha256>-<parser version>.json` is the manifest, written last, which makes them valid;
`landing/pending/…` marks files whose (account, day) partitions are not materialized yet. The lake's contents depend
only on the set of landed files, and not on the order in which they landed.
"""

import errno
import hashlib
import os
import re
import shutil
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from upath import UPath

from instagram_assets.ingest.archive_pictures import archive_owner
from instagram_assets.ingest.comment_rows import posting_people
from instagram_assets.ingest.companion_files import post_beside
from instagram_assets.ingest.formats.download_information import NAME as ARCHIVE
from instagram_assets.ingest.landing_writer import spool_rows
from instagram_assets.ingest.manifests import (
    LANDING_TABLES,
    PARSER_VERSION,
    LandedFile,
    find_landed,
    first_seen_at,
    manifest_path,
    mark_pending,
    original_hash,
    pending_path,
    table_path,
    write_manifest,
)
from instagram_assets.ingest.reader.byte_streams import Identity, changed, check_regular, file_chunks, identity
from instagram_assets.ingest.record_source import RecordSource
from instagram_assets.ingest.redact.redactor import scrubbed_name
from instagram_assets.privacy.forgotten_identifiers import Forgotten
from instagram_assets.privacy.pseudonyms import pseudonym
from instagram_assets.privacy.secret_keys import load_key
from instagram_assets.privacy.tombstones import load_tombstones
from instagram_assets.settings import IngestSettings, Settings
from instagram_assets.storage.atomic import (
    is_local,
    make_folder,
    refusal,
    remove_durably,
    sweep,
    sync_folders,
    write_atomic,
)
from instagram_assets.storage.lake import values_in
from instagram_assets.storage.locks import folder_lock

_PARQUET_END = b"PAR1"
_TELLS_STATED = 4  # the first parser version whose manifests have `stated_at`
_DATE = re.compile(r"20\d\d-[01]\d-[0-3]\d")


def land_file(
    path: Path,
    lake: UPath,
    *,
    settings: Settings,
    observed_at: datetime | None = None,
    account: str = "",
    name: str = "",
    is_swept: bool = False,
    forgotten: Forgotten | None = None,
) -> LandedFile:
    """Parse a file into the landing zone; a file that has landed before is not parsed again (`new` is False).

    Files are identified by the SHA-256 of their bytes. A known file is only parsed again if its rows are damaged or
    come from an older parser version. A file becomes visible only when all of it is written. `observed_at` (aware) is
    when its records were read from Instagram; it overrides the records' own times. `account` is the owner of records
    that do not name one. Either also takes effect if it is given for a file that has landed already. A file past
    retention is not read again, unless `observed_at` puts its records within it. `name` is the file's name in the
    tables, by default its own; `is_swept` skips the removal of temporary files of dead processes, which lists every
    landed file. Records about `forgotten` subjects (erased on request), by default those in the tombstones, are left
    out. Raises FileError when the file cannot be used, BusyFileError when a retry may succeed, StorageError when the
    lake cannot be written or the tombstones cannot be read; then nothing is stored.
    """
    before = identity(check_regular(path))
    forgotten = load_tombstones(settings.folder("privacy")) if forgotten is None else forgotten
    digest = original_hash(lake, _sha256_unchanged(path))
    spool = spool_folder(lake)
    try:
        # Two processes that read the same file at once would remove each other's pending markers.
        with folder_lock(spool):
            if not is_swept:
                sweep(spool)
            earlier = find_landed(lake, digest)
            named = scrubbed_name(name or path.name, forgotten)
            is_restated = earlier is not None and _says_else(earlier, observed_at, forgotten.named(account), settings)
            if earlier and earlier.is_past and not _is_since(earlier, observed_at):
                return replace(earlier, file=named, new=False)
            if earlier and _stands(lake, earlier) and not is_restated:
                return replace(earlier, new=False)
            source = _source(named, before, lake, digest, earlier, settings, observed_at)
            stated = account or (_account_before(earlier, path) if earlier else None)
            keep_extra = settings.ingest.keep_extra
            source = replace(source, account=stated, path=path, find_owner=archive_owner, keep_extra=keep_extra)
            source = replace(source, forgotten=forgotten)
            # Comments that were stored before are kept, whatever the setting is now.
            if settings.ingest.keep_comments or (earlier and earlier.comments is not None):
                source = _keeping_comments(source, path, lake, settings)
            # A mere repair of damaged rows does not change the partitions computed from them.
            is_news = earlier is None or earlier.parser_version < PARSER_VERSION or is_restated
            landed = _read(path, before, source, lake, spool, settings.ingest, is_news=is_news)
            if earlier and earlier.comments and earlier.name != landed.name:
                # Older parser versions masked fewer names in comment texts, so their file is deleted.
                remove_durably(table_path(lake, "comments", earlier.name))
            return landed
    except OSError as error:
        raise refusal(lake / "landing", error) from error


def is_landed(lake: UPath, sha256: str, settings: Settings) -> bool:
    """True if the file with this SHA-256 has landed with the current parser version and is not damaged.

    Also False if comments are enabled in the settings, and were dropped when it landed."""
    file = find_landed(lake, original_hash(lake, sha256))
    return file is not None and (file.is_past or (_stands(lake, file) and not lacks_wanted_comments(file, settings)))


def has_all_tables(lake: UPath, file: LandedFile) -> bool:
    """True when all Parquet files of a landed file exist with their full size."""
    return all(
        _is_whole(table_path(lake, table, file.name), file.sizes.get(table))
        for table in LANDING_TABLES
        if file.rows(table)
    )


def _is_whole(path: UPath, size: int | None) -> bool:
    try:
        if size is not None:
            return path.stat().st_size == size
        with path.open("rb") as stream:  # landed before manifests had sizes
            stream.seek(-len(_PARQUET_END), os.SEEK_END)
            return stream.read() == _PARQUET_END
    except (FileNotFoundError, ValueError):
        return False
    except OSError as error:
        if error.errno != errno.EINVAL:  # the file is shorter than the offset
            raise
        return False


def _stands(lake: UPath, file: LandedFile) -> bool:
    return file.parser_version == PARSER_VERSION and has_all_tables(lake, file)


def _says_else(earlier: LandedFile, observed_at: datetime | None, account: str, settings: Settings) -> bool:
    """True if the user now gives another observation time, owner or comment setting than when the file landed."""
    if lacks_wanted_comments(earlier, settings):
        return True
    is_archive = ARCHIVE in earlier.format
    return observed_at not in (None, earlier.stated_at) or (is_archive and account not in ("", earlier.stated_account))


def lacks_wanted_comments(file: LandedFile, settings: Settings) -> bool:
    """True if a file landed while comments were dropped, and the settings now say to store comments."""
    return settings.ingest.keep_comments and file.comments is None


def _keeping_comments(source: RecordSource, path: Path, lake: UPath, settings: Settings) -> RecordSource:
    """Return the source with what storing comments requires: pseudonyms, post lookup, and account names to mask."""
    key = load_key(settings.folder("privacy"), "pseudonyms")
    find_post = partial(post_beside, path, source, settings.ingest)
    people = posting_people(values_in(lake, "posts"))
    return replace(source, pseudonym_of=partial(pseudonym, key), find_post=find_post, people=people)


def _is_since(earlier: LandedFile, observed_at: datetime | None) -> bool:
    """True if `observed_at` is within retention: not before the time up to which the file's rows were removed."""
    return observed_at is not None and earlier.past_before is not None and observed_at >= earlier.past_before


def _read(
    path: Path,
    before: Identity,
    source: RecordSource,
    lake: UPath,
    spool: Path,
    limits: IngestSettings,
    *,
    is_news: bool,
) -> LandedFile:
    """Write a file's rows and its manifest; with `is_news`, mark its (account, day) partitions as pending.

    `before` is the file's identity when it was hashed. Raises BusyFileError if the file has changed since then.
    """
    name = f"{source.sha256}-{PARSER_VERSION}"
    if is_news:
        mark_pending(lake, name, source.first_seen)
    try:
        with spool_rows(path, source, limits, spool) as (landed, files):
            if identity(check_regular(path)) != before:
                raise changed(path)
            for table in LANDING_TABLES:
                if landed.rows(table):
                    _publish(files[table], table_path(lake, table, name))
            write_manifest(lake, landed)
    except Exception:
        # A half-written file must not look pending; after a kill its marker remains, but is ignored without a manifest.
        # The manifest may exist although syncing it failed: then its partitions are pending.
        if is_news and not manifest_path(lake, name).exists():
            remove_durably(pending_path(lake, name))
        raise
    return landed


def _source(
    name: str,
    now: Identity,
    lake: UPath,
    digest: str,
    earlier: LandedFile | None,
    settings: Settings,
    observed_at: datetime | None,
) -> RecordSource:
    """Return the source of the file's records; owner and time that the user stated at an earlier landing are kept."""
    modified_at = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=now[-1] // 1_000)
    if earlier is None:
        file = os.fsencode(name).decode("utf-8", "replace")
        return RecordSource(file, digest, first_seen_at(lake, digest), settings.zone, observed_at, modified_at)
    said = observed_at or earlier.stated_at or _stated_before(earlier)
    modified_at = earlier.modified_at or modified_at
    file = earlier.file or os.fsencode(name).decode("utf-8", "replace")
    source = RecordSource(file, digest, earlier.first_seen, settings.zone, said, modified_at)
    return replace(source, past_before=earlier.past_before)


def _stated_before(earlier: LandedFile) -> datetime | None:
    """Return the observation time that the user stated, from a manifest of a version that did not store it separately.

    Such manifests do not distinguish a stated time from one in the file's name.
    """
    told = earlier.parser_version < _TELLS_STATED and earlier.observed_at != earlier.first_seen
    return earlier.observed_at if told and not _DATE.search(earlier.file) else None


def _account_before(earlier: LandedFile, path: Path) -> str | None:
    """Return the owner that the user stated when the file landed; None if the data download itself names its owner."""
    return earlier.stated_account if earlier.stated_account and not archive_owner(path) else None


def _sha256_unchanged(path: Path) -> str:
    """Return the SHA-256 of a regular file. Raises FileError if the file changes meanwhile."""
    digest = hashlib.sha256()
    for chunk in file_chunks(path):
        digest.update(chunk)
    return digest.hexdigest()


def spool_folder(lake: UPath) -> Path:
    """Return the folder for temporary Parquet files; in a local lake it is `landing/`, so that a rename publishes them.

    The caller locks the folder while it uses it.
    """
    folder = Path(lake.path) / "landing" if is_local(lake) else Path(tempfile.gettempdir()) / "instagram-assets-landing"
    try:
        make_folder(folder)
    except OSError as error:
        raise refusal(folder, error) from error
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
