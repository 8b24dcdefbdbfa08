"""Profiles of any shape as rows of PROFILES_RAW."""

from instagram_assets.ingest import values
from instagram_assets.ingest.formats.comments import public
from instagram_assets.ingest.formats.shapes import Part
from instagram_assets.ingest.source import Row, Source, said_at


def profile_row(part: Part, index: int, source: Source) -> Row:
    """One profile as a row. Raises RecordError when it cannot be used; `index` is its record's place in the file."""
    record, shape = part.record, part.shape
    warnings: list[str] = []

    def said(column: str) -> tuple[object, str]:
        return shape.value(column, record), shape.name(column, record)

    followers = values.count(*said("followers"), warnings)
    if not followers:
        warnings.append(f"{shape.name('followers', record)}: unknown or zero, so there are no impressions")
    return {
        "account": values.account_name(*said("account")),
        "profile_id": values.optional_identifier(*said("profile_id")),
        "followers": followers,
        "follows": values.count(*said("follows"), warnings),
        "posts_count": values.count(*said("posts_count"), warnings),
        "biography": values.label(*said("biography"), warnings),
        "private": values.flag(*said("private"), warnings),
        "verified": values.flag(*said("verified"), warnings),
        "full_name": values.label(*said("full_name"), warnings),
        "business": values.flag(*said("business"), warnings),
        "category": values.label(*said("category"), warnings),
        "external_url": values.address(*said("external_url"), warnings),
        "observed_at": source.observed(None, said_at(record, source, warnings) or part.observed_at),
        "extra": values.as_json(public(shape.unknown(record)), warnings) if source.keep_extra else None,
        "warnings": warnings,
        "source_file": source.file,
        "source_sha256": source.sha256,
        "source_index": index,
    }
