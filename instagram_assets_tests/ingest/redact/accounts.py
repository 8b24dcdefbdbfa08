"""Two invented accounts, sun_diary and moon.cafe, of which the first is forgotten, and their records."""

import csv
import io
from typing import Any

from instagram_assets.privacy.forgotten_identifiers import Identifiers
from instagram_assets_tests.ingest.records import post, profile

PSEUDONYM = "forgotten_0123456789abcdef"
FORGOTTEN = Identifiers(
    accounts={"sun_diary": PSEUDONYM},
    profile_ids=frozenset({"1001"}),
    post_ids=frozenset({"3697661021377407101"}),
    shortcodes=frozenset({"DNQuxufAih9"}),
)
"""What is forgotten of sun_diary."""
RAW = ("sun_diary", "DNQuxufAih9", "3697661021377407101", "Sun Diary")
"""What must stand nowhere afterwards."""


def moon_post(**changes: Any) -> dict[str, Any]:
    """A post of moon.cafe."""
    others = {
        "inputUrl": "https://www.instagram.com/moon.cafe/",
        "id": "3697661021377407102",
        "shortCode": "DNQuxufAih-",
        "url": "https://www.instagram.com/p/DNQuxufAih-/",
        "ownerUsername": "moon.cafe",
        "ownerId": "2002",
        "ownerFullName": "Moon",
        "displayUrl": "https://cdn.example/moon_n.jpg?oe=68A00000",
    }
    return post(**(others | changes))


def moon_profile(**changes: Any) -> dict[str, Any]:
    """The profile of moon.cafe."""
    others = {"inputUrl": "https://www.instagram.com/moon.cafe/", "id": "2002", "username": "moon.cafe"}
    return profile(**(others | {"fullName": "Moon"} | changes))


def mentioning(name: str) -> dict[str, Any]:
    """A post of moon.cafe that mentions an account by this name."""
    return moon_post(
        id="3697661021377407103",
        shortCode="DNQuxufAih_",
        url="https://www.instagram.com/p/DNQuxufAih_/",
        caption=f"with @{name} at instagram.com/{name}/",
        mentions=[name],
        taggedUsers=[{"username": name, "is_verified": False}],
        locationName=f"{name}'s place",
    )


def table(records: list[dict[str, Any]], separator: str = ",", end: str = "\r\n") -> str:
    """Records as the CSV that Apify makes of them."""
    rows = [flat(record) for record in records]
    stream = io.StringIO(newline="")
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(stream, names, delimiter=separator, lineterminator=end)
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """A record with the paths of its values as keys: `images/0`."""
    found: dict[str, Any] = {}
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):  # pyright: ignore[reportUnknownVariableType]
        if isinstance(inner, dict | list):
            found |= flat(inner, f"{prefix}{key}/")
        else:
            found[f"{prefix}{key}"] = inner
    return found
