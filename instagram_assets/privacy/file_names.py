"""Names of files without names of accounts: such a name runs words together, as in `posts_sun_diary_2025.json`."""

import re
from collections.abc import Callable

from instagram_assets.privacy.forgotten import Forgotten
from instagram_assets.privacy.names_in_text import FILE_ENDINGS

_Parts = list[tuple[str, bool]]
"""Parts of a name, each with whether it is an account."""

_LONGEST = 30
_RUN = re.compile(r"[\w.]+")
_ENDING = re.compile(rf"\.(?:{FILE_ENDINGS})\Z", re.IGNORECASE)
_WORDS = frozenset(
    (
        *("a", "account", "accounts", "ads", "all", "and", "apify", "archive", "at", "backup", "bad", "by", "captions"),
        *(
            "carousel",
            "comment",
            "comments",
            "copy",
            "csv",
            "data",
            "dataset",
            "datasets",
            "done",
            "download",
            "downloads",
        ),
        *("export", "exports", "feed", "file", "files", "final", "followers", "following", "for", "from", "full"),
        *("hashtag", "hashtags", "ig", "igtv", "image", "images", "img", "in", "instagram", "items", "json", "latest"),
        *("likes", "list", "media", "mentions", "merged", "my", "new", "of", "old", "on", "output", "page", "part"),
        *("photo", "photos", "post", "posts", "profile", "profiles", "raw", "reel", "reels", "result", "results"),
        *("sample", "saved", "scrape", "scraped", "scraper", "search", "since", "stories", "story", "tagged", "test"),
        *("the", "to", "until", "user", "users", "video", "videos", "with", "zip"),
        *("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    )
)
"""What files are called by besides the account that they are of."""
_NUMBER = re.compile(r"v?[0-9]+(?:t[0-9]+)?z?", re.IGNORECASE)


def scrub_file_name(name: str, forgotten: Forgotten) -> str:
    """A file's or folder's name, or a path of them, with pseudonyms for accounts that stand between words joined by _.

    Of `sun_diary` are `posts_sun_diary_2025.json` and `sun_diary_게시물.json`: all around it are words that files are
    called by, numbers, or letters that no account's name has. In `sun_diary_cafe.json`, `posts.sun_diary.json` and
    `sun_diary.b.json` it is a part of what may be another account, and stays.
    """

    def scrubbed(run: re.Match[str]) -> str:
        start, parts, ending = _told_apart(run[0], lambda part: forgotten.has("account", part))
        return start + "_".join(forgotten.scrub(part) if is_account else part for part, is_account in parts) + ending

    return forgotten.scrub(_RUN.sub(scrubbed, name))


def accounts_in_file_name(name: str, is_account: Callable[[str], bool]) -> set[str]:
    """The accounts that `scrub_file_name` would find in a name, but those that are called by such words themselves."""

    def is_somebody(part: str) -> bool:
        return is_account(part) and not all(map(_is_word, part.split("_")))

    runs = (_told_apart(run, is_somebody)[1] for run in _RUN.findall(name))
    return {part for parts in runs for part, found in parts if found}


def _told_apart(run: str, is_account: Callable[[str], bool]) -> tuple[str, _Parts, str]:
    """A run of letters, digits, `_` and dots: what begins it, its parts between `_`, and its endings.

    It is one part where it cannot be told apart into words and names.
    """
    rest, ending = run.removeprefix("."), ""
    start = run[: len(run) - len(rest)]
    while rest:
        if (parts := _words_and_accounts(rest.split("_"), is_account)) is not None:
            return start, parts, ending
        if (found := _ENDING.search(rest)) is None:
            break
        rest, ending = rest[: found.start()], found[0] + ending
    return "", [(run, False)], ""


def _words_and_accounts(parts: list[str], is_account: Callable[[str], bool]) -> _Parts | None:
    """Parts between `_`, of which some together are an account; null when one is neither that nor a word.

    What follows is told apart before what stands in front, and the longest name is taken.
    """
    after: dict[int, _Parts | None] = {len(parts): []}
    for first in reversed(range(len(parts))):
        after[first] = None
        for last in range(len(parts), first, -1):
            if (left := after[last]) is None:
                continue
            part = "_".join(parts[first:last])
            if len(part) <= _LONGEST and is_account(part):
                after[first] = [(part, True), *left]
                break
            if last == first + 1 and _is_word(part):
                after[first] = [(part, False), *left]
    return after[0]


def _is_word(part: str) -> bool:
    return part.casefold() in _WORDS or _NUMBER.fullmatch(part) is not None or not part.isascii()
