"""Reads an export into tables without a lake: its observations and its invalid records."""

import tempfile
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
from upath import UPath

from instagram_assets.errors import FileError
from instagram_assets.ingest.folder_scan import scan_folder
from instagram_assets.ingest.landing import land_file
from instagram_assets.ingest.merge import merge_posts as merge
from instagram_assets.ingest.observations import quarantine_table, read_posts, read_profiles
from instagram_assets.ingest.record_source import parse_stated_account
from instagram_assets.local.notebook_arguments import TableLike, settings_or_defaults, to_paths, to_table
from instagram_assets.schemas import CONTRACTS
from instagram_assets.settings import Mode, Settings

_REMEDY = "Name the files of an export, such as posts.json and profiles.json, or a folder that holds them"
_MERGED = "Give what read_export gave"


class Export(NamedTuple):
    """The observations in an export (contracts `raw_posts`, `raw_reels`, `raw_profiles`), and its invalid records."""

    posts: pa.Table
    reels: pa.Table
    profiles: pa.Table
    quarantine: pa.Table


def read_export(
    *paths: str | Path | Iterable[str | Path],
    observed_at: datetime | None = None,
    account: str = "",
    settings: Settings | None = None,
) -> Export:
    """Reads posts, reels and profiles, and the invalid records, from files of any format that `ingest` supports.

    Each of `paths` is a file, a folder with such files at any depth (`.json`, `.jsonl`, `.ndjson`, `.csv`, `.tsv`, also
    compressed with gzip or xz; `.xlsx`, `.zip`), or a list of these; all are read as one export, so duplicates across
    files are removed. Records without an observation time get `observed_at`, or else the modification time of their
    file; those of Instagram's own archive without an account get `account`. Of `settings`, the time zone determines the
    days, and `ingest` how files are read; comments are always dropped, since only the lake stores them. Raises
    FileError for an unusable file.

    >>> from instagram_assets import read_export
    >>> export = read_export("posts.json", "profiles.json")
    >>> export.posts.num_rows, export.profiles["account"].to_pylist()
    (3, ['sun_diary'])
    >>> export.quarantine.num_rows
    0
    """
    chosen = settings_or_defaults(settings)
    chosen = chosen.model_copy(update={"ingest": chosen.ingest.model_copy(update={"keep_comments": False})})
    with tempfile.TemporaryDirectory(prefix="instagram-assets-") as scratch:
        lake = UPath(scratch)
        landed = [
            land_file(
                path,
                lake,
                settings=chosen,
                observed_at=observed_at,
                account=parse_stated_account(account),
            )
            for path in _files([path for some in paths for path in to_paths(some)])
        ]
        accounts = sorted({account for file in landed for account in (*file.accounts, *file.profile_accounts)})
        # A dataset has no start day, unlike the lake.
        posts = read_posts(lake, "posts", accounts, date.min, date.max)
        reels = read_posts(lake, "reels", accounts, date.min, date.max)
        return Export(posts, reels, read_profiles(lake, accounts), quarantine_table(lake))


def merge_posts(
    posts: Export | TableLike, reels: TableLike | None = None, profiles: TableLike | None = None, mode: Mode = "all"
) -> pa.Table:
    """One row per post or reel: its newest observation, with its owner's profile at that time (contract `posts`).

    Takes the result of `read_export`, or tables of the contracts `raw_posts`, `raw_reels` and `raw_profiles`, with rows
    in any order. A post that was ever observed as a reel is a reel. `mode` selects rows: `all`, or only kind `post` or
    `reel`. Sorted by account, day, post_id. Raises ContractError for other tables.

    >>> from instagram_assets import merge_posts, read_export
    >>> posts = merge_posts(read_export("posts.json", "profiles.json"))
    >>> posts.select(["account", "likes", "followers"]).to_pylist()[0]
    {'account': 'sun_diary', 'likes': 10, 'followers': 100}
    """
    if isinstance(posts, Export):
        posts, reels, profiles, _ = posts
    given = {"raw_posts": posts, "raw_reels": reels, "raw_profiles": profiles}
    tables = [
        CONTRACTS[name].empty() if some is None else CONTRACTS[name].conform(to_table(some, [], _MERGED), name)
        for name, some in given.items()
    ]
    return merge(*tables, mode=mode)


def _files(paths: list[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        inside = scan_folder(path).exports if path.is_dir() else [path]
        if not inside:
            raise FileError(str(path), "holds no file of an export", _REMEDY)
        files += inside
    if not files:
        raise FileError("read_export", "no file was named", _REMEDY)
    return files
