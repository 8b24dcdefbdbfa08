"""Erases from the files that the program generates: datasets, reports, thumbnails, the index, ledgers, the registry.

Names cannot be searched for in pixels, so each image of a report that could show the subject is removed, and rendered
again later. This includes timelines and word clouds of other accounts, under whose name a post of the subject could
have been collected. Pages that do not mention the subject are kept, and so are charts of a model, which show counts.
"""

import json
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path

from instagram_assets.age.known_people import PEOPLE, forget_people, read_known_people
from instagram_assets.errors import ModelError
from instagram_assets.forget.account_registry import registry_steps
from instagram_assets.forget.collector_database import collector_steps
from instagram_assets.forget.delta_tables import delta_locations, delta_steps
from instagram_assets.forget.erasure_steps import Step, StepResult
from instagram_assets.forget.file_operations import remove_path
from instagram_assets.forget.files_and_folders import file_steps, link_steps, path_below, tree_steps
from instagram_assets.forget.reel_ledger import ledger_steps
from instagram_assets.forget.search_folders import search_folder_steps
from instagram_assets.forget.search_requests import search_request_steps, searches_for_subject
from instagram_assets.forget.text_files import MentionFilter
from instagram_assets.ingest.redact.redactor import RecordRedactor, scrubbed_name
from instagram_assets.lake_index.index_files import INDEX_FOLDER as INDEX
from instagram_assets.lake_index.remove_derived_files import THUMBNAILS, holds_index, remove_index, thumbnails
from instagram_assets.privacy.data_inventory import OWN_FOLDERS
from instagram_assets.privacy.forgotten_identifiers import Forgotten, Identifiers
from instagram_assets.privacy.pseudonyms import with_export_pseudonyms
from instagram_assets.settings import Settings
from instagram_assets.storage.atomic import is_local
from instagram_assets.storage.lake import lake_root

_REPORTS = "reports"
_PICTURES = frozenset((".png", ".jpg", ".jpeg", ".webp", ".gif", ".svg"))
_PAGES = frozenset((".html", ".htm", ".md"))
_OF_COUNTS = "age_model-"


def report_steps(folder: Path, root: Path, forgotten: Forgotten, passed: Path) -> Iterator[Step]:
    """Yields the steps for the folder of reports, except its subfolder `passed` for image searches."""
    for path in sorted(folder.rglob("*")) if folder.is_dir() and forgotten else ():
        if path.is_relative_to(passed):
            continue
        if path.is_symlink():  # only the name of a link can mention the subject
            yield from link_steps(_REPORTS, path, root, forgotten)
            continue
        if not path.is_file():
            continue
        kind = path.suffix.lower()
        if kind in _PICTURES:
            if may_show(path.stem, forgotten):
                yield Step(
                    _REPORTS, scrubbed_name(path_below(path, root), forgotten), "remove", 1, partial(remove_path, path)
                )
        elif kind in _PAGES and _holds(path, forgotten):
            yield Step(
                _REPORTS, scrubbed_name(path_below(path, root), forgotten), "remove", 1, partial(remove_path, path)
            )
        elif kind not in _PAGES:
            yield from file_steps(_REPORTS, path, root, forgotten)


def may_show(name: str, forgotten: Forgotten) -> bool:
    """Whether a report's image could show the subject, judged by its file name without suffix."""
    if name.startswith(_OF_COUNTS):
        return False
    if isinstance(forgotten, Identifiers) and not (forgotten.post_ids or forgotten.images):
        # Nothing is drawn of a subject without posts, but for a hashtag under which others' posts were collected.
        return any(name.endswith(f"-of-{account}") for account in forgotten.accounts)
    return True


def _holds(path: Path, forgotten: Forgotten) -> bool:
    text = path.read_text("utf-8", "replace")
    return MentionFilter(forgotten)(text) and RecordRedactor(forgotten).text(text) != text


DERIVED_AREAS = (INDEX, THUMBNAILS)
"""The areas of `derived_file_steps`."""


