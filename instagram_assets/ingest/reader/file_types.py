"""Detects the type of a file that is not an export from its first bytes, and gives advice on what to do."""

import re
from pathlib import Path
from typing import NamedTuple

from instagram_assets.errors import FileError
from instagram_assets.media.format_detection import image_format, is_binary, text_format

TYPE_HEAD_BYTES = 512
"""Bytes at the start of a file that are enough to detect its type."""


class FileType(NamedTuple):
    """A file type, as a noun with its article, and the advice for a user who supplies such a file."""

    name: str
    remedy: str


_OTHERS = "Give the export itself, as JSON, CSV or XLSX"
_BESIDE = "Give the JSON file that the collector wrote beside it"
_AS_TABLE = "Save it as XLSX or as CSV UTF-8"
_FROM_PANDAS = "Write its rows with DataFrame.to_json(orient='records')"
_AS_JSON = "Where you can choose between HTML and JSON, take JSON; a page of the site does not hold its posts"
PLAIN = FileType("plain text", "Give the JSON, CSV or XLSX file of the export")
_PYTHON = FileType("in Python's notation, not JSON", "Write it with json.dump(records, file)")

_SIGNATURES = {
    b"%PDF": FileType("a PDF document", _OTHERS),
    b"%!PS": FileType("a PostScript document", _OTHERS),
    b"SQLite format 3\0": FileType("an SQLite database", "Export its tables as JSON or CSV"),
    b"PAR1": FileType("a Parquet file", _FROM_PANDAS),
    b"ARROW1\0\0": FileType("an Arrow file", _FROM_PANDAS),
    b"FEA1": FileType("a Feather file", _FROM_PANDAS),
    b"\x89HDF\r\n": FileType("an HDF5 file", _FROM_PANDAS),
    b"\x93NUMPY": FileType("an array of NumPy", _FROM_PANDAS),
    b"Rar!\x1a\x07": FileType("packed with RAR", "Unpack it first"),
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": FileType("a document of an old Office, such as XLS", _AS_TABLE),
    b"\x1aE\xdf\xa3": FileType("a video (WebM or Matroska)", _BESIDE),
    **{b"ID3%c" % version: FileType("a sound (MP3)", _BESIDE) for version in (2, 3, 4)},
    b"OggS": FileType("a sound (Ogg)", _BESIDE),
    b"\x00\x05\x16\x07": FileType("what macOS keeps beside a file", "Give the file of the same name without ._"),
    b"\x00\x00\x00\x01Bud1": FileType("a note of the macOS Finder", _OTHERS),
    b"\x7fELF": FileType("a program", _OTHERS),
    b"MZ\x90\x00": FileType("a program", _OTHERS),
    **{
        magic: FileType("a program", _OTHERS)
        for magic in (b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
    },
    b"#!": FileType("a program", _OTHERS),
}
# The name of a ZIP's first member begins at byte 30.
_OFFICE = re.compile(rb"PK\x03\x04.{26}(?:\[Content_Types\]|docProps/|_rels/|word/|ppt/|xl/)", re.DOTALL)
_OPEN_DOCUMENT = re.compile(rb"PK\x03\x04.{26}mimetypeapplication/vnd\.oasis\.opendocument", re.DOTALL)
_PICKLE = re.compile(rb"\x80[\x02-\x05](\x95|[\]}c(\x8c])")
_MHTML = re.compile(rb"From: <Saved by|(?:[^\n]+\n){0,20}?(?:MIME-Version: 1\.0|Content-Type: multipart/related)", re.I)
_SCRIPT = re.compile(rb"(var|let|const|export|window|self|module)\b[^\n]*=|[A-Za-z_$][\w$.]*\s*(=\s*|\(\s*)[\[{]")
_PRINTED = re.compile(r"'|(?:None|True|False|nan)\b|(?:datetime\.|Timestamp\(|array\(|OrderedDict\()")


def refuse_data(head: bytes, path: Path) -> None:
    """Raise FileError, which names the file type, when a file's first bytes are not text."""
    if kind := data_kind(head):
        raise refusal(kind, path)


def data_kind(head: bytes) -> FileType | None:
    """Return the type of a binary file; None if its first bytes do not identify one."""
    if found := next((kind for signature, kind in _SIGNATURES.items() if head.startswith(signature)), None):
        return found
    if name := image_format(head):
        return FileType(f"a picture ({name})", _BESIDE)
    if head[4:8] == b"ftyp":
        return FileType("a video (MP4)", _BESIDE)
    if head.startswith(b"RIFF") and head[8:12] in (b"WAVE", b"AVI "):
        return FileType("a sound or a video (RIFF)", _BESIDE)
    if head[257:262] == b"ustar":
        return FileType("packed with tar", "Unpack it first")
    if _OFFICE.match(head):
        return FileType("an Office document that is damaged or no workbook", _AS_TABLE)
    if _OPEN_DOCUMENT.match(head):
        return FileType("an OpenDocument, such as ODS", _AS_TABLE)
    if _PICKLE.match(head):
        return FileType("a pickle of Python, which is never opened", _FROM_PANDAS)
    return None


def text_kind(head: bytes) -> FileType:
    """Return the type of a text that is neither JSON nor a table."""
    text = head.lstrip()[: 8 * TYPE_HEAD_BYTES]
    if _MHTML.match(text):
        return FileType("a saved web page (MHTML)", _AS_JSON)
    name = text_format(text)
    if name == "HTML":
        return FileType("a web page (HTML)", _AS_JSON)
    if name in ("XML", "SVG"):
        return FileType(f"an {name} file", _OTHERS)
    if is_binary(head[:TYPE_HEAD_BYTES]):
        return FileType("data of a kind that we do not know", _OTHERS)
    if _SCRIPT.match(text):
        return FileType("a script", "Give the JSON in it: from its first [ or { to the last ] or }")
    return PLAIN


def is_printed_by_python(text: str, at: int) -> bool:
    """True if the text at offset `at` is Python's notation (such as None or single quotes) instead of JSON."""
    return _PRINTED.match(text, at) is not None


def python_refusal(path: Path, where: str) -> FileError:
    """Return the error for a file that contains printed Python objects instead of JSON."""
    return refusal(_PYTHON, path, where)


def refusal(kind: FileType, path: Path, where: str = "") -> FileError:
    """Return the error for a file of an unsupported type."""
    return FileError(str(path), f"this is {kind.name}", kind.remedy, where)
