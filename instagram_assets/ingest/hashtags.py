r"""Hashtags and mentions in captions: one rule for posts, tokens and all formats.

Hashtags follow Unicode (UAX #31, UAX31-D2, default hashtag identifiers): a sign `#`, `＃` or `﹟`, then word characters
of any script with their combining marks, emoji with their joiners and modifiers, keycaps and flags. That rule leaves
some choices open, made here: `-`, `+` and `*` end a tag, as on Instagram; a sign ends the tag before it and begins the
next; the middle dots and the marks of Tibetan and Hebrew are allowed only inside a tag; numerals such as `²` are word
characters. A keycap `#️⃣`, an entity `&#39;` and the fragment of a URL do not begin a tag.

Word characters and marks come from Python's own Unicode tables. The package `regex` has the other classes, too, but
they fit in one constant here (checked in 2026-11).
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import cache

FindTags = Callable[[str], list[str]]

MENTION_PATTERN = r"@(?<![A-Za-z0-9._]@)([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*)"
HASHTAG_SIGNS = "#＃﹟"
_LONGEST = 150
_MEDIAL = "\u00b7\u0387\u05f3\u05f4\u0f0b\u30fb\uff65"
_JOINERS = "\u200c\u200d"
# Unicode blocks with combining marks; the wide blocks of Han and Hangul between them have none.
_MARKED = (range(0x300, 0x3100), range(0xA600, 0xAC00), range(0xFB00, 0x20000), range(0xE0100, 0xE01F0))
# Identifier characters (XID_Continue) that are neither combining marks nor word characters for `re`.
_CONNECTORS = "\u203f\u2040\u2054\ufe33\ufe34\ufe4d\ufe4e\ufe4f\uff3f\u2118\u212e"
# Extended_Pictographic of emoji-data.txt, Unicode 17; the regional indicators of flags are not part of it.
_PICTOGRAPHIC = (
    "a9 ae 203c 2049 2122 2139 2194-2199 21a9-21aa 231a-231b 2328 23cf 23e9-23f3 23f8-23fa 24c2 25aa-25ab 25b6 "
    "25c0 25fb-25fe 2600-2604 260e 2611 2614-2615 2618 261d 2620 2622-2623 2626 262a 262e-262f 2638-263a 2640 "
    "2642 2648-2653 265f-2660 2663 2665-2666 2668 267b 267e-267f 2692-2697 2699 269b-269c 26a0-26a1 26a7 "
    "26aa-26ab 26b0-26b1 26bd-26be 26c4-26c5 26c8 26ce-26cf 26d1 26d3-26d4 26e9-26ea 26f0-26f5 26f7-26fa 26fd "
    "2702 2705 2708-270d 270f 2712 2714 2716 271d 2721 2728 2733-2734 2744 2747 274c 274e 2753-2755 2757 "
    "2763-2764 2795-2797 27a1 27b0 27bf 2934-2935 2b05-2b07 2b1b-2b1c 2b50 2b55 3030 303d 3297 3299 1f004 "
    "1f02c-1f02f 1f094-1f09f 1f0af-1f0b0 1f0c0 1f0cf-1f0d0 1f0f6-1f0ff 1f170-1f171 1f17e-1f17f 1f18e "
    "1f191-1f19a 1f1af-1f1e5 1f201-1f20f 1f21a 1f22f 1f232-1f23a 1f23c-1f23f 1f249-1f25f 1f266-1f321 "
    "1f324-1f393 1f396-1f397 1f399-1f39b 1f39e-1f3f0 1f3f3-1f3f5 1f3f7-1f3fa 1f400-1f4fd 1f4ff-1f53d "
    "1f549-1f54e 1f550-1f567 1f56f-1f570 1f573-1f57a 1f587 1f58a-1f58d 1f590 1f595-1f596 1f5a4-1f5a5 1f5a8 "
    "1f5b1-1f5b2 1f5bc 1f5c2-1f5c4 1f5d1-1f5d3 1f5dc-1f5de 1f5e1 1f5e3 1f5e8 1f5ef 1f5f3 1f5fa-1f64f "
    "1f680-1f6c5 1f6cb-1f6d2 1f6d5-1f6e5 1f6e9 1f6eb-1f6f0 1f6f3-1f6ff 1f7dc-1f7f0 1f80c-1f80f 1f848-1f84f "
    "1f85a-1f85f 1f888-1f88f 1f8ae-1f8af 1f8bc-1f8bf 1f8c2-1f8cf 1f8d9-1f8ff 1f90c-1f93a 1f93c-1f945 "
    "1f947-1f9ff 1fa58-1fa5f 1fa6e-1faff 1fc00-1fffd"
)
# A URL ends where a non-ASCII tag was attached to it without a space.
_TO_ITS_END = r"(?:(?!#[^!-~])[!-~])"
URL_PATTERN = (
    rf"(?<![A-Za-z0-9'’])(?:(?i:https?)://|www\.){_TO_ITS_END}+"
    rf"|(?<![A-Za-z0-9'’.@-])(?:[A-Za-z0-9-]+\.)+[A-Za-z]{{2,24}}/{_TO_ITS_END}*"
    r"|[A-Za-z0-9._%+-]*[A-Za-z0-9._]@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"
)


def hashtags_in(caption: str) -> list[str]:
    """Return a caption's hashtags in order, without `#`."""
    if _may_hold_address(caption):
        return [match[1] for match in _entities().finditer(caption) if match[1] is not None]
    if not caption.isascii():
        caption = caption.replace("＃", "#").replace("﹟", "#")
    return _tags().findall(caption) if "#" in caption else []


