"""Conversion of records in any known format to rows of the landing zone's tables."""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.errors import RecordError
from instagram_assets.ingest import field_values
from instagram_assets.ingest.ad_rows import to_ad_row
from instagram_assets.ingest.comment_rows import people_around_comment, people_in_posts, to_comment_row
from instagram_assets.ingest.field_statistics import FieldStatistics
from instagram_assets.ingest.field_values import MISSING, SOURCE_ERROR
from instagram_assets.ingest.formats import ads, comment_detection, comments
from instagram_assets.ingest.formats.comment_detection import public
from instagram_assets.ingest.formats.field_mapping import AdMapping, CommentMapping, Part, PostMapping, Problem
from instagram_assets.ingest.formats.mapping_table import format_name
from instagram_assets.ingest.formats.registry import format_of
from instagram_assets.ingest.post_rows import to_post_rows
from instagram_assets.ingest.reader.json_values import Record
from instagram_assets.ingest.reader.unflatten import nested
from instagram_assets.ingest.record_source import LandingRow, RecordSource, observed_at_of
from instagram_assets.schemas import POSTS_RAW, PROFILES_RAW, RAW_ADS, RAW_COMMENTS


def to_profile_row(part: Part, index: int, source: RecordSource) -> LandingRow:
    """Convert one profile to a row of PROFILES_RAW; `index` is the position of its record in the file.

    Raises RecordError if it is invalid.
    """
    record, mapping = part.record, part.mapping
    warnings: list[str] = []

    def said(column: str) -> tuple[object, str]:
        return mapping.value(column, record), mapping.name(column, record)

    followers = field_values.parse_count(*said("followers"), warnings)
    if not followers:
        warnings.append(f"{mapping.name('followers', record)}: unknown or zero, so there are no impressions")
    return {
        "account": field_values.parse_account_name(*said("account")),
        "profile_id": field_values.parse_optional_identifier(*said("profile_id")),
        "followers": followers,
        "follows": field_values.parse_count(*said("follows"), warnings),
        "posts_count": field_values.parse_count(*said("posts_count"), warnings),
        "biography": field_values.parse_label(*said("biography"), warnings),
        "private": field_values.parse_flag(*said("private"), warnings),
        "verified": field_values.parse_flag(*said("verified"), warnings),
        "full_name": field_values.parse_label(*said("full_name"), warnings),
        "business": field_values.parse_flag(*said("business"), warnings),
        "category": field_values.parse_label(*said("category"), warnings),
        "external_url": field_values.parse_url(*said("external_url"), warnings),
        "observed_at": source.observed(None, observed_at_of(record, source, warnings) or part.observed_at),
        "extra": field_values.extra_as_json(public(mapping.unknown(record)), warnings) if source.keep_extra else None,
        "warnings": warnings,
        "source_file": source.file,
        "source_sha256": source.sha256,
        "source_index": index,
    }


_OF_COMMENTS = (comment_detection.FORMAT, comments.PAGES)


@dataclass
class NormalizedRecords:
    """Result of normalizing a batch of records: rows for each landing table, problems, and statistics.

    `candidates` counts the parts of records that should have become a row, `formats` the records of each format.
    `unknown` holds names of fields without a column, `fields` the field statistics of each format and kind, such as
    `apify_posts/reel`, without nested records.
    """

    tables: dict[str, pa.Table]
    problems: list[Problem] = field(default_factory=list[Problem])
    formats: Counter[str] = field(default_factory=Counter[str])
    unknown: set[str] = field(default_factory=set[str])
    candidates: int = 0
    fields: dict[str, FieldStatistics] = field(default_factory=dict[str, FieldStatistics])

    def __add__(self, other: "NormalizedRecords") -> "NormalizedRecords":
        tables = {name: pa.concat_tables([table, other.tables[name]]) for name, table in self.tables.items()}
        problems, formats = self.problems + other.problems, self.formats + other.formats
        candidates, fields = self.candidates + other.candidates, dict(self.fields)
        for name, found in other.fields.items():
            fields[name] = fields.get(name, FieldStatistics()) + found
        return NormalizedRecords(tables, problems, formats, self.unknown | other.unknown, candidates, fields)

    def note_fields(self, kind: str, parts: Sequence[Part]) -> None:
        """Add the fields of records of one format and `kind` (post, reel, profile, ad, comment) to the statistics.

        Formats without a name are skipped.
        """
        records, name = [part.record for part in parts if not part.aside], format_name(parts[0].mapping)
        if records and name:
            self.fields.setdefault(f"{name}/{kind}", FieldStatistics()).add(records)


