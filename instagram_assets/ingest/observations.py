"""Reads landed files, bad records and observations from the landing zone; finds the partitions that files affect."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
from upath import UPath

from instagram_assets.arrow import compute, group_starts
from instagram_assets.errors import DamagedError, StorageError
from instagram_assets.ingest.manifests import LANDING_CONTRACTS, PARSER_VERSION, LandedFile, manifests, table_path
from instagram_assets.ingest.merge import are_partial_albums, merged_media, nearest_profiles
from instagram_assets.schemas import LANDED_FILES, POSTS_RAW, PROFILES_RAW, RAW_ADS, RAW_COMMENTS, Contract
from instagram_assets.storage.atomic import is_local

if TYPE_CHECKING:
    from instagram_assets.arrow import Booleans

CONFLICT = "conflict: the same observation came with other values, the larger counts were kept"

_WITHOUT_COMMENTS = 3
_COUNTS = ("likes", "comments", "views", "plays")
# Columns that describe the row's source file and not the post.
_OF_THE_FILE = ("observed_at", "warnings", "source_file", "source_sha256", "source_index")


class AffectedCells(NamedTuple):
    """What must be materialized after files have landed: accounts with new profiles, and (account, day) partitions."""

    accounts_with_profiles: list[str]
    cells: set[tuple[str, date]]


def landed_files(lake: UPath, first_day: date, last_day: date, parser_version: int = PARSER_VERSION) -> pa.Table:
    """Return the table of all landed files (contract LANDED_FILES), sorted by file and hash.

    `outside_window` counts posts before `first_day` or after `last_day`.
    """
    taken = set(LANDED_FILES.schema.names) - {"outside_window", "first_day", "last_day"}
    rows: list[dict[str, object]] = []
    for file in manifests(lake, parser_version):
        days = [date.fromisoformat(day) for day in file.days]
        rows.append({name: getattr(file, name) for name in taken})
        rows[-1]["outside_window"] = file.outside(first_day, last_day)
        rows[-1].update(first_day=min(days, default=None), last_day=max(days, default=None))
    return LANDED_FILES.table(rows)


def quarantine_table(lake: UPath) -> pa.Table:
    """Return the table of all bad records (contract QUARANTINE), sorted by file, its hash, record index and field."""
    landed = manifests(lake)
    table: Any = _rows(lake, landed, "quarantine")
    # Older parser versions stored other people's comments.
    old = [file.sha256 for file in landed if file.parser_version < _WITHOUT_COMMENTS]
    of_old: Any = compute.is_in(table["sha256"], value_set=pa.array(old, pa.string()))
    place = table.schema.get_field_index("record")
    table = table.set_column(place, table.schema.field(place), compute.if_else(of_old, "", table["record"]))
    return table.sort_by([(name, "ascending") for name in ("file", "sha256", "index", "field")])


def read_posts(
    lake: UPath, kind: Literal["posts", "reels"], accounts: Sequence[str], first_day: date, last_day: date
) -> pa.Table:
    """Read the observations of some accounts' posts or reels, first to last day included (contract POSTS_RAW).

    Duplicates of an observation (the same post and time, from two sources) become one row. If they differ, that row has
    the larger counts and a warning, and an album has the images of both. The same record in two files is also one
    observation if neither file says when it was read. Sorted by account, day, post_id, observed_at.
    """
    first, last = first_day.isoformat(), last_day.isoformat()
    wanted = set(accounts)
    files = [
        file
        for file in manifests(lake)
        if not wanted.isdisjoint(file.accounts) and any(first <= day <= last for day in file.days)
    ]
    day = compute.field("day")
    inside: Any = (
        compute.field("account").isin(sorted(wanted)) & (day >= pa.scalar(first_day)) & (day <= pa.scalar(last_day))
    )
    return _without_doubles(_without_second_forms(_rows(lake, files, kind, where=inside), files, POSTS_RAW.key))


def read_profiles(lake: UPath, accounts: Sequence[str]) -> pa.Table:
    """Read the observations of some accounts' profiles, one for each account and time (contract PROFILES_RAW).

    Sorted by account and time.
    """
    wanted = set(accounts)
    files = [file for file in manifests(lake) if not wanted.isdisjoint(file.profile_accounts)]
    rows = _rows(lake, files, "profiles", where=compute.field("account").isin(sorted(wanted)))
    return _last_profiles(_without_second_forms(rows, files, ("account",)))


def read_ads(lake: UPath) -> pa.Table:
    """Read the observations of all ads (contract RAW_ADS), sorted by ad and time.

    Of several rows with the same ad and time, from one table or more, the one with the larger counts is used.
    """
    files = [file for file in manifests(lake) if file.ads]
    rows: Any = _without_second_forms(_rows(lake, files, "ads"), files, RAW_ADS.key)
    order = [("ad_id", "ascending"), ("observed_at", "ascending")]
    order += [(name, "descending") for name in ("views", "likes", "comments")]
    rows = rows.sort_by([*order, ("source_sha256", "ascending"), ("source_index", "ascending")])
    return rows.take(pa.array(np.flatnonzero(group_starts(rows, list(RAW_ADS.key)))))


def read_comments(lake: UPath) -> pa.Table:
    """Read the observations of all comments (contract RAW_COMMENTS), sorted by comment and time.

    Of several rows with the same comment and time, a row that names its post and account is preferred, then the one
    with the most likes.
    """
    files = [file for file in manifests(lake) if file.comments]
    rows: Any = _without_second_forms(_rows(lake, files, "comments"), files, RAW_COMMENTS.key)
    # Nulls sort last, so a row that names its post and account comes before one that does not.
    order = [(name, "ascending") for name in (*RAW_COMMENTS.key, "post_id", "account")]
    order += [("likes", "descending"), ("source_sha256", "ascending"), ("source_index", "ascending")]
    rows = rows.sort_by(order)
    return rows.take(pa.array(np.flatnonzero(group_starts(rows, list(RAW_COMMENTS.key)))))


def media_by_file(lake: UPath, files: Sequence[LandedFile]) -> dict[str, list[dict[str, Any]]]:
    """Return the media of each landed file that contains exactly one post, by the file's hash."""
    found: dict[str, list[dict[str, Any]]] = {}
    for table in ("posts", "reels"):
        single = [file for file in files if file.rows(table) == file.posts + file.reels == 1]
        rows = _rows(lake, single, table, ["source_sha256", "media"])
        found.update(zip(rows["source_sha256"].to_pylist(), rows["media"].to_pylist(), strict=True))
    return found


