"""The images of a search: those in its folder, those left out with the reason, and those just downloaded by a run."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from time import monotonic
from typing import Annotated, Any, TypeVar

from pydantic import Field
from starlette.concurrency import run_in_threadpool

from instagram_assets.datasets.image_folder import DELETED
from instagram_assets.datasets.manual_overrides import check_decision, decide, read_overrides
from instagram_assets.errors import NotFoundError, SearchRequestError
from instagram_assets.media.url_index import StoredMedia, UrlIndex
from instagram_assets.schemas.search import DROPPED, KEPT, Decision, Override
from instagram_assets.search.search_requests import search_folder
from instagram_assets.storage.fingerprints import url_identity
from instagram_assets.storage.image_folder_state import read_folder_manifest
from instagram_assets.storage.lake import read_table
from instagram_assets.web.collection_jobs import find_job, folder_of
from instagram_assets.web.dependencies import Services

_Row = dict[str, Any]
_T = TypeVar("_T")
_SECONDS = 3.0
_MOST_REMEMBERED = 200
_folders: dict[tuple[str, str], tuple[float, str]] = {}
"""Cache of (time of the lookup, name of the search), by URL of Dagster and job id."""
_listed: dict[tuple[str, str], tuple[float, dict[str, "Picture"]]] = {}
"""Cache of (time of the listing, images by name), by lake and search."""
FOLDER_GONE = "the folder was deleted"
"""Reason of an image that was kept in the folder and is missing there."""
_EXTENSIONS = (".jpg", ".png", ".webp", ".gif", ".avif")


class Place(StrEnum):
    """Where an image is: in the folder, left out of it, or a candidate (downloaded but not classified yet)."""

    kept = "kept"
    left_out = "left_out"
    candidate = "candidate"


class Show(StrEnum):
    """Which images of a search to list."""

    all = "all"
    kept = "kept"
    left_out = "left_out"
    by_hand = "by_hand"


@dataclass(frozen=True)
class Picture:
    """One image of a search; its bytes are at `images/{name}`."""

    name: Annotated[str, Field(description="Its file in the folder; made of the hash of its bytes for all others.")]
    image_id: Annotated[str, Field(description="SHA-256 of the bytes that were fetched.")]
    place: Annotated[Place, Field(description="A candidate was fetched by a run that has not judged it yet.")]
    reason: Annotated[str, Field(description="Why it was left out, or that somebody kept it.")]
    cluster: Annotated[int | None, Field(description="-1: in no cluster.")]
    query_similarity: Annotated[
        float | None, Field(description="Cosine with the query; null unless the subject was chosen by it.")
    ]
    sharpness: float | None
    width: int | None
    height: int | None
    url: str
    file_by_hand: Annotated[str, Field(description="`changed` or `deleted` where somebody did that to the file.")]
    decision: Decision | None
    why: str
    decided_at: datetime | None
    is_pending: Annotated[bool, Field(description="The folder does not follow the decision yet.")]
    version: Annotated[str, Field(description="Changes with the bytes: with `?v=` the answer may be kept for good.")]
    path: Annotated[Path, Field(exclude=True)]
    """Path of the image file; not part of API responses."""

    @property
    def is_by_hand(self) -> bool:
        """Whether a user made a keep/drop decision about the image, or changed or deleted its file."""
        return self.decision is not None or bool(self.file_by_hand)


def images_of(services: Services, search: str) -> list[Picture]:
    """Returns the distinct images of a search, those in the folder first; during a run also those already downloaded.

    Raises StorageError for a damaged table or manifest, and SearchRequestError for an invalid search name.
    """
    settings, lake = services.settings, services.lake
    if not search:
        return []
    folder = search_folder(settings, search)
    by_hand = read_overrides(lake, search)
    of_lake: dict[str, _Row] = {}
    for row in read_table(lake, "search_dataset", [search]).to_pylist():
        of_lake.setdefault(row["image_id"] or "", row)
    fetched: dict[str, _Row] = {}
    images = read_table(lake, "search_images", [search]).to_pylist()
    for row in images:
        if row["image_id"]:
            fetched.setdefault(row["image_id"], row)
    lines = read_folder_manifest(folder)
    has_manifest = lines is not None
    if lines is None:
        lines = list(of_lake.values()) or read_folder_manifest(settings.folder("reports") / "search" / search) or []
    for image_id, row in _just_fetched(services, search, images).items():
        fetched.setdefault(image_id, row)
    find = _Finder(settings.folder("media"), folder, fetched, has_manifest=has_manifest)
    judged = _once(line for line in lines if line["image_id"] and (line["kept"] or line["rank"] is not None))
    found = [find.judged(line, of_lake.get(image_id, {}), by_hand.get(image_id)) for image_id, line in judged.items()]
    found += [find.candidate(row, by_hand.get(image_id)) for image_id, row in fetched.items() if image_id not in judged]
    there = [picture for picture in found if picture is not None]
    return sorted(there, key=lambda picture: picture.place is not Place.kept)


def matching_images(pictures: Sequence[Picture], show: Show) -> list[Picture]:
    """Returns the images that match the selection `show`."""
    match show:
        case Show.all:
            return list(pictures)
        case Show.by_hand:
            return [picture for picture in pictures if picture.is_by_hand]
        case Show.kept:
            return [picture for picture in pictures if picture.place is Place.kept]
        case Show.left_out:
            return [picture for picture in pictures if picture.place is Place.left_out]


def counts_of(pictures: Sequence[Picture]) -> dict[str, int]:
    """Returns the number of images of each selection, by its name."""
    return {show.value: len(matching_images(pictures, show)) for show in Show}


def find_image(pictures: Iterable[Picture], name: str) -> Picture:
    """Returns the image with this name; the name is compared, never used as a path. Raises NotFoundError."""
    for picture in pictures:
        if picture.name == name:
            return picture
    raise NotFoundError(f"There is no image {name!r} here.")


async def find_picture(services: Services, job_id: str, name: str) -> Picture:
    """Returns an image of a job by its name. Raises NotFoundError.

    The list of images is cached for some seconds, since a page with sixty images sends sixty requests.
    """
    key = services.dagster.url, job_id
    looked_up, search = _folders.get(key, (0.0, None))
    if search is None or monotonic() - looked_up >= _SECONDS:
        _folders.pop(key, None)
        search = folder_of(await find_job(services, job_id))
        _remember(_folders, key, (monotonic(), search))
    listed_at, listed = _listed.get((str(services.lake), search), (0.0, {}))
    if monotonic() - listed_at < _SECONDS and name in listed and listed[name].path.is_file():
        return listed[name]
    every = await run_in_threadpool(images_of, services, search)
    _remember(_listed, (str(services.lake), search), (monotonic(), {picture.name: picture for picture in every}))
    return find_image(every, name)


def forget_jobs() -> None:
    """Clear the cache of jobs, because jobs were removed from the history."""
    _folders.clear()


def _remember(memory: dict[tuple[str, str], _T], key: tuple[str, str], value: _T) -> None:
    if len(memory) >= _MOST_REMEMBERED:
        memory.clear()
    memory[key] = value


class _Finder:
    """Finds the files of a search's images, only in its folder and the media store, never through symbolic links.

    `fetched` are the rows of downloaded images by image_id; `has_manifest` is whether the folder has its manifest.
    """

    def __init__(self, media: Path, folder: Path, fetched: Mapping[str, _Row], *, has_manifest: bool) -> None:
        self._media, self._folder, self._fetched, self._has_manifest = media, folder, fetched, has_manifest

    def judged(self, line: _Row, of_lake: _Row, override: Override | None) -> Picture | None:
        """Returns the image for a row of the folder's manifest; None if its file is gone.

        `of_lake` is the image's row in the lake, `override` the user's keep/drop decision about it, if any.
        """
        image_id: str = line["image_id"]
        file: str | None = line.get("file")
        own = self._folder / file if file else None
        is_there = own is not None and own.is_file() and not own.is_symlink()
        path = own if own and is_there else self._stored(image_id)
        if path is None:
            return None
        kept = bool(line["kept"]) and is_there
        touched = line.get("by_hand") if line.get("by_hand") in ("changed", "deleted") else ""
        is_missing = bool(line["kept"]) and not is_there
        # Without its manifest the whole folder was deleted, and the next run writes it again.
        deleted = is_missing and self._has_manifest
        reason = DELETED if deleted else FOLDER_GONE if is_missing else line.get("reason") or ""
        return self._picture(
            {**line, "url": line.get("url") or of_lake.get("url")},
            path,
            name=path.name,
            place=Place.kept if kept else Place.left_out,
            # The reasons in a pseudonymised folder are pseudonymised; the user's own text is in the lake.
            reason=override.reason if override and reason.startswith((KEPT, DROPPED)) else reason,
            file_by_hand="deleted" if deleted else touched or "",
            override=override,
            is_pending=_is_pending(line, override, deleted),
        )

    def candidate(self, row: _Row, override: Override | None) -> Picture | None:
        """Returns an image that was downloaded but not classified as kept or left out yet; None if its file is gone."""
        path = self._stored(row["image_id"])
        if path is None:
            return None
        passed = row.get("passed", True)
        return self._picture(
            row,
            path,
            name=path.name,
            place=Place.candidate if passed else Place.left_out,
            reason="" if passed else row["reason"] or "",
            file_by_hand="",
            override=override,
            is_pending=override is not None,
        )

    def _stored(self, image_id: str) -> Path | None:
        row = self._fetched.get(image_id)
        if row and row["path"]:
            path = self._media / row["path"]
            if path.is_file() and path.resolve().is_relative_to(self._media.resolve()):
                return path
        paths = (self._media / image_id[:2] / f"{image_id}{extension}" for extension in _EXTENSIONS)
        return next((path for path in paths if image_id.isalnum() and path.is_file()), None)

    @staticmethod
    def _picture(row: _Row, path: Path, *, override: Override | None, **given: Any) -> Picture:
        stat = path.stat()
        return Picture(
            image_id=row["image_id"],
            cluster=row.get("cluster"),
            query_similarity=row.get("query_similarity"),
            sharpness=row.get("sharpness"),
            width=row.get("width"),
            height=row.get("height"),
            url=row.get("url") or "",
            decision=override.decision if override else None,
            why=override.why if override else "",
            decided_at=override.decided_at if override else None,
            path=path,
            version=f"{stat.st_mtime_ns:x}-{stat.st_size:x}",
            **given,
        )


def _is_pending(line: _Row, override: Override | None, deleted: bool) -> bool:
    """Whether the folder still has to be rewritten to reflect the user's decision about an image, or its withdrawal."""
    if override is None:
        return line.get("by_hand") in ("kept", "dropped")
    if "decided_at" not in line:  # from the lake, which has no such field
        return (override.decision == "keep") != bool(line["kept"])
    done = line["decided_at"] == override.decided_at.isoformat()
    return not done and not (deleted and override.decision == "drop")


