"""Words in the lake: made with every box, counted when asked, shown in the UI, and printed by the shell."""

import csv
import os
from collections.abc import Mapping
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner

from instagram_assets.automation import shell_runs
from instagram_assets.cli import app
from instagram_assets.settings import settings
from instagram_assets.storage.lake import open_lake, read_table
from instagram_assets.storage.sql_views import read_view
from instagram_assets_tests import commands
from instagram_assets_tests.conftest import export, post

CELLS = ("account", "day")
WRITTEN = [
    post(1, caption="딸기 먹고 산책했어요 #육아일기 😊"),
    post(2, caption="딸기 딸기 ㅋㅋㅋㅋ", day="2026-10-21"),
    post(3, caption="", day="2026-10-21"),
    post(4, caption=None, day="2026-10-21"),
    post(5, account="sea.mom", caption="비가 와서 집에서 놀았다"),
]


@pytest.fixture
def ingested(instance: dg.DagsterInstance, tmp_path: Path) -> dg.DagsterInstance:
    shell_runs.land(instance, [export(tmp_path / "posts.json", WRITTEN)], "2026-11-01T00:00:00Z")
    shell_runs.bring_up_to_date(instance)
    return instance


def test_a_box_makes_words_and_their_counts(ingested: dg.DagsterInstance) -> None:
    tokens = read_table(open_lake(settings()), "tokens").to_pylist()
    assert {row["post_id"]: row["nouns"] for row in tokens} == {
        "10001": ["딸기", "산책"],
        "10002": ["딸기", "딸기"],
        "10005": ["비", "집"],
    }
    counts = read_view(open_lake(settings()), "token_counts").to_pylist()
    found = [(row["day"].isoformat(), row["count"], row["posts"]) for row in counts if row["word"] == "딸기"]
    assert found == [("2026-10-20", 1, 1), ("2026-10-21", 2, 1)]


def test_numbers_and_pictures_are_shown(ingested: dg.DagsterInstance, data_dir: Path) -> None:
    (event,) = ingested.fetch_observations(dg.AssetKey("tokens"), limit=1).records
    assert event.asset_observation
    assert event.asset_observation.metadata["with a caption"].value == 3
    assert event.asset_observation.metadata["ko"].value == 3
    shell_runs.run_job(ingested, "datasets", assets=[dg.AssetKey("token_counts")])
    shown = last_shown(ingested, "token_counts")
    assert shown["dagster/row_count"].value == read_view(open_lake(settings()), "token_counts").num_rows
    assert shown["written"].value == 21
    assert float(str(shown["part of noun"].value)) > 0
    assert 0 < float(str(shown["part of the top 10 % of words"].value)) < 1
    assert str(shown["word cloud"].value).startswith("![word cloud](data:image/png;base64,")
    for title in ("parts-of-speech", "top-words", "top-words-of-sea.mom", "vocabulary", "word-cloud"):
        assert (data_dir / "reports" / f"token_counts-{title}.png").read_bytes().startswith(b"\x89PNG")
    assert not (open_lake(settings()) / "token_counts").exists()


def test_the_page_of_an_asset_shows_the_pictures_of_the_newest_run_and_no_other_cell_pays_for_them(
    ingested: dg.DagsterInstance,
) -> None:
    made = ingested.fetch_materializations(dg.AssetKey("tokens"), limit=10).records
    shown = [record.asset_materialization.metadata for record in made if record.asset_materialization]
    assert len(shown) == 3, "one cell of the box has no posts, and is not stored"
    assert str(shown[0]["languages"].value).startswith("![languages](data:image/png;base64,")
    assert shown[0]["the pictures show"].value == "all partitions of the run that made this one"
    assert Path(str(shown[0]["languages: file"].value)).read_bytes().startswith(b"\x89PNG")
    assert [set(others) for others in shown[1:]] == 2 * [{"dagster/partition_row_count"}]
    page = ingested.get_latest_materialization_event(dg.AssetKey("tokens"))
    assert page
    assert page.asset_materialization
    assert "languages" in page.asset_materialization.metadata


