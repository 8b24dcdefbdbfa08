"""Manifests of the landing zone: one small JSON file for each landed file. Rows without a manifest are ignored."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

from upath import UPath

from instagram_assets.errors import StorageError
from instagram_assets.schemas import POSTS_RAW, PROFILES_RAW, QUARANTINE, RAW_ADS, RAW_COMMENTS
from instagram_assets.storage.atomic import remove_durably, write_atomic
from instagram_assets.storage.layout import lower_first_year, read_layout

PARSER_VERSION = 6
LANDING_CONTRACTS = {
    "posts": POSTS_RAW,
    "reels": POSTS_RAW,
    "profiles": PROFILES_RAW,
    "ads": RAW_ADS,
    "comments": RAW_COMMENTS,
    "quarantine": QUARANTINE,
}
"""The tables in which a landed file can have rows, with their contracts."""
LANDING_TABLES = tuple(LANDING_CONTRACTS)

_SHA256 = re.compile("[0-9a-f]{64}")
_TIMES = ("first_seen", "observed_at", "stated_at", "modified_at", "past_before")


@dataclass(frozen=True)
class LandedFile:
    """Manifest of one file that was read into the landing zone.

    `days` counts its posts and reels by day, `sizes` has the bytes of its Parquet files by table, `checksums` their
    CRC-32. `observed_at` is the observation time of records that have none, `stated_at` the one that the user stated
    for the file, `modified_at` its modification time, `stated_account` the owner that the user stated. `new` is False
    when the file had been read before. `fields` are the field statistics of its records, for each format and kind such
    as `apify_posts/reel` (see `ingest.field_statistics`); empty for files that landed before those existed.
    `passed_over` are sheets of workbooks that contain no records, with their column names. `forgotten` counts records
    left out because their subject was erased on request. `comments` is None if comments were dropped. Rows observed
    before `past_before` were removed by retention, and reading the file again does not bring them back.
    """

    file: str
    sha256: str
    parser_version: int
    format: str
    records: int
    posts: int
    reels: int
    profiles: int
    quarantined: int
    duplicates: int
    unknown_fields: tuple[str, ...]
    warnings: int
    accounts: tuple[str, ...]
    profile_accounts: tuple[str, ...]
    days: dict[str, int]
    first_seen: datetime
    observed_at: datetime
    stated_at: datetime | None = None
    modified_at: datetime | None = None
    stated_account: str | None = None
    ads: int = 0
    forgotten: int = 0
    comments: int | None = None
    passed_over: tuple[str, ...] = ()
    sizes: dict[str, int] = field(default_factory=dict[str, int])
    checksums: dict[str, int] = field(default_factory=dict[str, int])
    fields: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    past_before: datetime | None = None
    new: bool = field(default=True, compare=False)

    @property
    def name(self) -> str:
        return f"{self.sha256}-{self.parser_version}"

    @property
    def is_past(self) -> bool:
        """True when retention has removed all rows of the file, so that only its hash is still known."""
        return self.past_before is not None and not any(map(self.rows, LANDING_TABLES))

    def rows(self, table: str) -> int:
        """Return the number of rows that the file has in one of LANDING_TABLES."""
        return self.quarantined if table == "quarantine" else int(getattr(self, table) or 0)

    @property
    def taken(self) -> int:
        """Return the number of the file's rows in all tables except quarantine."""
        return sum(self.rows(table) for table in LANDING_TABLES if table != "quarantine")

    def with_rows(self, counts: Mapping[str, int]) -> "LandedFile":
        """Return a copy of the manifest with these row counts by table; counts of dropped comments stay None."""
        fields = {"quarantined" if table == "quarantine" else table: number for table, number in counts.items()}
        return replace(self, **{name: number for name, number in fields.items() if getattr(self, name) is not None})

    def outside(self, first_day: date, last_day: date) -> int:
        """Return the number of the file's posts and reels before `first_day` or after `last_day`."""
        first, last = first_day.isoformat(), last_day.isoformat()
        return sum(number for day, number in self.days.items() if not first <= day <= last)


