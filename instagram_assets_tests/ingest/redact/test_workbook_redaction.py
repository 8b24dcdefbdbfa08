"""A workbook without what is forgotten: rows go, cells lose names, and it is read as one that never had them."""

from pathlib import Path

from instagram_assets.ingest.reader.record_reader import read_records
from instagram_assets.ingest.redact.file_redaction import UNCHANGED, scrub_file
from instagram_assets_tests.ingest.formats.tables import as_xlsx, rows
from instagram_assets_tests.ingest.records import LIMITS, post
from instagram_assets_tests.ingest.redact.accounts import FORGOTTEN, PSEUDONYM, mentioning, moon_post


def read(path: Path) -> list[object]:
    return [record for _, record in read_records(path, LIMITS)]


def test_rows_go_and_names_become_pseudonyms(tmp_path: Path) -> None:
    path, target, wanted = (tmp_path / name for name in ("posts.xlsx", "scrubbed.xlsx", "wanted.xlsx"))
    path.write_bytes(as_xlsx(rows([moon_post(), post(), mentioning("sun_diary")])))
    wanted.write_bytes(as_xlsx(rows([moon_post(), mentioning(PSEUDONYM)])))
    assert scrub_file(path, target, FORGOTTEN).rows == 2
    assert read(target) == read(wanted)


def test_a_workbook_without_it_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "posts.xlsx"
    path.write_bytes(as_xlsx(rows([moon_post(), mentioning("sunny")])))
    assert scrub_file(path, tmp_path / "target", FORGOTTEN) == UNCHANGED


def test_of_a_workbook_that_is_all_of_it_nothing_is_left(tmp_path: Path) -> None:
    path = tmp_path / "posts.xlsx"
    path.write_bytes(as_xlsx(rows([post()])))
    found = scrub_file(path, tmp_path / "target", FORGOTTEN)
    assert (found.is_gone, (tmp_path / "target").exists()) == (True, False)
