"""Translates a filter into SQL conditions on the index tables of posts and images."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from instagram_assets.lake_index.filters import Filter, cluster_of
from instagram_assets.lake_index.search_terms import QueryTerm, folded_text, query_terms, token_term

Of = Literal["posts", "images"]


@dataclass
class SqlCondition:
    """A SQL condition with the values of its parameters `$1`, `$2`, …"""

    parts: list[str] = field(default_factory=list[str])
    values: list[Any] = field(default_factory=list[Any])

    def add(self, sql: str, *values: Any) -> None:
        """Add a condition with AND, in which `?` stands for each value."""
        for value in values:
            self.values.append(value)
            sql = sql.replace("?", f"${len(self.values)}", 1)
        self.parts.append(f"({sql})")

    @property
    def sql(self) -> str:
        """The combined condition."""
        return " AND ".join(self.parts) or "true"


def condition_of(wanted: Filter, of: Of) -> SqlCondition:
    """Returns the condition on rows of `posts` or `images`; decisions of a named list are not part of it.

    Fields that only images have are ignored for posts.
    """
    where = SqlCondition()
    if wanted.account:
        _add_any(where, "account", wanted.account)
    if wanted.first:
        where.add("day >= ?", wanted.first)
    if wanted.last:
        where.add("day <= ?", wanted.last)
    if wanted.kind:
        where.add("kind = ?", wanted.kind)
    if wanted.viral:
        where.add("viral IS NOT DISTINCT FROM ?", wanted.viral == "yes")
    if wanted.post:
        where.add("post_id = ?", wanted.post)
    for wish in query_terms_of(wanted):
        _add_wish(where, wish, of)
    if wanted.pos and not wanted.word:
        terms = "SELECT term FROM terms WHERE ends_with(text, ?)"
        where.add(f"post IN (SELECT post FROM post_terms SEMI JOIN ({terms}) USING (term))", token_term("", wanted.pos))
    if of == "posts":
        _of_posts(where, wanted)
    else:
        _of_images(where, wanted)
    return where


def query_terms_of(wanted: Filter) -> list[QueryTerm]:
    """Returns all terms that a filter searches for, in captions, hashtags and tokens."""
    tags = [QueryTerm("#" + folded_text(tag), whole=True) for tag in wanted.hashtag]
    token = token_term(wanted.word, wanted.pos) if wanted.pos else folded_text(wanted.word)
    return [*query_terms(wanted.q), *tags, *([QueryTerm(token, whole=True)] if wanted.word else ())]


def term_sql(wish: QueryTerm) -> str:
    """Returns the SQL query for the terms that match a query term, whose text is the parameter `?`."""
    match = "text = ?" if wish.whole else "contains(text, ?)" if wish.is_inside else "starts_with(text, ?)"
    return f"SELECT term FROM terms WHERE {match}"


def _add_any(where: SqlCondition, column: str, values: Sequence[str]) -> None:
    where.add(f"{column} IN ({', '.join('?' * len(values))})", *values)


def _add_wish(where: SqlCondition, wish: QueryTerm, of: Of) -> None:
    terms = f"SEMI JOIN ({term_sql(wish)}) USING (term)"
    if of == "posts":
        where.add(f"post IN (SELECT post FROM post_terms {terms})", wish.text)
        return
    where.add(
        f"coalesce(post IN (SELECT post FROM post_terms {terms}), false) "
        f"OR image IN (SELECT image FROM image_terms {terms})",
        wish.text,
        wish.text,
    )


def _of_posts(where: SqlCondition, wanted: Filter) -> None:
    if wanted.weekday is not None:
        where.add("weekday = ?", wanted.weekday)
    if wanted.hour is not None:
        where.add("hour = ?", wanted.hour)


def _of_images(where: SqlCondition, wanted: Filter) -> None:
    if wanted.source == "posts":
        where.add("account IS NOT NULL")
    elif wanted.source == "searches":
        where.add("search IS NOT NULL")
    if wanted.search:
        _add_any(where, "search", wanted.search)
    if wanted.status:
        where.add("status = ?", wanted.status)
    if wanted.quality:
        where.add("passed IS NOT DISTINCT FROM ?", wanted.quality == "passed")
    if wanted.sharp is not None:
        where.add("sharpness >= ?", wanted.sharp)
    if wanted.cluster:
        pairs = [part for text in wanted.cluster for part in cluster_of(text)]
        where.add(" OR ".join(["scope = ? AND cluster = ?"] * len(wanted.cluster)), *pairs)
    if wanted.near:
        where.add(
            "near_group IN (SELECT near_group FROM images WHERE image_id = ?) OR image_id = ?", wanted.near, wanted.near
        )
    if wanted.weekday is not None or wanted.hour is not None:
        times = SqlCondition(values=where.values)
        _of_posts(times, wanted)
        where.parts.append(f"(post IN (SELECT post FROM posts WHERE {times.sql}))")
