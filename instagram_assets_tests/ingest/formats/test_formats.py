"""Every format follows the same rules: whatever a record holds, it becomes rows of the contract or an error."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instagram_assets.ingest.normalize import format_of, normalize_records
from instagram_assets.ingest.reader.json_values import BadRecord
from instagram_assets.ingest.reader.record_reader import read_records
from instagram_assets.schemas import CONTRACTS
from instagram_assets_tests.ingest.formats.writers import ALBUM, WRITERS, gallery_dl
from instagram_assets_tests.ingest.records import LIMITS, errors_of, rows_of, source
from instagram_assets_tests.ingest.test_golden import EXPORTS, GOLDEN
from instagram_assets_tests.ingest.test_normalize import ANYTHING

RECORDS = [
    *(
        pytest.param(record, id=f"{path.stem}-{index}")
        for path in EXPORTS
        for index, record in read_records(path, LIMITS)
        if not isinstance(record, BadRecord)
    ),
    *(pytest.param(write(ALBUM), id=name) for name, write in WRITERS.items()),
    *(pytest.param(file, id=f"gallery_dl-{number}") for number, file in enumerate(gallery_dl(ALBUM))),
]


def golden(name: str) -> Any:
    (path,) = GOLDEN.glob(f"{name}_2025-??-??.json")
    return json.loads(path.read_text("utf-8"))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value, as the keys that lead there."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, inner in inside for found in [(*path, key), *places(inner, (*path, key))]]


def changed(record: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """A copy of a record with another value at one place; the place is gone when the value is ..."""
    record = copy.deepcopy(record)
    inner: Any = record
    for key in path[:-1]:
        inner = inner[key]
    if value is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return record


@pytest.mark.parametrize("record", RECORDS)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_change_at_any_place_gives_rows_of_the_contract_or_an_error(record: dict[str, Any], data: Any) -> None:
    path = data.draw(st.sampled_from(places(record)))
    result = normalize_records([(3, changed(record, path, data.draw(ANYTHING | st.just(...))))], source())
    assert all(problem.error.reason for problem in result.problems)
    for name, table in result.tables.items():
        assert table.schema.equals(CONTRACTS[f"raw_{name}"].schema)
        table.validate(full=True)
        for row in table.to_pylist():
            json.dumps(row, default=str).encode()
            assert row["account"]


def test_ids_of_timelines_are_the_number_of_the_post_alone() -> None:
    items = golden("timeline_items")
    for item in (items[2], {**items[2], "pk": 3665615318489299484}, {**items[2], "id": "3665615318489299484"}):
        (landed,) = rows_of(item)
        assert landed.row["post_id"] == "3665615318489299484"
    assert rows_of(items[2])[0].row["owner_id"] == "71000001001"


def test_likes_that_instagram_hides_are_unknown_even_when_a_number_came_along() -> None:
    (landed,) = rows_of(golden("timeline_clips"))
    assert (landed.table, landed.row["likes"], landed.row["likes_hidden"]) == ("reels", None, True)


@pytest.mark.parametrize(
    ("answer", "field", "reason"),
    [
        ({"data": {"user": None}, "status": "ok"}, "data.user", "source_error: there is no such profile"),
        ({"message": "checkpoint_required", "status": "fail"}, "status", "source_error: checkpoint_required"),
        ({"status": "fail"}, "status", "source_error: no reason given"),
        ({"data": {"user": {"username": "../x", "edge_follow": 1}}}, "data.user.username", "is no account name"),
        ({"node": {}, "instaloader": {"node_type": "Hashtag"}}, "instaloader.node_type", "neither Post nor Profile"),
        ({"a": 1}, "", "is no post, reel or profile that we know"),
    ],
)
def test_what_is_no_post_says_why(answer: dict[str, Any], field: str, reason: str) -> None:
    (error,) = errors_of(answer)
    assert error.field == field
    assert reason in error.reason


@pytest.mark.parametrize(
    ("wrap", "name"),
    [
        (lambda node: node, "graph_nodes"),
        (lambda node: {"node": node}, "pages"),
        (lambda node: {"data": {"xdt_shortcode_media": node}}, "pages"),
        (lambda node: {"data": {"user": {"edge_owner_to_timeline_media": {"edges": [{"node": node}]}}}}, "pages"),
        (lambda node: {"edge_owner_to_timeline_media": {"edges": [{"node": node}]}}, "pages"),
        (lambda node: {"node": node, "instaloader": {"node_type": "Post"}}, "instaloader"),
    ],
)
def test_a_node_is_the_same_post_however_it_is_wrapped(wrap: Any, name: str) -> None:
    node = golden("instaloader_graph")["node"]
    record = wrap(node)
    assert format_of(record)[0] == name
    assert rows_of(record) == rows_of(node)


def test_a_bad_post_on_a_page_leaves_the_others() -> None:
    page = golden("timeline_connection")
    assert len(rows_of(page)) == 1
    (error,) = errors_of(page)
    assert error.field.endswith("edges[1].node.taken_at")


@pytest.mark.parametrize(
    ("format_", "user"), [("web_profile", ("data", "user")), ("instaloader_profile", ("node",))], ids=["web", "file"]
)
def test_a_video_that_stands_in_two_lists_of_a_profile_is_a_row_when_one_of_them_is_good(
    format_: str, user: tuple[str, ...]
) -> None:
    answer = golden(format_)
    node = answer
    for key in user:
        node = node[key]
    video = node["edge_owner_to_timeline_media"]["edges"][0]
    node["edge_felix_video_timeline"] = {"edges": [copy.deepcopy(video)]}
    whole = rows_of(answer)
    assert len({landed.row.get("post_id") for landed in whole}) == len(whole)
    bad = changed(answer, (*user, "edge_owner_to_timeline_media", "edges", 0, "node", "owner", "username"), -1)
    assert {landed.row.get("post_id") for landed in rows_of(bad)} == {landed.row.get("post_id") for landed in whole}
    (error,) = errors_of(bad)
    assert error.field.endswith("edges[0].node.owner.username")


def test_a_profile_that_cannot_be_used_still_brings_its_posts() -> None:
    answer = changed(golden("web_profile"), ("data", "user", "edge_followed_by", "count"), "many")
    assert [landed.table for landed in rows_of(answer)] == ["posts", "posts", "reels"]
    assert [error.field for error in errors_of(answer)] == ["data.user.edge_followed_by.count"]
