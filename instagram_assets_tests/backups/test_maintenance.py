"""Old backups go, and what none of the others needs; what is needed stays, whoever is at work."""

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from instagram_assets.backups.backup_contents import BackupContents
from instagram_assets.backups.create_backup import create_backup
from instagram_assets.backups.location import open_location
from instagram_assets.backups.maintenance import PrunedBackups, prune_backups
from instagram_assets.backups.privacy_folder import BACKUPS_LOG, backups_holding, list_backups
from instagram_assets.backups.repository import Repository
from instagram_assets.backups.restore import restore_backup
from instagram_assets.errors import FileError, StorageError
from instagram_assets_tests.backups.folders import FEATURES, database, features
from instagram_assets_tests.backups.test_create_backup import place_of


def changed(contents: BackupContents, number: int) -> None:
    """Something new in the data folder, in the place of what was there."""
    (contents.settings.data_dir / "scrapes" / "note.json").write_text(f"{number:9}")


@pytest.mark.parametrize("name", ["backups", "s3"])
def test_the_newest_stay_and_can_be_brought_back(
    name: str, contents: BackupContents, keys: Path, tmp_path: Path, store: str
) -> None:
    where, given = place_of(name, tmp_path, store)
    made: list[str] = []
    for number in range(4):
        changed(contents, number)
        made.append(create_backup(contents, where, keys, options=given).id)
    assert prune_backups(where, 2, keys, options=given) == PrunedBackups(2, 2, 18)
    assert [backup.id for backup in list_backups(keys)] == made[2:]
    with open_location(where, given) as place:
        assert place.ids() == made[2:]
    for number, at in enumerate(made[2:], start=2):
        assert restore_backup(where, tmp_path / at, keys, at=at, options=given).missing == ()
        assert (tmp_path / at / "scrapes" / "note.json").read_text() == f"{number:9}"
    assert prune_backups(where, 2, keys, options=given) == PrunedBackups(0, 0, 0)


def test_what_a_dead_backup_left_goes_and_what_is_shared_stays(
    contents: BackupContents, keys: Path, tmp_path: Path
) -> None:
    where = str(tmp_path / "backups")
    create_backup(contents, where, keys)
    left = Path(where) / "blobs" / "ab" / ("ab" * 32)
    left.parent.mkdir(exist_ok=True)
    left.write_bytes(b"left")
    assert prune_backups(where, 1, keys) == PrunedBackups(0, 1, 4)
    assert restore_backup(where, tmp_path / "back", keys).missing == ()


def test_a_backup_from_which_a_file_was_missing_does_not_push_out_a_whole_one(
    contents: BackupContents, keys: Path, tmp_path: Path
) -> None:
    where = str(tmp_path / "backups")
    older, whole = create_backup(contents, where, keys).id, create_backup(contents, where, keys).id
    damaged = database(contents.settings.data_dir / "ledger" / "more.sqlite", 3)
    damaged.write_bytes(damaged.read_bytes()[:5000] + bytes(90))
    lacking = create_backup(contents, where, keys).id
    prune_backups(where, 1, keys)
    with open_location(where) as place:
        assert place.ids() == [whole, lacking]
    assert older not in {backup.id for backup in list_backups(keys)}


def test_nothing_goes_while_it_is_not_known_what_is_needed(
    contents: BackupContents, keys: Path, tmp_path: Path
) -> None:
    where = str(tmp_path / "backups")
    create_backup(contents, where, keys)
    newest = create_backup(contents, where, keys).id
    (Path(where) / "snapshots" / f"{newest}.json.gz").write_bytes(b"torn")
    before = sorted(Path(where).rglob("*"))
    with pytest.raises(StorageError, match="damaged"):
        prune_backups(where, 1, keys)
    assert sorted(Path(where).rglob("*")) == before


def test_in_an_object_store_nothing_goes_while_a_backup_is_at_work(
    contents: BackupContents, keys: Path, tmp_path: Path, store: str
) -> None:
    where, given = place_of("s3", tmp_path, store)
    create_backup(contents, where, keys, options=given)
    with open_location(where, given) as place:
        assert isinstance(place, Repository)
        mark = place.root / "running" / f"backup-{uuid.uuid4().hex}"
        mark.write_text(datetime.now(UTC).isoformat())
        with pytest.raises(StorageError, match="a backup has been at work there since"):
            prune_backups(where, 1, keys, options=given)
        assert create_backup(contents, where, keys, options=given).missing == ()
        mark.write_text((datetime.now(UTC) - timedelta(days=3)).isoformat())  # it died
        assert prune_backups(where, 1, keys, options=given).backups == 1


def test_one_file_is_not_pruned(contents: BackupContents, keys: Path, tmp_path: Path) -> None:
    create_backup(contents, str(tmp_path / "one.tar"), keys)
    with pytest.raises(FileError, match="holds one backup"):
        prune_backups(str(tmp_path / "one.tar"), 1, keys)


def test_the_notes_tell_which_backups_hold_somebody_and_name_nobody(
    contents: BackupContents, keys: Path, tmp_path: Path
) -> None:
    where, one, gone = (str(tmp_path / name) for name in ("backups", "one.tar", "gone.tar"))
    for place in (where, one, gone):
        create_backup(contents, place, keys)
    features(contents.lake).append(pa.table({"image_id": ["b"], "caption": ["a cat"]}, FEATURES))
    assert [backup.where for backup in list_backups(keys)] == [where, one, gone]
    Path(gone).unlink()
    Path(one).write_bytes(b"")
    held = {backup.where: holds for backup, holds in backups_holding(list_backups(keys), {"sun_diary"}.__contains__)}
    assert held == {where: True, one: None}  # which cannot be looked at now
    assert [holds for _, holds in backups_holding(list_backups(keys), {"nobody"}.__contains__)] == [False, None]
    assert b"sun_diary" not in (keys / BACKUPS_LOG).read_bytes()


def test_a_note_that_a_power_cut_left_half_is_passed_over(contents: BackupContents, keys: Path, tmp_path: Path) -> None:
    where = str(tmp_path / "backups")
    first = create_backup(contents, where, keys).id
    with (keys / BACKUPS_LOG).open("ab") as notes:
        notes.write(b'{"where": "/x", "id": "2026')
    second = create_backup(contents, where, keys).id
    assert [backup.id for backup in list_backups(keys)] == [first, second]
