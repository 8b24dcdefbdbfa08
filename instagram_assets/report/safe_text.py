"""Sanitises untrusted text for a terminal, a log or a web page: control and bidirectional characters, length."""

import unicodedata

# With these characters `gpj.exe` is shown as `exe.jpg` (Unicode Technical Report 36, bidirectional text spoofing).
_BIDIRECTIONAL = frozenset(map(chr, (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))))
_CONTROL_CATEGORIES = ("Cc", "Cs", "Zl", "Zp")


def printable(value: object, most: int | None = None, kept: str = "") -> str:
    """A value as text with unprintable characters replaced, except those in `kept`; truncated to `most` characters.

    >>> printable("red \\x1b[31m", 60)
    'red \ufffd[31m'
    """
    text = str(value)
    cut = text if most is None or len(text) <= most else text[:most] + "…"
    return "".join(letter if letter.isprintable() or letter in kept else "\ufffd" for letter in cut)


def first_control_character(text: str, allowed: str = "") -> str:
    """The first control character of a text that is not allowed; empty if there is none.

    Control characters include unpaired surrogates, line and paragraph separators, and bidirectional formatting.

    >>> f"U+{ord(first_control_character(chr(0x202E) + 'gpj.exe')):04X}"
    'U+202E'
    """
    return next((sign for sign in text if sign not in allowed and _is_control(sign)), "")


def replace_control_characters(text: str, most: int) -> str:
    """The text with each control character replaced by U+FFFD, truncated to `most` characters."""
    cut = text if len(text) <= most else text[: most - 1] + "…"
    return "".join("\ufffd" if _is_control(sign) else sign for sign in cut)


def _is_control(sign: str) -> bool:
    return sign in _BIDIRECTIONAL or unicodedata.category(sign) in _CONTROL_CATEGORIES
