"""Names of files without names of accounts: such a name runs words together, as in `posts_sun_diary_2025.json`."""

import re

from instagram_assets.privacy.forgotten import Forgotten

_LONGEST = 30
_STARTS = re.compile(r"(?<![A-Za-z0-9])(?=[A-Za-z0-9_])|(?<=[-.])(?=_)")
_ENDS = re.compile(r"(?<=[A-Za-z0-9_])(?![A-Za-z0-9])")
_NAME = re.compile(r"[A-Za-z0-9_.]+")


def scrub_file_name(name: str, forgotten: Forgotten) -> str:
    """A file's or folder's name, or a path of them, with pseudonyms for each part between signs that is forgotten."""
    return forgotten.scrub(_without_accounts(name, forgotten))


def _without_accounts(name: str, forgotten: Forgotten) -> str:
    starts = [found.start() for found in _STARTS.finditer(name)]
    ends = [found.start() for found in _ENDS.finditer(name)]
    spans = [(start, end) for start in starts for end in ends if start < end <= start + _LONGEST]
    for start, end in sorted(spans, key=lambda span: span[0] - span[1]):  # the longest first
        word = name[start:end]
        if _NAME.fullmatch(word) and forgotten.has("account", word):
            before, after = name[:start], name[end:]
            return _without_accounts(before, forgotten) + forgotten.scrub(word) + _without_accounts(after, forgotten)
    return name