def mentions_in(caption: str) -> list[str]:
    """Return the words after an @ in a caption, in order; they need not be valid account names."""
    if "@" not in caption:
        return []
    if _may_hold_address(caption):
        return [match[2] for match in _entities().finditer(caption) if match[2] is not None]
    return _names().findall(caption)


def merge_listed(found: list[str], listed: Iterable[str], caption: str, rule: FindTags, sign: str) -> list[str]:
    """Return the tags `found` in a caption, plus the collector's `listed` tags that are missing there.

    Listed tags are only added if that list is longer. `rule` finds the tags in a text, `sign` is `#` or `@`. Listed
    tags are parsed by the same rule, since collectors leave punctuation on them; a listed tag that occurs in
    the caption after its sign is skipped, since the rule did not accept it there.
    """
    written, known = caption.casefold(), {value.casefold() for value in found}
    agreed, more = set[str](), dict[str, str]()
    for entry in listed:
        for value in rule(f"{sign}{entry}")[:1]:
            key = value.casefold()
            if any(map(str.isalnum, entry[len(value) :])):
                continue
            if key in known:
                agreed.add(key)
            elif f"{sign}{entry}".casefold() not in written:
                more.setdefault(key, value)
    return [*found, *more.values()] if len(agreed) + len(more) > len(known) else found


@cache
def hashtag_pattern(signs: str = HASHTAG_SIGNS) -> str:
    """Return the regular expression of a hashtag, whose one group is the tag without its sign."""
    first, more = f"[{_bases()}]", f"[{_bases()}{_changing()}]"
    joined = rf"{first}{more}{{0,{_LONGEST - 1}}}(?:[{_MEDIAL}]{more}{{1,{_LONGEST}}}){{0,9}}(?<![{_JOINERS}])"
    # Most tags are plain letters and end before an ASCII character, so that the general part is rarely tried.
    usual = rf"\w{{1,{_LONGEST}}}+(?![^\x00-\x7f])"
    return rf"[{signs}](?!(?<=&#)(?:[0-9]{{1,7}}|[xX][0-9A-Fa-f]{{1,6}});)\ufe0f?({usual}|{joined})"


def _may_hold_address(caption: str) -> bool:
    return "/" in caption or "www." in caption


@cache
def _tags() -> re.Pattern[str]:
    # A pattern that starts with a single literal sign lets the search skip ahead quickly.
    return re.compile(hashtag_pattern("#"))


@cache
def _names() -> re.Pattern[str]:
    return re.compile(MENTION_PATTERN)


@cache
def _entities() -> re.Pattern[str]:
    return re.compile(f"{hashtag_pattern()}|{MENTION_PATTERN}|{URL_PATTERN}")


@cache
def _bases() -> str:
    """Return the characters that can begin a hashtag (word characters and emoji), as the inside of a regex class."""
    regional, tones = "1f1e6-1f1ff", "1f3fb-1f3ff"
    spans = (span.partition("-") for span in f"{_PICTOGRAPHIC} {regional} {tones}".split())
    return rf"\w{_CONNECTORS}" + "".join(_span(int(first, 16), int(last or first, 16)) for first, _, last in spans)


@cache
def _changing() -> str:
    """Return the modifying characters (marks, selectors, joiners, keycaps) as the inside of a regex class."""
    marks = (number for part in _MARKED for number in part if unicodedata.category(chr(number)) in ("Mn", "Mc"))
    found: list[list[int]] = []
    for number in marks:
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return f"{_JOINERS}\u20e3\U000e0020-\U000e007f" + "".join(_span(first, last) for first, last in found)


def _span(first: int, last: int) -> str:
    return f"\\U{first:08x}-\\U{last:08x}"