def test_a_view_that_was_a_table_per_account_and_day_is_made_as_a_whole(ingested: dg.DagsterInstance) -> None:
    key = dg.AssetKey("token_counts")
    for partition in ("sun_diary|2026-10-20", "sun_diary|2026-10-21", "sea.mom|2026-10-20"):
        ingested.report_runless_asset_event(dg.AssetMaterialization(key, partition=partition))
    shell_runs.run_job(ingested, "datasets", assets=[key])
    assert last_shown(ingested, "token_counts")["written"].value == 21


def last_shown(instance: dg.DagsterInstance, name: str) -> Mapping[str, dg.MetadataValue]:
    """The metadata of an asset's newest materialization."""
    event = instance.get_latest_materialization_event(dg.AssetKey(name))
    assert event
    assert event.asset_materialization
    assert event.asset_materialization.partition is None
    return event.asset_materialization.metadata


def test_the_shell_shows_words_per_account_and_over_time(ingested: dg.DagsterInstance) -> None:
    environment = {"COLUMNS": "120"}
    everything = CliRunner().invoke(app, ["words"], env=environment)
    assert everything.exit_code == 0, everything.output
    assert "딸기 3" in everything.output
    for line in ("all", "sea.mom", "sun_diary", "2026-10-20", "2026-10-21"):
        assert line in everything.output
    one = CliRunner().invoke(
        app, ["words", "--accounts", "sun_diary", "--days", "2026-10-21", "--pos", "interjection"], env=environment
    )
    assert "ㅋㅋ 1" in one.output
    assert "딸기" not in one.output
    assert "2026-10-20" not in one.output
    table = CliRunner().invoke(app, ["words", "--csv", "--pos", "noun"]).output
    lines = list(csv.DictReader(table.splitlines()))
    assert {"by": "account", "of": "all", "word": "딸기", "count": "3"} in lines
    assert {"by": "time", "of": "2026-10-21", "word": "딸기", "count": "2"} in lines


def test_the_shell_says_what_is_wrong_with_a_choice(ingested: dg.DagsterInstance) -> None:
    for arguments, problem in (
        (["--pos", "nouns"], "no such part of speech. There are: noun"),
        (["--accounts", "nobody"], "not a known account: nobody"),
        (["--days", "2026-02-30"], "not a day"),
        (["--days", "2026-10-25"], "nothing was written then"),
    ):
        done = CliRunner().invoke(app, ["words", *arguments], env={"COLUMNS": "200"})
        assert done.exit_code == 1
        assert problem in done.output


def test_a_damaged_file_is_told_by_the_shell_in_one_line(ingested: dg.DagsterInstance) -> None:
    for file in Path(str(open_lake(settings()))).rglob("*.parquet"):
        if "tokens" in str(file):
            file.write_bytes(b"not Parquet")
    done = commands.run("words", cwd=Path.cwd(), environment={**os.environ, "COLUMNS": "1000"})
    assert done.returncode == 1
    assert "damaged or unreadable" in done.stderr
    assert "materialize tokens" in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr


def test_an_empty_lake_says_how_to_fill_it(data_dir: Path) -> None:
    done = CliRunner().invoke(app, ["words"])
    assert done.exit_code == 1
    assert "No words were counted yet" in done.output


def test_okt_is_chosen_by_a_setting(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from instagram_assets.settings import settings

    monkeypatch.setenv("INSTAGRAM_ASSETS_TEXT__TOKENIZER", "okt")
    settings.cache_clear()
    shell_runs.land(instance, [export(tmp_path / "posts.json", WRITTEN)], "2026-11-01T00:00:00Z")
    shell_runs.bring_up_to_date(instance)
    rows = read_table(open_lake(settings()), "tokens").to_pylist()
    assert rows[0]["tokenizer"].startswith("okt 0.6")
    assert {row["post_id"]: row["nouns"] for row in rows}["10001"] == ["딸기", "산책"]


def test_a_bad_words_file_fails_the_run_with_its_key(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from instagram_assets.settings import settings

    words = tmp_path / "mine.toml"
    words.write_text("stop = [3]", "utf-8")
    monkeypatch.setenv("INSTAGRAM_ASSETS_TEXT__WORDS_FILE", str(words))
    settings.cache_clear()
    shell_runs.land(instance, [export(tmp_path / "posts.json", WRITTEN)], "2026-11-01T00:00:00Z")
    with pytest.raises(shell_runs.RunFailedError, match=r"mine\.toml, stop, word 1: 3 is no text"):
        shell_runs.bring_up_to_date(instance)
