"""Text of other people for a terminal or a log, which it must neither move nor fill."""


def printable(value: object, most: int | None = None, kept: str = "") -> str:
    """A value as text without control characters, but those in `kept`; cut after `most` letters.

    >>> printable("red \\x1b[31m", 60)
    'red \ufffd[31m'
    """
    text = str(value)
    cut = text if most is None or len(text) <= most else text[:most] + "…"
    return "".join(letter if letter.isprintable() or letter in kept else "\ufffd" for letter in cut)
