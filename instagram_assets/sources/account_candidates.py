"""Suggests accounts to collect: those that collected posts mention repeatedly. The registry file is not changed."""

import re
from collections.abc import Collection
from typing import Any

import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.privacy.forgotten_identifiers import NOTHING_FORGOTTEN, Forgotten
from instagram_assets.privacy.pseudonyms import FORGOTTEN_PREFIX

POSTS_COLUMNS = ("post_id", "account", "owner", "day", "coauthors", "mentions", "tagged")
"""The columns of the table `posts` that `account_candidates` reads."""

CANDIDATE_SCHEMA = pa.schema(
    [
        ("account", pa.string()),
        ("weeks", pa.int64()),
        ("share_of_weeks", pa.float64()),
        ("posts", pa.int64()),
        ("named_by", pa.int64()),
        ("coauthored", pa.int64()),
        ("mentioned", pa.int64()),
        ("tagged", pa.int64()),
        ("own_posts", pa.int64()),
        ("first_day", pa.date32()),
        ("last_day", pa.date32()),
    ]
)

_ROLES = {"coauthored": "coauthors", "mentioned": "mentions", "tagged": "tagged"}
_PSEUDONYM = re.compile(rf"{FORGOTTEN_PREFIX}[0-9a-f]{{16}}")
_TO_MONDAY = 3  # 1 January 1970, day 0, was a Thursday


def account_candidates(
    posts: pa.Table, known: Collection[str] = (), forgotten: Forgotten = NOTHING_FORGOTTEN
) -> pa.Table:
    """Returns the accounts that posts name as co-author, in captions or by tags, as a ranked table.

    Accounts in `known` and erased accounts (`forgotten`) are left out. `posts` is a table of `schemas.POSTS` with at
    least POSTS_COLUMNS. Accounts that name themselves do not count; the owner of a post collected for another account
    counts as its co-author. The rows (CANDIDATE_SCHEMA) are sorted by the number of ISO weeks with a post that names
    the account, then by the number of such posts, then by co-authored posts: an account named in many weeks ranks above
    one named in a single campaign. `share_of_weeks` is the fraction (0–1) of the weeks with posts in which the account
    is named, `named_by` counts the accounts whose posts name it, `own_posts` its own posts that are already in the
    table.
    """
    week = compute.divide(compute.add(posts["day"].cast(pa.int32()), _TO_MONDAY), 7)
    posts = posts.select(list(POSTS_COLUMNS)).append_column("week", week)
    named = _without_forgotten(_named(posts, known), forgotten)
    groups: Any = named.group_by("name").aggregate(
        [*((name, "count_distinct") for name in ("week", "post_id", "account")), ("day", "min"), ("day", "max")]
    )
    names, weeks = groups["name"].combine_chunks(), compute.count_distinct(week).as_py()
    columns = {
        "account": names,
        "weeks": groups["week_count_distinct"],
        "share_of_weeks": compute.divide(groups["week_count_distinct"].cast(pa.float64()), float(weeks or 1)),
        "posts": groups["post_id_count_distinct"],
        "named_by": groups["account_count_distinct"],
        **{role: _posts_of(named.filter(compute.equal(named["role"], role)), "name", names) for role in _ROLES},
        "own_posts": _posts_of(posts, "owner", names),
        "first_day": groups["day_min"],
        "last_day": groups["day_max"],
    }
    ranked = [*((name, "descending") for name in ("weeks", "posts", "coauthored")), ("account", "ascending")]
    return pa.table(columns).cast(CANDIDATE_SCHEMA).sort_by(ranked)


def _named(posts: pa.Table, known: Collection[str]) -> pa.Table:
    """Returns one row per post, named account and role (coauthored, mentioned, tagged), without accounts in `known`."""
    parts = [_in_list(posts, role, column) for role, column in _ROLES.items()]
    parts.append(_with_role(posts, posts["owner"], "coauthored"))
    every: Any = pa.concat_tables(parts)
    others = every.filter(compute.not_equal(every["name"], every["account"]))
    return others.filter(compute.invert(compute.is_in(others["name"], value_set=pa.array(sorted(known), pa.string()))))


def _without_forgotten(named: pa.Table, forgotten: Forgotten) -> pa.Table:
    """Returns the rows of `named` without erased accounts, and without pseudonyms, which are no real account names."""
    names: list[str] = named["name"].unique().to_pylist()
    gone = [name for name in names if _PSEUDONYM.fullmatch(name) or forgotten.has("account", name)]
    return named.filter(compute.invert(compute.is_in(named["name"], value_set=pa.array(gone, pa.string()))))


def _in_list(posts: pa.Table, role: str, column: str) -> pa.Table:
    """Returns one row per account name in a list column of posts, such as `mentions`, without the post's owner."""
    lists: Any = posts[column].combine_chunks()
    rows: Any = _with_role(posts.take(compute.list_parent_indices(lists)), compute.list_flatten(lists), role)
    return rows.filter(compute.fill_null(compute.not_equal(rows["name"], rows["owner"]), True))


def _with_role(posts: pa.Table, names: Any, role: str) -> pa.Table:
    selected: Any = posts.select(["post_id", "account", "owner", "day", "week"])
    return selected.append_column("name", names).append_column("role", pa.repeat(role, posts.num_rows))


def _posts_of(rows: pa.Table, column: str, names: Any) -> Any:
    """Returns for each of the account names `names` the number of distinct posts whose `column` equals it."""
    groups: Any = rows.group_by(column).aggregate([("post_id", "count_distinct")])
    positions = compute.index_in(names, value_set=groups[column])
    return compute.fill_null(compute.take(groups["post_id_count_distinct"], positions), 0)