def affected_cells(lake: UPath, files: Sequence[LandedFile], first_day: date, last_day: date) -> AffectedCells:
    """Return the partitions (account, day) that these landed files change, from `first_day` to `last_day` included.

    These are the partitions of their posts, and those of all posts whose owner's profile nearest in time is now in one
    of these files. Thus the lake does not depend on the order in which files arrive.
    """
    inside: Any = (compute.field("day") >= pa.scalar(first_day)) & (compute.field("day") <= pa.scalar(last_day))
    cell = list(POSTS_RAW.partitions)
    cells: set[tuple[str, date]] = set()
    for kind in ("posts", "reels"):
        cells |= _cells(_rows(lake, files, kind, cell, inside))
    new: Any = _rows(lake, files, "profiles", ["account", "profile_id"])
    if not new.num_rows:
        return AffectedCells([], cells)
    names, ids = new["account"].unique(), new["profile_id"].unique().drop_null()
    landed = manifests(lake)
    same: Any = compute.field("account").isin(names) | compute.field("profile_id").isin(ids)
    profiles = _last_profiles(_rows(lake, landed, "profiles", where=same))
    hashes = pa.array([file.sha256 for file in files], pa.string())
    is_new: Any = compute.is_in(profiles["source_sha256"], value_set=hashes).to_numpy()
    owned: Any = inside & (compute.field("owner_id").isin(ids) | compute.field("owner").isin(names))
    for kind in ("posts", "reels"):
        posts: Any = _rows(lake, landed, kind, [*cell, "owner", "owner_id", "observed_at"], owned)
        nearest = nearest_profiles(posts, profiles)
        changed = np.flatnonzero((nearest >= 0) & is_new[nearest])
        cells |= _cells(posts.take(pa.array(changed)))
    return AffectedCells(sorted(names.to_pylist()), cells)


def _rows(
    lake: UPath, files: Sequence[LandedFile], table: str, columns: list[str] | None = None, where: Any = None
) -> pa.Table:
    import pyarrow.dataset as ds

    contract: Contract = LANDING_CONTRACTS[table]
    paths = [table_path(lake, table, file.name) for file in files if file.rows(table)]
    if not paths:
        return contract.empty().select(columns or contract.schema.names)
    checked = ds.ParquetFragmentScanOptions(page_checksum_verification=True)
    kind = ds.ParquetFileFormat(default_fragment_scan_options=checked)
    try:
        rows: Any = ds.dataset([path.path for path in paths], contract.schema, kind, filesystem=_filesystem(lake))
        return rows.to_table(columns=columns, filter=where)
    except (OSError, pa.ArrowException) as error:
        remedy = "Delete that file and run `instagram-assets ingest`: it reads the source in inbox/done again"
        lasting = isinstance(error, pa.ArrowException) or is_local(lake)
        kind = DamagedError if lasting else StorageError
        raise kind(f"{lake}/landing/{table}: {error}. {remedy}.") from error


