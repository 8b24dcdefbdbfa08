"""Which files of Instagram's own archive are read: posts and their pictures. Letters, contacts, log-ins stay closed."""

import re
from collections.abc import Collection
from pathlib import Path
from urllib.parse import quote

from instagram_assets.schemas.contract import ARCHIVE_SCHEME

# Since 2023 all that one did lies in a folder of its own.
ACTIVITY = "your_instagram_activity"
_POSTS = re.compile(rf"(?:{ACTIVITY}/)?(?:media|content)/(?:posts_\d+|reels|igtv_videos|archived_posts)\.json")
PICTURES = tuple(
    f"{place}media/{kind}"
    for place in ("", f"{ACTIVITY}/")
    for kind in ("posts", "archived_posts", "reels", "igtv", "other")
)
"""The folders of an archive in which the pictures of posts lie."""
_PICTURES = re.compile(rf"(?:{'|'.join(PICTURES)})/(?:.*/)?[^/]+\.(?:jpe?g|png|webp|gif|heic)", re.IGNORECASE)
_PAGES = re.compile(rf"(?:{ACTIVITY}/)?(?:media|content)/(?:posts_\d+|reels)\.html")
# Folders at the top of an archive; no two of them lie beside each other by chance.
_TOPS = frozenset(
    {
        "personal_information",
        *("connections", "messages", "ads_information", "preferences", "security_and_login_information"),
        *("logged_information", "login_and_account_creation", "followers_and_following", "apps_and_websites"),
        *("ads_and_businesses", "ads_and_topics", "your_topics", "content", "account_information"),
    }
)


def is_root(folders: Collection[str]) -> bool:
    """True for a folder in which these folders lie, if it is an archive's."""
    return ACTIVITY in folders or len(_TOPS.intersection(folders)) >= 2


def is_posts(place: str) -> bool:
    """True for a file with posts, by its path in the archive."""
    return _POSTS.fullmatch(place) is not None


def root_of(path: Path) -> Path | None:
    """The folder of the archive in which a file with posts lies; null for any other file."""
    places = [(root, path.relative_to(root).as_posix()) for root in path.parents[1:3]]
    return next((root for root, place in reversed(places) if is_posts(place)), None)


def is_picture(place: str) -> bool:
    """True for a picture of a post, by its path in the archive."""
    return _PICTURES.fullmatch(place) is not None


def is_page(place: str) -> bool:
    """True for a page of posts, where the archive was asked for as HTML."""
    return _PAGES.fullmatch(place) is not None


def picture_address(account: str, place: str) -> str:
    """The address by which tables and the media store know a file of an account's archive."""
    inside = place.lstrip("/").removeprefix(f"{ACTIVITY}/")
    return f"{ARCHIVE_SCHEME}://{account}/{quote(inside, safe='/~', errors='replace')}"
