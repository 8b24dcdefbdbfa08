"""Translates the reasons why an image was left out, and why a post is labelled viral or not.

Tables and manifests contain reasons as English sentences with numbers; unknown reasons are shown untranslated.
"""

import re

from instagram_assets.web.words import Words

_NUMBER = r"[\d.]+"
_DOUBLED = r"doubled: same picture as result (?P<rank>\d+), "
# Patterns of reasons, the longer form of a reason first; the translation key is `reasons.NAME`.
_KNOWN = {
    "smaller_than": r"smaller than (?P<side>\d+) px \((?P<width>\d+) x (?P<height>\d+)\)",
    "smaller": r"smaller than (?P<side>\d+) px",
    "blurred_by": rf"blurred: (?:native )?sharpness (?P<sharpness>{_NUMBER}) below (?P<least>{_NUMBER})",
    "blurred_in_focus": rf"blurred: focus (?P<focus>{_NUMBER}) below (?P<least>{_NUMBER})",
    "blurred": r"blurred",
    "dark_by": rf"dark: brightness (?P<brightness>{_NUMBER}) below (?P<least>{_NUMBER})",
    "dark": r"dark",
    "low_contrast_by": rf"low contrast: (?P<contrast>{_NUMBER}) below (?P<least>{_NUMBER})",
    "low_contrast": r"low contrast",
    "noisy_by": rf"noisy: noise (?P<noise>{_NUMBER}) above (?P<most>{_NUMBER})",
    "noisy": r"noisy",
    "not_fetched_as": r"not fetched: (?P<detail>.+)",
    "not_fetched": r"not fetched",
    "same_file": r"doubled: same file as result (?P<rank>\d+)",
    "doubled_of_larger": f"{_DOUBLED}whose file is larger",
    "doubled_of_known": f"{_DOUBLED}which the folder knows",
    "doubled_of_kept": f"{_DOUBLED}which was kept by hand",
    "doubled_of_dropped": f"{_DOUBLED}which was dropped by hand",
    "doubled": r"doubled",
    "expired": r"address expired at (?P<time>\S+); collect the post again",
    "other_kind": r"(?P<kind>.+) instead of an image",
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
"""The names of all reasons that have a translation."""

_COUNT = r"[\d,]+"
_NUMBER_OF = rf"(?P<number>{_COUNT}) of"
_MEASURE = r"(?P<measure>(?:likes|comments|views|plays)(?: (?:and|or) (?:likes|comments|views|plays))*)"
_GROUP = r"(?P<group>(?:all|the) .+?)"
# Patterns of the reasons in engagement/virality_rules.py; the translation key is `viral.NAME`.
_VIRAL = {
    "unknown": rf"{_MEASURE} hidden or unknown",
    "unknown_numbers": rf"{_MEASURE} unknown",
    "too_few": rf"too few to compare: {_NUMBER_OF} {_GROUP} with known {_MEASURE}, (?P<needed>\d+) are needed",
    "too_few_before": rf"too few to compare: {_NUMBER_OF} {_GROUP} before it, (?P<needed>\d+) are needed",
    "too_early": rf"too early to tell: read (?P<minutes>{_COUNT}) minutes after its publication",
    "place_shared": rf"place (?P<place>{_COUNT}) of (?P<number>{_COUNT}), shared by (?P<shared>{_COUNT}), among "
    rf"{_GROUP} by {_MEASURE} \((?P<value>{_COUNT})\); viral are the top (?P<share>\S+) %",
    "place": rf"place (?P<place>{_COUNT}) of (?P<number>{_COUNT}), among {_GROUP} by {_MEASURE} "
    rf"\((?P<value>{_COUNT})\); viral are the top (?P<share>\S+) %",
    "usual_then": rf"(?P<value>{_COUNT}) {_MEASURE} (?P<hours>{_COUNT}) h after publication, (?P<usual>{_COUNT}) are "
    rf"usual then by {_NUMBER_OF} {_GROUP} before it; z (?P<score>\S+) of (?P<least>\S+)",
    "usual": rf"(?P<value>{_COUNT}) {_MEASURE}, (?P<usual>{_COUNT}) are usual by {_NUMBER_OF} {_GROUP} before it; "
    r"z (?P<score>\S+) of (?P<least>\S+)",
    "own_rule": r"as (?P<rule>\S+) says",
}
_VIRAL_PATTERNS = {name: re.compile(pattern) for name, pattern in _VIRAL.items()}
_THRESHOLD = re.compile(rf"(?P<number>{_COUNT}) of (?P<least>{_COUNT}) {_MEASURE}")
_GROUP_NAMES = re.compile(
    r"all (?P<all>\S+)|the (?P<nobodys>\S+) without an account|the (?P<kinds>\S+) of (?P<account>.+)"
)


def reason_words(words: Words, reason: str) -> str:
    """Returns the translation of a reason why an image was left out, or of several reasons separated by `; `.

    >>> reason_words(words, "smaller than 300 px (240 x 180)")
    'smaller than 300 px (240 × 180)'
    """
    if whole := _in_words(words, reason):
        return whole
    return "; ".join(_in_words(words, part) or part for part in reason.split("; "))


def viral_words(words: Words, reason: str | None) -> str:
    """Returns the translated reason of a virality label; reasons of user-defined rules are returned unchanged."""
    for name, pattern in _VIRAL_PATTERNS.items():
        if match := pattern.fullmatch(reason or ""):
            return words(f"viral.{name}", **_values(words, match))
    parts = [_THRESHOLD.fullmatch(part) for part in re.split(r", (?=\d)", reason or "")]
    if found := [part for part in parts if part]:
        texts = [words("viral.threshold", **_values(words, part)) for part in found]
        return ", ".join(texts) if len(found) == len(parts) else reason or ""
    return reason or ""


def _in_words(words: Words, reason: str) -> str:
    for name, pattern in _PATTERNS.items():
        if match := pattern.fullmatch(reason):
            return words(f"reasons.{name}", **match.groupdict())
    return ""


def _values(words: Words, match: re.Match[str]) -> dict[str, str]:
    """Returns the placeholder values of a matched reason; names of metrics and comparison groups are translated."""
    found = match.groupdict()
    if measure := found.get("measure"):
        names = [words(f"viral.measures.{name}") for name in re.split(" and | or ", measure)]
        found["measure"] = words("viral.joined").join(names)
    if group := found.get("group"):
        found["group"] = _group_words(words, group)
    return found


def _group_words(words: Words, group: str) -> str:
    match = _GROUP_NAMES.fullmatch(group)
    if not match:
        return group
    for name in ("all", "nobodys", "kinds"):
        if kinds := match[name]:
            kinds = words.known(f"viral.kinds.{kinds}", otherwise=kinds)
            return words(f"viral.groups.{name}", kinds=kinds, account=match["account"])
    return group
