"""Redaction of a ZIP archive: each member is redacted like a separate file, and member names are redacted, too."""

import hashlib
import shutil
import zipfile
from pathlib import Path
from typing import Literal, NamedTuple

from instagram_assets.errors import FileError
from instagram_assets.ingest.companion_files import companion_stem, is_picture_of_post
from instagram_assets.ingest.redact.file_redaction import (
    GONE_WHOLE,
    UNCHANGED,
    Scrubbed,
    by_bytes,
    scrub_file,
    with_owner,
)
from instagram_assets.ingest.redact.redactor import RecordRedactor, scrubbed_name
from instagram_assets.ingest.zips import ZIP_ERRORS, owner_in_zip
from instagram_assets.storage.atomic import temporary_beside

_MEDIA = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".heic", ".mp4", ".mov", ".m4v", ".webm")
"""File extensions of images and videos of posts."""
_PIECE = 1 << 20


class _Member(NamedTuple):
    info: zipfile.ZipInfo
    name: str
    verb: Literal["copy", "rewrite", "remove"]
    rows: int = 0


def scrub_zip(path: Path, target: Path, redactor: RecordRedactor, encoding: str) -> Scrubbed:
    """Write a copy of a ZIP without data erased on request to `target`, unless the ZIP contains no such data.

    An Instagram data download of an erased account is removed as a whole, and so is a damaged ZIP that contains an
    erased name.
    """
    try:
        owner = owner_in_zip(path)
        if redactor.forgotten.has("account", owner):
            return GONE_WHOLE
        with zipfile.ZipFile(path) as packed:
            members = _looked_through(packed, target, with_owner(redactor, path, owner), encoding)
            changed = [member for member in members if member.verb != "copy" or member.name != member.info.filename]
            left = [member for member in members if member.verb != "remove"]
            if not changed:
                return UNCHANGED
            rows = sum(member.rows for member in members)
            if not any(not member.info.is_dir() for member in left):
                return Scrubbed(rows, False, True)
            _write(packed, target, left, with_owner(redactor, path, owner), encoding)
            return Scrubbed(rows, True)
    except (FileError, *ZIP_ERRORS):
        target.unlink(missing_ok=True)
        return by_bytes(path, redactor)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def is_media(name: str) -> bool:
    """True for the file name of an image or a video."""
    return name.lower().endswith(_MEDIA)


def _looked_through(packed: zipfile.ZipFile, target: Path, redactor: RecordRedactor, encoding: str) -> list[_Member]:
    """Return for each member of a ZIP what to do with it: copy, rewrite or remove; the new ZIP is not written yet."""
    found: dict[str, _Member] = {}
    stems: set[str] = set()
    infos = packed.infolist()
    for info in infos:
        name = scrubbed_name(info.filename, redactor.forgotten)
        found[info.filename] = _Member(info, name, "copy")
        if info.is_dir() or is_media(info.filename):
            continue
        result = _scrubbed(packed, info, target, redactor, encoding, None)
        verb = "remove" if result.is_gone else "rewrite" if result.changed else "copy"
        found[info.filename] = _Member(info, name, verb, result.rows)
        if result.is_gone:
            stems.add(companion_stem(info.filename))
    for info in infos:
        member = found[info.filename]
        if not is_media(info.filename):
            # The caption that Instaloader writes beside a removed post.
            if member.verb == "copy" and info.filename.rpartition(".")[0] in stems:
                found[info.filename] = member._replace(verb="remove")
            continue
        if _is_theirs(info.filename, redactor, stems) or redactor.forgotten.has("image", _sha256(packed, info)):
            found[info.filename] = member._replace(verb="remove", rows=1)
    return [found[info.filename] for info in infos]


def _is_theirs(name: str, redactor: RecordRedactor, stems: set[str]) -> bool:
    """True for an image that accompanies a removed post, is in an erased account's folder, or is named after one."""
    *folders, own = name.split("/")
    if (
        is_picture_of_post(name, stems)
        or name.rpartition(".")[0] in stems
        or scrubbed_name(own, redactor.forgotten) != own
    ):
        return True
    return any(redactor.forgotten.has("account", folder) for folder in folders)


def _write(
    packed: zipfile.ZipFile, target: Path, members: list[_Member], redactor: RecordRedactor, encoding: str
) -> None:
    with zipfile.ZipFile(target, "x") as out:
        for member in members:
            info = zipfile.ZipInfo(member.name, member.info.date_time)
            info.compress_type, info.external_attr = member.info.compress_type, member.info.external_attr
            if member.info.is_dir():
                out.writestr(info, b"")
            elif member.verb == "copy":
                with packed.open(member.info) as source, out.open(info, "w", force_zip64=True) as written:
                    shutil.copyfileobj(source, written, _PIECE)
            else:
                _scrubbed(packed, member.info, target, redactor, encoding, (out, info))


def _scrubbed(
    packed: zipfile.ZipFile,
    info: zipfile.ZipInfo,
    target: Path,
    redactor: RecordRedactor,
    encoding: str,
    out: tuple[zipfile.ZipFile, zipfile.ZipInfo] | None,
) -> Scrubbed:
    """Redact one member via temporary files, and write the result to the ZIP entry `out`, unless that is None."""
    unpacked, cleaned = temporary_beside(target.parent / "member"), temporary_beside(target.parent / "scrubbed")
    try:
        with packed.open(info) as source, unpacked.open("xb") as written:
            shutil.copyfileobj(source, written, _PIECE)
        result = scrub_file(unpacked, cleaned, redactor.forgotten, source=redactor.source, encoding=encoding)
        if out and result.changed:
            with cleaned.open("rb") as source, out[0].open(out[1], "w", force_zip64=True) as written:
                shutil.copyfileobj(source, written, _PIECE)
        return result
    finally:
        unpacked.unlink(missing_ok=True)
        cleaned.unlink(missing_ok=True)


def _sha256(packed: zipfile.ZipFile, info: zipfile.ZipInfo) -> str:
    digest = hashlib.sha256()
    with packed.open(info) as stream:
        while data := stream.read(_PIECE):
            digest.update(data)
    return digest.hexdigest()
