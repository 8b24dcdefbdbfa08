"""Which font pictures are written in, and text as that font can show it."""

import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path

REMEDY = (
    "Install a font (on Debian or Ubuntu: sudo apt-get install fonts-noto-cjk), or name a font file in "
    "INSTAGRAM_ASSETS_TEXT__FONT"
)
_KOREAN = "가힣ㅋ"
# Sans-serif families that systems come with, best first; any other font with Korean letters is taken after them.
_FAMILIES = (
    *("Noto Sans CJK", "Noto Sans KR", "Source Han Sans", "Pretendard", "Nanum", "Apple SD Gothic Neo"),
    *("AppleGothic", "Malgun Gothic", "Baekmuk", "UnDotum"),
)
_BOX = "□"
_MINUS = "\N{MINUS SIGN}"
_EMOJI_STYLE = "\N{VARIATION SELECTOR-16}"


def picture_font(asked: str = "") -> Path:
    """The font file that pictures are written in: as `korean_font`, else one without Korean letters."""
    return korean_font(asked) or _latin_font()


def font_problem(asked: str = "") -> str:
    """Why pictures cannot show Korean, or why the font of the settings is not used; empty when all is well."""
    font = korean_font(asked)
    if font is None:
        return f"no font with Korean letters: pictures show {_BOX} in their place"
    if asked and font != Path(asked):
        return f"INSTAGRAM_ASSETS_TEXT__FONT={asked!r} is no font file with Korean letters; {font} is used"
    return ""


@cache
def korean_font(asked: str = "") -> Path | None:
    """A font file with Korean letters: the one asked for if it has them, else the best that this machine has."""
    if asked and _korean(Path(asked)):
        return Path(asked)
    return min(filter(_korean, _system_fonts()), key=_preference, default=None)


def drawable(text: str, font: Path) -> str:
    """The text in letters that the font has: an emoji that it lacks by its name (`:red_heart:`), any other as □."""
    import emoji

    letters = _letters(font)

    def known(chars: str) -> bool:
        return all(ord(char) in letters for char in chars)

    def shown(chars: str, _: object) -> str:
        plain = chars.replace(_EMOJI_STYLE, "")
        return plain if known(plain) else emoji.demojize(chars)

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
    from matplotlib.ft2font import FT2Font

    # Not by `_letters`: that would keep every font's letters in memory.
    try:
        opened = FT2Font(str(font))
    except (OSError, RuntimeError):
        return False
    return all(opened.get_char_index(ord(letter)) for letter in _KOREAN)


def _preference(font: Path) -> tuple[int, bool, str]:
    from matplotlib.ft2font import FT2Font

    opened = FT2Font(str(font))
    known = (place for place, family in enumerate(_FAMILIES) if opened.family_name.startswith(family))
    return next(known, len(_FAMILIES)), opened.style_name not in ("Regular", "Medium"), str(font)


def _system_fonts() -> Iterator[Path]:
    from matplotlib.font_manager import findSystemFonts

    return map(Path, findSystemFonts())


def _latin_font() -> Path:
    """The font that comes with matplotlib."""
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
