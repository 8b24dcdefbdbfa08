"""Words in the lake: made with every box, shown in the UI, and printed by the shell."""

from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner

from instagram_assets import runs
from instagram_assets.cli import app
from instagram_assets.storage.lake import lake, read_table
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
    runs.land(instance, [export(tmp_path / "posts.json", WRITTEN)], "2026-11-01T00:00:00Z")
    runs.bring_up_to_date(instance)
    return instance


def test_a_box_makes_words_and_their_counts(ingested: dg.DagsterInstance) -> None:
    tokens = read_table(lake(), "tokens").to_pylist()
    assert {row["post_id"]: row["nouns"] for row in tokens} == {
        "10001": ["딸기", "산책"],
        "10002": ["딸기", "딸기"],
        "10005": ["비", "집"],
    }
    counts = read_table(lake(), "token_counts").to_pylist()
    found = [(row["day"].isoformat(), row["count"], row["posts"]) for row in counts if row["word"] == "딸기"]
    assert found == [("2026-10-20", 1, 1), ("2026-10-21", 2, 1)]


def test_numbers_and_pictures_are_shown(ingested: dg.DagsterInstance, data_dir: Path) -> None:
    shown = {}
    for name in ("tokens", "token_counts"):
        key = dg.AssetKey(name)
        (event,) = ingested.fetch_observations(key, limit=1).records
        assert event.asset_observation
        shown[name] = event.asset_observation.metadata
    assert shown["tokens"]["with a caption"].value == 3
    assert shown["tokens"]["ko"].value == 3
    assert shown["token_counts"]["part of noun"].value > 0
    assert 0 < shown["token_counts"]["part of the top 10 % of words"].value < 1
    for title in ("parts-of-speech", "top-words", "top-words-of-sea.mom", "vocabulary", "word-cloud"):
        assert (data_dir / "reports" / f"token_counts-{title}.png").read_bytes().startswith(b"\x89PNG")


def test_every_word_is_in_a_count(ingested: dg.DagsterInstance) -> None:
    key = dg.AssetCheckKey(dg.AssetKey("token_counts"), "every_word_counted")
    record = ingested.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    assert record.event
    evaluation = record.event.asset_check_evaluation
    assert evaluation
    assert evaluation.passed
    written, in_counts = (evaluation.metadata[name].value for name in ("written", "counted"))
    assert written == in_counts == 21


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
    runs.land(instance, [export(tmp_path / "posts.json", WRITTEN)], "2026-11-01T00:00:00Z")
    runs.bring_up_to_date(instance)
    rows = read_table(lake(), "tokens").to_pylist()
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
    runs.land(instance, [export(tmp_path / "posts.json", WRITTEN)], "2026-11-01T00:00:00Z")
    with pytest.raises(runs.RunFailedError, match=r"mine\.toml, stop, word 1: 3 is no text"):
        runs.bring_up_to_date(instance)
