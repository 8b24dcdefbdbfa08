"""The proof: a search over everything that is kept."""

import hashlib
import io
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from instagram_assets.forget.collector_rows import output_files_of
from instagram_assets.forget.registry_entries import words_of
from instagram_assets.forget.search_requests import FOLDER as REQUESTS
from instagram_assets.forget.search_requests import slugs_of
from instagram_assets.forget.steps import Step
from instagram_assets.privacy.byte_needles import Needles
from instagram_assets.privacy.byte_search import Searched, search_folders, search_rows, search_streams
from instagram_assets.privacy.file_names import is_of_files, stem_of
from instagram_assets.privacy.forgotten import Identifiers
from instagram_assets.privacy.places import OWN_FOLDERS
from instagram_assets.schemas import CONTRACTS
from instagram_assets.settings import Settings
from instagram_assets.storage.atomic import is_local
from instagram_assets.storage.lake import lake_root

_OF_MODELS = (".safetensors", "tokenizer.json", "vocab.json", "vocab.txt", "merges.txt")
"""Files of a trained model: numbers, and the words that its language model came with."""


DatabaseRow = tuple[str, str, Mapping[str, object]]
"""The name of a database, that of a table in it, and the values of a row by column."""


def needles_of(known: Identifiers) -> Needles:
    """What is looked for: by the rule by which it was taken out, ordinary words only where an account is meant."""
    names = [name for name in known.accounts if known.counts_alone(name)]
    words = [*slugs_of(known.accounts), *known.profile_ids, *known.post_ids, *known.shortcodes, *known.images]
    return Needles(names, words, known.accounts.keys() - set(names))


def search_everything(settings: Settings, known: Identifiers, rows: Iterable[DatabaseRow] = ()) -> Searched:
    """Look for it in every byte of the data folder, the lake and the media folder; keys and fetched models apart.

    And in files that `scrape-users` wrote elsewhere, in each word of the registry wherever that is, and in `rows` of
    databases on servers.
    """
    needles, data, registry = needles_of(known), settings.data_dir.absolute(), settings.accounts_file
    apart, trained = {settings.folder("privacy"), settings.folder("models")}, settings.folder("age")

    def skip(path: Path) -> bool:
        return path in apart or (path.name.endswith(_OF_MODELS) and path.is_relative_to(trained))

    def is_named(path: Path) -> bool:
        return bool(needles.meant) and path != registry and is_called(path, needles.meant, data)

    lake = lake_root(settings)
    folders = [data, settings.folder("media")]
    if is_local(lake):
        folders.append(Path(lake.path).absolute())
    kept = [each for each in folders if not any(each != other and each.is_relative_to(other) for other in folders)]
    # A folder of ours on another disk: other links lead to what is somebody else's.
    kept += [path for path in map(settings.folder, sorted(OWN_FOLDERS)) if path.is_symlink() and path not in apart]
    elsewhere = [*output_files_of(settings.folder("collection")), *([registry] if registry.is_file() else [])]
    kept += [path for path in elsewhere if not path.is_relative_to(data)]
    searched = search_folders(kept, needles, skip=skip, is_named=is_named)
    searched.found.extend(search_rows([(str(registry), "words", {"words": words_of(registry)})], needles).found)
    if not is_local(lake):
        store: Any = lake.fs
        streams = ((path, io.BytesIO(store.cat_file(path))) for path in store.find(lake.path))
        found = search_streams(streams, needles)
        searched = _both(searched, found)
    return _both(searched, search_rows(rows, needles))


def _both(one: Searched, other: Searched) -> Searched:
    return Searched(one.files + other.files, one.bytes + other.bytes, [*one.found, *other.found])


def is_called(path: Path, names: Collection[str], data: Path) -> bool:
    """Whether a file or folder of ours is called by one of these ordinary words, which is an account's there.

    What a person keeps beside them is called as it is, and so are searches for the word and folders of the program.
    """
    found = {unquote(stem_of(path.name)).casefold().removeprefix("@")} & set(names)
    if not found:
        return False
    if (contract := CONTRACTS.get(path.parent.name)) and contract.partitions:
        return contract.partitions[0] == "account"
    if path.parent.name == "parquet":
        return path.is_dir()
    if path.parent.name == REQUESTS:  # beside the lake's tables
        return False
    own = path.relative_to(data).parts if path.is_relative_to(data) else ("lake",)
    is_of_search = "search" in own[:2]
    return own[0] in OWN_FOLDERS and not is_of_search and not any(map(is_of_files, found))


def file_of(settings: Settings, step: Step) -> str | None:
    """The SHA-256 of a file that was rewritten; null where it is on no disk, or no file."""
    first, _, rest = step.path.partition("/")
    roots = {"lake": Path(settings.lake_uri), "media": settings.folder("media")}
    path = roots[first] / rest if first in roots else settings.data_dir.absolute() / step.path
    if not path.is_file():
        return None
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
