"""Erases from the stored requests of image searches; finds which searches were for the subject, by their queries.

The folder of a search is named after `--out`, or by a slug of the query: `a.b` becomes `a-b` with a hash.
"""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote, unquote

import pyarrow as pa
from upath import UPath

from instagram_assets.arrow import compute
from instagram_assets.forget.erasure_steps import Step
from instagram_assets.forget.file_operations import remove_lake_folder
from instagram_assets.ingest.redact.redactor import GONE, RecordRedactor
from instagram_assets.media.never_download import is_forgotten
from instagram_assets.privacy.forgotten_identifiers import Forgotten, Identifiers, is_search_of
from instagram_assets.search.search_requests import search_name
from instagram_assets.storage.atomic import write_atomic
from instagram_assets.storage.lake import names_in, read_table

_AREA = "lake"
REQUESTS_FOLDER = "searches"
"""The folder of the requests, in the lake."""
_WITH_QUERY = ("search_results", "search_dataset")


def searches_for_subject(root: UPath, forgotten: Forgotten) -> set[str]:
    """Returns the names of searches whose query is an erased account. Raises StorageError for damaged tables."""
    found = {name for name in _names(root) if any(is_search_of(query, forgotten) for query in _queries(root, name))}
    for table in _WITH_QUERY:
        rows = read_table(root, table, columns=["search", "query"])
        queries = [query for query in rows["query"].unique().to_pylist() if query and is_search_of(query, forgotten)]
        of_queries = compute.is_in(rows["query"], value_set=pa.array(queries, pa.string()))
        found |= set(rows.filter(of_queries)["search"].unique().to_pylist())
    return found


def search_slugs(accounts: Mapping[str, str]) -> dict[str, str]:
    """Returns a mapping from slugs of searches for these accounts to the accounts' pseudonyms.

    `accounts` maps account names to pseudonyms. Slugs that equal an account name are left out.
    """
    of_names = {search_name(query): given for name, given in accounts.items() for query in (name, f"@{name}")}
    return {slug: given for slug, given in of_names.items() if slug not in accounts}


def search_slugs_in_lake(root: UPath, known: Identifiers) -> dict[str, str]:
    """Returns a mapping from slugs of searches for erased accounts to the accounts' pseudonyms.

    Includes slugs of stored searches whose query differs from the account name only in case, such as `Sun.Diary`.
    """
    found = search_slugs(known.accounts)
    for name in searches_for_subject(root, known):
        for query in _queries(root, name):
            given = known.accounts.get(query.strip().removeprefix("@").lower())
            if given and name == search_name(query) != query:
                found[name] = given
    return found


def search_request_steps(root: UPath, forgotten: Forgotten) -> Iterator[Step]:
    """Yields the steps for search requests and results; planned last, as they tell which searches are the subject's."""
    own = searches_for_subject(root, forgotten)
    for name in sorted(_names(root)):
        folder = root / REQUESTS_FOLDER / quote(name, safe="")
        files = sorted(file for file in names_in(folder) if file.endswith(".json"))
        if name in own or is_search_of(name, forgotten):
            yield Step(_AREA, f"lake/{REQUESTS_FOLDER}/…", "remove", len(files), partial(remove_lake_folder, folder))
            continue
        new = forgotten.scrub(name)
        to = root / REQUESTS_FOLDER / quote(new, safe="")
        if new != name and names_in(to):  # two searches have the same name now: the second is removed
            yield Step(_AREA, f"lake/{REQUESTS_FOLDER}/…", "remove", len(files), partial(remove_lake_folder, folder))
            continue
        texts = {file: _scrubbed(folder / file, forgotten) for file in files}
        if new != name or any(text is not None for text in texts.values()):
            yield Step(_AREA, f"lake/{REQUESTS_FOLDER}/…", "rewrite", 1, partial(_rewrite, folder, to, texts))


def _names(root: UPath) -> set[str]:
    return {unquote(folder) for folder in names_in(root / REQUESTS_FOLDER, hidden=False)}


def _queries(root: UPath, name: str) -> set[str]:
    """Returns the queries of a search: the one in its request, and the one in its results page."""
    folder = root / REQUESTS_FOLDER / quote(name, safe="")
    read = (_read(folder / file) for file in ("request.json", "hits.json"))
    return {str(said["query"]) for said in read if said and said.get("query")}


def _read(path: UPath) -> dict[str, Any] | None:
    """Returns the parsed JSON object of a file; None if the file is missing or unreadable."""
    try:
        data: Any = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None  # pyright: ignore[reportUnknownVariableType]  # JSON


def _scrubbed(path: UPath, forgotten: Forgotten) -> bytes | None:
    """Returns the file's new content without the erased data; None if it is unchanged, empty if nothing is left."""
    if (before := _read(path)) is None:
        return None
    said = dict(before)
    hits: Any = said.get("hits")
    if isinstance(hits, list):
        shown: list[Any] = hits
        said["hits"] = [hit for hit in shown if not _is_gone(hit, forgotten)]
    scrubbed = RecordRedactor(forgotten).record(said)
    if scrubbed == before:
        return None
    return b"" if scrubbed is GONE else json.dumps(scrubbed, ensure_ascii=False, indent=1).encode()


def _is_gone(hit: Any, forgotten: Forgotten) -> bool:
    return isinstance(hit, dict) and any(is_forgotten(hit.get(key), forgotten) for key in ("url", "fallback_url"))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]  # JSON


def _rewrite(folder: UPath, to: UPath, texts: dict[str, bytes | None]) -> int:
    """Writes the changed files of `folder` to `to`; if that is another folder, all files, and removes the old one.

    `texts` maps file names to new content: None if unchanged, empty if nothing is left. Returns the bytes written.
    """
    written = 0
    for file, text in texts.items():
        data = (folder / file).read_bytes() if text is None and to != folder else text
        if data:
            write_atomic(to / file, lambda stream, data=data: stream.write(data))
            written += len(data)
        elif data is not None and to == folder:
            (folder / file).unlink()
    if to != folder:
        remove_lake_folder(folder)
    return written
