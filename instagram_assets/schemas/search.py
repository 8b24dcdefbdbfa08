"""Contracts of the image search: results, images, embeddings, clusters, keep and drop decisions, the dataset."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import pyarrow as pa

from instagram_assets.schemas.contract import (
    BY_SEARCH,
    BYTES,
    HEIGHT,
    IMAGE_ID,
    LIGHT_AND_FOCUS,
    MODEL,
    MOMENT,
    PHASH,
    SHARPNESS,
    SHARPNESS_NATIVE,
    UNIT_EMBEDDING,
    WIDTH,
    Column,
    Contract,
)

_SEARCH = Column("search", pa.string(), "Name of the search: its partition and its folder")
_RANK = Column("rank", pa.int32(), "Place in the page's results, from 1")
_QUERY_SCORE = "Cosine of its cluster's centre and the query's text; null unless asked for"
_QUERY_SIMILARITY = Column(
    "query_similarity", pa.float32(), "Cosine of the image and the query's text; null unless asked for", added=True
)

SEARCH_RESULTS = Contract(
    "one candidate of an image search",
    (
        _SEARCH,
        Column("query", pa.string(), "Words that were searched for"),
        _RANK,
        Column("url", pa.string(), "Address of the original picture"),
        Column("fallback_url", pa.string(), "Address of its thumbnail, asked when the original cannot be had"),
        Column("source", pa.string(), "Search engine"),
        Column("selector", pa.string(), "CSS selector that found it"),
        Column("page_url", pa.string(), "Address of the page of results"),
    ),
    ("search", "rank"),
    BY_SEARCH,
)

SEARCH_IMAGES = Contract(
    "one candidate of an image search",
    (
        _SEARCH,
        _RANK,
        Column("image_id", pa.string(), "SHA-256 of the image's bytes; null unless it was fetched"),
        Column("url", pa.string(), "Address that the bytes came from, or that was asked last"),
        Column("path", pa.string(), "File below the media folder"),
        WIDTH,
        HEIGHT,
        BYTES,
        SHARPNESS,
        SHARPNESS_NATIVE,
        *LIGHT_AND_FOCUS,
        PHASH,
        Column("passed", pa.bool_(), "Fetched; large, sharp and light enough for this search"),
        Column("status", pa.string(), "`ok`, `failed`, `expired` or `refused`"),
        Column("reason", pa.string(), "Why it was not fetched or did not pass"),
    ),
    ("search", "rank"),
    BY_SEARCH,
)

SEARCH_EMBEDDINGS = Contract(
    "one image of an image search that passed",
    (
        _SEARCH,
        IMAGE_ID,
        UNIT_EMBEDDING,
        MODEL,
        Column("status", pa.string(), "`ok` or `failed`"),
        Column("reason", pa.string(), "Why there is no embedding"),
    ),
    ("search", "image_id"),
    BY_SEARCH,
)

SEARCH_CLUSTERS = Contract(
    "one embedded image of an image search",
    (
        _SEARCH,
        IMAGE_ID,
        Column("cluster", pa.int32(), "Number of its cluster; -1: noise"),
        Column("distance", pa.float32(), "Cosine distance to its cluster's centre; null for noise"),
        Column("query_score", pa.float32(), _QUERY_SCORE),
        Column("is_subject", pa.bool_(), "In the cluster that was taken for the subject"),
        Column("near_group", pa.string(), "First image_id among its near-duplicates; its own if none"),
        _QUERY_SIMILARITY,
        Column(
            "query_readable",
            pa.bool_(),
            "The embedding model's tokenizer knows the letters of the query; null unless asked for",
            added=True,
        ),
        Column("model", pa.string(), "Name and fingerprint of the embedding model", added=True),
    ),
    ("search", "image_id"),
    BY_SEARCH,
)

OVERRIDES = Contract(
    "one image of an image search, or of a list of the gallery, that somebody decided about",
    (
        Column("search", pa.string(), "Name of the search; `list:NAME` for a list, as no search can be called"),
        IMAGE_ID,
        Column("decision", pa.string(), "`keep`: in the folder or the list whatever else is said of it; `drop`: not"),
        Column("why", pa.string(), "What they gave as the reason; may be empty"),
        Column("decided_at", MOMENT, "When they decided"),
    ),
    ("search", "image_id"),
    BY_SEARCH,
)

SEARCH_DATASET = Contract(
    "one candidate of an image search",
    (
        _SEARCH,
        Column("query", pa.string(), "Words that were searched for"),
        _RANK,
        Column("file", pa.string(), "File in the dataset's folder; null when it was not kept"),
        Column("kept", pa.bool_(), "In the dataset"),
        Column("reason", pa.string(), "Why it was not kept; or that somebody kept it by hand"),
        Column("source", pa.string(), "Search engine"),
        Column("url", pa.string(), "Address that the bytes came from"),
        Column("page_url", pa.string(), "Address of the page of results"),
        Column("image_id", pa.string(), "SHA-256 of the image's bytes"),
        WIDTH,
        HEIGHT,
        SHARPNESS,
        Column("cluster", pa.int32(), "Number of its cluster; -1: noise"),
        Column("distance", pa.float32(), "Cosine distance to its cluster's centre"),
        Column("query_score", pa.float32(), _QUERY_SCORE, added=True),
        _QUERY_SIMILARITY,
    ),
    ("search", "rank"),
    BY_SEARCH,
)


Decision = Literal["keep", "drop"]

KEPT, DROPPED = "kept by hand", "dropped by hand"


@dataclass(frozen=True)
class Override:
    """A user's decision to keep or drop one image, with its reason `why` (can be empty) and timestamp."""

    decision: Decision
    why: str
    decided_at: datetime

    @property
    def reason(self) -> str:
        """The decision and its reason on one line, as in tables and manifests."""
        said = KEPT if self.decision == "keep" else DROPPED
        return f"{said}: {' '.join(self.why.split())}" if self.why else said


NOTHING: Mapping[str, Override] = {}
"""An empty mapping of overrides, for a search without keep or drop decisions."""
