"""The language of a text, detected by its script alone: Korean, English, mixed or other."""

import re
import unicodedata
from typing import Literal

TextLanguage = Literal["ko", "en", "mixed", "other"]

CLEAR_SHARE = 0.8
_HANGUL = re.compile("[\u1100-\u11ff\u3131-\u318e\ua960-\ua97c\uac00-\ud7fb]")
_LATIN = re.compile("[A-Za-zÀ-ÖØ-öø-ɏ]")


def detect_language(text: str) -> TextLanguage | None:
    """Returns `ko` or `en` if at least 80% of the letters are Hangul or Latin; else `mixed` or `other`.

    `mixed` means that a text has Hangul and Latin letters that together are at least 80%. None if the text has no
    letters. Only the script is considered, so French is `en`, too. Never raises.
    """
    if text.isascii():
        return "en" if _LATIN.search(text) else None
    # NFKC maps full-width and mathematical letters to plain ones, and keeps Hangul as Hangul.
    text = unicodedata.normalize("NFKC", text)
    letters = sum(map(str.isalpha, text))
    if not letters:
        return None
    korean, latin = len(_HANGUL.findall(text)), len(_LATIN.findall(text))
    if korean >= CLEAR_SHARE * letters:
        return "ko"
    if latin >= CLEAR_SHARE * letters:
        return "en"
    return "mixed" if korean and latin and korean + latin >= CLEAR_SHARE * letters else "other"
