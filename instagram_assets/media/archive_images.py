"""Stores images from a user's own Instagram data archive in the media store, as if they had been downloaded."""

import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from instagram_assets.errors import MediaError
from instagram_assets.media.download_options import DownloadOptions
from instagram_assets.media.never_download import WAS_FORGOTTEN, is_forgotten
from instagram_assets.media.response_body import BodyReceiver, ReceivedMedia
from instagram_assets.media.store import MediaStore
from instagram_assets.storage.fingerprints import url_identity

ArchiveImage = tuple[str, Callable[[], BinaryIO]]
"""The URL of an image, and a function that opens it."""
STORED = "kept"

_BATCH = 64
_PIECE = 1 << 18
_UNREADABLE = (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError)


def store_archive_images(pictures: Iterable[ArchiveImage], store: MediaStore, options: DownloadOptions) -> Counter[str]:
    """Stores archive images in the media store, each under its URL; returns a count of images by outcome.

    The key `STORED` counts the images that are in the store; every other key is the reason why images were not stored.
    Images already in the store are not opened; images that were erased on request, by URL or by content, are not
    stored. Raises StorageError on an I/O error.
    """
    counts: Counter[str] = Counter({STORED: 0})
    left = iter(pictures)
    while batch := list(islice(left, _BATCH)):
        allowed = [picture for picture in batch if not is_forgotten(picture[0], options.forgotten)]
        if len(allowed) < len(batch):
            counts[WAS_FORGOTTEN] += len(batch) - len(allowed)
        by_identity = {url_identity(address): opened for address, opened in allowed}
        missing = by_identity.keys() - store.find(by_identity)
        counts[STORED] += len(by_identity) - len(missing)
        received: list[tuple[str, ReceivedMedia]] = []
        try:
            for identity in sorted(missing):
                receiver = store.receiver(options.limits("image"))
                media = _received_image(by_identity[identity], receiver, counts)
                if media and options.forgotten.has("image", media.digest()):
                    media.discard()
                    counts[WAS_FORGOTTEN] += 1
                elif media:
                    received.append((identity, media))
        except BaseException:
            for _, media in received:
                media.discard()
            raise
        store.add(received)
        counts[STORED] += len(received)
    return counts


def store_images_in(folder: Path, options: DownloadOptions, pictures: Iterable[ArchiveImage]) -> Counter[str]:
    """Opens the media store in `folder` and calls `store_archive_images`."""
    with MediaStore(folder) as store:
        return store_archive_images(pictures, store, options)


def _received_image(
    opened: Callable[[], BinaryIO], receiver: BodyReceiver, counts: Counter[str]
) -> ReceivedMedia | None:
    """Returns a complete, validated image; None for an invalid one, whose reason is added to `counts`."""
    media = None
    try:
        with opened() as stream:
            while piece := stream.read(_PIECE):
                receiver.write(piece)
        media = receiver.finish()
    except MediaError as refusal:
        counts[refusal.reason] += 1
    except _UNREADABLE as error:
        counts[f"cannot be read ({type(error).__name__})"] += 1
    finally:
        if media is None:
            receiver.abandon()
    return media
