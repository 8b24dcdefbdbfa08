"""Stores images from a user's own data archive, as if they had been downloaded."""

import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from instagram_assets.errors import MediaError
from instagram_assets.media.download_options import DownloadOptions
from instagram_assets.media.excluded import WAS_FORGOTTEN, is_forgotten
from instagram_assets.media.response_body import Arrival, Incoming
from instagram_assets.media.store import MediaStore
from instagram_assets.storage.fingerprints import url_identity

Opened = tuple[str, Callable[[], BinaryIO]]
"""The URL of an image, and a function that opens it."""
KEPT = "kept"

_BATCH = 64
_PIECE = 1 << 18
_UNREADABLE = (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError)


def keep_pictures(pictures: Iterable[Opened], store: MediaStore, options: DownloadOptions) -> Counter[str]:
    """Stores images under their URLs; returns how many are stored (`KEPT`, first), and counts of reasons for others.

    Images already stored are not opened; those erased, by URL or bytes, are not stored. Raises StorageError when the
    disk refuses.
    """
    counts: Counter[str] = Counter({KEPT: 0})
    left = iter(pictures)
    while batch := list(islice(left, _BATCH)):
        allowed = [picture for picture in batch if not is_forgotten(picture[0], options.forgotten)]
        if len(allowed) < len(batch):
            counts[WAS_FORGOTTEN] += len(batch) - len(allowed)
        by_identity = {url_identity(address): opened for address, opened in allowed}
        missing = by_identity.keys() - store.find(by_identity)
        counts[KEPT] += len(by_identity) - len(missing)
        arrivals: list[tuple[str, Arrival]] = []
        try:
            for identity in sorted(missing):
                incoming = store.incoming(options.limits("image"))
                arrival = _arrived(by_identity[identity], incoming, counts)
                if arrival and options.forgotten.has("image", arrival.digest()):
                    arrival.discard()
                    counts[WAS_FORGOTTEN] += 1
                elif arrival:
                    arrivals.append((identity, arrival))
        except BaseException:
            for _, arrival in arrivals:
                arrival.discard()
            raise
        store.keep(arrivals)
        counts[KEPT] += len(arrivals)
    return counts


def keep_in(folder: Path, options: DownloadOptions, pictures: Iterable[Opened]) -> Counter[str]:
    """Opens the media store in a folder and calls `keep_pictures`."""
    with MediaStore(folder) as store:
        return keep_pictures(pictures, store, options)


def _arrived(opened: Callable[[], BinaryIO], incoming: Incoming, counts: Counter[str]) -> Arrival | None:
    """Returns a complete, validated image; None for an invalid one, which is counted by reason."""
    arrival = None
    try:
        with opened() as stream:
            while piece := stream.read(_PIECE):
                incoming.write(piece)
        arrival = incoming.finish()
    except MediaError as refusal:
        counts[refusal.reason] += 1
    except _UNREADABLE as error:
        counts[f"cannot be read ({type(error).__name__})"] += 1
    finally:
        if arrival is None:
            incoming.abandon()
    return arrival
