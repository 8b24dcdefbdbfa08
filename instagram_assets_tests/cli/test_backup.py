"""Backups as a person makes, lists and brings them back from a shell."""

import shutil
from datetime import date
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner

from instagram_assets.cli import app
from instagram_assets.privacy.forgotten_identifiers import Identifiers
from instagram_assets.privacy.tombstones import add_tombstones
from instagram_assets_tests.backups.folders import filled, tree
from instagram_assets_tests.conftest import OpenHome


@pytest.fixture(autouse=True)
def _no_other_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests that ran runs in this process before leave their home in its environment."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)


def _run(*words: object, status: int = 0) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == status, done.output
    return done.output


def test_a_backup_is_made_listed_thinned_out_and_brought_back(data_dir: Path, tmp_path: Path) -> None:
    (data_dir / "inbox").rmdir()
    filled(data_dir)
    where = tmp_path / "backups"
    assert f"{where}: no backups yet. Make one: instagram-assets backup {where}" in _run("backups", where)
    made = _run("backup", where)
    assert f"{where}: backup 20" in made
    assert "Left out, since a run makes them again: datasets/post.csv (--with-datasets stores them, too)." in made
    assert "Left out" not in _run("backup", tmp_path / "all.tar", "--with-datasets")
    assert "files, " in made
    assert "; new 0 files, 0.0 MB; " in _run("backup", where)
    assert _run("backups", where).count("3 accounts\n") == 2
    assert "1 backup went, and 0 files" in _run("backups", where, "--keep", "1")
    told = _run("restore", where, "--into", tmp_path / "back")
    assert f"{tmp_path}/back: backup 20" in told
    assert "tombstones" not in told  # nobody was forgotten on this machine
    assert f"{tmp_path}/back/settings.env" in told
    assert tree(data_dir / "lake") == tree(tmp_path / "back" / "lake")
    assert "is not empty" in _run("restore", where, status=1)
    again = _run("restore", where, "--into", tmp_path / "back")
    assert "was brought back already" in again
    assert "files are as stored" in again
    assert "Nothing was done." in again


def test_what_is_missing_is_named_and_the_command_fails(data_dir: Path, tmp_path: Path) -> None:
    (data_dir / "inbox").rmdir()
    filled(data_dir)
    _run("backup", tmp_path / "backups")
    blob = max((tmp_path / "backups" / "blobs").glob("??/*"), key=lambda path: path.stat().st_size)
    assert ": none damaged." in _run("backups", tmp_path / "backups", "--check")
    blob.write_bytes(b"")
    told = _run("restore", tmp_path / "backups", "--into", tmp_path / "back", status=1)
    assert "its bytes are not those that were stored" in told
    assert "Error: 1 file did not come back. All others are whole." in told
    (snapshot,) = (tmp_path / "backups" / "snapshots").iterdir()
    snapshot.write_bytes(b"")
    assert "damaged" in _run("backups", tmp_path / "backups", status=1)


def test_who_is_forgotten_after_a_backup_is_forgotten_again_when_it_is_brought_back(
    data_dir: Path, tmp_path: Path, open_home: OpenHome
) -> None:
    (data_dir / "inbox").rmdir()
    filled(data_dir)
    shutil.rmtree(data_dir / "dagster")
    (data_dir / "ledger" / "calls.sqlite").unlink()  # a database of another kind, which is no ledger
    with open_home("sqlite", data_dir / "dagster") as instance:
        instance.add_dynamic_partitions("accounts", ["sun_diary", "_sea"])
        instance.add_run(dg.DagsterRun("box", status=dg.DagsterRunStatus.STARTED, tags={"account": "sun_diary"}))
    before = tree(data_dir)
    _run("backup", tmp_path / "one.tar")
    names = Identifiers(accounts={"sun_diary": "forgotten_1"})
    add_tombstones(data_dir / "privacy", names, date(2026, 11, 27))
    assert "is cut off" not in _run("backups", tmp_path / "one.tar")
    told = _run("restore", tmp_path / "one.tar", "--into", tmp_path / "back", "--privacy", data_dir / "privacy")
    assert "Runs that had not ended when the backup was made: 1, closed as failed." in told
    assert "Forgotten again: " in told
    back = {path: content for path, content in tree(tmp_path / "back").items() if path.startswith("lake/")}
    assert any("sun_diary" in path for path in before)
    assert not any("sun_diary" in path or b"sun_diary" in content for path, content in back.items())
    assert any("/%5Fsea/" in path for path in back)


def test_the_tombstones_of_the_data_folder_hold_for_a_backup_that_is_brought_back_beside_it(
    data_dir: Path, tmp_path: Path
) -> None:
    (data_dir / "inbox").rmdir()
    filled(data_dir)
    (data_dir / "ledger" / "calls.sqlite").unlink()  # a database of another kind, which is no ledger
    shutil.rmtree(data_dir / "dagster")
    _run("backup", tmp_path / "backups", "--no-history")
    add_tombstones(data_dir / "privacy", Identifiers(accounts={"sun_diary": "forgotten_1"}), date(2026, 11, 27))
    told = _run("restore", tmp_path / "backups", "--into", tmp_path / "back")
    assert "Forgotten again: " in told
    assert f"copy {data_dir}/privacy to {tmp_path}/back/privacy" in told
    assert not any("sun_diary" in path for path in tree(tmp_path / "back" / "lake"))


def test_on_a_machine_that_cannot_tell_who_was_forgotten_a_backup_comes_back_on_request_alone(
    data_dir: Path, tmp_path: Path
) -> None:
    (data_dir / "inbox").rmdir()
    filled(data_dir)
    _run("backup", tmp_path / "backups", "--no-history")
    shutil.rmtree(data_dir)  # the disk is lost, and nobody kept a copy of the privacy folder
    told = _run("restore", tmp_path / "backups", status=1)
    assert "nothing else tells who was forgotten since 20" in told
    assert "--privacy FOLDER" in told
    assert not (data_dir / "lake").exists()
    mistyped = _run("restore", tmp_path / "backups", "--privacy", tmp_path / "privcay", status=1)
    assert f"{tmp_path}/privcay: there are no keys" in mistyped
    told = _run("restore", tmp_path / "backups", "--without-tombstones")
    assert "Warning: brought back without tombstones. Whoever was forgotten since 20" in told
    assert "instagram-assets forget NAME" in told
    assert (data_dir / "lake").exists()


def test_a_backup_into_the_data_folder_is_refused(data_dir: Path) -> None:
    assert "which is backed up" in _run("backup", data_dir / "backups", status=1)
