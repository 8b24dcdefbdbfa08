"""Which posts or images a filter wants, as SQL over the tables of the index."""

from dataclasses import dataclass, field
from typing import Any, Literal

from instagram_assets.lake_index.filters import Filter
from instagram_assets.lake_index.terms import Wish, token_term, wishes

Of = Literal["posts", "images"]


@dataclass
class Where:
    """A condition in SQL with the values of its `$1`, `$2`, …"""

    parts: list[str] = field(default_factory=list[str])
    values: list[Any] = field(default_factory=list[Any])

    def add(self, sql: str, *values: Any) -> None:
        """One more condition, in which `?` stands for each value."""
        for value in values:
            self.values.append(value)
            sql = sql.replace("?", f"${len(self.values)}", 1)
        self.parts.append(f"({sql})")

    @property
    def sql(self) -> str:
        """The whole condition."""
        return " AND ".join(self.parts) or "true"


def where_of(wanted: Filter, of: Of) -> Where:
    """The condition on a row of `posts`, or of `images`; with what a named list says of an image it has nothing to do.

    Fields that only images have are no condition on posts.
    """
    where = Where()
    if wanted.account:
        where.add("list_contains(?, account)", list(wanted.account))
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
    for wish in wishes(wanted.q):
        _add_wish(where, wish, of)
    for tag in wanted.hashtag:
        _add_wish(where, Wish("#" + tag.casefold(), whole=True), of)
    if wanted.word and wanted.pos:
        _add_wish(where, Wish(token_term(wanted.word, wanted.pos), whole=True), of)
    elif wanted.word:
        _add_wish(where, Wish(wanted.word.casefold(), whole=True), of)
    elif wanted.pos:
        where.add(
            "post IN (SELECT post FROM post_terms WHERE term IN (SELECT term FROM terms WHERE ends_with(text, ?)))",
            token_term("", wanted.pos),
        )
    if of == "posts":
        _of_posts(where, wanted)
    else:
        _of_images(where, wanted)
    return where


def _add_wish(where: Where, wish: Wish, of: Of) -> None:
    match = "text = ?" if wish.whole else "starts_with(text, ?)"
    terms = f"SELECT term FROM terms WHERE {match}"
    if of == "posts":
        where.add(f"post IN (SELECT post FROM post_terms WHERE term IN ({terms}))", wish.text)
        return
    where.add(
        f"post IN (SELECT post FROM post_terms WHERE term IN ({terms})) "
        f"OR image IN (SELECT image FROM image_terms WHERE term IN ({terms}))",
        wish.text,
        wish.text,
    )


def _of_posts(where: Where, wanted: Filter) -> None:
    if wanted.weekday is not None:
        where.add("weekday = ?", wanted.weekday)
    if wanted.hour is not None:
        where.add("hour = ?", wanted.hour)


def _of_images(where: Where, wanted: Filter) -> None:
    if wanted.source == "posts":
        where.add("account IS NOT NULL")
    elif wanted.source == "searches":
        where.add("search IS NOT NULL")
    if wanted.search:
        where.add("list_contains(?, search)", list(wanted.search))
    if wanted.status:
        where.add("status = ?", wanted.status)
    if wanted.quality:
        where.add("passed IS NOT DISTINCT FROM ?", wanted.quality == "passed")
    if wanted.sharp is not None:
        where.add("sharpness >= ?", wanted.sharp)
    if wanted.cluster:
        where.add("list_contains(?, scope || '/' || cluster)", list(wanted.cluster))
    if wanted.near:
        where.add("near_group IN (SELECT near_group FROM images WHERE image_id = ?)", wanted.near)
    if wanted.weekday is not None or wanted.hour is not None:
        times = Where(values=where.values)
        _of_posts(times, wanted)
        where.parts.append(f"(post IN (SELECT post FROM posts WHERE {times.sql}))")
