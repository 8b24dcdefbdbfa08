"""What the lake says of posts, accounts and media: the columns by which the subject's rows are told from others'."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

import pyarrow as pa
from upath import UPath

from instagram_assets.arrow import compute
from instagram_assets.forget.landing_tables import row_groups
from instagram_assets.forget.search_requests import own_searches
from instagram_assets.ingest.manifests import table_path
from instagram_assets.privacy.forgotten import Forgotten
from instagram_assets.schemas import CONTRACTS
from instagram_assets.storage.lake import names_in, read_table

Row = dict[str, Any]
_POSTS = ("raw_posts", "raw_reels", "posts")
_LANDED = ("posts", "reels")
_WHO = ("account", "owner", "owner_id", "post_id", "shortcode")
_PICTURES = {
    "images": ("image_id", "post_id", "account", "url"),
    "reel_videos": ("video_id", "post_id", "account", "url", "poster"),
    "search_images": ("image_id", "search", "url"),
}


class References:
    """The rows of a lake by which it is found what is whose; each table is read once, when it is first asked for.

    Rows outside the lake's window, which wait in the landing zone, count as well.
    """

    def __init__(self, lake: UPath) -> None:
        self._lake = lake

    @cached_property
    def posts(self) -> pa.Table:
        """Who collected, owns and published each post: different rows of account, owner, owner_id, ids and codes."""
        tables = [self._read(name, _WHO) for name in _POSTS] + [self._landed(table, _WHO) for table in _LANDED]
        whole = pa.concat_tables(tables)
        return whole.group_by(list(_WHO), use_threads=False).aggregate([])

    @cached_property
    def names(self) -> set[str]:
        """All accounts, `#tags` and owners that there are, in lower case."""
        posts = self.posts
        said = {*posts["account"].unique().to_pylist(), *posts["owner"].unique().to_pylist()}
        said |= {row["account"] for row in self.profiles} | {ad["account"] for ad in self.ads}
        return {name.casefold() for name in said if name}

    @cached_property
    def post_names(self) -> set[str]:
        """The ids and shortcodes of all posts."""
        posts = self.posts
        return {*posts["post_id"].unique().to_pylist(), *posts["shortcode"].unique().to_pylist()} - {None}

    @cached_property
    def ads(self) -> list[Row]:
        """Each ad with its account."""
        found = [self._read("raw_ads", ("ad_id", "account")), self._landed("ads", ("ad_id", "account"))]
        return pa.concat_tables(found).group_by(["ad_id", "account"], use_threads=False).aggregate([]).to_pylist()

    @cached_property
    def profiles(self) -> list[Row]:
        """The ids of accounts, as profiles say them."""
        columns = ("account", "profile_id")
        found = pa.concat_tables([self._read("raw_profiles", columns), self._landed("profiles", columns)])
        return found.group_by(list(columns), use_threads=False).aggregate([]).to_pylist()

    @cached_property
    def pictures(self) -> list[Row]:
        """Each stored or asked picture and video: its hash as `image_id`, address, and whose row says so."""
        found: list[Row] = []
        for name, columns in _PICTURES.items():
            for row in self._read(name, columns).to_pylist():
                base = {"account": None, "search": None, "post_id": None, **row}
                if name == "reel_videos":
                    base["image_id"] = base.pop("video_id")
                    poster = base.pop("poster")
                    if poster:
                        found.append({**base, "url": None, "image_id": hash_of(poster)})
                found.append(base)
        return found

    def searches_of(self, forgotten: Forgotten) -> set[str]:
        """The names of image searches for what is forgotten."""
        return own_searches(self._lake, forgotten)

    def of_accounts(self, accounts: Iterable[str], columns: Sequence[str]) -> Iterator[Row]:
        """Columns of the posts that these accounts collected, wherever they stand."""
        wanted = sorted(accounts)
        for name in _POSTS:
            yield from read_table(self._lake, name, wanted, columns=self._known(name, columns)).to_pylist()
        for table in _LANDED:
            for rows in self._groups(table, columns):
                yield from rows.filter(
                    compute.is_in(rows["account"], value_set=pa.array(wanted, pa.string()))
                ).to_pylist()

    def _read(self, name: str, columns: Sequence[str]) -> pa.Table:
        return read_table(self._lake, name, columns=self._known(name, columns))

    def _known(self, name: str, columns: Sequence[str]) -> list[str]:
        return [column for column in columns if column in CONTRACTS[name].schema.names]

    def _landed(self, table: str, columns: Sequence[str]) -> pa.Table:
        contract = CONTRACTS[{"posts": "raw_posts", "reels": "raw_reels"}.get(table, f"raw_{table}")]
        schema = pa.schema([contract.schema.field(column) for column in columns])
        return pa.concat_tables([schema.empty_table(), *(rows.cast(schema) for rows in self._groups(table, columns))])

    def _groups(self, table: str, columns: Sequence[str]) -> Iterator[pa.Table]:
        for name in sorted(names_in(self._lake / "landing" / table, hidden=False)):
            if name.endswith(".parquet"):
                path = table_path(self._lake, table, name.removesuffix(".parquet"))
                yield from (rows.select(list(columns)) for rows in row_groups(path, list(columns)))


def hash_of(path: str) -> str:
    """The hash that a file below the media folder is named after."""
    return path.rpartition("/")[2].partition(".")[0]
