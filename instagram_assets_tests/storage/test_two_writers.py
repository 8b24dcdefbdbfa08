"""Two runs that meet in the files of one account and month lose no row, also when one of them is killed."""

from pathlib import Path

from instagram_assets_tests.faults.two_writers import Place, lost_rows
from instagram_assets_tests.servers.object_store import BUCKET, options


def test_two_runs_that_meet_on_a_disk_lose_no_row(tmp_path: Path) -> None:
    assert lost_rows([Place(str(tmp_path / f"lake{number}"), {}) for number in range(20)]) == []


def test_two_runs_that_meet_in_an_object_store_lose_no_row(store: str) -> None:
    assert lost_rows([Place(f"s3://{BUCKET}/meeting{number}", options(store)) for number in range(5)]) == []
