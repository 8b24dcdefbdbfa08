"""Makes the font that comes with the package: the letters that captions are written in, of Noto Sans CJK and Noto Sans.

    python deploy/font.py NotoSansCJK-Regular.ttc NotoSans-Regular.ttf

The files are those of Debian's fonts-noto-cjk (2.004) and fonts-noto-core (2.004). The same files make the same bytes.
"""

import sys
import unicodedata
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from fontTools.pens.t2CharStringPen import T2CharStringPen
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

FONTS = Path("/usr/share/fonts")
SOURCES = (
    FONTS / "opentype" / "noto" / "NotoSansCJK-Regular.ttc",
    FONTS / "truetype" / "noto" / "NotoSans-Regular.ttf",
)
TARGET = Path(__file__).parents[1] / "instagram_assets" / "report" / "font" / "NotoSansCJK-subset.otf"
JAPANESE = 0
"""The first font of the collection: where countries write a Han letter differently, it has the Japanese form."""
# Tables for writing in columns and for replacing letters by others: what draws charts asks for neither.
_NOT_NEEDED = ["BASE", "GDEF", "GPOS", "GSUB", "VORG", "vhea", "vmtx"]
_OUTSIDE_JIS = "塡剝頰𠮟"
"""The four letters of the Jōyō list that JIS X 0208 lacks."""
_WIDTHS_OF_LATIN = "a"
_FAMILY, _FULL_NAME = 1, 4


def main(collection: Path, latin: Path) -> None:
    """Write to `TARGET` what is wanted of both fonts."""
    font = subset(collection)
    complete(font, TTFont(latin))
    for place in (_FAMILY, _FULL_NAME):
        font["name"].setName("Noto Sans CJK subset", place, 3, 1, 0x409)
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    font.save(TARGET)
    print(f"{TARGET}: {len(font.getBestCmap()):,} letters, {TARGET.stat().st_size / 1e6:.2f} MB")


def subset(collection: Path) -> TTFont:
    """What is `wanted` of the collection, without hinting, and without tables that charts need not."""
    font = TTFont(collection, fontNumber=JAPANESE, recalcTimestamp=False)
    options = Options(layout_features=[], hinting=False, notdef_outline=True, recalc_timestamp=False)
    options.drop_tables += _NOT_NEEDED
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=wanted(set(font.getBestCmap())))
    subsetter.subset(font)
    made = BytesIO()
    font.save(made)
    return TTFont(made, recalcTimestamp=False)


def complete(font: TTFont, latin: TTFont) -> None:
    """Give the font the letters and signs that only `latin` has: of Europe's and Vietnam's languages."""
    there, more, glyphs = font.getBestCmap(), latin.getBestCmap(), latin.getGlyphSet()
    cff: Any = font["CFF "].cff
    top = cff.topDictIndex[0]
    charstrings: Any = top.CharStrings
    part = charstrings.getItemAndSelector(there[ord(_WIDTHS_OF_LATIN)])[1]
    private = top.FDArray[part].Private
    # Names of such a font are numbers, each of which may be used once.
    taken = set(font.getGlyphOrder())
    free = (name for number in range(1, 65_535) if (name := f"cid{number:05}") not in taken)
    tables = [table for table in font["cmap"].tables if table.isUnicode() and table.format in (4, 12)]
    for point in sorted(point for point in more if point not in there and _is_plain(point)):
        name = next(free)
        glyph = glyphs[more[point]]
        pen = T2CharStringPen(glyph.width - private.nominalWidthX, glyphs)
        glyph.draw(pen)
        charstrings.charStrings[name] = len(charstrings.charStringsIndex)
        charstrings.charStringsIndex.append(pen.getCharString(private, cff.GlobalSubrs))
        top.charset.append(name)
        top.FDSelect.gidArray.append(part)
        font["hmtx"][name] = (glyph.width, latin["hmtx"][more[point]][1])
        for table in tables:
            table.cmap[point] = name


def _is_plain(point: int) -> bool:
    """A letter or sign that stands alone, neither a mark on another one nor one for which there is no form."""
    return unicodedata.category(chr(point))[0] in "LNPS" and point < 0xE000


def wanted(there: set[int]) -> set[int]:
    """All code points but those of Han letters that neither JIS X 0208, nor KS X 1001, nor the Jōyō list has."""
    han = {*map(ord, _OUTSIDE_JIS), *_rows("euc_jp", 0xB0, 0xF4), *_rows("euc_kr", 0xCA, 0xFD)}
    return {point for point in there if point in han or not _is_han(point)}


def _is_han(point: int) -> bool:
    return unicodedata.name(chr(point), "").startswith(("CJK UNIFIED", "CJK COMPATIBILITY IDEOGRAPH"))


def _rows(encoding: str, first: int, last: int) -> Iterator[int]:
    """The code points of some rows of a national standard."""
    for row in range(first, last + 1):
        for cell in range(0xA1, 0xFF):
            letter = bytes([row, cell]).decode(encoding, "ignore")
            if len(letter) == 1:
                yield ord(letter)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]) if sys.argv[1:] else SOURCES)
