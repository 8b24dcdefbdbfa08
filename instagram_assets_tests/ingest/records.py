"""Invented records in Apify's shape, for the tests of ingest."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from instagram_assets.errors import RecordError
from instagram_assets.ingest.normalize import normalize_records
from instagram_assets.ingest.record_source import RecordSource
from instagram_assets.settings import load_settings

LIMITS = load_settings().ingest
SEOUL = ZoneInfo("Asia/Seoul")
SEEN = datetime(2025, 9, 1, 3, tzinfo=UTC)


def post(**changes: Any) -> dict[str, Any]:
    """An image post of the invented account sun_diary; a change to ... takes the field away."""
    record: dict[str, Any] = {
        "inputUrl": "https://www.instagram.com/sun_diary/",
        "id": "3697661021377407101",
        "type": "Image",
        "shortCode": "DNQuxufAih9",
        "caption": "오늘의 산책 #산책 #아기 with @moon.cafe",
        "hashtags": ["산책,", "아기"],
        "mentions": ["moon.cafe"],
        "url": "https://www.instagram.com/p/DNQuxufAih9/",
        "commentsCount": 4,
        "firstComment": "",
        "latestComments": [],
        "dimensionsHeight": 1350,
        "dimensionsWidth": 1080,
        "displayUrl": "https://cdn.example/a_n.jpg?oe=68A00000",
        "images": [],
        "alt": None,
        "likesCount": 120,
        "timestamp": "2025-07-29T11:15:43.000Z",
        "childPosts": [],
        "ownerFullName": "Sun Diary",
        "ownerUsername": "sun_diary",
        "ownerId": "1001",
        "isSponsored": False,
    }
    record |= changes
    return {key: value for key, value in record.items() if value is not ...}


def profile(**changes: Any) -> dict[str, Any]:
    """The profile of the invented account sun_diary; a change to ... takes the field away."""
    record: dict[str, Any] = {
        "inputUrl": "https://www.instagram.com/sun_diary/",
        "id": "1001",
        "username": "sun_diary",
        "fullName": "Sun Diary",
        "biography": "햇살 일기",
        "followersCount": 1000,
        "followsCount": 10,
        "postsCount": 3,
        "private": False,
        "verified": False,
        "latestPosts": [],
    }
    record |= changes
    return {key: value for key, value in record.items() if value is not ...}


def source(file: str = "posts.json", **changes: Any) -> RecordSource:
    return replace(RecordSource(file, "0" * 64, SEEN, SEOUL), **changes)


class Landed(NamedTuple):
    """One row and the landing table that it belongs to."""

    table: str
    row: dict[str, Any]


def rows_of(record: dict[str, Any], index: int = 0, where: RecordSource | None = None) -> list[Landed]:
    """The rows that one record becomes: its profile first, then its posts and reels."""
    tables = normalize_records([(index, record)], where or source()).tables
    return [Landed(name, row) for name in ("profiles", "posts", "reels") for row in tables[name].to_pylist()]


def errors_of(record: dict[str, Any]) -> list[RecordError]:
    """What is wrong with one record."""
    return [problem.error for problem in normalize_records([(0, record)], source()).problems]


def write(folder: Path, content: object, name: str = "posts.json") -> Path:
    """A file with these bytes, this text, or this value as JSON."""
    path = folder / name
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content, ensure_ascii=False), "utf-8")
    return path
