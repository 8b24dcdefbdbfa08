"""Ownership in the lake: the columns of posts, accounts and media that identify which rows belong to a data subject."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

import pyarrow as pa
from upath import UPath

from instagram_assets.arrow import compute
from instagram_assets.forget.landing_zone import read_row_groups
from instagram_assets.forget.search_requests import searches_for_subject
from instagram_assets.ingest.manifests import table_path
from instagram_assets.privacy.forgotten_identifiers import Forgotten
from instagram_assets.schemas import CONTRACTS
from instagram_assets.storage.lake import names_in, read_table

OwnershipRow = dict[str, Any]
_POSTS = ("raw_posts", "raw_reels", "posts")
_LANDED = ("posts", "reels")
_WHO = ("account", "owner", "owner_id", "post_id", "shortcode")
_MEDIA = {
    "images": ("image_id", "post_id", "account", "url"),
    "reel_videos": ("video_id", "post_id", "account", "url", "poster"),
    "search_images": ("image_id", "search", "url"),
}


class LakeOwnership:
    """The ownership columns of a lake's tables, each read once on first use.

    Includes rows of the landing zone whose dates are outside the days that the lake covers.
    """

    def __init__(self, lake: UPath) -> None:
        self._lake = lake

    @cached_property
    def posts(self) -> pa.Table:
        """Distinct rows (account, owner, owner_id, post_id, shortcode) of all posts."""
        tables = [self._read(name, _WHO) for name in _POSTS] + [self._landed(table, _WHO) for table in _LANDED]
        whole = pa.concat_tables(tables)
        return whole.group_by(list(_WHO), use_threads=False).aggregate([])

    @cached_property
    def account_names(self) -> set[str]:
        """All account names, `#tags` and names of post owners, in lower case."""
        posts = self.posts
        names = {*posts["account"].unique().to_pylist(), *posts["owner"].unique().to_pylist()}
        names |= {row["account"] for row in self.profiles} | {ad["account"] for ad in self.ads}
        return {name.casefold() for name in names if name}

    @cached_property
    def post_keys(self) -> set[str]:
        """The ids and shortcodes of all posts."""
        posts = self.posts
        return {*posts["post_id"].unique().to_pylist(), *posts["shortcode"].unique().to_pylist()} - {None}

    @cached_property
    def ads(self) -> list[OwnershipRow]:
        """Each ad with its account."""
        found = [self._read("raw_ads", ("ad_id", "account")), self._landed("ads", ("ad_id", "account"))]
        return pa.concat_tables(found).group_by(["ad_id", "account"], use_threads=False).aggregate([]).to_pylist()

    @cached_property
    def profiles(self) -> list[OwnershipRow]:
        """The account names and numeric ids of all profiles."""
        columns = ("account", "profile_id")
        found = pa.concat_tables([self._read("raw_profiles", columns), self._landed("profiles", columns)])
        return found.group_by(list(columns), use_threads=False).aggregate([]).to_pylist()

    @cached_property
    def media_rows(self) -> list[OwnershipRow]:
        """Each stored or requested image and video: its hash as `image_id`, its URL, and the row's account and post."""
        found: list[OwnershipRow] = []
        for name, columns in _MEDIA.items():
            for row in self._read(name, columns).to_pylist():
                base = {"account": None, "search": None, "post_id": None, **row}
                if name == "reel_videos":
                    base["image_id"] = base.pop("video_id")
                    poster = base.pop("poster")
                    if poster:
                        found.append({**base, "url": None, "image_id": _hash_in_path(poster)})
                found.append(base)
        return found

    def searches_of(self, forgotten: Forgotten) -> set[str]:
        """Returns the names of image searches whose query is an erased account."""
        return searches_for_subject(self._lake, forgotten)

    def posts_collected_by(self, accounts: Iterable[str], columns: Sequence[str]) -> Iterator[OwnershipRow]:
        """Yields `columns` of the posts that were collected from `accounts`, from the lake and the landing zone."""
        names = sorted(accounts)
        for name in _POSTS:
            yield from read_table(self._lake, name, names, columns=self._columns_of(name, columns)).to_pylist()
        for table in _LANDED:
            for rows in self._groups(table, columns):
                yield from rows.filter(
                    compute.is_in(rows["account"], value_set=pa.array(names, pa.string()))
                ).to_pylist()

    def _read(self, name: str, columns: Sequence[str]) -> pa.Table:
        return read_table(self._lake, name, columns=self._columns_of(name, columns))

    def _columns_of(self, name: str, columns: Sequence[str]) -> list[str]:
        return [column for column in columns if column in CONTRACTS[name].schema.names]

    def _landed(self, table: str, columns: Sequence[str]) -> pa.Table:
        contract = CONTRACTS[{"posts": "raw_posts", "reels": "raw_reels"}.get(table, f"raw_{table}")]
        schema = pa.schema([contract.schema.field(column) for column in columns])
        return pa.concat_tables([schema.empty_table(), *(rows.cast(schema) for rows in self._groups(table, columns))])

    def _groups(self, table: str, columns: Sequence[str]) -> Iterator[pa.Table]:
        for name in sorted(names_in(self._lake / "landing" / table, hidden=False)):
            if name.endswith(".parquet"):
                path = table_path(self._lake, table, name.removesuffix(".parquet"))
                yield from (rows.select(list(columns)) for rows in read_row_groups(path, list(columns)))


def _hash_in_path(path: str) -> str:
    """Returns the content hash in the file name of a path in the media folder."""
    return path.rpartition("/")[2].partition(".")[0]
