"""Recognition of account names in text and bytes: which words are names, which fields have names, and Base64 forms.

A distinctive name has a letter, and a dot, a `_` or a digit; as a whole word it is always taken for an account. An
ordinary word (`love`), a short one, a number, or a word of this program (`posts`, `raw_posts`) is taken for an account
only if its context leaves no other meaning: after an @, in an Instagram URL, in a field of account names, in a
partition key, or as a folder of the lake.
"""

import base64
import re
from collections.abc import Iterator
from functools import lru_cache

from instagram_assets.schemas import CONTRACTS

UNSEEN_SIGNS = "\u00ad\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u2060\u2061\u2062\u2063\u2064\ufe0e\ufe0f\ufeff"
UNSEEN = f"[{UNSEEN_SIGNS}]"
"""A regular expression for invisible characters."""
NO_ACCOUNTS = frozenset(("p", "reel", "reels", "tv", "explore", "stories", "accounts", "direct", "s", "share"))
"""First path segments of Instagram URLs that are not account pages."""
LISTS_OF_NAMES = frozenset(
    (
        *("accounts", "profile_accounts", "mentions", "tagged", "coauthors", "tagged_users", "taggedUsernames"),
        *("usernames", "likers"),
    )
)
NAME_FIELDS = LISTS_OF_NAMES | {
    *("account", "source_account", "stated_account", "owner", "owner_username", "ownerUsername", "username"),
    *("userName", "user_name", "commenter", "author", "partition"),
}
"""Columns of tables, and fields of records, whose whole value is an account name or a list of account names."""

_SHORTEST = 4
_TIME = re.compile(r"\d{1,2}[.]?(?:\d\d)?[ap]m", re.IGNORECASE)
_LOOKED_AT = 200
_SLASH = r"(?:\\*/|%(?:25)*2f|\\+u002f)+"
_QUOTE = r"\\*[\"']"
_MEANT_BEFORE = re.compile(
    rf"(?:[@＠﹫]|%(?:25)*40|&\#0*64;|&\#x0*40;|&commat;|\\+u0040){UNSEEN}*\Z"
    rf"|(?P<address>(?:instagram\.com|instagr\.am|threads\.(?:net|com)|ig\.me{_SLASH}m){_SLASH}(?:(?:stories|_u){_SLASH})?)\Z"
    r"|\bcollected_(?:graph_api|instagram)-\Z"
    r"|(?:[?&]|%3f|%26)(?:taken-by|username|user)(?:=|%3d)\Z|\barchive://\Z"
    rf"|{_QUOTE}(?:[\w.-]+[/.])*(?:{'|'.join(sorted(NAME_FIELDS))}){_QUOTE}\s*:\s*{_QUOTE}\Z"
    rf"|{_QUOTE}(?:{'|'.join(sorted(LISTS_OF_NAMES))}){_QUOTE}\s*:\s*\[[^\[\]{{}}]*{_QUOTE}\Z",
    re.IGNORECASE,
)
_DAY_AFTER = re.compile(r"(?:\||%7c|\\+u007c)\d{4}-\d\d-\d\d", re.IGNORECASE)
_MONTH_AFTER = re.compile(r"/\d{4}-\d\d\.parquet")

_OF_FORMATS = (
    "post reel image sidecar video feed igtv clips true false null list item element struct string integer long double "
    "boolean timestamp date binary parquet arrow schema pandas spark delta csv json name type version metadata path "
    "size stats append overwrite write engine info format provider options protocol reader writer features "
    "instagram_assets person profile forgotten mail phone link part month media images datasets"
)
_OF_THE_DATA_FOLDER = (
    "inbox lake media datasets reports ledger scrapes collection answers alerts age demo dagster models privacy "
    "landing pending damaged incoming index thumbnails files done rejected under_way failures accounts account search "
    "searches day days data history instagram storage run runs partition partitions other others none all ok failed "
    "en ko"
)
_OF_THE_HISTORY = (
    "age_estimates age_model age_model_better_than_the_larger_class age_training alerts "
    "better_than_the_larger_class box captioned captions_captioned collect collect_accounts collect_hashtags "
    "collected_accounts_may_go_on collected_accounts_no_hours_missing daily_collect daily_scrape dataset_csv "
    "dataset_delta dataset_json dataset_parquet delta_files delta_upkeep downloads each_post_once failure_log "
    "fields_as_before images_downloads inbox_sensor known_parts_of_speech landed landed_files_fields_as_before "
    "landed_files_quarantined landed_sensor max_retries max_runtime may_go_on nightly_datasets no_hours_missing "
    "no_raw_identifiers overrides past_retention posts_each_post_once posts_schema profiles reel_batches reel_steps "
    "reels retention scrape tidy tidy_history tokens_known_parts_of_speech weekly_delta_upkeep weekly_reels "
    "weekly_tidy yesterday"
)
"""Names of jobs, steps, checks, sensors and schedules; a test compares them with Dagster's definitions."""


