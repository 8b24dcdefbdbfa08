"""Scrubs Arrow tables: removes rows of erased accounts, posts and images, and replaces erased names in other rows.

Columns are recognised by their contract names; in all other columns erased names are replaced in every string.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.privacy.forgotten_identifiers import Forgotten, IdentifierKind, Identifiers, is_search_of
from instagram_assets.privacy.names_in_file_names import scrub_file_name
from instagram_assets.privacy.table_texts import texts_in
from instagram_assets.schemas.account_names import NAME_FIELDS
from instagram_assets.storage.fingerprints import url_identity

CAPTION_COLUMN, CAPTION_HASH_COLUMN = "caption", "caption_sha256"
"""The columns of a caption and of its SHA-256, which change together."""


def caption_hash(value: object) -> str | None:
    """Returns the SHA-256 of a caption as received, in hexadecimal digits; None if there is no caption."""
    if not isinstance(value, str):
        return None
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


def rehash_scrubbed(before: object, after: object, known: object) -> str | None:
    """Returns the new hash of a caption after scrubbing; None if the old hash is not that of the caption as received.

    `before` and `after` are the caption before and after scrubbing, `known` is its stored hash. The old hash would
    still identify the post; the new one equals the hash that the post gets if it is ingested after the erasure.
    """
    return caption_hash(after) if known and known == caption_hash(before) else None


_ROWS: dict[str, IdentifierKind] = {
    **dict.fromkeys(("account", "owner", "username", "commenter"), "account"),
    **dict.fromkeys(("owner_id", "profile_id"), "profile_id"),
    **dict.fromkeys(("post_id", "id", "ad_id"), "post_id"),
    "shortcode": "shortcode",
    **dict.fromkeys(("image_id", "video_id"), "image"),
}
"""Columns whose erased value removes the row."""
_SEARCHES = ("search", "query")
"""Columns of image searches: rows of searches for an erased name are removed."""
_LISTS: dict[str, IdentifierKind] = {
    **dict.fromkeys(("supported_by", "contradicted_by"), "post_id"),
    "image_ids": "image",
}
"""List columns that lose erased values; a row that loses all of them is removed."""
_SHORTENED: dict[str, IdentifierKind] = {**_LISTS, "accounts": "account"}
"""List columns that lose erased values and may become empty."""
_ADDRESSES = ("url", "fallback_url")
_FILES = ("path", "rank")
"""A table with one of these columns has a row per image, so `url` is the image's own."""
_WHOLE = ("record",)
"""Quarantined records: one that mentions what is erased is removed whole, since it cannot be parsed."""
_VOCABULARY = {
    *("kind", "type", "product_type", "status", "language", "pos", "analyser", "rule", "codec", "model", "source"),
    "decision",
    *("format", "field", "sha256", "source_sha256", "caption_sha256", "text_sha256", "phash", "tokenizer", "prompt"),
}
"""Columns and struct fields with the program's own vocabulary: an account may be called `image`."""
_FILE_NAMES = ("file", "source_file")
"""Columns of ingested file names, which join account names with other words."""
_WORD, _CLASS, _MENTION = "word", "pos", "mention"
"""The fields of a token and its part of speech."""
_NEAR = "near_group"
_NEAR_WITHIN = ("scope", "search", "account", "day")


ScrubText = Callable[[str], str]


def scrub_table(table: pa.Table, forgotten: Forgotten) -> pa.Table:
    """Returns the table without rows of erased data, and with erased names and ids replaced in the other rows.

    Row order and column types are unchanged. Returns the same object if nothing changes.
    """
    if not table.num_rows or not may_hold(table, forgotten):
        return table
    others = kept = _without_rows(table, forgotten)
    for name in kept.column_names:
        before = kept[name]
        scrubbed = _scrub_column(kept, name, before, forgotten)
        if scrubbed is not before:
            kept = kept.set_column(kept.column_names.index(name), kept.schema.field(name), scrubbed)
    return _with_hashes(others, kept)


