"""Invented posts in Apify's shape, any number of them, the same for the same numbers."""

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

_FIRST_DAY = datetime(2024, 1, 1, 3, tzinfo=UTC)
_WORDS = ("비", "바다", "놀이터", "토끼", "그림책", "햇살", "산책", "soup", "morning", "drawing", "blocks", "rain")
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
FIRST_DAY = "2024-01-01"


def account_name(number: int) -> str:
    """The name of account number 0, 1, …"""
    return f"sample_account_{number:03}"


def write_posts(path: Path, count: int, accounts: int, days: int) -> None:
    """Write a JSON array of `count` posts, dealt over accounts and days so that each cell gets its share in turn."""
    with path.open("w", encoding="utf-8") as stream:
        for number in range(count):
            stream.write("[" if number == 0 else ",\n")
            stream.write(json.dumps(_post(number, number % accounts, number // accounts % days), ensure_ascii=False))
        stream.write("]")


def write_profiles(path: Path, accounts: int) -> None:
    """Write a JSON array with one profile per account."""
    profiles = [
        {
            "id": _owner_id(number),
            "username": account_name(number),
            "url": f"https://www.instagram.com/{account_name(number)}",
            "fullName": f"Sample {number}",
            "biography": "비 오는 날의 그림일기",
            "followersCount": 1000 + number,
            "followsCount": 100,
            "postsCount": 400,
            "private": False,
            "verified": False,
            "profilePicUrl": _picture(number, 0),
            "latestPosts": [],
        }
        for number in range(accounts)
    ]
    path.write_text(json.dumps(profiles, ensure_ascii=False), encoding="utf-8")


def _post(number: int, account: int, day: int) -> dict[str, object]:
    chance = random.Random(number)
    code = _short_code(number)
    children = [_child(number, place) for place in (1, 2)] if number % 10 == 0 else []
    words = " ".join(chance.choices(_WORDS, k=24))
    taken_at = _FIRST_DAY + timedelta(days=day, seconds=chance.randrange(36_000))
    return {
        "inputUrl": f"https://www.instagram.com/{account_name(account)}/",
        "id": str(3_000_000_000_000_000_000 + number),
        "type": "Sidecar" if children else "Image",
        "shortCode": code,
        "caption": f"{words}\n#육아 #daily_{number % 50} @friend_{number % 7}",
        "hashtags": ["육아", f"daily_{number % 50}"],
        "mentions": [f"friend_{number % 7}"],
        "url": f"https://www.instagram.com/p/{code}/",
        "commentsCount": number % 90,
        "firstComment": "",
        "latestComments": [],
        "dimensionsHeight": 1350,
        "dimensionsWidth": 1080,
        "displayUrl": _picture(number, 0),
        "images": [child["displayUrl"] for child in children],
        "alt": f"Photo by Sample {account}. May be a drawing of {chance.choice(_WORDS)}.",
        "likesCount": number % 4000,
        "timestamp": taken_at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "childPosts": children,
        "ownerFullName": f"Sample {account}",
        "ownerUsername": account_name(account),
        "ownerId": _owner_id(account),
        "isSponsored": False,
        "isCommentsDisabled": False,
    }


def _child(number: int, place: int) -> dict[str, object]:
    return {
        "id": str(3_500_000_000_000_000_000 + number * 10 + place),
        "type": "Image",
        "shortCode": _short_code(number * 10 + place),
        "displayUrl": _picture(number, place),
        "dimensionsHeight": 1350,
        "dimensionsWidth": 1080,
        "images": [],
        "childPosts": [],
    }


def _owner_id(account: int) -> str:
    return str(5_000_000_000 + account)


def _short_code(number: int) -> str:
    return "C" + "".join(_ALPHABET[number >> shift & 63] for shift in range(54, -1, -6))


def _picture(number: int, place: int) -> str:
    name = f"{400_000_000 + number}_{10**15 + number * 31}_{10**18 + place}_n.jpg"
    signature = f"{number * 2_654_435_761 % 2**96:024x}"
    return (
        f"https://scontent-icn2-1.cdninstagram.com/v/t51.2885-15/{name}?stp=dst-jpg_e35_p1080x1080&_nc_ht=scontent-icn2-1."
        f"cdninstagram.com&_nc_cat=103&_nc_ohc={signature}&edm=APs17CUBAAAA&ccb=7-5&oh=00_{signature}&oe=7C2F1A00&_nc_sid=10d13b"
    )