def quarantined_content(problem: Problem) -> str:
    """Return what quarantine stores of a bad record, as JSON text; empty if it stores nothing.

    A record of a known format, or a part of one, is stored without other people's texts and images. Of any other object
    only the keys are stored. Non-objects and text that is not JSON are not stored, since they may be a comment.
    """
    if not isinstance(problem.content, dict):
        return ""
    record: Record = problem.content
    if comment_detection.is_comment(record):
        return ""
    known = problem.known or format_of(record)[0] not in ("", comments.PAGES)
    shown = comment_detection.public(record) if known else comment_detection.outline(record)
    return json.dumps(shown, ensure_ascii=False, sort_keys=True)


def normalize_records(records: Iterable[tuple[int, Record]], source: RecordSource) -> NormalizedRecords:
    """Convert records, given with their positions in the file, to rows; invalid ones become problems.

    A post becomes one row; a profile becomes its own row and one for each post nested in it; an error item of the
    collector becomes a problem `source_error: …`; an ad becomes one row. A comment becomes a row if comments are
    stored, else a problem. All formats follow the same rules.
    """
    result = NormalizedRecords({})
    of_profiles: dict[int, list[Part]] = {}
    of_ads: list[Part] = []
    of_comments: list[tuple[int, Part]] = []
    posts: dict[int, list[tuple[int, Part]]] = {}
    profiles: list[LandingRow] = []
    ad_rows: list[LandingRow] = []
    for index, record in records:
        record = nested(record)
        name, opened = format_of(record)
        result.formats[name] += 1
        try:
            parts = opened(record, source)
            parts = parts if isinstance(parts, tuple) else list(parts)
        except RecordError as error:
            result.candidates += name not in _OF_COMMENTS and not error.reason.startswith(SOURCE_ERROR)
            result.problems.append(Problem(index, error, record))
            continue
        if source.pseudonym_of and not any(isinstance(part.mapping, CommentMapping) for part in parts):
            of_comments += [(index, part) for part in comments.parts_in(record)]
        for part in parts:
            if isinstance(part.mapping, CommentMapping):
                of_comments.append((index, part))
                continue
            if part.path and comment_detection.is_comment(part.record):
                result.problems.append(Problem(index, RecordError(part.path, comment_detection.DROPPED), None))
                continue
            result.candidates += not part.aside
            if isinstance(part.mapping, PostMapping):
                posts.setdefault(id(part.mapping), []).append((index, part))
                continue
            try:
                if isinstance(part.mapping, AdMapping):
                    of_ads.append(part._replace(record=ads.fields_of(part.record)))
                    ad_rows.append(to_ad_row(part, index, source))
                else:
                    of_profiles.setdefault(id(part.mapping), []).append(part)
                    profiles.append(to_profile_row(part, index, source))
                result.unknown |= part.mapping.unknown(part.record).keys()
            except RecordError as error:
                result.problems.append(_problem(index, part, error))
    for of_one_shape in of_profiles.values():
        result.note_fields("profile", of_one_shape)
    if of_ads:
        result.note_fields("ad", of_ads)
    tables = [_posts(found, source, result, of_comments) for found in posts.values()]
    both = pa.concat_tables([POSTS_RAW.empty(), *tables])
    result.tables["posts"], result.tables["reels"] = split_posts_and_reels(both)
    result.tables["profiles"] = PROFILES_RAW.table(profiles)
    result.tables["ads"] = RAW_ADS.table(ad_rows)
    result.tables["comments"] = _comments(of_comments, source, result)
    return result


