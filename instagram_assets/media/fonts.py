"""Which font pictures are written in, and text as that font can show it."""

import base64
import unicodedata
from collections.abc import Iterable
from functools import cache
from io import BytesIO
from pathlib import Path

OWN_FONT = Path(__file__).with_name("font") / "NotoSansCJK-subset.otf"
"""The font that comes with the package: Korean, Japanese and Latin letters; see the README beside it."""
REMEDY = (
    "Name a font file with Korean letters in INSTAGRAM_ASSETS_TEXT__FONT, or leave it empty for the font that comes "
    "with the package"
)
_KOREAN = "가힣ㅋ"
_BOX = "□"
_MINUS = "\N{MINUS SIGN}"
_EMOJI_STYLE = "\N{VARIATION SELECTOR-16}"


@cache
def picture_font(asked: str = "") -> Path:
    """The font file that pictures are written in: the one asked for if it has Korean letters, else our own."""
    return Path(asked) if asked and _korean(Path(asked)) else OWN_FONT


def font_problem(asked: str = "") -> str:
    """Why the font of the settings is not used; empty when all is well."""
    if picture_font(asked) == Path(asked or OWN_FONT):
        return ""
    return f"INSTAGRAM_ASSETS_TEXT__FONT={asked!r} is no font file with Korean letters; {OWN_FONT.name} is used"


def font_of(letters: Iterable[str]) -> str:
    """Our own font, cut to these letters, as a data URI for pages that are read where no such font is installed.

    Empty when it has none of them.
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
    """The text in letters that the font has: an emoji that it lacks by its name (`:red_heart:`), any other as □.

    `with_emoji` false leaves those emoji out.
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
    """The code points that a font file has letters for; none when it is no font file."""
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(FT2Font(str(font)).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()


def _korean(font: Path) -> bool:
    return set(map(ord, _KOREAN)) <= _letters(font)
