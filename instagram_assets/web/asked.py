"""The filter that an address asks for, documented for the REST API, and what is remembered for all who ask."""

from threading import Lock
from typing import Annotated

from fastapi import Depends, Query, Request

from instagram_assets.datasets.lists import list_name as name_of_list
from instagram_assets.datasets.lists import partition_of, read_decisions
from instagram_assets.datasets.overrides import TABLE
from instagram_assets.lake_index.filters import Filter
from instagram_assets.lake_index.orders import NO_DECISIONS, Decisions
from instagram_assets.storage.atomic import is_local
from instagram_assets.storage.lake import files
from instagram_assets.storage.stamps import stamp
from instagram_assets.web.services import Services

MOST_ROWS = 500
"""Rows of one answer."""
LARGEST_OFFSET = 2**31 - 1

Offset = Annotated[int, Query(ge=0, le=LARGEST_OFFSET, description="Rows to pass over")]
Limit = Annotated[int, Query(ge=1, le=MOST_ROWS, description="Rows of the answer at most")]
_Texts = Annotated[list[str], Query(default_factory=list, max_length=MOST_ROWS)]
_Text = Annotated[str, Query(max_length=300)]


def filter_of(
    request: Request,
    account: Annotated[_Texts, Query(description="Accounts, any of them; a hashtag's begins with #")],
    hashtag: Annotated[_Texts, Query(description="Hashtags of the post, all of them")],
    search: Annotated[_Texts, Query(description="Images of these searches")],
    cluster: Annotated[_Texts, Query(description="`SCOPE/NUMBER`, such as `all/3`; any of them")],
    first: Annotated[_Text, Query(description="First day of the posts, such as 2026-10-01")] = "",
    last: Annotated[_Text, Query(description="Last day of the posts")] = "",
    q: Annotated[_Text, Query(description="Words of captions, all of them; in quotes: whole words")] = "",
    word: Annotated[_Text, Query(description="A word of the caption's tokens")] = "",
    pos: Annotated[_Text, Query(description="That word's part of speech")] = "",
    kind: Annotated[_Text, Query(description="`post` or `reel`")] = "",
    weekday: Annotated[_Text, Query(description="1: Monday to 7: Sunday")] = "",
    hour: Annotated[_Text, Query(description="0 to 23")] = "",
    viral: Annotated[_Text, Query(description="`yes` or `no`")] = "",
    post: Annotated[_Text, Query(description="A `post_id`")] = "",
    source: Annotated[_Text, Query(description="`posts` or `searches`: where images are from")] = "",
    status: Annotated[_Text, Query(description="`ok`, `failed`, `expired` or `refused`")] = "",
    quality: Annotated[_Text, Query(description="`passed` or `failed`")] = "",
    sharp: Annotated[_Text, Query(description="Least sharpness: variance of the Laplacian")] = "",
    near: Annotated[_Text, Query(description="An `image_id`: its near-duplicates, itself included")] = "",
    list_name: Annotated[_Text, Query(description="A named list")] = "",
    decided: Annotated[_Text, Query(description="`kept`, `dropped` or `undecided` by that list")] = "",
) -> Filter:
    """The filter; its fields are parameters of the route. Raises QueryError for what one of them does not take."""
    query = request.query_params
    return Filter.of({name: query.getlist(name) for name in query})


Wanted = Annotated[Filter, Depends(filter_of)]
"""A parameter of a route that gets the filter."""


def decisions_of(services: Services, name: str) -> Decisions:
    """What a named list says, by image_id; nothing where there is none such. Raises StorageError for damage.

    It is remembered until the list is another one: a page after the other asks for it.
    """
    if not name:
        return NO_DECISIONS
    root = services.lake
    paths = files(root, TABLE, [partition_of(name_of_list(name))])
    if not paths or not is_local(root):
        return read_decisions(root, name) if paths else NO_DECISIONS
    seen = stamp(paths[0], TABLE)
    key = paths[0].path
    known = _decisions.get(key)
    if known is None or known[0] != seen:
        known = seen, read_decisions(root, name)
        with _decisions_lock:
            _decisions.pop(key, None)
            _decisions[key] = known
            while len(_decisions) > _LISTS_KEPT:
                del _decisions[next(iter(_decisions))]
    return known[1]


_LISTS_KEPT = 4
_decisions: dict[str, tuple[str, Decisions]] = {}
_decisions_lock = Lock()