def _filesystem(lake: UPath) -> Any:
    from pyarrow.fs import FSSpecHandler, LocalFileSystem, PyFileSystem

    return LocalFileSystem() if is_local(lake) else PyFileSystem(FSSpecHandler(lake.fs))


def _without_second_forms(rows: pa.Table, files: Sequence[LandedFile], key: Sequence[str]) -> pa.Table:
    """Remove duplicate rows that differ only in an observation time estimated from their files.

    Thus the same export as JSON and as CSV, or copied to another path, counts once. `key` are the columns that identify
    an observation.
    """
    guessed = {file.sha256: {file.modified_at, file.first_seen} for file in files}
    if len(guessed) < 2 or not rows.num_rows:
        return rows
    times = zip(rows["source_sha256"].to_pylist(), rows["observed_at"].to_pylist(), strict=True)
    is_guess = np.array([moment in guessed[sha256] for sha256, moment in times])
    places = np.flatnonzero(is_guess)
    names = [name for name in key if name != "observed_at"]
    several = _several(rows.select(names).take(pa.array(places)))
    places = places[several]
    if not len(places):
        return rows
    said: Any = rows.drop_columns(list(_OF_THE_FILE)).take(pa.array(places))
    records = [repr(sorted(record.items())) for record in said.to_pylist()]
    order = np.argsort(rows["observed_at"].to_numpy()[places], kind="stable")
    first: dict[str, int] = {}
    for place in order:
        first.setdefault(records[place], place)
    kept = np.ones(rows.num_rows, np.bool_)
    kept[np.delete(places, list(first.values()))] = False
    return rows.filter(pa.array(kept))


def _several(keys: pa.Table) -> "Booleans":
    """Mask of rows whose key (the values in all columns of `keys`) occurs more than once."""
    numbered: Any = keys.append_column("place", pa.array(range(keys.num_rows), pa.int64()))
    groups: Any = numbered.group_by(keys.column_names).aggregate([("place", "list")])
    found = np.zeros(keys.num_rows, np.bool_)
    lists = groups["place_list"].combine_chunks()
    sizes = np.diff(lists.offsets.to_numpy())
    found[lists.values.to_numpy()[np.repeat(sizes > 1, sizes)]] = True
    return found


def _without_doubles(rows: pa.Table) -> pa.Table:
    order = [(name, "ascending") for name in POSTS_RAW.sort_columns]
    order += [(name, "descending") for name in _COUNTS]
    rows = rows.sort_by([*order, ("source_sha256", "ascending"), ("source_index", "ascending")])
    starts = group_starts(rows, POSTS_RAW.sort_columns)
    if starts.all():
        return rows
    first = np.flatnonzero(starts)
    conflicting = np.logical_or.reduceat(_differs(rows) & ~starts, first)
    several = np.logical_or.reduceat(~starts, first)
    in_pieces = np.logical_or.reduceat(are_partial_albums(rows), first) & several
    kept: Any = rows.take(pa.array(first))
    warnings: list[list[str]] = kept["warnings"].to_pylist()
    for row in np.flatnonzero(conflicting):
        warnings[row] = [*(warnings[row] or []), CONFLICT]
    media = merged_media(rows["media"], np.arange(rows.num_rows), first, first, in_pieces)
    for name, column in {"warnings": warnings, "media": media}.items():
        place = kept.schema.get_field_index(name)
        kept = kept.set_column(place, kept.schema.field(place), pa.array(column, kept.schema.field(place).type))
    return kept


def _differs(rows: pa.Table) -> "Booleans":
    """Mask of rows whose counts or caption hash differ from those of the previous row."""
    unknown: dict[str, Any] = {name: compute.fill_null(rows[name], -1) for name in _COUNTS}
    unknown["caption_sha256"] = compute.fill_null(rows["caption_sha256"], "")
    return group_starts(pa.table(unknown), list(unknown))


def _last_profiles(rows: pa.Table) -> pa.Table:
    # The result must not depend on which file came later, so the hash breaks ties.
    newest = [("source_sha256", "descending"), ("source_index", "descending")]
    rows = rows.sort_by([("account", "ascending"), ("observed_at", "ascending"), *newest])
    return rows.take(pa.array(np.flatnonzero(group_starts(rows, PROFILES_RAW.key))))


def _cells(rows: pa.Table) -> set[tuple[str, date]]:
    distinct: Any = rows.group_by(list(POSTS_RAW.partitions)).aggregate([])
    return set(zip(distinct["account"].to_pylist(), distinct["day"].to_pylist(), strict=True))