def _comments(found: Sequence[tuple[int, Part]], source: RecordSource, result: NormalizedRecords) -> pa.Table:
    """Convert comments to rows of RAW_COMMENTS; an invalid one becomes a problem without its content.

    Returns no rows if comments are dropped.
    """
    if not found or source.pseudonym_of is None:
        return RAW_COMMENTS.empty()
    _meet(found, result, source)
    rows: list[LandingRow] = []
    for index, part in found:
        result.candidates += not part.aside
        try:
            rows.append(to_comment_row(part, index, source, source.pseudonym_of))
        except RecordError as error:
            result.problems.append(_problem(index, part, error)._replace(content=None))
    result.note_fields("comment", [part for _, part in found])
    return RAW_COMMENTS.table(rows)


def _meet(found: Sequence[tuple[int, Part]], result: NormalizedRecords, source: RecordSource) -> None:
    """Add owners, commenters and mentioned accounts to `source.people`, the account names masked in comments."""
    posts = [result.tables[kind] for kind in ("posts", "reels")]
    source.people.update(*(people_in_posts(table) for table in posts))
    for _, part in found:
        source.people.update(people_around_comment(part))


def _posts(
    found: Sequence[tuple[int, Part]],
    source: RecordSource,
    result: NormalizedRecords,
    of_comments: list[tuple[int, Part]],
) -> pa.Table:
    """Convert posts of one format to rows of POSTS_RAW.

    The comments nested in them are appended to `of_comments` if comments are stored.
    """
    mapping = cast(PostMapping, found[0][1].mapping)
    if mapping.join:
        found = _joined(found, mapping, mapping.join)
    indexes, parts = zip(*found, strict=True)
    made = to_post_rows(parts, indexes, mapping, source)
    result.unknown |= made.unknown
    for kind in sorted(set(made.kinds)):
        result.note_fields(kind, [part for part, of in zip(parts, made.kinds, strict=True) if of == kind])
    result.problems += [_problem(indexes[row], parts[row], error) for row, error in sorted(made.errors.items())]
    if source.pseudonym_of:
        good = [pair for row, pair in enumerate(found) if row not in made.errors]
        of_comments += _below(good, made.rows)
    return made.rows if not any(part.twin for part in parts) else made.rows.filter(_firsts(indexes, parts, made.errors))


def _below(posts: Sequence[tuple[int, Part]], rows: pa.Table) -> Iterator[tuple[int, Part]]:
    """Yield the comments nested in posts, with id, shortcode and account of the post from its row."""
    above = rows.select(list(comments.Around._fields)).to_pylist()
    for (index, part), around in zip(posts, above, strict=True):
        for comment in comments.below_post(part.record, part.path, comments.Around(**around)):
            yield index, comment


def _joined(
    found: Sequence[tuple[int, Part]], mapping: PostMapping, join: Callable[[Sequence[Record]], Record]
) -> list[tuple[int, Part]]:
    """Merge the records of each post into one, at the position of its first record."""
    posts: dict[tuple[object, ...], list[tuple[int, Part]]] = {}
    for index, part in found:
        ids = [str(mapping.value(name, part.record)) for name in ("post_id", "shortcode")]
        key = (*ids, part.account, part.observed_at)
        posts.setdefault(key, []).append((index, part))
    return [(of[0][0], of[0][1]._replace(record=join([part.record for _, part in of]))) for of in posts.values()]


def _firsts(indexes: Sequence[int], parts: Sequence[Part], bad: Collection[int]) -> pa.Array:
    """Return a mask over the valid posts (rows not in `bad`): True for the first of each set of duplicates."""
    good = [(indexes[row], part.twin or row) for row, part in enumerate(parts) if row not in bad]
    first = {twins: place for place, twins in reversed(list(enumerate(good)))}
    return pa.array([first[twins] == place for place, twins in enumerate(good)], pa.bool_())


def split_posts_and_reels(rows: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Split rows of POSTS_RAW into posts and reels."""
    reels: Any = compute.equal(rows["kind"], "reel")
    number = compute.sum(reels).as_py() or 0
    if number in (0, rows.num_rows):
        return (rows.slice(0, rows.num_rows - number), rows.slice(0, number))
    return rows.filter(compute.invert(reels)), rows.filter(reels)


def _problem(index: int, part: Part, error: RecordError) -> Problem:
    lacks = error.field if error.reason == MISSING and not part.aside else ""
    place = RecordError(f"{part.path}.{error.field}".strip("."), error.reason)
    return Problem(index, place, part.record, lacks, known=True)