def _just_fetched(services: Services, search: str, images: Sequence[_Row]) -> dict[str, _Row]:
    """Returns the images that the current run has downloaded and that are in no table yet, by image_id.

    They are the search results whose URL is already in the media store's URL index; `images` are the rows of images
    that are in a table already.
    """
    results = read_table(services.lake, "search_results", [search]).to_pylist()
    spoken_of = {row["url"] for row in images}
    new = [row for row in results if row["url"] not in spoken_of and row["fallback_url"] not in spoken_of]
    index = services.settings.folder("media") / "index.sqlite"
    if not new or not index.is_file():
        return {}
    addresses = {url_identity(url): None for row in new for url in (row["url"], row["fallback_url"]) if url}
    known = _entries(index, addresses)
    found: dict[str, _Row] = {}
    for row in new:
        entries = (known.get(url_identity(url)) for url in (row["url"], row["fallback_url"]) if url)
        if entry := next((entry for entry in entries if entry), None):
            size = {"width": entry.width, "height": entry.height}
            found.setdefault(
                entry.image_id, {"image_id": entry.image_id, "path": entry.path, "url": row["url"], **size}
            )
    return found


def _entries(file: Path, identities: Iterable[str]) -> dict[str, StoredMedia]:
    index = UrlIndex(file)
    try:
        return index.find(identities)
    finally:
        index.close()


