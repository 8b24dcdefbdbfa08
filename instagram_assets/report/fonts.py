"""The font of charts and contact sheets, and text rewritten in the characters that the font has."""

import base64
import unicodedata
from collections.abc import Iterable
from functools import cache
from io import BytesIO
from pathlib import Path

OWN_FONT = Path(__file__).with_name("font") / "NotoSansCJK-subset.otf"
"""The packaged font, with Korean, Japanese and Latin letters; `font/README.md` says how it was made."""
FONT_REMEDY = (
    "Name a font file with Korean letters in INSTAGRAM_ASSETS_TEXT__FONT, or leave it empty for the font that comes "
    "with the package"
)
_KOREAN = "가힣ㅋ"
_BOX = "□"
_MINUS = "\N{MINUS SIGN}"
_EMOJI_STYLE = "\N{VARIATION SELECTOR-16}"


@cache
def picture_font(configured: str = "") -> Path:
    """The font file for charts and contact sheets: the configured one if it has Korean glyphs, else the default."""
    return Path(configured) if configured and _has_korean(Path(configured)) else OWN_FONT


def font_problem(configured: str = "") -> str:
    """Why the configured font file is not used; empty if it is used."""
    if picture_font(configured) == Path(configured or OWN_FONT):
        return ""
    return f"INSTAGRAM_ASSETS_TEXT__FONT={configured!r} is no font file with Korean letters; {OWN_FONT.name} is used"


def font_data_uri(letters: Iterable[str]) -> str:
    """The packaged font, subset to the characters `letters`, as a data URI to embed in a web page.

    Empty if the font has glyphs for none of the characters.
    """
    from fontTools.subset import Options, Subsetter, load_font

    known = {ord(letter) for letter in letters} & _letters(OWN_FONT)
    if not known:
        return ""
    options = Options(layout_features=[], hinting=False, recalc_timestamp=False)
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=sorted(known))
    out = BytesIO()
    with load_font(str(OWN_FONT), options) as font:
        subsetter.subset(font)
        font.flavor = "woff"
        font.save(out)
    return f"data:font/woff;base64,{base64.b64encode(out.getvalue()).decode()}"


def drawable(text: str, font: Path, *, with_emoji: bool = True) -> str:
    """The text with characters that the font lacks replaced: emojis by name (`:red_heart:`), all others by □.

    `with_emoji=False` removes emojis that the font lacks instead.
    """
    import emoji

    letters = _letters(font)

    def known(chars: str) -> bool:
        return all(ord(char) in letters for char in chars)

    def shown(chars: str, _: object) -> str:
        plain = chars.replace(_EMOJI_STYLE, "")
        return plain if known(plain) else emoji.demojize(chars) if with_emoji else ""

    text = unicodedata.normalize("NFC", " ".join(text.split()))
    text = emoji.replace_emoji(text, replace=shown).replace(_EMOJI_STYLE, "")
    if not known(_MINUS):
        text = text.replace(_MINUS, "-")
    unknown = _BOX if known(_BOX) else "?"
    return "".join(char if known(char) else unknown for char in text)


@cache
def _letters(font: Path) -> frozenset[int]:
    """The code points that a font file has glyphs for; empty if it is not a font file."""
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(FT2Font(str(font)).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()


def _has_korean(font: Path) -> bool:
    return set(map(ord, _KOREAN)) <= _letters(font)