def may_hold(table: pa.Table, forgotten: Forgotten) -> bool:
    """A fast prefilter: false if certainly no text of the table mentions an erased identifier."""
    if forgotten.patterns is None:
        return bool(forgotten)
    arrays = [texts for column in table.columns for chunk in column.chunks for texts in texts_in(chunk)]
    if not isinstance(forgotten, Identifiers):
        return any(_finds(texts, pattern) for texts in arrays for pattern in forgotten.patterns)
    if any(map(forgotten.long_patterns.may_stand_in, arrays)):
        return True
    return any(_finds(texts, pattern) for texts in arrays for pattern in forgotten.short_patterns)


def _finds(texts: pa.Array, pattern: str) -> bool:
    return bool(compute.any(compute.match_substring_regex(texts, pattern)).as_py())


def _without_rows(table: pa.Table, forgotten: Forgotten) -> pa.Table:
    gone: list[Any] = []
    for name in table.column_names:
        column = _plain(table[name])
        if _is_text(column.type) and (is_erased := _row_predicate(table, name, forgotten)):
            gone.append(_where(column, is_erased))
        elif name in _LISTS and _is_list(column.type):
            gone.append(_emptied(column, _LISTS[name], forgotten))
    whole = None
    for mask in gone:
        whole = mask if whole is None else compute.or_(whole, mask)
    if whole is None or not compute.any(whole).as_py():
        return table
    return table.filter(compute.invert(whole))


def _row_predicate(table: pa.Table, name: str, forgotten: Forgotten) -> Callable[[str], bool] | None:
    """Returns the predicate on a column's value that removes the row; None if the column never removes rows."""
    if name == "scope":
        return lambda value: value != "all" and forgotten.has("account", value)
    if name in _SEARCHES:
        return lambda value: is_search_of(value, forgotten)
    if kind := _ROWS.get(name):
        return lambda value: forgotten.has(kind, value)
    if name in _ADDRESSES and any(other in table.column_names for other in _FILES):
        return lambda value: forgotten.has("url", _identity(value))
    if name in _WHOLE:
        return lambda value: forgotten.scrub(value) != value
    return None


def _where(column: pa.ChunkedArray, is_erased: Callable[[str], bool]) -> Any:
    """Returns a boolean mask, without nulls, of the erased values; each distinct value is tested once."""
    values = compute.unique(column).drop_null()
    true = [value for value in values.to_pylist() if is_erased(value)]
    return compute.is_in(column, value_set=pa.array(true, values.type))


def _emptied(column: pa.ChunkedArray, kind: IdentifierKind, forgotten: Forgotten) -> Any:
    """Returns a boolean mask of the lists that are not empty and whose values are all erased."""
    lists = column.to_pylist()
    return pa.array([bool(each) and all(forgotten.has(kind, value) for value in each) for each in lists], pa.bool_())


def _scrub_column(table: pa.Table, name: str, before: pa.ChunkedArray, forgotten: Forgotten) -> pa.ChunkedArray:
    """Returns column `before` of the table with erased names and ids replaced; the same object if none occurs."""
    if name in _VOCABULARY:
        return before
    column = _regrouped(table, before, forgotten) if name == _NEAR and _is_text(before.type) else before
    if not column.num_chunks:
        return column
    whole = column.combine_chunks() if column.num_chunks > 1 else column.chunk(0)
    scrubbed = whole
    if _is_list(column.type):
        scrubbed = _shortened(scrubbed, _SHORTENED.get(name), forgotten)
    if name in _FILE_NAMES and _is_text(column.type):
        scrubbed = _scrubbed_texts(scrubbed, forgotten, lambda text: scrub_file_name(text, forgotten))
    scrubbed = _scrubbed(scrubbed, forgotten, _rule_of(name, forgotten))
    return column if scrubbed is whole else pa.chunked_array([scrubbed], column.type)


