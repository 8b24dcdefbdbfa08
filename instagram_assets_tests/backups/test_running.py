"""A backup that is made while a box runs is as good as one that is made at rest, after one plain run."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest

from instagram_assets.backups.backup_contents import BackupContents
from instagram_assets.backups.create_backup import create_backup
from instagram_assets.backups.location import open_location
from instagram_assets.backups.restore import restore_backup
from instagram_assets.settings import Settings
from instagram_assets_tests.commands import run
from instagram_assets_tests.conftest import export, post, profile
from instagram_assets_tests.folder_hashes import digests

DAYS = ["2026-10-20", "2026-10-21", "2026-10-31"]
TRIALS = 4
FIRST_SEEN = ("lake/landing/files/", "lake/landed_files/")


def ingest(data: Path) -> None:
    """A plain run, as a person starts it."""
    given = {"INSTAGRAM_ASSETS_DATA_DIR": str(data), "INSTAGRAM_ASSETS_DOWNLOAD__DOWNLOAD_IMAGES": "false"}
    given["INSTAGRAM_ASSETS_INGEST__SETTLE_SECONDS"] = "0"
    done = run("ingest", cwd=data.parent, environment=os.environ | given)
    assert done.returncode == 0, done.stderr


def put(data: Path, name: str, accounts: tuple[str, ...], first: int) -> None:
    """Let posts and profiles wait in the inbox, with the time that they are of."""
    inbox = data / "inbox"
    inbox.mkdir(parents=True, exist_ok=True)
    posts = [
        post(100 * first + 10 * place + number, account, day)
        for place, account in enumerate(accounts)
        for number, day in enumerate(DAYS)
    ]
    for file, records in ((f"posts-{name}.json", posts), (f"profiles-{name}.json", [profile(a) for a in accounts])):
        (inbox / f"{file}.observed_at").write_text("2026-11-01T00:00:00+09:00")
        export(inbox / file, records)


def lake(data: Path) -> dict[str, str]:
    """What the lake holds, file by file; when a file was first seen, which two of them tell, differs by nature."""
    found = {str(Path(path).relative_to(data)): value for path, value in digests(data / "lake").items()}
    return {path: value for path, value in found.items() if not path.startswith(FIRST_SEEN)}


def statuses(data: Path) -> set[str]:
    """How the runs of a history ended, or stand."""
    with closing(sqlite3.connect(data / "dagster" / "history" / "runs.db")) as database:
        return {status for (status,) in database.execute("SELECT status FROM runs")}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder in which one ingest has ended and another is due."""
    folder = tmp_path / "here" / "data"
    put(folder, "first", ("sun", "sea"), 1)
    ingest(folder)
    put(folder, "second", ("sun", "sky"), 2)
    return folder


def test_backups_that_are_made_while_boxes_run_give_the_undisturbed_lake_after_one_plain_run(
    data: Path, tmp_path: Path
) -> None:
    where, keys, failures = str(tmp_path / "backups"), tmp_path / "keys", list[str]()
    contents = BackupContents(Settings(data_dir=data), data / "dagster", {})
    running = Thread(target=ingest, args=(data,))
    running.start()
    while running.is_alive():
        assert create_backup(contents, where, keys).missing == ()
    expected = lake(data)
    assert any("/sky/" in path for path in expected)
    with open_location(where) as place:
        ids = place.ids()
    # Evenly over the run: before the files land, between landing and box, in the box, after it.
    chosen = [ids[(len(ids) - 1) * trial // (TRIALS - 1)] for trial in range(TRIALS)]
    seen = set[str]()
    for trial, name in enumerate(chosen):
        back = tmp_path / f"back{trial}" / "data"
        restore_backup(where, back, keys, at=name)
        seen |= statuses(back)
        ingest(back)
        if lake(back) != expected:
            failures.append(f"{name}: {sorted(set(lake(back).items()) ^ set(expected.items()))}")
        assert statuses(back) <= {"SUCCESS", "FAILURE", "CANCELED"}, name
    assert failures == []
    assert seen & {"STARTED", "STARTING", "NOT_STARTED"}  # else none was made while a run was under way
