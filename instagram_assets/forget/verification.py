"""Verifies an erasure: searches every byte of the stored data for the subject's names and identifiers."""

import io
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from instagram_assets.forget.account_registry import registry_words
from instagram_assets.forget.collector_database import user_output_files
from instagram_assets.forget.search_requests import REQUESTS_FOLDER as REQUESTS
from instagram_assets.forget.search_requests import search_slugs
from instagram_assets.privacy.byte_patterns import BytePatterns
from instagram_assets.privacy.byte_search import ByteSearchResult, search_folders, search_rows, search_streams
from instagram_assets.privacy.data_inventory import OWN_FOLDERS
from instagram_assets.privacy.forgotten_identifiers import Identifiers
from instagram_assets.privacy.names_in_file_names import is_common_file_word, strip_suffixes
from instagram_assets.schemas import CONTRACTS
from instagram_assets.settings import Settings
from instagram_assets.storage.atomic import is_local
from instagram_assets.storage.lake import lake_root

_OF_MODELS = (".safetensors", "tokenizer.json", "vocab.json", "vocab.txt", "merges.txt")
"""Names of files of a trained model: its weights, and the vocabulary of the pretrained language model."""


DatabaseRow = tuple[str, str, Mapping[str, object]]
"""A row of a database on a server: the database's name, the table's name, and the values by column."""


def patterns_of(known: Identifiers) -> BytePatterns:
    """Returns the byte patterns of identifiers; ordinary words match only where an account is meant."""
    names = [name for name in known.accounts if known.counts_alone(name)]
    words = [*search_slugs(known.accounts), *known.profile_ids, *known.post_ids, *known.shortcodes, *known.images]
    return BytePatterns(names, words, known.accounts.keys() - set(names))


def search_all_data(settings: Settings, known: Identifiers, rows: Iterable[DatabaseRow] = ()) -> ByteSearchResult:
    """Searches every byte of the data folder, the lake and the media folder, except for keys and downloaded models.

    Also searches files that `scrape-users` wrote elsewhere, each word of the account registry, and `rows` of databases
    on servers.
    """
    needles, data, registry = patterns_of(known), settings.data_dir.absolute(), settings.accounts_file
    apart, trained = {settings.folder("privacy"), settings.folder("models")}, settings.folder("age")

    def skip(path: Path) -> bool:
        return path in apart or (path.name.endswith(_OF_MODELS) and path.is_relative_to(trained))

    def is_named(path: Path) -> bool:
        return bool(needles.meant) and path != registry and is_named_after(path, needles.meant, data)

    lake = lake_root(settings)
    folders = [data, settings.folder("media")]
    if is_local(lake):
        folders.append(Path(lake.path).absolute())
    kept = [each for each in folders if not any(each != other and each.is_relative_to(other) for other in folders)]
    # A folder of the program on another disk; other links lead to data of somebody else.
    kept += [path for path in map(settings.folder, sorted(OWN_FOLDERS)) if path.is_symlink() and path not in apart]
    elsewhere = [*user_output_files(settings.folder("collection")), *([registry] if registry.is_file() else [])]
    kept += [path for path in elsewhere if not path.is_relative_to(data)]
    searched = search_folders(kept, needles, skip=skip, is_named=is_named)
    searched.found.extend(search_rows([(str(registry), "words", {"words": registry_words(registry)})], needles).found)
    if not is_local(lake):
        store: Any = lake.fs
        streams = ((path, io.BytesIO(store.cat_file(path))) for path in store.find(lake.path))
        found = search_streams(streams, needles)
        searched = _both(searched, found)
    return _both(searched, search_rows(rows, needles))


def _both(one: ByteSearchResult, other: ByteSearchResult) -> ByteSearchResult:
    return ByteSearchResult(one.files + other.files, one.bytes + other.bytes, [*one.found, *other.found])


def is_named_after(path: Path, names: Collection[str], data: Path) -> bool:
    """Whether a file or folder that this program made is named after an account in `names`, which are ordinary words.

    A user's own files, image searches for that word, and fixed folder names of the program do not count.
    """
    found = {unquote(strip_suffixes(path.name)).casefold().removeprefix("@")} & set(names)
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
    return own[0] in OWN_FOLDERS and not is_of_search and not any(map(is_common_file_word, found))
