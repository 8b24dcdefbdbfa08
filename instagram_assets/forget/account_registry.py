"""Erases the data subject's entry from the account registry, a TOML file; all other bytes of the file are unchanged.

The registry is written by the user, including its groups and tags. A distinctive account name in them is replaced
wherever it is a whole word; a name that is an ordinary word only where the context shows that an account is meant, or
everywhere if `forget` was started with `--bare`.
"""

import json
import re
import tomllib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from instagram_assets.errors import InstagramAssetsError, StorageError
from instagram_assets.forget.erasure_steps import Step
from instagram_assets.forget.toml_edit import (
    TomlStatement,
    TomlToken,
    remove_elements,
    remove_spans,
    toml_statements,
    toml_tokens,
)
from instagram_assets.privacy.forgotten_identifiers import Forgotten
from instagram_assets.sources.account_and_hashtag_names import is_hashtag, parse_account_name, parse_hashtag
from instagram_assets.storage.atomic import write_atomic

_AREA = "registry"
_ENTRIES, _ROTATIONS = "accounts", "rotation"
_BOM = "\ufeff"
"""The byte order mark that Windows editors write."""
_IsGone = Callable[[dict[str, Any]], bool]
# Comments and empty lines before a header belong to what comes after them.
_TAIL = re.compile(r"(?:^[ \t]*(?:#.*)?\r?\n)*\Z", re.MULTILINE)


def registry_steps(file: Path, forgotten: Forgotten) -> Iterator[Step]:
    """Yields the step that rewrites the registry; none if it is not valid TOML, which other commands report."""
    text = _read(file)
    if text is not None and (new := remove_entries(text, forgotten)) != text:
        entries = max(1, len(_entries(text)) - len(_entries(new)))
        yield Step(_AREA, file.name, "rewrite", entries, partial(_forget, file, forgotten))


def remove_entries(text: str, forgotten: Forgotten) -> str:
    """Returns the registry's text without the entries of erased accounts.

    Rotations of groups that have no account left are removed, and erased names elsewhere in the text are replaced.
    """
    mark = _BOM if text.startswith(_BOM) else ""
    text = text.removeprefix(_BOM)
    kept = _without(text, _ENTRIES, lambda entry: _is_own(entry, forgotten))
    if gone := _groups(text) - _groups(kept):
        kept = _without(kept, _ROTATIONS, lambda rotations: bool(gone.intersection(rotations)))
    return mark + _without_duplicates(_without_names(kept, forgotten))


def registry_words(file: Path) -> str:
    """Returns all words of a registry, one per line, for searching: `[rotation.jane]` gives `jane` as a whole word."""
    return "\n".join(token.value if token.is_string else token.text for token in toml_tokens(_read(file) or ""))


def _without(text: str, table: str, is_gone: _IsGone) -> str:
    """Returns the TOML text without those entries of `table` for which `is_gone` is true, in any TOML notation."""
    cuts, found = list[tuple[int, int]](), list(toml_statements(text))
    headers = [number for number, each in enumerate(found) if each.is_header]
    for number, end in zip(headers, [*headers, len(found)][1:], strict=True):
        start, stop = found[number].start, found[end - 1].end
        if found[number].path[:1] == (table,) and len(found[number].path) > (table == _ROTATIONS):
            part = text[start:stop]
            if is_gone(_parsed(part, table)):
                tail = _TAIL.search(part)
                cuts.append((start, stop - len(tail[0] if tail else "")))
    new = remove_spans(text, cuts)
    return "".join(_without_inline(new, each, table, is_gone) for each in toml_statements(new))


def _without_inline(text: str, statement: TomlStatement, table: str, is_gone: _IsGone) -> str:
    """Returns a TOML statement without the removed entries of `table`, if it sets them inline, not below a header."""
    whole = text[statement.start : statement.end]
    if statement.is_header or statement.path[:1] != (table,):
        return whole
    value = text[statement.value : statement.end]
    if len(statement.path) == 1 and value[:1] in ("[", "{"):
        opens, closes = ("[", "]") if value[0] == "[" else ("{", "}")
        kept = remove_elements(value, lambda element: is_gone(_parsed(f"{table} = {opens}{element}{closes}", table)))
        return text[statement.start : statement.value] + kept
    is_of_gone = table == _ROTATIONS and is_gone(dict.fromkeys(statement.path[1:2]))
    return "" if is_of_gone else whole


def _parsed(text: str, table: str) -> dict[str, Any]:
    """Returns the table named `table` in a TOML fragment (the first entry of an array of tables); empty if invalid."""
    try:
        found: Any = tomllib.loads(text)[table]
        said = found[0] if isinstance(found, list) else found
    except (tomllib.TOMLDecodeError, LookupError):
        return {}
    return said if isinstance(said, dict) else {}


def _without_names(text: str, forgotten: Forgotten) -> str:
    """Returns the TOML text with erased names replaced by pseudonyms, also in keys such as `[rotation.jane]`."""
    return forgotten.scrub("".join(_scrubbed(token, forgotten) for token in toml_tokens(text)))


def _scrubbed(token: TomlToken, forgotten: Forgotten) -> str:
    new = forgotten.scrub(token.text)
    if token.is_string and TomlToken(0, new).value != (value := forgotten.scrub(token.value)):
        return json.dumps(value, ensure_ascii=False)  # the name was written with escapes
    return "0" if new != token.text and token.text.isdecimal() else new


def _without_duplicates(text: str) -> str:
    """Returns the TOML text with only the first of rotations whose groups got the same name by the replacement."""
    seen, cuts = set[tuple[str, ...]](), list[tuple[int, int]]()
    is_second = False
    for each in toml_statements(text):
        if each.is_header:
            is_second = each.path[:1] == (_ROTATIONS,) and each.path in seen
            seen.add(each.path)
        if is_second and each.path:
            cuts.append((each.start, each.end))
    return remove_spans(text, cuts)


def _entries(text: str) -> list[Any]:
    try:
        entries = tomllib.loads(text.removeprefix(_BOM)).get(_ENTRIES)
    except tomllib.TOMLDecodeError:
        return []
    return entries if isinstance(entries, list) else []


def _groups(text: str) -> set[str]:
    found = (entry.get("group") for entry in _entries(text) if isinstance(entry, dict))
    return {group for group in found if isinstance(group, str)}


def _is_own(entry: dict[str, Any], forgotten: Forgotten) -> bool:
    name = entry.get("name")
    if not isinstance(name, str):
        return False
    try:
        return forgotten.has("account", f"#{parse_hashtag(name)}" if is_hashtag(name) else parse_account_name(name))
    except (InstagramAssetsError, ValueError):
        return False


def _forget(file: Path, forgotten: Forgotten) -> int:
    text = _read(file)
    if text is None:
        return 0
    data = remove_entries(text, forgotten).encode("utf-8", "surrogateescape")
    write_atomic(file, lambda stream: stream.write(data))
    return len(data)


def _read(file: Path) -> str | None:
    try:
        return file.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"{file}: cannot be read ({error.strerror}). Give this user the right to.") from error