def table_path(lake: UPath, table: str, name: str) -> UPath:
    """Return the path of the Parquet file with a landed file's rows of one table."""
    return lake / "landing" / table / f"{name}.parquet"


def manifest_path(lake: UPath, name: str) -> UPath:
    """Return the path of a landed file's manifest; its presence makes the rows valid."""
    return lake / "landing" / "files" / f"{name}.json"


def pending_path(lake: UPath, name: str) -> UPath:
    """Return the path of the marker that a landed file's (account, day) partitions are not materialized yet."""
    return lake / "landing" / "pending" / name


def read_manifest(lake: UPath, name: str) -> LandedFile | None:
    """Read one manifest; None when the file has not landed. Raises StorageError when the manifest is damaged."""
    path = manifest_path(lake, name)
    try:
        find_landed: dict[str, Any] = json.loads(path.read_bytes())
        find_landed.update({key: datetime.fromisoformat(find_landed[key]) for key in _TIMES if find_landed.get(key)})
        find_landed.update({key: tuple(find_landed[key]) for key in ("accounts", "profile_accounts", "unknown_fields")})
        find_landed["passed_over"] = tuple(find_landed.get("passed_over", ()))
        return LandedFile(**find_landed)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise StorageError(f"{path}: the manifest is damaged. Delete it and ingest its source again.") from error


def write_manifest(lake: UPath, landed: LandedFile) -> None:
    """Write the manifest of a landed file, which makes its rows visible."""
    find_landed = asdict(landed)
    del find_landed["new"]
    if landed.comments is None:
        del find_landed["comments"]
    find_landed.update({key: find_landed[key].isoformat() for key in _TIMES if find_landed[key]})
    content = json.dumps(find_landed, ensure_ascii=False, sort_keys=True, indent=1).encode()
    # The caller has already swept the landing zone.
    write_atomic(manifest_path(lake, landed.name), lambda stream: stream.write(content), sweep_folder=False)


def manifests(lake: UPath, parser_version: int = PARSER_VERSION) -> list[LandedFile]:
    """Return the newest manifest of each landed file, up to `parser_version`, sorted by name and hash.

    Rows of older parser versions are used until their source is read again. Files entirely past retention are left out.
    """
    landed = (read_manifest(lake, name) for name in newest_manifests(lake, parser_version))
    return sorted((file for file in landed if file and not file.is_past), key=lambda file: (file.file, file.sha256))


def newest_manifests(lake: UPath, parser_version: int = PARSER_VERSION) -> list[str]:
    """Return the name of the newest manifest of each landed file, up to `parser_version`."""
    found: dict[str, int] = {}
    for name in _names(lake / "landing" / "files", ".json"):
        sha256, _, version = name.removesuffix(".json").rpartition("-")
        if version.isdecimal() and found.get(sha256, 0) < int(version) <= parser_version:
            found[sha256] = int(version)
    return [f"{sha256}-{version}" for sha256, version in found.items()]


def find_landed(lake: UPath, sha256: str) -> LandedFile | None:
    """Return the newest readable manifest of the file with this SHA-256; None if there is none."""
    for version in range(PARSER_VERSION, 0, -1):
        try:
            if file := read_manifest(lake, f"{sha256}-{version}"):
                return file
        except StorageError:
            continue  # the repair reads its source again
    return None


def rewritten_path(lake: UPath, sha256: str) -> UPath:
    """Return the path of the marker that maps the SHA-256 of a redacted file to the one under which the file landed."""
    return lake / "landing" / "rewritten" / sha256


def note_rewritten(lake: UPath, sha256: str, original: str) -> None:
    """Record that the landed file `original` has the hash `sha256` after erasure, so that neither lands again."""
    if sha256 != original:
        path = rewritten_path(lake, sha256)
        write_atomic(path, lambda stream: stream.write(original.encode()), sweep_folder=False)


def original_hash(lake: UPath, sha256: str) -> str:
    """Return the hash under which a file landed: its own, or the one from before records were erased from it."""
    try:
        found = rewritten_path(lake, sha256).read_bytes().decode()
    except (FileNotFoundError, NotADirectoryError):
        return sha256
    if not _SHA256.fullmatch(found):
        raise StorageError(
            f"{rewritten_path(lake, sha256)}: damaged. Delete it, and put that file into the inbox again."
        )
    return found


