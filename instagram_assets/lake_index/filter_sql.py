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
        """Add a condition, combined with the previous ones by AND; each `?` in it stands for one of `values`."""
        for value in values:
            self.values.append(value)
            sql = sql.replace("?", f"${len(self.values)}", 1)
        self.parts.append(f"({sql})")

    @property
    def sql(self) -> str:
        """The combined SQL condition; `true` if there is none."""
        return " AND ".join(self.parts) or "true"


def condition_of(criteria: Filter, of: Of) -> SqlCondition:
    """Returns the SQL condition for a filter on the index table `posts` or `images`, as named by `of`.

    Filter fields that only images have are ignored for `posts`. The filter's `list_name` and `decided` (a user's
    keep/drop decisions) are not part of the condition, since these are not in the index.
    """
    where = SqlCondition()
    if criteria.account:
        _add_any(where, "account", criteria.account)
    if criteria.first:
        where.add("day >= ?", criteria.first)
    if criteria.last:
        where.add("day <= ?", criteria.last)
    if criteria.kind:
        where.add("kind = ?", criteria.kind)
    if criteria.viral:
        where.add("viral IS NOT DISTINCT FROM ?", criteria.viral == "yes")
    if criteria.post:
        where.add("post_id = ?", criteria.post)
    for term in query_terms_of(criteria):
        _add_term(where, term, of)
    if criteria.pos and not criteria.word:
        terms = "SELECT term FROM terms WHERE ends_with(text, ?)"
        where.add(
            f"post IN (SELECT post FROM post_terms SEMI JOIN ({terms}) USING (term))", token_term("", criteria.pos)
        )
    if of == "posts":
        _of_posts(where, criteria)
    else:
        _of_images(where, criteria)
    return where


def query_terms_of(criteria: Filter) -> list[QueryTerm]:
    """Returns all search terms of a filter: those of its query text, its hashtags, and its token."""
    tags = [QueryTerm("#" + folded_text(tag), whole=True) for tag in criteria.hashtag]
    token = token_term(criteria.word, criteria.pos) if criteria.pos else folded_text(criteria.word)
    return [*query_terms(criteria.q), *tags, *([QueryTerm(token, whole=True)] if criteria.word else ())]


def term_sql(term: QueryTerm) -> str:
    """Returns a SQL query for the index's `terms` that match a query term; `?` is the parameter for its text."""
    match = "text = ?" if term.whole else "contains(text, ?)" if term.is_inside else "starts_with(text, ?)"
    return f"SELECT term FROM terms WHERE {match}"


def _add_any(where: SqlCondition, column: str, values: Sequence[str]) -> None:
    where.add(f"{column} IN ({', '.join('?' * len(values))})", *values)


def _add_term(where: SqlCondition, term: QueryTerm, of: Of) -> None:
    terms = f"SEMI JOIN ({term_sql(term)}) USING (term)"
    if of == "posts":
        where.add(f"post IN (SELECT post FROM post_terms {terms})", term.text)
        return
    where.add(
        f"coalesce(post IN (SELECT post FROM post_terms {terms}), false) "
        f"OR image IN (SELECT image FROM image_terms {terms})",
        term.text,
        term.text,
    )


def _of_posts(where: SqlCondition, criteria: Filter) -> None:
    if criteria.weekday is not None:
        where.add("weekday = ?", criteria.weekday)
    if criteria.hour is not None:
        where.add("hour = ?", criteria.hour)


def _of_images(where: SqlCondition, criteria: Filter) -> None:
    if criteria.source == "posts":
        where.add("account IS NOT NULL")
    elif criteria.source == "searches":
        where.add("search IS NOT NULL")
    if criteria.search:
        _add_any(where, "search", criteria.search)
    if criteria.status:
        where.add("status = ?", criteria.status)
    if criteria.quality:
        where.add("passed IS NOT DISTINCT FROM ?", criteria.quality == "passed")
    if criteria.sharp is not None:
        where.add("sharpness >= ?", criteria.sharp)
    if criteria.cluster:
        pairs = [part for text in criteria.cluster for part in cluster_of(text)]
        where.add(" OR ".join(["scope = ? AND cluster = ?"] * len(criteria.cluster)), *pairs)
    if criteria.near:
        where.add(
            "near_group IN (SELECT near_group FROM images WHERE image_id = ?) OR image_id = ?",
            criteria.near,
            criteria.near,
        )
    if criteria.weekday is not None or criteria.hour is not None:
        times = SqlCondition(values=where.values)
        _of_posts(times, criteria)
        where.parts.append(f"(post IN (SELECT post FROM posts WHERE {times.sql}))")
