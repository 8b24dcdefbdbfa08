"""The media store under faults: two batches of pictures, one of them too large for memory."""

import hashlib
import random
import struct
from collections.abc import Sequence
from pathlib import Path

from instagram_assets.errors import StorageError
from instagram_assets.media.download_options import SizeLimits
from instagram_assets.media.response_body import MAX_BUFFERED_BYTES, ReceivedMedia
from instagram_assets.media.store import MediaStore
from instagram_assets_tests.faults.campaign import Scenario

_LIMITS = SizeLimits("image", 10_000_000, 40)
_BATCHES = (("a", "b", "c"), ("d", "large"))


def keep_pictures(root: str) -> None:
    """Called in the worker: what is not yet stored comes in, as in a download that is run once more."""
    with MediaStore(Path(root)) as store:
        for batch in _BATCHES:
            known = store.find(batch)
            arrivals = [(name, _arrive(store, name)) for name in batch if name not in known]
            if arrivals:
                store.add(arrivals)


def _body(name: str) -> bytes:
    """A JPEG's structure around noise; a few hundred bytes, or more than fits in memory."""
    size = MAX_BUFFERED_BYTES + 9 if name == "large" else 300
    noise = random.Random(name).randbytes(size).replace(b"\xff", b"\xfe")
    frame = struct.pack(">2sHBHHB3s", b"\xff\xc0", 11, 8, 6, 8, 1, b"\x01\x11\x00")
    return b"\xff\xd8" + frame + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + noise + b"\xff\xd9"


def _arrive(store: MediaStore, name: str) -> ReceivedMedia:
    incoming, body = store.receiver(_LIMITS), _body(name)
    try:
        for start in range(0, len(body), 200_000):
            incoming.write(body[start : start + 200_000])
        return incoming.finish()
    except StorageError:
        incoming.abandon()
        raise


def _whole(root: Path) -> str:
    """What is wrong with a store that a fault interrupted: half a file, or an entry without its file."""
    for path in root.glob("??/*.jpg"):
        if hashlib.sha256(path.read_bytes()).hexdigest() != path.stem:
            return f"{path.name} is torn"
    return ""


def _complete(root: Path) -> str:
    names = [name for batch in _BATCHES for name in batch]
    if problem := _whole(root):
        return problem
    with MediaStore(root) as store:
        found = store.find(names)
    for name in names:
        if name not in found or (root / found[name].path).read_bytes() != _body(name):
            return f"{name} is not stored"
    files = [path for path in root.rglob("*") if path.is_file() and not path.name.startswith("index.sqlite")]
    if len(files) != len(names):
        return f"{len(files)} files instead of {len(names)}: {sorted(path.name for path in files)}"
    return "the index was damaged" if (root / "index.sqlite.damaged").exists() else ""


def _arguments(folder: Path) -> Sequence[object]:
    return [str(folder)]


MEDIA = Scenario(
    "the media store",
    "instagram_assets_tests.faults.media:keep_pictures",
    prepare=lambda folder: None,
    arguments=_arguments,
    after_fault=_whole,
    after_rerun=_complete,
)
