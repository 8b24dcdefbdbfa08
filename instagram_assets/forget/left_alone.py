"""What forgetting leaves as it is and says so: what lies elsewhere, links out of the data folder, longer names."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from instagram_assets.collect.database import DATABASE_FILE, CollectorDatabase
from instagram_assets.collect.output_folder import known_output_folders
from instagram_assets.forget.proving import needles_of
from instagram_assets.ingest.scrub.names import scrubbed_name
from instagram_assets.privacy.byte_search import search_folders
from instagram_assets.privacy.forgotten import Identifiers
from instagram_assets.privacy.places import OWN_FOLDERS
from instagram_assets.privacy.pseudonyms import PERSON
from instagram_assets.settings import Settings

_SHOWN = 5
_OF_EXPORTS = ("inbox", "datasets")
"""Folders in which people call files by names of accounts."""


class NotTouched(NamedTuple):
    """Something that was left as it is, and why or what to do; `what` tells of nobody."""

    what: str
    remedy: str


def not_touched(settings: Settings, known: Identifiers) -> list[NotTouched]:
    """What a person named elsewhere and still holds it, what links lead to, longer names of files, trained models."""
    links, names = _in_the_data_folder(settings, known)
    outputs = _outputs_that_moved(settings.folder("collection"))
    return [*_elsewhere(settings, known), *outputs, *_links(links), *_longer_names(names), *_models(settings)]


def _elsewhere(settings: Settings, known: Identifiers) -> Iterator[NotTouched]:
    needles, data = needles_of(known), settings.data_dir.absolute()
    named = {
        "INSTAGRAM_ASSETS_AGE__LABELS": settings.age.labels,
        "INSTAGRAM_ASSETS_AGE__TEXTS": settings.age.texts,
        "INSTAGRAM_ASSETS_APIFY__INPUTS_DIR": settings.apify.inputs_dir,
        "INSTAGRAM_ASSETS_TEXT__WORDS_FILE": settings.text.words_file,
    }
    for name, value in named.items():
        path = Path(value).expanduser().absolute()
        if value and path.exists() and not path.is_relative_to(data) and search_folders([path], needles).found:
            yield NotTouched(f"what {name} names", f"{path} is yours and holds it: take it out of there")


def _outputs_that_moved(collection: Path) -> Iterator[NotTouched]:
    """Folders that `scrape-users` filled and that are not there any more: perhaps under another name."""
    folders = known_output_folders(CollectorDatabase(collection)) if (collection / DATABASE_FILE).exists() else []
    if gone := [str(folder) for folder in folders if not folder.is_dir()]:
        count = "a folder that is" if len(gone) == 1 else f"{len(gone):,} folders that are"
        yield NotTouched(
            f"what scrape-users wrote into {count} not there any more",
            f"take its file away if you keep it elsewhere: {_some(gone)}",
        )


def _in_the_data_folder(settings: Settings, known: Identifiers) -> tuple[list[str], list[str]]:
    """Links to what may hold something elsewhere, and files in whose names its name is joined to other words."""
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
            is_joined = shown.parts[0] in _OF_EXPORTS and joined is not None and joined.search(name)
            if is_joined and scrubbed_name(name, known) == name:
                names.append(str(shown))
    return sorted(links), sorted(names)


def _may_hold(target: Path) -> bool:
    """Whether something may stand in what a link leads to: nothing does where it leads nowhere or is empty."""
    if target.is_dir():
        return any(files for _, _, files in os.walk(target))
    return target.exists() and (not target.is_file() or target.stat().st_size > 0)


def _joined_to_others(known: Identifiers) -> re.Pattern[str] | None:
    own = [name for name in known.accounts if known.counts_alone(name) and not name.startswith(PERSON)]
    words = "|".join(map(re.escape, sorted(own)))
    return re.compile(rf"(?<![A-Za-z0-9])(?:{words})(?![A-Za-z0-9])", re.IGNORECASE) if own else None


def _links(links: list[str]) -> Iterator[NotTouched]:
    if links:
        count = "1 link" if len(links) == 1 else f"{len(links):,} links"
        yield NotTouched(
            f"what {count} out of the data folder lead{'s' if len(links) == 1 else ''} to",
            f"it is somebody else's and was not looked into: {_some(links)}",
        )


def _longer_names(names: list[str]) -> Iterator[NotTouched]:
    if names:
        count = "1 file" if len(names) == 1 else f"{len(names):,} files"
        yield NotTouched(
            f"the name of {count}, in which its name may be a part of another one",
            f"call them otherwise where they are about it: {_some(names)}",
        )


def _models(settings: Settings) -> Iterator[NotTouched]:
    if (settings.folder("age") / settings.age.finetuned_model_name).is_dir():
        yield NotTouched(
            "the age model, which may have been trained with it",
            "train it again: instagram-assets age train" if settings.age.enabled else "train it again, or take it away",
        )


def _some(told: Iterable[str]) -> str:
    listed = list(told)
    more = f" and {len(listed) - _SHOWN:,} more" if len(listed) > _SHOWN else ""
    return f"{', '.join(listed[:_SHOWN])}{more}"