def _once(lines: Iterator[_Row]) -> dict[str, _Row]:
    """Returns one manifest row per image_id: the kept one if there is one, else the first."""
    found: dict[str, _Row] = {}
    for line in lines:
        if line["image_id"] not in found or (line["kept"] and not found[line["image_id"]]["kept"]):
            found[line["image_id"]] = line
    return found


def decide_on_images(
    services: Services,
    search: str,
    image_ids: Sequence[str],
    names: Sequence[str],
    decision: Decision | None,
    why: str,
    at: datetime,
) -> tuple[Collection[str], list[Picture]]:
    """Store a keep/drop decision about images, given by image_id or name; returns their ids and all images.

    A `decision` of None withdraws earlier ones. Raises NotFoundError for an image that the search does not have, and
    SearchRequestError if no image is given.
    """
    check_decision(decision, why)
    every = images_of(services, search)
    known = {picture.image_id for picture in every}
    if missing := [image_id for image_id in image_ids if image_id not in known]:
        raise NotFoundError(f"There is no image {missing[0]!r} here.")
    chosen = {*image_ids, *(find_image(every, name).image_id for name in names)}
    if not chosen:
        raise SearchRequestError("No image is named. Give image_ids or filenames.")
    decide(services.lake, search, chosen, decision, why, at)
    return chosen, images_of(services, search)
