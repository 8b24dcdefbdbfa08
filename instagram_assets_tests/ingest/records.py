"""Invented records in Apify's shape, for the tests of ingest."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from instagram_assets.ingest.source import Source
from instagram_assets.settings import IngestSettings

LIMITS = IngestSettings()
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


def source(file: str = "posts.json", **changes: Any) -> Source:
    facts: dict[str, Any] = {"file": file, "sha256": "0" * 64, "first_seen": SEEN, "zone": SEOUL}
    return Source(**facts | changes)


def write(folder: Path, content: object, name: str = "posts.json") -> Path:
    """A file with these bytes, this text, or this value as JSON."""
    path = folder / name
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content, ensure_ascii=False), "utf-8")
    return path
