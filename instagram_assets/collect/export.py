"""What was collected of one subject, as a file of the inbox: a line for each record, whole or not there."""

import json
import re
from datetime import UTC
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from instagram_assets.collect.books import Books
from instagram_assets.collect.clock import moment
from instagram_assets.collect.errands import Errand
from instagram_assets.collect.pages import lines
from instagram_assets.collect.reach import is_hashtag
from instagram_assets.sources.arrivals import place_of
from instagram_assets.storage.atomic import shortened, write_atomic

_LONGEST_NAME = 120
_UNSAFE = re.compile(r"[^\w.]")


def file_of(inbox: Path, errand: Errand) -> Path:
    """Where the file of an errand belongs, in the inbox; the time in its name is when the errand began, in UTC.

    Between `-`, which is in no account's name, `forget` finds the name again.
    """
    began = moment(errand.began_at).astimezone(UTC)
    time = f"{began:%Y-%m-%dT%H-%M-%S}.{began.microsecond:06}Z"
    return inbox / f"collected_{errand.site}-{safe_name(errand.subject)}-{time}.json"


def safe_name(subject: str) -> str:
    """A subject as part of a file name: `tag-` in the place of the sign of a hashtag, which no account begins with."""
    name = _UNSAFE.sub("_", subject.removeprefix("#"))
    if name != subject.removeprefix("#") or len(name.encode()) > _LONGEST_NAME:
        name = f"{shortened(name, _LONGEST_NAME)}-{sha256(subject.encode()).hexdigest()[:8]}"
    return f"tag-{name}" if is_hashtag(subject) else name


def is_there(inbox: Path, errand: Errand) -> bool:
    """True when an errand's file was written: it is in the inbox, or landing has put it aside."""
    return place_of(file_of(inbox, errand)) is not None


def bring(inbox: Path, books: Books, errand: Errand) -> Path | None:
    """Write the records of an errand as its file of the inbox, in the order in which they came; null without records.

    A file that was written is not written again. Raises StorageError where the disk refuses: nothing is lost then.
    """
    path = file_of(inbox, errand)
    if is_there(inbox, errand):
        return path
    found = lines(books, errand.id)
    head = _head(errand)
    first = next(found, None)
    if first is None:
        return None

    def write(stream: BinaryIO) -> None:
        stream.write(_line(head, *first))
        for at, record in found:
            stream.write(_line(head, at, record))

    write_atomic(path, write)
    return path


def _head(errand: Errand) -> bytes:
    account = json.dumps(errand.subject, ensure_ascii=False)
    return f'{{"collected":1,"site":{json.dumps(errand.site)},"account":{account},"observed_at":"'.encode()


def _line(head: bytes, at: float, record: bytes) -> bytes:
    observed = moment(at).astimezone(UTC)
    return b"".join((head, f"{observed:%Y-%m-%dT%H:%M:%S.%f}Z".encode(), b'","record":', record, b"}\n"))
