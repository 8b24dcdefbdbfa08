"""The mapping that is shown is the one by which records are read."""

import pytest

from instagram_assets.ingest.formats import apify, nested_posts
from instagram_assets.ingest.formats.mapping_table import (
    CONTRACT_OF_KIND,
    FIELD_MAPPINGS,
    columns_of,
    format_name,
    kind_of,
    mapping_table,
)
from instagram_assets.ingest.formats.registry import FORMATS
from instagram_assets.ingest.normalize import normalize_records
from instagram_assets_tests.ingest.records import post, source


def test_every_shape_by_which_records_are_read_has_a_name() -> None:
    assert {format_name(mapping) for _, _, mapping in nested_posts.POST_FORMATS} <= {name for name, _, _ in FORMATS} | {
        "apify_overview"
    }
    assert "" not in {
        format_name(mapping) for _, _, mapping in (*nested_posts.POST_FORMATS, *nested_posts.PROFILE_FORMATS)
    }
    assert len({id(mapping) for _, mapping in FIELD_MAPPINGS}) == len(FIELD_MAPPINGS)
    assert len({(name, kind_of(mapping)) for name, mapping in FIELD_MAPPINGS}) == len(FIELD_MAPPINGS)


def test_every_row_of_the_mapping_is_a_column_with_its_type_and_fields() -> None:
    for row in mapping_table():
        assert row.type == str(CONTRACT_OF_KIND[row.kind].schema.field(row.column).type)
        assert row.fields


def test_no_field_of_a_shape_is_left_out_of_the_mapping() -> None:
    of_our_own = {"likes_hidden"}
    for name, mapping in FIELD_MAPPINGS:
        shown = {row.column for row in mapping_table() if (row.format, row.kind) == (name, kind_of(mapping))}
        assert set(mapping.fields) - of_our_own <= shown | of_our_own


@pytest.mark.parametrize(("field", "column"), [("likesCount", "likes"), ("commentsCount", "comments"), ("alt", "alt")])
def test_a_field_goes_into_the_column_that_the_mapping_names(field: str, column: str) -> None:
    assert columns_of("apify_posts", "post")[field] == column
    value: object = "고양이" if field == "alt" else 4711
    result = normalize_records([(0, post(**{field: value}))], source())
    assert result.tables["posts"][column].to_pylist() == [value]


def test_places_inside_of_a_field_are_told_whole_and_found_by_the_field() -> None:
    rows = {row.column: row for row in mapping_table() if row.format == "graph_nodes"}
    assert all("." in place or place.isidentifier() for row in rows.values() for place in row.fields)
    assert columns_of("graph_nodes", "post")["edge_media_to_caption"] == "caption"


def test_of_a_computed_column_the_mapping_says_so() -> None:
    rows = {row.column: row for row in mapping_table() if row.format == "apify_overview"}
    assert rows["post_id"].computed
    assert not rows["likes"].computed
    assert rows["media"].fields == tuple(dict.fromkeys(apify.OVERVIEW.media_fields))
