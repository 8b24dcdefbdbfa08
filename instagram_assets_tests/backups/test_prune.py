"""Old backups go, and what none of the others needs; what is needed stays, whoever is at work."""

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from instagram_assets.backups.contents import Contents
from instagram_assets.backups.notes import FILE, backups_holding, list_backups
from instagram_assets.backups.places import open_place
from instagram_assets.backups.prune import Pruned, prune
from instagram_assets.backups.repository import Repository
from instagram_assets.backups.restore import restore
from instagram_assets.backups.take import take
from instagram_assets.errors import FileError, StorageError
from instagram_assets_tests.backups.folders import FEATURES, database, features
from instagram_assets_tests.backups.test_take import place_of


def changed(contents: Contents, number: int) -> None:
    """Something new in the data folder, in the place of what was there."""
    (contents.settings.data_dir / "scrapes" / "note.json").write_text(f"{number:9}")


@pytest.mark.parametrize("name", ["backups", "s3"])
def test_the_newest_stay_and_can_be_brought_back(
    name: str, contents: Contents, keys: Path, tmp_path: Path, store: str
) -> None:
    where, given = place_of(name, tmp_path, store)
    made: list[str] = []
    for number in range(4):
        changed(contents, number)
        made.append(take(contents, where, keys, options=given).id)
    assert prune(where, 2, keys, options=given) == Pruned(2, 2, 18)
    assert [backup.id for backup in list_backups(keys)] == made[2:]
    with open_place(where, given) as place:
        assert place.ids() == made[2:]
    for number, at in enumerate(made[2:], start=2):
        assert restore(where, tmp_path / at, keys, at=at, options=given).missing == ()
        assert (tmp_path / at / "scrapes" / "note.json").read_text() == f"{number:9}"
    assert prune(where, 2, keys, options=given) == Pruned(0, 0, 0)


def test_what_a_dead_backup_left_goes_and_what_is_shared_stays(contents: Contents, keys: Path, tmp_path: Path) -> None:
    where = str(tmp_path / "backups")
    take(contents, where, keys)
    left = Path(where) / "blobs" / "ab" / ("ab" * 32)
    left.parent.mkdir(exist_ok=True)
    left.write_bytes(b"left")
    assert prune(where, 1, keys) == Pruned(0, 1, 4)
    assert restore(where, tmp_path / "back", keys).missing == ()


def test_a_backup_from_which_a_file_was_missing_does_not_push_out_a_whole_one(
    contents: Contents, keys: Path, tmp_path: Path
) -> None:
    where = str(tmp_path / "backups")
    older, whole = take(contents, where, keys).id, take(contents, where, keys).id
    damaged = database(contents.settings.data_dir / "ledger" / "more.sqlite", 3)
    damaged.write_bytes(damaged.read_bytes()[:5000] + bytes(90))
    lacking = take(contents, where, keys).id
    prune(where, 1, keys)
    with open_place(where) as place:
        assert place.ids() == [whole, lacking]
    assert older not in {backup.id for backup in list_backups(keys)}


def test_nothing_goes_while_it_is_not_known_what_is_needed(contents: Contents, keys: Path, tmp_path: Path) -> None:
    where = str(tmp_path / "backups")
    take(contents, where, keys)
    newest = take(contents, where, keys).id
    (Path(where) / "snapshots" / f"{newest}.json.gz").write_bytes(b"torn")
    before = sorted(Path(where).rglob("*"))
    with pytest.raises(StorageError, match="damaged"):
        prune(where, 1, keys)
    assert sorted(Path(where).rglob("*")) == before


def test_in_an_object_store_nothing_goes_while_a_backup_is_at_work(
    contents: Contents, keys: Path, tmp_path: Path, store: str
) -> None:
    where, given = place_of("s3", tmp_path, store)
    take(contents, where, keys, options=given)
    with open_place(where, given) as place:
        assert isinstance(place, Repository)
        mark = place.root / "running" / f"backup-{uuid.uuid4().hex}"
        mark.write_text(datetime.now(UTC).isoformat())
        with pytest.raises(StorageError, match="a backup has been at work there since"):
            prune(where, 1, keys, options=given)
        assert take(contents, where, keys, options=given).missing == ()
        mark.write_text((datetime.now(UTC) - timedelta(days=3)).isoformat())  # it died
        assert prune(where, 1, keys, options=given).backups == 1


def test_one_file_is_not_pruned(contents: Contents, keys: Path, tmp_path: Path) -> None:
    take(contents, str(tmp_path / "one.tar"), keys)
    with pytest.raises(FileError, match="holds one backup"):
        prune(str(tmp_path / "one.tar"), 1, keys)


def test_the_notes_tell_which_backups_hold_somebody_and_name_nobody(
    contents: Contents, keys: Path, tmp_path: Path
) -> None:
    where, one, gone = (str(tmp_path / name) for name in ("backups", "one.tar", "gone.tar"))
    for place in (where, one, gone):
        take(contents, place, keys)
    features(contents.lake).append(pa.table({"image_id": ["b"], "caption": ["a cat"]}, FEATURES))
    assert [backup.where for backup in list_backups(keys)] == [where, one, gone]
    Path(gone).unlink()
    Path(one).write_bytes(b"")
    held = {backup.where: holds for backup, holds in backups_holding(list_backups(keys), {"sun_diary"}.__contains__)}
    assert held == {where: True, one: None}  # which cannot be looked at now
    assert [holds for _, holds in backups_holding(list_backups(keys), {"nobody"}.__contains__)] == [False, None]
    assert b"sun_diary" not in (keys / FILE).read_bytes()


def test_a_note_that_a_power_cut_left_half_is_passed_over(contents: Contents, keys: Path, tmp_path: Path) -> None:
    where = str(tmp_path / "backups")
    first = take(contents, where, keys).id
    with (keys / FILE).open("ab") as notes:
        notes.write(b'{"where": "/x", "id": "2026')
    second = take(contents, where, keys).id
    assert [backup.id for backup in list_backups(keys)] == [first, second]
