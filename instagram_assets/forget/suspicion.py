"""A quick look at a text for what is forgotten, before it is taken apart."""

import re

from instagram_assets.privacy.forgotten import Forgotten, Identifiers, Kind

_RUN = re.compile(r"[A-Za-z0-9]+")
_IDS: tuple[Kind, ...] = ("profile_id", "post_id", "shortcode", "image", "url")


class Suspicion:
    """Tells whether a text may hold something of what is forgotten; never wrongly that it does not.

    Where the identifiers are not known in clear it suspects every text.
    """

    def __init__(self, forgotten: Forgotten) -> None:
        self._words: frozenset[str] | None = None
        if isinstance(forgotten, Identifiers):
            # Ids stand between signs that are neither letters nor digits, and so do the parts of which they consist.
            longest = (max(_RUN.findall(value), key=len, default="") for kind in _IDS for value in forgotten.of(kind))
            self._words = frozenset(word for word in longest if word)
            names = sorted(re.escape(name) for name in forgotten.of("account"))
            self._names = re.compile("|".join(names), re.IGNORECASE) if names else None

    def __call__(self, text: str) -> bool:
        if self._words is None or (self._names is not None and self._names.search(text)):
            return True
        return not self._words.isdisjoint(_RUN.findall(text))