def is_distinctive(name: str) -> bool:
    """Returns whether a name is no ordinary word, number or time of day: it has a letter, and a dot, `_` or digit."""
    has_letter = any(map(str.isalpha, name)) and not _TIME.fullmatch(name)
    return len(name) >= _SHORTEST and has_letter and not name.isalpha() and not name.startswith("#")


def is_word_of_ours(name: str) -> bool:
    """Returns whether this program uses a name itself, for a table, column, folder, job, asset or check."""
    return name.casefold() in _names_of_ours()


def counts_alone(name: str) -> bool:
    """Returns whether a name, as a whole word, is taken for an account in every context."""
    return is_distinctive(name) and not is_word_of_ours(name)


def is_meant(name: str, before: str, after: str) -> bool:
    """Returns whether a word that is not distinctive is an account name, by the text right `before` and `after` it."""
    found = _MEANT_BEFORE.search(before[-_LOOKED_AT:])
    if found and not (found["address"] and name.casefold() in NO_ACCOUNTS):
        return True
    if _DAY_AFTER.match(after):
        return True
    return before.endswith("/") and _MONTH_AFTER.match(after) is not None


@lru_cache(1)
def vocabulary() -> frozenset[str]:
    """Returns the lower-case words that occur in every lake: names of formats, tables and columns, and their meanings.

    Words with `_` are included as a whole and in their parts.
    """
    meanings = [column.meaning for contract in CONTRACTS.values() for column in contract.columns]
    words = _words_in(" ".join((_OF_FORMATS, *meanings))) | _names_of_tables()
    return frozenset(part for word in words for part in (word, *word.split("_")))


@lru_cache(1)
def _names_of_ours() -> frozenset[str]:
    return frozenset(_names_of_tables() | _words_in(f"{_OF_FORMATS} {_OF_THE_DATA_FOLDER} {_OF_THE_HISTORY}"))


def _names_of_tables() -> set[str]:
    names = {column.name for contract in CONTRACTS.values() for column in contract.columns}
    return {name.casefold() for name in (*CONTRACTS, *names)}


def _words_in(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9_]+", text.casefold()))


_FIRST_LETTERS = (0, 2, 3)
"""Index of the first of four Base64 letters that has no bits of the 0, 1 or 2 bytes before a word."""


def base64_core(word: bytes, before: int) -> str:
    """Returns the Base64 letters of `word` that do not depend on the bytes around it.

    `before` (0 to 2) is the number of bytes before the word in its group of three bytes, which is four letters.
    """
    letters = base64.b64encode(bytes(before) + word).decode()
    return letters[_FIRST_LETTERS[before] : (before + len(word)) * 8 // 6]


def base64_decodings(run: str) -> Iterator[bytes]:
    """Yields the bytes of a run of Base64 letters (standard or URL-safe), decoded at each of four alignments."""
    standard = run.replace("-", "+").replace("_", "/")
    for start in range(min(4, len(standard))):
        part = standard[start:]
        part = part[:-1] if len(part) % 4 == 1 else part
        yield base64.b64decode(part + "=" * (-len(part) % 4))


def split_base64(run: str, start_index: int) -> Iterator[tuple[bytes, bytes]]:
    """Yields (bytes before a word, bytes from the word on) of a run of Base64 letters, for each of three alignments.

    `start_index` is the index in the run at which the word's `base64_core` begins.
    """
    decoded = list(base64_decodings(run))
    for before, first in enumerate(_FIRST_LETTERS):
        groups, start = divmod(start_index - first, 4)
        if groups >= 0 and start < len(decoded):
            at = groups * 3 + before
            yield decoded[start][:at], decoded[start][at:]
