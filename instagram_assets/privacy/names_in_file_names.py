"""Scrubs account names from file names, which join words by `_`, as in `posts_sun_diary_2025.json`."""

import re
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from instagram_assets.privacy.forgotten_identifiers import Forgotten
from instagram_assets.privacy.names_in_text import FILE_ENDINGS
from instagram_assets.schemas.account_names import is_word_of_ours

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
"""Words that are usual in file names besides the account name."""
_NUMBER = re.compile(r"v?[0-9]+(?:t[0-9]+)?z?", re.IGNORECASE)


def scrub_file_name(name: str, forgotten: Forgotten) -> str:
    """Returns a file name or path with account names replaced by pseudonyms where they are joined to words by `_`.

    `sun_diary` is recognised in `posts_sun_diary_2025.json` and `sun_diary_게시물.json`: all other parts are common
    words, numbers, or characters that account names cannot have. In `sun_diary_cafe.json`, `posts.sun_diary.json` and
    `sun_diary.b.json` it can be part of another account's name, and is kept. A word that is common in file names, such
    as `posts`, never counts as an account.
    """
    return forgotten.scrub("/".join(_without_accounts(each, forgotten) for each in name.split("/")))


def _without_accounts(name: str, forgotten: Forgotten) -> str:
    """Returns a path component with erased names replaced; ordinary words only if all other parts are recognised."""
    in_any_way = partial(_is_name, forgotten=forgotten, is_known=True)
    is_known = all(_told_apart(run, in_any_way) is not None for run in _RUN.findall(name))

    def instead(run: re.Match[str]) -> str:
        told = _told_apart(run[0], partial(_is_name, forgotten=forgotten, is_known=is_known))
        if told is None:
            return run[0]
        start, parts, ending = told
        return start + "_".join(forgotten.named(part) if is_name else part for part, is_name in parts) + ending

    return _RUN.sub(instead, name)


def accounts_in_file_name(name: str, is_account: Callable[[str], bool]) -> set[str]:
    """Returns the account names in a file name, between common words; none if it has only common words."""

    def is_somebody(part: str) -> bool:
        return len(part) <= _LONGEST and is_account(part) and not all(map(_is_word, part.split("_")))

    told = [_told_apart(run, is_somebody) for run in _RUN.findall(name)]
    return {part for each in told if each for part, is_name in each.parts if is_name}


class _Told(NamedTuple):
    """A parsed file name: prefix, the parts between `_` as (text, whether it is an account name), and suffixes."""

    start: str
    parts: list[tuple[str, bool]]
    ending: str


def _told_apart(run: str, is_account: Callable[[str], bool]) -> _Told | None:
    """Parses a run of letters, digits, `_` and dots; None if it is not composed of common words and account names."""
    rest, ending = run.removeprefix("."), ""
    start = run[: len(run) - len(rest)]
    while rest:
        if (parts := _words_and_accounts(rest.split("_"), is_account)) is not None:
            return _Told(start, parts, ending)
        if (found := _ENDING.search(rest)) is None:
            return None
        rest, ending = rest[: found.start()], found[0] + ending
    return _Told(start, [], ending)


def _words_and_accounts(parts: list[str], is_account: Callable[[str], bool]) -> list[tuple[str, bool]] | None:
    """Returns the parts of a file name with consecutive ones joined to account names: (text, is an account).

    Null if a part is neither a common word nor part of an account name. Dynamic programming from the right; at each
    part the longest account name is preferred.
    """
    after: dict[int, list[tuple[str, bool]] | None] = {len(parts): []}
    for first in reversed(range(len(parts))):
        after[first] = None
        for last in range(len(parts), first, -1):
            if (left := after[last]) is None:
                continue
            part = "_".join(parts[first:last])
            if is_account(part):
                after[first] = [(part, True), *left]
                break
            if last == first + 1 and _is_word(part):
                after[first] = [(part, False), *left]
    return after[0]


def _is_name(part: str, forgotten: Forgotten, *, is_known: bool) -> bool:
    if len(part) > _LONGEST or is_common_file_word(part) or not forgotten.has("account", part):
        return False
    return is_known or forgotten.scrub(part) != part


def strip_suffixes(name: str) -> str:
    """Returns a file name without its suffixes: `jane` for `jane.json.xz`, and `jane.b` for `jane.b`."""
    while name.lstrip(".") and (found := _ENDING.search(name)):
        name = name[: found.start()]
    return name


def is_common_file_word(word: str) -> bool:
    """Whether a word is common in names of files and folders, and therefore not taken for an account."""
    return word.casefold() in _WORDS or is_word_of_ours(word)


def _is_word(part: str) -> bool:
    return part.casefold() in _WORDS or _NUMBER.fullmatch(part) is not None or not part.isascii()
