"""Requests of image searches and their cached results, stored in the lake beside its tables.

The files are `<lake>/searches/<search>/request.json` and `hits.json`. All stages and later runs read them from there,
so that no browser has to be opened again.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import quote

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from upath import UPath

from instagram_assets import schemas
from instagram_assets.errors import SearchRequestError, StorageError
from instagram_assets.media.never_download import is_forgotten
from instagram_assets.privacy.forgotten_identifiers import Forgotten
from instagram_assets.privacy.tombstones import load_tombstones
from instagram_assets.search.image_search import MOST_HITS, MOST_IMAGES, SearchHit, clean_query
from instagram_assets.settings import Settings
from instagram_assets.storage.atomic import write_atomic

LONGEST_NAME = 120
"""Maximum bytes of a search's folder name, where each Korean letter takes nine."""
LARGEST_SIDE, LARGEST_SHARPNESS = 10_000, 100_000
"""Upper bounds on a search's limits for images: side in pixels, and sharpness as variance of the Laplacian."""
_CANDIDATES_PER_IMAGE = 2
_HARMLESS = re.compile(r"\w([\w -]*\w)?")


class SearchRequest(BaseModel):
    """The parameters of an image search: query, number of images, and the quality limits that images must pass."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    search: str
    """Name of the search: its partition and its folder, as `search_name` gives it."""
    query: str
    limit: int = Field(ge=1, le=MOST_IMAGES)
    min_side: int = Field(ge=1, le=LARGEST_SIDE)
    min_sharpness: float = Field(ge=0, le=LARGEST_SHARPNESS)
    eps: float = Field(gt=0, le=2)
    min_samples: int = Field(ge=1, le=10_000)
    subject: Literal["largest", "query"] = "largest"
    """Which cluster is the subject: the largest, or the one whose centre fits the query best."""
    reencode: bool = False
    """Write re-encoded JPEGs instead of the original bytes."""

    @field_validator("search")
    @classmethod
    def _is_harmless(cls, search: str) -> str:
        if search != search_name(search):
            raise ValueError(f"not safe as a folder; {search_name(search)!r} would be")
        return search

    @property
    def candidates(self) -> int:
        """Number of results to read from the page: more than `limit`, as poor and duplicate images are then dropped."""
        return min(MOST_HITS, _CANDIDATES_PER_IMAGE * self.limit)

    @classmethod
    def of(cls, settings: Settings, query: str, search: str = "", **given: Any) -> Self:
        """Returns a request with the settings' defaults, overridden by the values in `given` that are not None.

        The name `search` defaults to one derived from the query. Raises SearchRequestError, with the allowed range, for
        an invalid value.
        """
        query = clean_query(query)
        refuse_forgotten_query(query, load_tombstones(settings.folder("privacy")))
        quality, clusters = settings.quality, settings.clusters
        usual: dict[str, Any] = {
            "limit": settings.search.limit,
            "min_side": quality.min_side,
            "min_sharpness": quality.min_sharpness,
            "eps": clusters.eps,
            "min_samples": clusters.min_samples,
        }
        return cls._validated({"search": search or search_name(query), "query": query} | usual, given)

    def but(self, **given: Any) -> Self:
        """Returns a copy with its fields replaced by the values in `given` that are not None.

        Raises SearchRequestError for an invalid value.
        """
        return self._validated(self.model_dump(), given)

    @classmethod
    def _validated(cls, fields: dict[str, Any], given: dict[str, Any]) -> Self:
        try:
            return cls.model_validate(fields | {name: value for name, value in given.items() if value is not None})
        except ValidationError as error:
            problem = error.errors()[0]
            said = f"{problem['msg'][0].lower()}{problem['msg'][1:]}"
            raise SearchRequestError(f"{problem['loc'][0]} {problem['input']!r}: {said}.") from error


def refuse_forgotten_query(query: str, forgotten: Forgotten) -> None:
    """Raises SearchRequestError if the query names an account erased on request; its message omits the query."""
    if forgotten.scrub(query) != query or forgotten.has("account", f"#{query.removeprefix('#')}"):
        raise SearchRequestError("this search names an account that was forgotten. Search for another word.")


def without_forgotten(hits: Sequence[SearchHit], forgotten: Forgotten) -> list[SearchHit]:
    """Returns the search hits without images erased on request, with new ranks and erased usernames masked in URLs."""
    if not forgotten:
        return list(hits)
    left = [hit for hit in hits if not any(is_forgotten(url, forgotten) for url in (hit.url, hit.fallback_url))]
    return [
        replace(
            hit,
            rank=rank,
            url=forgotten.scrub(hit.url),
            fallback_url=forgotten.scrub(hit.fallback_url),
            page_url=forgotten.scrub(hit.page_url),
        )
        for rank, hit in enumerate(left, 1)
    ]


def search_name(text: str) -> str:
    """Returns the folder name for a search: the query itself if it is short and has only words, else a slug with hash.

    It is safe as a folder name: it contains no dots, slashes or punctuation.
    """
    text = unicodedata.normalize("NFC", text).strip()
    if _HARMLESS.fullmatch(text) and len(quote(text, safe="")) <= LONGEST_NAME:
        return text
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:8]
    words = re.sub(r"[\W_]+", "-", text).strip("-")
    while len(quote(words, safe="")) > LONGEST_NAME - len(digest) - 1:
        words = words[:-1]
    return f"{words.strip('-') or 'search'}-{digest}"


def is_search_name(text: str) -> bool:
    """Whether the text is a valid name of a search and of its folder."""
    return bool(text) and text == search_name(text)


def searches_folder(settings: Settings) -> Path:
    """Returns the folder that contains the output folders of all searches."""
    return settings.folder("datasets") / "search"


def search_folder(settings: Settings, search: str) -> Path:
    """Returns the output folder of a search. Raises SearchRequestError for an invalid name, such as a path."""
    if not is_search_name(search):
        raise SearchRequestError(f"{search[:80]!a}: no search is called so. {search_name(search)!r} could be one.")
    return searches_folder(settings) / search


def save_request(lake: UPath, request: SearchRequest) -> None:
    """Stores a search request, replacing an older one with the same name."""
    _write(_folder(lake, request.search) / "request.json", request.model_dump())


def load_search_request(lake: UPath, search: str) -> SearchRequest:
    """Returns the stored request of a search.

    Raises SearchRequestError if there is none, StorageError if its file is damaged.
    """
    request = find_request(lake, search)
    if request is None:
        raise SearchRequestError(f"the search {search!r} was never asked for. Give search_results a query.")
    return request


def find_request(lake: UPath, search: str) -> SearchRequest | None:
    """Returns the stored request of a search; None if there is none. Raises StorageError if its file is damaged."""
    path = _folder(lake, search) / "request.json"
    data = _read(path)
    if data is None:
        return None
    try:
        return SearchRequest.model_validate(data)
    except ValidationError as error:
        raise _damaged(path, error) from error


def save_hits(lake: UPath, request: SearchRequest, source: str, hits: Sequence[SearchHit]) -> None:
    """Caches the search results (`hits`) for a request; `source` is the search engine that returned them."""
    found = {**_cache_key(request, source), "hits": [asdict(hit) for hit in hits]}
    _write(_folder(lake, request.search) / "hits.json", found)


def load_hits(lake: UPath, request: SearchRequest, source: str) -> list[SearchHit] | None:
    """Returns the cached results of an equal request to the same search engine (`source`); None if there are none.

    Raises StorageError if their file is damaged.
    """
    path = _folder(lake, request.search) / "hits.json"
    found = _read(path)
    if found is None or {name: found.get(name) for name in _cache_key(request, source)} != _cache_key(request, source):
        return None
    try:
        return [SearchHit(**hit) for hit in found["hits"]]
    except (KeyError, TypeError) as error:
        raise _damaged(path, error) from error


def results_table(request: SearchRequest, source: str, hits: Sequence[SearchHit]) -> pa.Table:
    """Returns search results as rows of the table `schemas.SEARCH_RESULTS`."""
    every = {"search": request.search, "query": request.query, "source": source}
    return schemas.SEARCH_RESULTS.table([{**every, **asdict(hit)} for hit in hits])


def _cache_key(request: SearchRequest, source: str) -> dict[str, object]:
    return {"query": request.query, "source": source, "candidates": request.candidates}


def _folder(lake: UPath, search: str) -> UPath:
    return lake / "searches" / quote(search, safe="")


def _write(path: UPath, data: dict[str, Any]) -> None:
    text = json.dumps(data, ensure_ascii=False, indent=1)
    write_atomic(path, lambda stream: stream.write(text.encode()))


def _read(path: UPath) -> dict[str, Any] | None:
    try:
        data = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error
    if not isinstance(data, dict):
        raise _damaged(path, "not an object")
    return data  # pyright: ignore[reportUnknownVariableType]  # JSON


def _damaged(path: UPath, problem: object) -> StorageError:
    return StorageError(f"{path}: damaged or unreadable ({problem}). Take it away, then search again.")
