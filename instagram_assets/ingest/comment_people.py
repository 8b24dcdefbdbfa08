"""Whose names the texts of comments lose besides their writers': the rule is that of exports without names.

Of an account that posts every name that is no word of any text; of whoever only comments or is mentioned those that
can be no ordinary word.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any

import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.ingest.formats.comment_parts import COMMENT, username
from instagram_assets.ingest.formats.shapes import Part
from instagram_assets.privacy.masking import is_standalone_name, mask_names, mentioned_names
from instagram_assets.schemas.account_names import is_distinctive

_POSTING, _MENTIONED = ("account", "owner"), ("mentions", "tagged", "coauthors")


def people_of(accounts: Iterable[str]) -> set[str]:
    """The names, in lower case, of these accounts that post."""
    return {name.casefold() for name in accounts if is_standalone_name(name)}


def people_in(posts: pa.Table) -> set[str]:
    """The names in rows of posts."""
    found = people_of(name for column in _POSTING for name in _names(posts[column]))
    return found | _distinctive(name for column in _MENTIONED for name in _names(compute.list_flatten(posts[column])))


def people_around(part: Part) -> set[str]:
    """The names of and in one comment, and of the account under whose post it stands."""
    writer, text = username(part.record), COMMENT.value("text", part.record)
    found = {writer} if writer else set[str]()
    if isinstance(text, str):
        found |= mentioned_names(text)
    return _distinctive(found) | people_of([part.account] if part.account else [])


def without_names(comments: pa.Table, people: Collection[str], pseudonym_of: Callable[[str], str]) -> pa.Table:
    """Rows of comments in whose texts these people have pseudonyms."""
    texts = [None if text is None else mask_names(text, pseudonym_of, people) for text in comments["text"].to_pylist()]
    place = comments.schema.get_field_index("text")
    return comments.set_column(place, comments.schema.field(place), pa.array(texts, pa.string()))


def _names(column: Any) -> list[str]:
    return column.unique().drop_null().to_pylist()


def _distinctive(names: Iterable[str]) -> set[str]:
    return {name.casefold() for name in names if is_distinctive(name)}
