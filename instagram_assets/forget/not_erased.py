"""What an erasure cannot reach and reports instead: external files, links out of the data folder, longer file names.

In a longer file name (`sun_diary_cafe.json`), the erased name is possibly a part of another account's name.
"""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from instagram_assets.collect.collector_database import DATABASE_FILE, CollectorDatabase
from instagram_assets.collect.output_folder import known_output_folders
from instagram_assets.forget.verification import patterns_of
from instagram_assets.ingest.redact.redactor import scrubbed_name
from instagram_assets.privacy.byte_search import search_folders
from instagram_assets.privacy.data_inventory import OWN_FOLDERS
from instagram_assets.privacy.forgotten_identifiers import Identifiers
from instagram_assets.privacy.pseudonyms import PERSON_PREFIX
from instagram_assets.settings import Settings

_SHOWN = 5
_EXPORT_FOLDERS = ("inbox", "datasets")
"""Folders in which users name files after accounts."""


class NotErased(NamedTuple):
    """Something that was not erased, and the reason or remedy; `what` contains no names."""

    what: str
    remedy: str


def list_not_erased(settings: Settings, known: Identifiers) -> list[NotErased]:
    """Returns files named by settings if they mention the subject, links, longer file names, and trained models."""
    links, names = _in_the_data_folder(settings, known)
    outputs = _outputs_that_moved(settings.folder("collection"))
    return [*_elsewhere(settings, known), *outputs, *_links(links), *_longer_names(names), *_models(settings)]


def _elsewhere(settings: Settings, known: Identifiers) -> Iterator[NotErased]:
    needles, data = patterns_of(known), settings.data_dir.absolute()
    named = {
        "INSTAGRAM_ASSETS_AGE__LABELS": settings.age.labels,
        "INSTAGRAM_ASSETS_AGE__TEXTS": settings.age.texts,
        "INSTAGRAM_ASSETS_APIFY__INPUTS_DIR": settings.apify.inputs_dir,
        "INSTAGRAM_ASSETS_TEXT__WORDS_FILE": settings.text.words_file,
    }
    for name, value in named.items():
        path = Path(value).expanduser().absolute()
        if value and path.exists() and not path.is_relative_to(data) and search_folders([path], needles).found:
            yield NotErased(f"what {name} names", f"{path} is yours and holds it: take it out of there")


def _outputs_that_moved(collection: Path) -> Iterator[NotErased]:
    """Yields an entry if folders that `scrape-users` wrote do not exist any more: the user may have renamed them."""
    folders = known_output_folders(CollectorDatabase(collection)) if (collection / DATABASE_FILE).exists() else []
    if gone := [str(folder) for folder in folders if not folder.is_dir()]:
        count = "a folder that is" if len(gone) == 1 else f"{len(gone):,} folders that are"
        yield NotErased(
            f"what scrape-users wrote into {count} not there any more",
            f"take its file away if you keep it elsewhere: {_first_few(gone)}",
        )


def _in_the_data_folder(settings: Settings, known: Identifiers) -> tuple[list[str], list[str]]:
    """Returns (links to non-empty targets outside the data folder, file names that join the erased name to words)."""
    data, links, names = settings.data_dir.absolute(), list[str](), list[str]()
    searched = [data.resolve(), settings.folder("media").resolve(), Path(settings.lake_uri).resolve()]
    joined = _joined_to_others(known)
    for parent, folders, files in os.walk(data):
        for name in (*folders, *files):
            path = Path(parent, name)
            shown = path.relative_to(data)
            if path.is_symlink():
                target = path.resolve()
                is_searched = str(shown) in OWN_FOLDERS or any(map(target.is_relative_to, searched))
                if not is_searched and _may_hold(target):
                    links.append(f"{shown} → {target}")
                continue
            is_joined = shown.parts[0] in _EXPORT_FOLDERS and joined is not None and joined.search(name)
            if is_joined and scrubbed_name(name, known) == name:
                names.append(str(shown))
    return sorted(links), sorted(names)


def _may_hold(target: Path) -> bool:
    """Whether the target of a link possibly contains data: false if it is missing or empty."""
    if target.is_dir():
        return any(files for _, _, files in os.walk(target))
    return target.exists() and (not target.is_file() or target.stat().st_size > 0)


def _joined_to_others(known: Identifiers) -> re.Pattern[str] | None:
    own = [name for name in known.accounts if known.counts_alone(name) and not name.startswith(PERSON_PREFIX)]
    words = "|".join(map(re.escape, sorted(own)))
    return re.compile(rf"(?<![A-Za-z0-9])(?:{words})(?![A-Za-z0-9])", re.IGNORECASE) if own else None


def _links(links: list[str]) -> Iterator[NotErased]:
    if links:
        count = "1 link" if len(links) == 1 else f"{len(links):,} links"
        yield NotErased(
            f"what {count} out of the data folder lead{'s' if len(links) == 1 else ''} to",
            f"it is somebody else's and was not looked into: {_first_few(links)}",
        )


def _longer_names(names: list[str]) -> Iterator[NotErased]:
    if names:
        count = "1 file" if len(names) == 1 else f"{len(names):,} files"
        yield NotErased(
            f"the name of {count}, in which its name may be a part of another one",
            f"call them otherwise where they are about it: {_first_few(names)}",
        )


def _models(settings: Settings) -> Iterator[NotErased]:
    if (settings.folder("age") / settings.age.finetuned_model_name).is_dir():
        yield NotErased(
            "the age model, which may have been trained with it",
            "train it again: instagram-assets age train" if settings.age.enabled else "train it again, or take it away",
        )


def _first_few(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - _SHOWN:,} more" if len(listed) > _SHOWN else ""
    return f"{', '.join(listed[:_SHOWN])}{more}"