def _with_hashes(before: pa.Table, after: pa.Table) -> pa.Table:
    """Returns the table with new hashes of the scrubbed captions, since the old ones would identify the posts."""
    if after is before or not {CAPTION_COLUMN, CAPTION_HASH_COLUMN} <= set(after.column_names):
        return after
    if after[CAPTION_COLUMN].equals(before[CAPTION_COLUMN]):
        return after
    captions = zip(
        before[CAPTION_COLUMN].to_pylist(),
        after[CAPTION_COLUMN].to_pylist(),
        after[CAPTION_HASH_COLUMN].to_pylist(),
        strict=True,
    )
    hashes = [known if new == old else rehash_scrubbed(old, new, known) for old, new, known in captions]
    kind = after.schema.field(CAPTION_HASH_COLUMN)
    return after.set_column(after.column_names.index(CAPTION_HASH_COLUMN), kind, pa.array(hashes, kind.type))


def _shortened(lists: pa.Array, kind: IdentifierKind | None, forgotten: Forgotten) -> pa.Array:
    """Returns the lists without erased values: ids of a kind, or media with an erased URL."""
    if kind is None and not _is_media(lists.type):
        return lists
    before = lists.to_pylist()

    def stays(value: Any) -> bool:
        if kind:
            return not forgotten.has(kind, value)
        return not forgotten.has("url", _identity(value["url"])) if value and value["url"] else True

    after = [each if each is None else [value for value in each if stays(value)] for each in before]
    return lists if after == before else pa.array(after, lists.type)


def _rule_of(name: str, forgotten: Forgotten) -> ScrubText:
    """Returns the function that replaces erased names in a column or field; in those of names every word is a name."""
    return forgotten.named if name in NAME_FIELDS else forgotten.scrub


def _scrubbed(array: pa.Array, forgotten: Forgotten, scrub: ScrubText) -> pa.Array:
    """Returns an array of any type with `scrub` applied to all its strings; the same object if none changed."""
    kind = array.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _scrubbed_texts(array, forgotten, scrub)
    if pa.types.is_dictionary(kind):
        words = _scrubbed(array.dictionary, forgotten, scrub)
        # Two names may have become one word, and dictionary values are unique.
        return array if words is array.dictionary else words.take(array.indices).dictionary_encode().cast(kind)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _with_values(array, forgotten, scrub)
    if pa.types.is_struct(kind):
        return _with_fields(array, forgotten)
    if pa.types.is_map(kind) or pa.types.is_fixed_size_list(kind):
        if not any(_texts_with_mentions(texts, forgotten) for texts in texts_in(array)):
            return array
        return pa.array([_scrubbed_value(value, forgotten) for value in array.to_pylist()], kind)
    return array


def _scrubbed_texts(texts: pa.Array, forgotten: Forgotten, scrub: ScrubText) -> pa.Array:
    changed = {text: scrubbed for text in _texts_with_mentions(texts, forgotten) if (scrubbed := scrub(text)) != text}
    if not changed:
        return texts
    places = compute.index_in(texts, value_set=pa.array(list(changed), texts.type))
    return compute.coalesce(pa.array(list(changed.values()), texts.type).take(places), texts)


def _texts_with_mentions(texts: pa.Array, forgotten: Forgotten) -> list[str]:
    """Returns the distinct texts that may mention an erased identifier."""
    if forgotten.patterns is None:
        return compute.unique(texts).drop_null().to_pylist()
    found: dict[str, None] = {}
    for pattern in forgotten.patterns:
        matches = compute.match_substring_regex(texts, pattern)
        if compute.any(matches).as_py():
            found.update(dict.fromkeys(texts.filter(matches).to_pylist()))
    return list(found)