def derived_file_steps(settings: Settings, forgotten: Forgotten) -> Iterator[Step]:
    """Yields the steps for files that the web app derives from the lake: thumbnails of erased images, and the index.

    The index is removed as a whole. These steps are applied last, so that the web app can rebuild the files only from
    a lake without the subject.
    """
    if not forgotten:
        return
    for image_id, path in thumbnails(settings.folder(THUMBNAILS)):
        if forgotten.has("image", image_id):
            yield Step(
                THUMBNAILS, f"{THUMBNAILS}/{path.parent.name}/{path.name}", "remove", 1, partial(remove_path, path)
            )
    if holds_index(settings.folder(INDEX)):
        yield Step(INDEX, INDEX, "remove", 0, partial(_remove_index, settings.folder(INDEX)))


def _remove_index(folder: Path) -> StepResult:
    return StepResult(remove_index(folder), [], 0, 0)


def output_steps(settings: Settings, forgotten: Forgotten) -> Iterator[Step]:
    """Yields the steps for all generated files except derived ones. Raises StorageError for unreadable files."""
    if not forgotten:
        return
    data, datasets = settings.data_dir.absolute(), settings.folder("datasets")
    forgotten = with_export_pseudonyms(forgotten, settings.folder("privacy"))
    yield from delta_steps(settings, lake_root(settings), forgotten)
    searches = (datasets / "search", settings.folder("reports") / "search")
    own = searches_for_subject(lake_root(settings), forgotten)
    yield from chain.from_iterable(search_folder_steps(folder, data, forgotten, own) for folder in searches)
    yield from search_request_steps(lake_root(settings), forgotten)
    yield from report_steps(settings.folder("reports"), data, forgotten, searches[1])
    yield from ledger_steps(settings.folder("ledger") / "calls.sqlite", forgotten)
    yield from collector_steps(settings.folder("collection"), data, forgotten)
    yield from registry_steps(settings.accounts_file, forgotten)
    yield from _scrape_notes(settings.folder("scrapes"), data, forgotten)
    yield from _age_model_steps(settings.folder("age"), data, forgotten)
    yield from _other_folders(settings, data, forgotten)


def _scrape_notes(folder: Path, root: Path, forgotten: Forgotten) -> Iterator[Step]:
    """Yields the steps for scrape records that mention the subject: finished ones are removed, others redacted."""
    for path in sorted(folder.rglob("*.json")) if folder.is_dir() else ():
        try:
            note = json.loads(path.read_bytes())
        except ValueError:
            continue
        if RecordRedactor(forgotten).record(note) is note:
            continue
        if isinstance(note, dict) and note.get("status"):
            shown = path_below(path, root)
            yield Step("scrapes", shown, "remove", 1, partial(remove_path, path))
        else:
            yield from file_steps("scrapes", path, root, forgotten)


def _age_model_steps(folder: Path, root: Path, forgotten: Forgotten) -> Iterator[Step]:
    """Yields the steps that remove the subject's hashes from the people of each age model's training.

    A damaged file is removed as a whole. Only names can be hashed, so there is no step if the subject is known only as
    tombstones.
    """
    names = list(forgotten.accounts) if isinstance(forgotten, Identifiers) else []
    for path in sorted(folder.rglob(PEOPLE)) if names and folder.is_dir() else ():
        try:
            people = read_known_people(path.parent)
        except ModelError:  # whose hashes are in it cannot be told, and the model may be without: it then says so
            yield Step("age", path_below(path, root), "remove", 1, partial(remove_path, path))
            continue
        if people and (count := sum(map(people.has, names))):
            yield Step("age", path_below(path, root), "rewrite", count, partial(forget_people, path, names))


def _other_folders(settings: Settings, data: Path, forgotten: Forgotten) -> Iterator[Step]:
    """Yields the steps for each folder of the program that no other function covers.

    A user's own files next to these folders are not changed: the final byte search finds and reports them.
    """
    lake = lake_root(settings)
    # The age model's other files have no names in them, and its tokenizer's vocabulary is its own.
    others = ("media", "models", "privacy", "inbox", "dagster", "reports", "scrapes", "age", "collection")
    elsewhere = (*others, *DERIVED_AREAS)
    passed = {settings.folder(name) for name in elsewhere} | {settings.folder("datasets") / "search"}
    passed |= {Path(lake.path).absolute()} if is_local(lake) else set()
    local = (target.removeprefix("file://") for target in delta_locations(settings))
    passed |= {Path(target).expanduser().absolute() for target in local if "://" not in target}
    for name in sorted(OWN_FOLDERS):
        if (folder := data / name).is_dir() and folder not in passed:
            yield from tree_steps(name, folder, data, forgotten, passed)