def manifest_versions(lake: UPath) -> dict[str, list[str]]:
    """Return the names of all manifests of each landed file, by its SHA-256, newest parser version last."""
    found: dict[str, list[tuple[int, str]]] = {}
    for name in _names(lake / "landing" / "files", ".json"):
        sha256, _, version = name.removesuffix(".json").rpartition("-")
        if version.isdecimal():
            found.setdefault(sha256, []).append((int(version), f"{sha256}-{version}"))
    return {sha256: [name for _, name in sorted(names)] for sha256, names in found.items()}


def first_seen_at(lake: UPath, sha256: str) -> datetime:
    """Return when a file was first read: as recorded by an earlier or interrupted read, else now."""
    if file := find_landed(lake, sha256):
        return file.first_seen
    for version in range(PARSER_VERSION, 0, -1):
        with suppress(FileNotFoundError, ValueError):  # ValueError: the marker itself is damaged
            return datetime.fromisoformat(pending_path(lake, f"{sha256}-{version}").read_text())
    return datetime.now(UTC)


def mark_pending(lake: UPath, name: str, seen: datetime) -> None:
    """Record that a landed file, first read at `seen`, has (account, day) partitions that are not materialized yet."""
    noted = seen.isoformat().encode()
    write_atomic(pending_path(lake, name), lambda stream: stream.write(noted), sweep_folder=False)


def pending_files(lake: UPath) -> list[LandedFile]:
    """Return the landed files whose (account, day) partitions are not materialized yet, sorted by name and hash."""
    files = (replace(file, new=False) for file in (find_landed(lake, sha256) for sha256 in pending_names(lake)) if file)
    return sorted(files, key=lambda file: (file.file, file.sha256))


def pending_names(lake: UPath) -> set[str]:
    """Return the SHA-256 of the landed files whose (account, day) partitions are not materialized yet."""
    return {name.rpartition("-")[0] for name in _names(lake / "landing" / "pending", "")}


def clear_pending(lake: UPath, files: Sequence[LandedFile]) -> None:
    """Record that the (account, day) partitions of these landed files are materialized."""
    for file in files:
        for version in range(1, file.parser_version + 1):
            remove_durably(pending_path(lake, f"{file.sha256}-{version}"))


def _names(folder: UPath, ending: str) -> Iterator[str]:
    try:
        children = list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):  # object stores raise the latter
        return
    yield from (path.name for path in children if path.name.endswith(ending) and not path.name.startswith("."))


MAX_CELLS = 500_000
"""Maximum number of partitions (accounts × days) of one asset that Dagster handles well."""


def extend_to_oldest_post(lake: UPath, last_day: date) -> str:
    """Move the lake's first day back to 1 January of the oldest landed post's year.

    Returns an empty text, or the reason why not: there would be more than MAX_CELLS partitions. Files with posts on the
    newly included days become pending again. The first day is never moved forward. `last_day` is the lake's last day.
    """
    landed = manifests(lake)
    oldest = min((min(file.days) for file in landed if file.days), default=None)
    if oldest is None:
        return ""
    layout = read_layout(lake)
    before = (layout and layout.first_year) or last_day.year
    year = min(int(oldest[:4]), before)
    accounts = len({account for file in landed for account in file.accounts})
    cells = accounts * ((last_day - date(year, 1, 1)).days + 1)
    if year < before and cells > MAX_CELLS:
        lower_first_year(lake, before)
        return (
            f"Posts since {oldest} have landed, but from {year} on {accounts:,} accounts are {cells:,} cells, and "
            f"{MAX_CELLS:,} is the most of one lake: posts before {before} wait in the landing zone. Split the "
            "accounts over several data folders (INSTAGRAM_ASSETS_DATA_DIR)."
        )
    first, end = date(year, 1, 1).isoformat(), date(before, 1, 1).isoformat()
    for file in landed:
        if any(first <= day < end for day in file.days):
            mark_pending(lake, file.name, file.first_seen)
    lower_first_year(lake, year)
    return ""
