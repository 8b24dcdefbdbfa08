"""Checks tell broken data apart from odd data, and read only the cells of their run."""

from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from instagram_assets.automation.checks import broken_promises, captioned, each_post_once, known_parts_of_speech
from instagram_assets.automation.shell_runs import bring_up_to_date, land, run_job
from instagram_assets.definitions import defs
from instagram_assets.schemas import CAPTIONS, POSTS, TOKENS
from instagram_assets_tests.conftest import export, post

ROW = {
    "post_id": "1",
    "account": "sun",
    "day": date(2026, 10, 20),
    "kind": "post",
    "taken_at": datetime(2026, 10, 20, tzinfo=UTC),
    "observed_at": datetime(2026, 11, 1, tzinfo=UTC),
}


def test_a_sound_table_breaks_no_promise() -> None:
    assert broken_promises(POSTS.table([dict(ROW)])) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"post_id": None}, "post_id is null in 1 rows"),
        ({"kind": "story"}, "kind is 'story'"),
        ({"taken_at": None}, "taken_at is null in 1 rows"),
    ],
)
def test_a_broken_promise_is_told_in_words(change: dict[str, object], problem: str) -> None:
    assert broken_promises(POSTS.table([ROW | change])) == [problem]


def test_a_missing_column_is_told_in_words() -> None:
    assert broken_promises(POSTS.table([dict(ROW)]).drop_columns(["likes"])) == ["column likes is missing"]


def test_a_wrong_type_is_told_in_words() -> None:
    table = POSTS.table([dict(ROW)])
    wrong = table.set_column(table.column_names.index("likes"), "likes", pa.array(["many"]))
    assert broken_promises(wrong) == ["column likes is string, not int64"]


def test_a_broken_schema_blocks_what_comes_after() -> None:
    [spec] = [spec for spec in defs.resolve_asset_graph().asset_check_keys if spec.name == "schema"]
    assert defs.resolve_asset_graph().get(spec).blocking


@pytest.mark.parametrize(
    ("rows", "passed"),
    [([ROW], True), ([ROW, ROW], False), ([ROW | {"day": date(2026, 10, 21)}], False)],
)
def test_doubled_and_misplaced_posts_are_a_warning(rows: list[dict[str, object]], passed: bool) -> None:
    result = each_post_once(POSTS.table([dict(row) for row in rows]))
    assert (result.passed, result.severity) == (passed, dg.AssetCheckSeverity.WARN)


def test_checks_read_only_the_cells_of_their_run(instance: dg.DagsterInstance, data_dir: Path) -> None:
    land(instance, [export(data_dir / "a.json", [post(1, day="2026-09-20")])])
    bring_up_to_date(instance)
    broken = data_dir / "lake/posts/sun_diary/2026-09.parquet"
    broken.write_bytes(b"not Parquet")
    land(instance, [export(data_dir / "b.json", [post(2, day="2026-10-25")])])
    assert bring_up_to_date(instance) == 1


def test_no_run_lists_every_account_and_day(
    instance: dg.DagsterInstance, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(instance, [export(data_dir / "a.json", [post(1)])])
    bring_up_to_date(instance)  # so that there is something to be the input of the next
    land(instance, [export(data_dir / "b.json", [post(2, day="2026-10-25")])])

    def listed(*_: object, **__: object) -> None:
        pytest.fail("every account × day was listed")

    monkeypatch.setattr(dg.MultiPartitionsDefinition, "get_partition_keys", listed)
    assert bring_up_to_date(instance) == 1
    run_job(instance, "datasets")


def test_many_quarantined_records_are_a_warning(instance: dg.DagsterInstance, data_dir: Path) -> None:
    good = [post(number) for number in range(4)]
    land(instance, [export(data_dir / "a.json", [*good, {"error": "not_found", "errorDescription": "gone"}])])
    key = dg.AssetCheckKey(dg.AssetKey("landed_files"), "quarantined")
    record = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)[0]
    assert record.event
    assert record.event.dagster_event
    evaluation = record.event.dagster_event.asset_check_evaluation_data
    assert (evaluation.passed, evaluation.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert evaluation.metadata["share"].value == 0.2


def test_a_renamed_or_retyped_field_is_a_warning_that_names_it_and_a_new_one_is_none(
    instance: dg.DagsterInstance, data_dir: Path
) -> None:
    def checked() -> tuple[bool, dict[str, object]]:
        key = dg.AssetCheckKey(dg.AssetKey("landed_files"), "fields_as_before")
        record = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)[0]
        assert record.event
        assert record.event.dagster_event
        evaluation = record.event.dagster_event.asset_check_evaluation_data
        assert evaluation.severity == dg.AssetCheckSeverity.WARN
        return evaluation.passed, {name: value.value for name, value in evaluation.metadata.items()}

    land(instance, [export(data_dir / "a.json", [post(1), post(2)])])
    assert checked() == (True, {"missing fields": [], "new fields": [], "retyped fields": []})
    land(instance, [export(data_dir / "b.json", [post(3, moonPhase=1), post(4, moonPhase=2)])])
    passed, told = checked()
    assert (passed, told["new fields"]) == (True, ["b.json, apify_posts post: new moonPhase"])
    renamed = post(5, comment_count=2, likesCount="10")
    del renamed["commentsCount"]
    land(instance, [export(data_dir / "c.json", [renamed])])
    passed, told = checked()
    assert not passed
    assert told["missing fields"] == ["c.json, apify_posts post: missing commentsCount (column comments)"]
    assert told["retyped fields"] == ["c.json, apify_posts post: retyped likesCount (column likes): number → string"]
    landed = instance.get_latest_materialization_event(dg.AssetKey("landed_files"))
    assert landed
    assert landed.asset_materialization
    metadata = {name: value.value for name, value in landed.asset_materialization.metadata.items()}
    assert [metadata[f"{kind} fields"] for kind in ("missing", "new", "retyped")] == [1, 1, 1]
    assert metadata["drift"][0] == {  # pyright: ignore[reportIndexIssue, reportOptionalSubscript, reportArgumentType]
        "file": "c.json",
        "format": "apify_posts",
        "kind": "post",
        "change": "missing",
        "field": "commentsCount",
        "column": "comments",
        "before": "number",
    }


@pytest.mark.parametrize(("failed", "passed"), [(0, True), (1, True), (2, False)])
def test_failed_captions_are_a_warning_and_skipped_ones_do_not_count(failed: int, passed: bool) -> None:
    statuses = ["skipped"] * 50 + ["failed"] * failed + ["ok"] * (10 - failed)
    rows: list[dict[str, object]] = [
        {"post_id": str(number), "account": "sun", "position": 0, "status": status}
        for number, status in enumerate(statuses)
    ]
    result = captioned(CAPTIONS.table(rows))
    assert (result.passed, result.severity) == (passed, dg.AssetCheckSeverity.WARN)


@pytest.mark.parametrize(("pos", "strange"), [("noun", []), ("nuon", ["nuon"])])
def test_an_unknown_part_of_speech_is_a_warning(pos: str, strange: list[str]) -> None:
    words = [{"word": "아기", "pos": "noun"}, {"word": "산책", "pos": pos}]
    rows: list[dict[str, object]] = [{"post_id": "1", "tokens": words}, {"post_id": "2", "tokens": []}]
    result = known_parts_of_speech(TOKENS.table(rows))
    assert (result.passed, result.severity) == (not strange, dg.AssetCheckSeverity.WARN)
    assert result.metadata["unknown parts of speech"].value == strange
