"""Layout of an Instagram data download ("archive"): its files with posts and images, and its owner."""

import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any
from urllib.parse import quote

from instagram_assets.errors import BusyFileError, FileError
from instagram_assets.ingest import field_values
from instagram_assets.schemas.contract import ARCHIVE_SCHEME

# Since 2023 all of an account's activity is in a folder of its own.
ACTIVITY_FOLDER = "your_instagram_activity"
_POSTS = re.compile(rf"(?:{ACTIVITY_FOLDER}/)?(?:media|content)/(?:posts_\d+|reels|igtv_videos|archived_posts)\.json")
ARCHIVE_PICTURES = tuple(
    f"{place}media/{kind}"
    for place in ("", f"{ACTIVITY_FOLDER}/")
    for kind in ("posts", "archived_posts", "reels", "igtv", "other")
)
"""Folders of an Instagram data download that contain the images of posts."""
_PICTURES = re.compile(rf"(?:{'|'.join(ARCHIVE_PICTURES)})/(?:.*/)?[^/]+\.(?:jpe?g|png|webp|gif|heic)", re.IGNORECASE)
_PAGES = re.compile(rf"(?:{ACTIVITY_FOLDER}/)?(?:media|content)/(?:posts_\d+|reels)\.html")
# Top-level folders of an archive; a folder with two of them is hardly anything else.
_TOPS = frozenset(
    {
        "personal_information",
        *("connections", "messages", "ads_information", "preferences", "security_and_login_information"),
        *("logged_information", "login_and_account_creation", "followers_and_following", "apps_and_websites"),
        *("ads_and_businesses", "ads_and_topics", "your_topics", "content", "account_information"),
    }
)


def is_archive_root(folders: Collection[str]) -> bool:
    """True if a folder with these subfolder names is the root of an Instagram data download."""
    return ACTIVITY_FOLDER in folders or len(_TOPS.intersection(folders)) >= 2


def is_posts_file(place: str) -> bool:
    """True if `place`, a path inside an Instagram data download, is a JSON file with posts."""
    return _POSTS.fullmatch(place) is not None


def archive_root_of(path: Path) -> Path | None:
    """Return the root folder of the Instagram data download that a file of posts is part of; None for other files."""
    places = [(root, path.relative_to(root).as_posix()) for root in path.parents[1:3]]
    return next((root for root, place in reversed(places) if is_posts_file(place)), None)


def is_archive_picture(place: str) -> bool:
    """True if `place`, a path inside an Instagram data download, is an image of a post."""
    return _PICTURES.fullmatch(place) is not None


def is_html_posts(place: str) -> bool:
    """True if `place`, a path inside an Instagram data download, is an HTML page of posts.

    The user then requested the download as HTML and not as JSON.
    """
    return _PAGES.fullmatch(place) is not None


def archive_picture_url(account: str, place: str) -> str:
    """Return the URL that identifies an image of an account's data download in the tables and in the media store.

    `place` is its path inside the download.
    """
    inside = place.lstrip("/").removeprefix(f"{ACTIVITY_FOLDER}/")
    return f"{ARCHIVE_SCHEME}://{account}/{quote(inside, safe='/~', errors='replace')}"


# `instagram-sun_diary-2025-08-30-Ab12Cd`, with a suffix where there are several parts.
_NAME = re.compile(r"instagram-(?P<name>[A-Za-z0-9._]{1,30})-20\d\d-\d\d-\d\d.*", re.ASCII | re.DOTALL)
# Path of the owner's profile, relative to the archive's root, in both layouts that archives have had.
PERSONAL_FILES = (
    "personal_information/personal_information/personal_information.json",
    "personal_information/personal_information.json",
    "personal_information.json",
    "account_information/personal_information.json",
)
# Labels in the archive are in the language of its owner's app.
_USERNAME = (
    *("Username", "사용자 이름", "Benutzername", "Nom d’utilisateur", "Nom d'utilisateur", "Nombre de usuario"),
    *("Nome utente", "Nome de usuário", "Nome de utilizador", "Gebruikersnaam", "ユーザーネーム", "用户名", "用戶名稱"),
    *("Имя пользователя", "Kullanıcı Adı", "Nama pengguna", "Tên người dùng", "Användarnamn", "Nazwa użytkownika"),
)
_LEVELS = 4
_MOST_BYTES = 1 << 20


def owner_in_name(name: str) -> str | None:
    """Return the account in the name that Instagram gives a data download (ZIP or unpacked folder).

    None for any other name.
    """
    found = _NAME.fullmatch(name)
    return found["name"].casefold() if found and field_values.is_account_name(found["name"]) else None


def owner_in_profile(content: bytes) -> str | None:
    """Return the account in the bytes of a data download's `personal_information.json`; None if there is none.

    No other field of the file is used.
    """
    try:
        record: Any = json.loads(content)
        told: dict[str, Any] = record["profile_user"][0]["string_map_data"]
        said = {fix_mojibake(key): value["value"] for key, value in told.items() if "value" in value}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    names = (said[key] for key in _USERNAME if key in said)
    return next(
        (name.casefold() for name in names if isinstance(name, str) and field_values.is_account_name(name)), None
    )


def owner_beside(path: Path) -> str | None:
    """Return the owner of the data download that contains a file, from folder names or `personal_information.json`."""
    for folder in (path, *path.parents)[: _LEVELS + 1]:
        if owner := owner_in_name(folder.name):
            return owner
    for folder in path.parents[:_LEVELS]:
        for name in PERSONAL_FILES:
            try:
                with (folder / name).open("rb") as stream:
                    content = stream.read(_MOST_BYTES)
            except OSError:
                continue
            if owner := owner_in_profile(content):
                return owner
    return None


def agreed_owner(said: str | None, own: str | None, file: str) -> str | None:
    """Return the owner of a data download: `own`, found in its files, or else `said`, given by the user.

    Raises FileError, with `file` as the file at fault, if the two differ.
    """
    if own and said and own != said:
        problem = f"this archive is of {own}, and --account says {said}"
        # The file itself is valid, so it stays in the inbox.
        raise BusyFileError(file, problem, f"Leave out --account {said}; the archive's own name counts")
    return own or said or None


def owner_unknown(file: str) -> FileError:
    """Return the error for a file of an Instagram data download whose owner cannot be determined."""
    problem = "this is Instagram's own archive, which does not say whose account it is"
    remedy = (
        "Say it: `instagram-assets ingest FILE --account NAME`; or give the archive whole, as the ZIP or the folder "
        "instagram-NAME-… that it came as"
    )
    return FileError(file, problem, remedy)


def fix_mojibake(text: str) -> str:
    """Repair text that was encoded as UTF-8 and decoded as Latin-1, as are all strings in an Instagram data download.

    Any other text is returned unchanged.
    """
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text
