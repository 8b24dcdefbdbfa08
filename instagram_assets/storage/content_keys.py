"""Keys of content: the SHA-256 of files, and identities of media URLs that do not depend on host and signature."""

import hashlib
import re
from pathlib import Path
from urllib.parse import unquote_plus, urlsplit


def file_sha256(path: Path) -> str:
    """Returns the SHA-256 of a file as 64 hexadecimal digits. Raises OSError when it cannot be read."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


_CDN = (".cdninstagram.com", ".fbcdn.net")
_MEDIA_NAME = re.compile(r"^(\d+_\d+_\d+_[a-z]\.[a-z0-9]{3,4}|[A-Za-z0-9_-]{20,}\.mp4)$")
_SIZE_PART = re.compile(r"^([sp]\d+x\d+|e\d+|c\d+(\.\d+){3}a?|sh\d+\.\d+)$")


def url_identity(url: str) -> str:
    """Returns the stable identity of a media URL, which does not change with host, signature or expiry.

    On Instagram's delivery hosts: file name and size variant; the host, the signature and the expiry change with every
    collection. Elsewhere: the whole address without its fragment.
    """
    parts = urlsplit(url)
    *folders, name = parts.path.split("/")
    if not is_instagram_cdn(parts.hostname or "") or not _MEDIA_NAME.match(name):
        return url.partition("#")[0]
    sizes = [folder for folder in folders if _SIZE_PART.match(folder)]
    sizes += query_values(parts.query, "stp")
    return "/".join(["instagram:", *sizes, name])


def is_instagram_cdn(host: str) -> bool:
    """Whether a host delivers Instagram's media."""
    return host.lower().endswith(_CDN)


def query_values(query: str, name: str) -> list[str]:
    """Returns the values of one query parameter; several times faster than parsing the whole query."""
    found = f"&{query}".split(f"&{name}=")[1:]
    return [unquote_plus(text) for rest in found if (text := rest.partition("&")[0])]
