"""Viral labels are made from the whole lake at once, shown in the UI, and asked from a shell."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner

from instagram_assets.automation import shell_runs
from instagram_assets.cli import app
from instagram_assets.schemas import POSTS
from instagram_assets.settings import settings
from instagram_assets.storage.lake import open_lake, read_table
from instagram_assets.storage.lake_writer import write_cells
from instagram_assets_tests.ingest.formats.tables import as_xlsx
from instagram_assets_tests.ingest.records import write

DAY = date(2026, 10, 20)
EARLY = datetime(2026, 10, 19, 16, tzinfo=UTC)
"""One at night on DAY in Seoul."""
KEY = dg.AssetKey("viral_labels")
LIKES = {"sun_diary": [10, 20, 30, 40, 900], "sea.mom": [5, 5, 5, 5, 5], "mina.draws": [1, 2]}


@pytest.fixture
def lake(data_dir: Path) -> None:
    """A lake of three accounts, one of which has a viral post and one too few posts."""
    rows: list[dict[str, object]] = [
        {
            "account": account,
            "day": DAY,
            "post_id": f"{account}{number}",
            "kind": "post",
            "url": f"https://www.instagram.com/p/{account}{number}/",
            "taken_at": EARLY + timedelta(minutes=number),
            "observed_at": EARLY + timedelta(days=9),
            "likes": likes,
            "likes_hidden": False,
            "comments": 1,
        }
        for account, numbers in LIKES.items()
        for number, likes in enumerate(numbers)
    ]
    write_cells(open_lake(settings()), "posts", LIKES, (DAY, DAY), POSTS.table(rows))


def test_the_labels_of_the_lake_are_stored_with_their_rule_and_drawn(
    instance: dg.DagsterInstance, data_dir: Path, lake: None
) -> None:
    shell_runs.run_job(instance, "datasets", assets=[KEY])
    rows = read_table(open_lake(settings()), "viral_labels").to_pylist()
    assert [row["id"] for row in rows if row["viral"]] == ["sun_diary4"]
    assert {row["account"] for row in rows if row["viral"] is None} == {"mina.draws"}
    assert {row["rule"] for row in rows} == {"top_fraction 0.2 of engagement by account"}
    event = instance.get_latest_materialization_event(KEY)
    assert event
    assert event.asset_materialization
    shown = {title: value.value for title, value in event.asset_materialization.metadata.items()}
    assert (shown["labels"], shown["viral"], shown["cannot be told"]) == (12, 1, 2)
    assert "timeline of sun_diary" in shown
    assert (data_dir / "reports" / "viral_labels-timeline-of-sun_diary.png").read_bytes().startswith(b"\x89PNG")


def test_a_table_of_ads_lands_and_ends_at_its_labels(instance: dg.DagsterInstance, data_dir: Path) -> None:
    names = ["Post URL", "Captions", "Views", "Likes", "Comments", "Date"]
    rows = [[f"https://a.example/{n}", "간식", 100 * n, 10 * n, 1, datetime(2025, 7, 1 + n)] for n in range(6)]
    write(data_dir / "inbox", as_xlsx([names, *rows, ["Total", None, 1500, 150, 6, None]]), "ads.xlsx")
    shell_runs.run_job(instance, "landing")
    assert read_table(open_lake(settings()), "raw_ads").num_rows == 6
    shell_runs.finish(instance)
    labels = read_table(open_lake(settings()), "viral_labels").to_pylist()
    assert [row["id"] for row in labels if row["viral"]] == ["https://a.example/5"]
    assert {row["kind"] for row in labels} == {"ad"}
    assert not (open_lake(settings()) / "posts").exists()
    made = instance.get_latest_materialization_event(dg.AssetKey("raw_ads"))
    # Nothing new: the ads are not made again, so what is made of them is not, either.
    shell_runs.run_job(instance, "landing")
    again = instance.get_latest_materialization_event(dg.AssetKey("raw_ads"))
    assert made
    assert again
    assert made.timestamp == again.timestamp


def test_an_empty_lake_has_no_labels(instance: dg.DagsterInstance) -> None:
    shell_runs.run_job(instance, "datasets", assets=[KEY])
    assert read_table(open_lake(settings()), "viral_labels").num_rows == 0


def test_a_rule_that_is_not_there_ends_the_run_in_its_own_words(
    instance: dg.DagsterInstance, lake: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSTAGRAM_ASSETS_VIRALITY__RULE", "nowhere_at_all:rule")
    settings.cache_clear()
    with pytest.raises(Exception, match=r"nowhere_at_all cannot be imported"):
        shell_runs.run_job(instance, "datasets", assets=[KEY])


def asked(*words: str) -> str:
    done = CliRunner().invoke(app, ["viral", *words], env={"COLUMNS": "160"})
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_shell_shows_what_went_viral_and_of_what_it_cannot_tell(lake: None) -> None:
    told = asked()
    (line,) = [line for line in told.splitlines() if "sun_diary" in line]
    assert all(word in line for word in ("post", "2026-10-20", "901", "instagram.com/p/sun_diary4/"))
    assert "1 of 12 are viral; of 2 it cannot be told (mostly: too few to compare)." in told
    assert "0 of 5 are viral." in asked("--accounts", "sea.mom")
    assert "0 of 0 are viral." in asked("--days", "2026-10-19")
    assert "0 of 0 are viral." in asked("--days", "1999-01-01..1999-12-31")


def test_labels_of_an_older_rule_are_told_until_they_are_made_anew(
    instance: dg.DagsterInstance, lake: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell_runs.run_job(instance, "datasets", assets=[KEY])
    monkeypatch.setenv("INSTAGRAM_ASSETS_VIRALITY__MEASURE", "likes")
    settings.cache_clear()
    done = CliRunner().invoke(app, ["viral", "--csv"])
    assert done.stderr == (
        "The labels of the lake are by top_fraction 0.2 of engagement by account; the settings say top_fraction 0.2 of "
        "likes by account. Made anew they are at night, with the next files, or by: "
        "instagram-assets materialize viral_labels\n"
    )
    assert done.stdout.startswith("kind,account,")
    shell_runs.run_job(instance, "datasets", assets=[KEY])
    assert CliRunner().invoke(app, ["viral", "--rule", "threshold"]).stderr == ""


def test_the_shell_takes_another_rule_and_gives_csv_and_pictures(lake: None, tmp_path: Path) -> None:
    told = asked("--rule", "account_baseline", "--csv", "--pictures", str(tmp_path / "drawn"))
    rows = list(csv.DictReader(io.StringIO(told)))
    assert len(rows) == 12
    assert rows[-1]["id"] == "sun_diary4"
    assert (rows[-1]["viral"], rows[-1]["taken_at"]) == ("", "2026-10-19T16:04:00Z")
    assert rows[-1]["rule"].startswith("account_baseline")
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == [
        f"timeline-of-{account}.png" for account in sorted(LIKES)
    ]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--rule", "best"], "allowed: top_fraction, threshold, account_baseline, or a function of your own"),
        (["--measure", "joy"], "VIRALITY__MEASURE"),
        (["--accounts", "nobody"], "not a known account: nobody"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(lake: None, words: list[str], problem: str) -> None:
    done = CliRunner().invoke(app, ["viral", *words])
    assert done.exit_code == 1
    assert problem in done.output


def test_an_empty_lake_says_what_to_do(data_dir: Path) -> None:
    done = CliRunner().invoke(app, ["viral"])
    assert done.exit_code == 1
    assert "There is nothing to label yet. Ingest an export first" in done.output
