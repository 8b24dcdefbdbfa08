"""A page that somebody saved in a browser as HTML, whether alone or as the archive of one file (MHTML, RFC 2557)."""

import re
from pathlib import Path

from instagram_assets.errors import FileError

_ARCHIVE = re.compile(rb"\A(?:[!-9;-~]+:[^\n]*\n(?:[ \t][^\n]*\n)*)*?content-type:\s*multipart/related", re.IGNORECASE)
_REMEDY = 'Save the page as HTML ("Webpage, HTML Only", "Page Source" in Safari)'
_OTHERS = {
    b"bplist00": "is a web archive of Safari",
    b"%PDF": "is a PDF",
    b"PK\x03\x04": "is a zip file",
    b"\x1f\x8b": "is packed",
}


def read_saved(file: Path) -> str:
    """The HTML of a saved page. Raises FileError for a file that is none."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise FileError(str(file), f"cannot be read ({error.strerror})", "Name a saved HTML page") from error
    for head, what in _OTHERS.items():
        if data.startswith(head):
            raise FileError(str(file), what, _REMEDY)
    if not data.strip() or b"\0" in data:
        raise FileError(str(file), "is no HTML page in UTF-8" if data else "is empty", "Name a saved HTML page")
    if _ARCHIVE.match(data.lstrip()[:8192]):
        return _page_in(data, file)
    return data.decode("utf-8-sig", errors="replace")


def _page_in(archive: bytes, file: Path) -> str:
    """The page in an archive of one file, with its address where browsers write it into HTML."""
    from email import message_from_bytes, policy

    message = message_from_bytes(archive.lstrip(), policy=policy.default)
    for part in message.walk():
        if part.get_content_type() == "text/html":
            content: bytes = part.get_payload(decode=True)  # pyright: ignore[reportAssignmentType] bytes of a part without parts
            html = content.decode(_known(part.get_content_charset()), errors="replace")
            # Long headers are folded, wherever that may be in an address.
            url = "".join(str(message["Snapshot-Content-Location"] or part["Content-Location"] or "").split())
            is_known = re.match(r"https?://\S+\Z", url)
            return f"<!-- saved from url=({len(url):04d}){url} -->\n{html}" if is_known else html
    raise FileError(str(file), "is an archive (MHTML) without a page in it", _REMEDY)


def _known(charset: str | None) -> str:
    import codecs

    try:
        return codecs.lookup(charset or "utf-8").name
    except LookupError:
        return "utf-8"
