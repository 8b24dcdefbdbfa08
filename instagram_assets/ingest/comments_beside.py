"""Under which post the comments are that Instaloader wrote beside it: `NAME_comments.json` beside `NAME.json.xz`."""

import os
import stat
from dataclasses import replace
from pathlib import Path

from instagram_assets.errors import FileError
from instagram_assets.ingest.normalize import normalize
from instagram_assets.ingest.picture_names import stem_of
from instagram_assets.ingest.reader.json_values import BadRecord
from instagram_assets.ingest.reader.records import read_batches
from instagram_assets.ingest.source import PostBeside, Source
from instagram_assets.settings import IngestSettings

_BEHIND = "_comments"
_ENDINGS = (".json.xz", ".json")
_LARGEST = 16 << 20


def post_beside(path: Path, source: Source, limits: IngestSettings) -> PostBeside | None:
    """Id, shortcode and account of the post whose comments a file has; null where there is none."""
    stem = stem_of(path.name)
    if not stem.endswith(_BEHIND):
        return None
    posts = (path.with_name(stem.removesuffix(_BEHIND) + ending) for ending in _ENDINGS)
    return next((found for post in posts if (found := _post_in(post, source, limits))), None)


def _post_in(path: Path, source: Source, limits: IngestSettings) -> PostBeside | None:
    """The one post of a file; what cannot be read says so where it lands itself."""
    try:
        about = os.lstat(path)
        if not stat.S_ISREG(about.st_mode) or about.st_size > _LARGEST:
            return None
        batch = next(read_batches(path, limits), [])
    except (OSError, FileError):
        return None
    good = [(index, record) for index, record in batch if not isinstance(record, BadRecord)]
    tables = normalize(good, replace(source, pseudonym_of=None)).tables
    rows = [row for kind in ("posts", "reels") for row in tables[kind].to_pylist()]
    return (rows[0]["post_id"], rows[0]["shortcode"], rows[0]["account"]) if len(rows) == 1 else None