def _with_values(lists: pa.Array, forgotten: Forgotten, scrub: ScrubText) -> pa.Array:
    values = lists.flatten()
    scrubbed = _scrubbed(values, forgotten, scrub)
    if scrubbed is values:
        return lists
    lengths = compute.fill_null(compute.list_value_length(lists), 0)
    ends = compute.cumulative_sum(lengths)
    offsets = pa.concat_arrays([pa.array([0], ends.type), ends])
    missing = lists.is_null() if lists.null_count else None
    return type(lists).from_arrays(offsets, scrubbed, type=lists.type, mask=missing)


def _with_fields(structs: pa.Array, forgotten: Forgotten) -> pa.Array:
    fields = structs.flatten()
    scrubbed: list[pa.Array] = []
    for part, each in zip(structs.type, fields, strict=True):
        stays = part.name in _VOCABULARY
        scrubbed.append(each if stays else _scrubbed(each, forgotten, _rule_of(part.name, forgotten)))
    if {_WORD, _CLASS} <= {part.name for part in structs.type}:
        scrubbed = _with_mentions(structs.type, scrubbed, forgotten)
    if all(new is old for new, old in zip(scrubbed, fields, strict=True)):
        return structs
    missing = structs.is_null() if structs.null_count else None
    return pa.StructArray.from_arrays(scrubbed, fields=list(structs.type), mask=missing)


def _with_mentions(kind: pa.DataType, fields: list[pa.Array], forgotten: Forgotten) -> list[pa.Array]:
    """Returns the fields of word token structs, with erased names replaced in tokens that are @mentions."""
    place, by = kind.get_field_index(_WORD), kind.get_field_index(_CLASS)
    words = fields[place]
    mentions = compute.fill_null(compute.equal(fields[by], _MENTION), False)
    named = _scrubbed_texts(words.filter(mentions), forgotten, forgotten.named)
    if named.equals(words.filter(mentions)):
        return fields
    return [*fields[:place], compute.replace_with_mask(words, mentions, named), *fields[place + 1 :]]


def _scrubbed_value(value: Any, forgotten: Forgotten) -> Any:
    """Returns a Python value with erased names replaced in all its strings, nested ones too."""
    if isinstance(value, str):
        return forgotten.scrub(value)
    if isinstance(value, list | tuple):
        return type(value)(_scrubbed_value(each, forgotten) for each in value)
    if isinstance(value, dict):
        return {key: _scrubbed_value(each, forgotten) for key, each in value.items()}
    return value


def _regrouped(table: pa.Table, groups: pa.ChunkedArray, forgotten: Forgotten) -> pa.ChunkedArray:
    """Returns the column of near-duplicate groups, in which groups named after an erased image are renamed.

    A group is named after its smallest image_id; if that is erased, after the smallest remaining one.
    """
    lost = _where(groups, lambda value: forgotten.has("image", value))
    if "image_id" not in table.column_names or not compute.any(lost).as_py():
        return groups
    within = [name for name in _NEAR_WITHIN if name in table.column_names]
    rows = table.select([*within, "image_id", _NEAR]).to_pylist()
    members: dict[tuple[Any, ...], list[str]] = defaultdict(list)
    for row in rows:
        if row["image_id"]:
            members[(*(row[name] for name in within), row[_NEAR])].append(row["image_id"])
    first = {group: min(images) for group, images in members.items()}

    def group_of(row: dict[str, Any]) -> str | None:
        if not forgotten.has("image", row[_NEAR]):
            return row[_NEAR]
        return first.get((*(row[name] for name in within), row[_NEAR]))

    return pa.chunked_array([pa.array([group_of(row) for row in rows], groups.type)])


def _identity(url: str) -> str:
    try:
        return url_identity(url)
    except ValueError:  # brackets that are no IPv6 address
        return url


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Returns the column, decoded if it is dictionary-encoded."""
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind)


def _is_media(kind: pa.DataType) -> bool:
    value = kind.value_type
    return pa.types.is_struct(value) and value.get_field_index("url") >= 0
