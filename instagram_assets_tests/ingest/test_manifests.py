"""The lake begins with the year of its oldest post, and never later again."""

from datetime import date
from pathlib import Path

from upath import UPath

from instagram_assets.ingest.landing import land_file
from instagram_assets.ingest.manifests import clear_pending, extend_to_oldest_post, pending_files
from instagram_assets.settings import load_settings
from instagram_assets.storage.layout import read_layout
from instagram_assets_tests.conftest import export, post

TODAY = date(2026, 11, 26)


def landed(tmp_path: Path, *days: str) -> UPath:
    lake = UPath(tmp_path / "lake")
    for number, day in enumerate(days):
        file = export(tmp_path / f"{day}.json", [post(number, day=day)])
        clear_pending(lake, [land_file(file, lake, settings=load_settings())])
    return lake


def first_year(lake: UPath) -> int:
    layout = read_layout(lake)
    return layout.first_year if layout else 0


def test_an_archive_lets_the_lake_begin_with_its_oldest_year(tmp_path: Path) -> None:
    lake = landed(tmp_path, "2022-05-01", "2015-03-01", "2026-01-02")
    assert extend_to_oldest_post(lake, TODAY) == ""
    assert first_year(lake) == 2015


def test_the_first_year_never_moves_forward(tmp_path: Path) -> None:
    lake = landed(tmp_path, "2015-03-01")
    extend_to_oldest_post(lake, TODAY)
    lake = landed(tmp_path, "2026-01-02")
    assert extend_to_oldest_post(lake, TODAY) == ""
    assert first_year(lake) == 2015


def test_files_with_posts_of_days_that_are_new_to_the_lake_wait_for_their_tables_again(tmp_path: Path) -> None:
    lake = landed(tmp_path, "2015-03-01", "2026-01-02")
    extend_to_oldest_post(lake, TODAY)
    assert [file.file for file in pending_files(lake)] == ["2015-03-01.json"]


def test_more_cells_than_dagster_handles_are_refused_with_what_to_do(tmp_path: Path) -> None:
    lake = landed(tmp_path, "2015-03-01", "2026-01-02")
    many = export(tmp_path / "many.json", [post(10 + n, account=f"account{n}", day="2026-01-02") for n in range(200)])
    clear_pending(lake, [land_file(many, lake, settings=load_settings())])
    told = extend_to_oldest_post(lake, TODAY)
    assert "posts before 2026 wait" in told
    assert "INSTAGRAM_ASSETS_DATA_DIR" in told
    assert first_year(lake) == 2026
    assert pending_files(lake) == []
