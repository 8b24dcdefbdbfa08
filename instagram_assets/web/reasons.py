"""Why an image was left out, in the reader's language.

Reasons stand in tables and manifests as English sentences with numbers in them; what is not known stays as it is.
"""

import re

from instagram_assets.web.words import Words

_NUMBER = r"[\d.]+"
_DOUBLED = r"doubled: same picture as result (?P<rank>\d+), "
# The longer form of a reason first; its words are those of `reasons.NAME`.
_KNOWN = {
    "smaller_than": r"smaller than (?P<side>\d+) px \((?P<width>\d+) x (?P<height>\d+)\)",
    "smaller": r"smaller than (?P<side>\d+) px",
    "blurred_by": rf"blurred: (?:native )?sharpness (?P<sharpness>{_NUMBER}) below (?P<least>{_NUMBER})",
    "blurred": r"blurred",
    "not_fetched_as": r"not fetched: (?P<detail>.+)",
    "not_fetched": r"not fetched",
    "same_file": r"doubled: same file as result (?P<rank>\d+)",
    "doubled_of_larger": f"{_DOUBLED}whose file is larger",
    "doubled_of_known": f"{_DOUBLED}which the folder knows",
    "doubled_of_kept": f"{_DOUBLED}which was kept by hand",
    "doubled_of_dropped": f"{_DOUBLED}which was dropped by hand",
    "doubled": r"doubled",
    "no_embedding": r"no embedding",
    "no_cluster": r"in no cluster",
    "other_cluster": r"in cluster (?P<cluster>\d+), which is not the subject",
    "beyond_limit": r"beyond the limit of (?P<limit>\d+) images",
    "kept_by_hand_since": r"kept by hand: (?P<why>.+)",
    "kept_by_hand": r"kept by hand",
    "dropped_by_hand_since": r"dropped by hand: (?P<why>.+)",
    "dropped_by_hand": r"dropped by hand",
    "deleted_by_hand": r"deleted by hand",
    "folder_gone": r"the folder was deleted",
    "left_results": r"not among the results any more",
}
_PATTERNS = {name: re.compile(pattern, re.DOTALL) for name, pattern in _KNOWN.items()}
NAMES = tuple(_KNOWN)
"""The names of all reasons that there are words for."""


def reason_words(words: Words, reason: str) -> str:
    """A reason, or several that are joined by `; `, in words.

    >>> reason_words(words_in("en"), "smaller than 300 px (240 x 180)")
    'smaller than 300 px (240 × 180)'
    """
    if whole := _in_words(words, reason):
        return whole
    return "; ".join(_in_words(words, part) or part for part in reason.split("; "))


def _in_words(words: Words, reason: str) -> str:
    for name, pattern in _PATTERNS.items():
        if match := pattern.fullmatch(reason):
            return words(f"reasons.{name}", **match.groupdict())
    return ""
