"""What is damaged is named and all else comes back; a folder that is not empty, or a strange manifest, is refused."""

import os
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pytest

from instagram_assets.backups.backup_contents import BackupContents
from instagram_assets.backups.create_backup import create_backup
from instagram_assets.backups.location import open_location
from instagram_assets.backups.maintenance import prune_backups, verify_backups
from instagram_assets.backups.manifest import MANIFEST_SUFFIX, Manifest, ManifestEntry, pack
from instagram_assets.backups.repository import Repository
from instagram_assets.backups.restore import RESTORING_FILE, restore_backup
from instagram_assets.collect.collection_scope import Bounds
from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.collect.crawl_table import find_open_crawl, open_crawl
from instagram_assets.collect.site_adapter import CrawlPage
from instagram_assets.collect.stored_pages import load_pages, store_page
from instagram_assets.errors import FileError, StorageError
from instagram_assets.privacy.forgotten_identifiers import Identifiers
from instagram_assets.privacy.secret_keys import KeyName, load_key
from instagram_assets.privacy.tombstones import add_tombstones
from instagram_assets_tests.backups.folders import stored_tree, tree
from instagram_assets_tests.conftest import export, post


@pytest.fixture
def backups(contents: BackupContents, keys: Path, tmp_path: Path) -> str:
    """A folder with one backup."""
    create_backup(contents, str(tmp_path / "backups"), keys)
    return str(tmp_path / "backups")


def a_blob(where: str, open_crawl: str) -> tuple[ManifestEntry, Path]:
    """The first file of the newest backup whose path begins so, and where its bytes are."""
    with open_location(where) as place:
        assert isinstance(place, Repository)
        entry = next(entry for entry in place.manifest(place.ids()[-1]).entries if entry.path.startswith(open_crawl))
        return entry, Path(place.blob(entry.sha256).path)


@pytest.mark.parametrize("damage", ["one bit", "cut off", "gone", "longer", "empty"])
def test_a_file_that_is_damaged_in_the_backup_is_named_and_all_others_come_back(
    damage: str, backups: str, contents: BackupContents, keys: Path, tmp_path: Path
) -> None:
    entry, blob = a_blob(backups, "lake/raw_posts/")
    whole = blob.read_bytes()
    broken = {
        "one bit": bytes([whole[0] ^ 1]) + whole[1:],
        "cut off": whole[:-1],
        "longer": whole + b"\0",
        "empty": b"",
    }
    blob.write_bytes(broken[damage]) if damage in broken else blob.unlink()
    done = restore_backup(backups, tmp_path / "back", keys)
    assert [each.path for each in done.missing] == [entry.path]
    assert ("not in the backup" if damage == "gone" else "damaged") in done.missing[0].reason
    expected = stored_tree(contents.settings.data_dir)
    del expected[entry.path]
    assert tree(tmp_path / "back").keys() - {"settings.env"} == expected.keys()
    assert done.files == len(expected) + 5  # the settings and four databases


def test_the_next_backup_mends_a_stored_file_that_is_gone_or_cut_off(
    backups: str, contents: BackupContents, keys: Path, tmp_path: Path
) -> None:
    a_blob(backups, "lake/raw_posts/")[1].unlink()
    a_blob(backups, "media/")[1].write_bytes(b"cut")
    assert create_backup(contents, backups, keys).new_files == 2
    assert restore_backup(backups, tmp_path / "back", keys).missing == ()


def test_a_look_at_all_bytes_finds_what_is_damaged_and_the_next_backup_mends_it(
    backups: str, contents: BackupContents, keys: Path, tmp_path: Path
) -> None:
    assert verify_backups(backups).damaged == ()
    changed, blob = a_blob(backups, "media/")
    whole = blob.read_bytes()
    blob.write_bytes(whole[:-1] + b"\0")  # of the same length: nothing but its hash tells
    gone, other = a_blob(backups, "lake/raw_posts/")
    other.unlink()
    found = verify_backups(backups)
    assert {each.path for each in found.damaged} == {changed.path, gone.path}
    assert create_backup(contents, backups, keys).new_files == 2
    assert verify_backups(backups).damaged == ()
    assert restore_backup(backups, tmp_path / "back", keys).missing == ()
    assert prune_backups(backups, 9, keys).files == 1  # what was put aside


def test_a_look_at_one_file_finds_what_is_damaged(contents: BackupContents, keys: Path, tmp_path: Path) -> None:
    for ending in ("tar", "zip"):
        where = tmp_path / f"one.{ending}"
        create_backup(contents, str(where), keys)
        assert verify_backups(str(where)).damaged == ()
        picture = next(path for path in contents.settings.folder("media").rglob("*.jpg"))
        whole = where.read_bytes()
        at = whole.index(picture.read_bytes()) + 100
        where.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert [each.path[-20:] for each in verify_backups(str(where)).damaged] == [picture.name[-20:]]


@pytest.mark.parametrize("damage", ["cut off", "one bit", "empty", "no gzip", "two"])
def test_a_damaged_manifest_is_told_and_an_older_backup_can_be_brought_back(
    damage: str, backups: str, contents: BackupContents, keys: Path, tmp_path: Path
) -> None:
    with open_location(backups) as place:
        older = place.ids()[0]
    newer = create_backup(contents, backups, keys).id
    path = Path(backups) / "snapshots" / f"{newer}{MANIFEST_SUFFIX}"
    whole = path.read_bytes()
    broken = {
        "cut off": whole[:-9],
        "one bit": whole[:40] + bytes([whole[40] ^ 4]) + whole[41:],
        "empty": b"",
        "no gzip": b"{}",
        "two": whole + whole,
    }
    path.write_bytes(broken[damage])
    with pytest.raises(StorageError, match=f"{newer} is damaged"):
        restore_backup(backups, tmp_path / "back", keys)
    assert not (tmp_path / "back").exists()
    assert restore_backup(backups, tmp_path / "back", keys, at=older).missing == ()
    assert create_backup(contents, backups, keys).new_files == 0  # it goes by the newest that can be read


@pytest.mark.parametrize("ending", ["tar", "zip"])
@pytest.mark.parametrize("kept", [0.0, 0.5, 0.999])
def test_a_file_that_is_cut_off_is_told(
    ending: str, kept: float, contents: BackupContents, keys: Path, tmp_path: Path
) -> None:
    where = tmp_path / f"one.{ending}"
    create_backup(contents, str(where), keys)
    os.truncate(where, int(where.stat().st_size * kept))
    if ending == "tar" and kept > 0.99:  # what follows the manifest is filling
        assert restore_backup(str(where), tmp_path / "back", keys).missing == ()
        return
    with pytest.raises(FileError, match="cut off"):
        restore_backup(str(where), tmp_path / "back", keys)
    assert not (tmp_path / "back").exists()


@pytest.mark.parametrize("ending", ["tar", "zip"])
def test_a_changed_bit_in_one_file_costs_that_file(
    ending: str, contents: BackupContents, keys: Path, tmp_path: Path
) -> None:
    where = tmp_path / f"one.{ending}"
    create_backup(contents, str(where), keys)
    picture = next(path for path in contents.settings.folder("media").rglob("*.jpg"))
    whole, body = where.read_bytes(), picture.read_bytes()
    at = whole.index(body) + 100
    where.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    done = restore_backup(str(where), tmp_path / "back", keys)
    assert [each.path for each in done.missing] == [picture.relative_to(contents.settings.data_dir).as_posix()]


def test_a_folder_that_is_not_empty_is_refused_and_stays_as_it_is(backups: str, keys: Path, tmp_path: Path) -> None:
    (tmp_path / "back").mkdir()
    (tmp_path / "back" / "mine.txt").write_text("mine")
    with pytest.raises(FileError, match=r"is not empty \(mine.txt\).*--into"):
        restore_backup(backups, tmp_path / "back", keys)
    assert tree(tmp_path / "back") == {"mine.txt": b"mine"}


def test_a_folder_that_is_filled_is_looked_at_and_left_as_it_is(backups: str, keys: Path, tmp_path: Path) -> None:
    first = restore_backup(backups, tmp_path / "back", keys)
    assert (first.before, first.changed) == (None, 0)
    (tmp_path / "back" / "accounts.toml").write_text("# others\n")
    (tmp_path / "back" / "inbox" / "waiting.json").unlink()
    before = tree(tmp_path / "back")
    again = restore_backup(backups, tmp_path / "back", keys, after=lambda folder: pytest.fail("it was settled again"))
    assert again.before
    assert (again.id, again.files, again.changed, again.missing) == (first.id, first.files - 2, 2, ())
    assert tree(tmp_path / "back") == before


def test_a_folder_that_was_filled_from_an_older_backup_is_not_empty(
    contents: BackupContents, backups: str, keys: Path, tmp_path: Path
) -> None:
    older = restore_backup(backups, tmp_path / "back", keys).id
    create_backup(contents, backups, keys)
    with pytest.raises(FileError, match=f"is not empty .the backup {older} was brought back"):
        restore_backup(backups, tmp_path / "back", keys)
    assert restore_backup(backups, tmp_path / "back", keys, at=older).before


def test_what_was_damaged_at_first_is_told_again(backups: str, keys: Path, tmp_path: Path) -> None:
    a_blob(backups, "lake/raw_posts/")[1].unlink()
    assert len(restore_backup(backups, tmp_path / "back", keys).missing) == 1
    assert restore_backup(backups, tmp_path / "back", keys).lost_before == 1


def test_a_folder_with_the_keys_alone_counts_as_empty(backups: str, tmp_path: Path) -> None:
    privacy = tmp_path / "back" / "privacy"
    load_key(privacy, "pseudonyms")
    assert restore_backup(backups, tmp_path / "back", privacy).missing == ()


def test_a_folder_that_another_backup_was_brought_back_into_is_refused(
    backups: str, contents: BackupContents, keys: Path, tmp_path: Path
) -> None:
    def dies(folder: Path) -> None:
        raise KeyboardInterrupt

    with open_location(backups) as place:
        older = place.ids()[0]
    with pytest.raises(KeyboardInterrupt):
        restore_backup(backups, tmp_path / "back", keys, after=dies)
    assert (tmp_path / "back" / RESTORING_FILE).exists()
    create_backup(contents, backups, keys)
    with pytest.raises(FileError, match="another backup"):
        restore_backup(backups, tmp_path / "back", keys)
    damaged = tmp_path / "back" / "accounts.toml"
    damaged.write_text("#")
    restore_backup(backups, tmp_path / "back", keys, at=older)
    assert damaged.read_text() == "# nobody\n"
    assert not (tmp_path / "back" / RESTORING_FILE).exists()


def test_a_moment_chooses_the_newest_backup_of_then_or_before(
    contents: BackupContents, backups: str, keys: Path, tmp_path: Path
) -> None:
    between = datetime.now(UTC)
    export(contents.settings.folder("inbox") / "later.json", [post(5)])
    create_backup(contents, backups, keys)
    restore_backup(backups, tmp_path / "then", keys, at=between.isoformat())
    restore_backup(backups, tmp_path / "now", keys)
    assert not (tmp_path / "then" / "inbox" / "later.json").exists()
    assert (tmp_path / "now" / "inbox" / "later.json").exists()
    for at, problem in (("2020-01-01", "has no backup"), ("yesterday", "no time")):
        with pytest.raises(FileError, match=problem):
            restore_backup(backups, tmp_path / "never", keys, at=at)


def test_who_was_forgotten_does_not_come_back_without_the_tombstones(
    contents: BackupContents, keys: Path, tmp_path: Path
) -> None:
    where = str(tmp_path / "backups")
    add_tombstones(keys, Identifiers(accounts={"moon": "forgotten_1"}), date(2026, 11, 1))
    made = create_backup(contents, where, keys)
    for other in (tmp_path / "none", tmp_path / "others"):
        with pytest.raises(StorageError, match="--privacy FOLDER"):
            restore_backup(where, tmp_path / "back", other, after=print)
        add_tombstones(tmp_path / "others", Identifiers(accounts={"moon": "forgotten_1"}), date(2026, 11, 1))
    assert not (tmp_path / "back").exists()
    forgotten: list[Path] = []
    restore_backup(where, tmp_path / "back", keys, after=forgotten.append)
    assert forgotten == [tmp_path / "back"]
    with pytest.raises(StorageError, match="cannot take them out"):
        restore_backup(where, tmp_path / "all", keys)
    assert restore_backup(where, tmp_path / "all", tmp_path / "none", without_tombstones=True).id == made.id


def test_where_nothing_tells_who_was_forgotten_since_nobody_comes_back_without_a_word(
    backups: str, keys: Path, tmp_path: Path
) -> None:
    """The backup is older than the first tombstone, so that it knows of none itself."""
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    empty, proofs = tmp_path / "empty", tmp_path / "proofs"
    empty.mkdir()
    (proofs / "proofs").mkdir(parents=True)
    for folder in (tmp_path / "none", empty, proofs):
        with pytest.raises(StorageError, match=rf"nothing else tells who was forgotten since {day}.*--privacy FOLDER"):
            restore_backup(backups, tmp_path / "back", folder, after=print)
    assert not (tmp_path / "back").exists()
    assert restore_backup(backups, tmp_path / "back", empty, without_tombstones=True).missing == ()


def test_the_note_of_another_backup_does_not_tell_who_was_forgotten(
    contents: BackupContents, backups: str, keys: Path, tmp_path: Path
) -> None:
    create_backup(contents, str(tmp_path / "other"), tmp_path / "others")
    with pytest.raises(StorageError, match="nothing else tells"):
        restore_backup(backups, tmp_path / "back", tmp_path / "others")
    assert restore_backup(str(tmp_path / "other"), tmp_path / "back", tmp_path / "others").missing == ()


@pytest.mark.parametrize("name", ["pseudonyms", "tombstones"])
def test_a_folder_with_keys_and_no_tombstones_tells_that_nobody_was_forgotten(
    name: KeyName, backups: str, tmp_path: Path
) -> None:
    load_key(tmp_path / "copy", name)
    assert restore_backup(backups, tmp_path / "back", tmp_path / "copy", after=lambda folder: None).missing == ()


@pytest.mark.parametrize("path", ["../out", "/etc/out", "lake/../../out", "", "lake//out", ".", "//lake/%2e%2e/out"])
def test_a_manifest_cannot_write_outside_the_folder(path: str, backups: str, keys: Path, tmp_path: Path) -> None:
    entry, _ = a_blob(backups, "accounts.toml")
    manifest = Manifest(taken_at=datetime.now(UTC), program="0", entries=(msgspec.structs.replace(entry, path=path),))
    name, data = pack(manifest)
    (Path(backups) / "snapshots" / f"{name}{MANIFEST_SUFFIX}").write_bytes(data)
    with pytest.raises(StorageError, match="no place in a data folder"):
        restore_backup(backups, tmp_path / "back", keys)


def test_where_there_is_no_backup_it_says_so(keys: Path, tmp_path: Path) -> None:
    for where in ("nothing", "nothing.tar"):
        with pytest.raises(FileError, match="there is no backup"):
            restore_backup(str(tmp_path / where), tmp_path / "back", keys)


def test_the_collectors_go_on_behind_the_pages_that_they_had(
    contents: BackupContents, keys: Path, tmp_path: Path
) -> None:
    database = CollectorDatabase(contents.settings.folder("collection"))
    crawl = open_crawl(database, "instagram", "sun_diary", Bounds(100), 1_795_000_000)
    with database.writing() as connection:
        store_page(connection, crawl.id, 0, 1_795_000_001, CrawlPage([{"shortcode": "Cabc"}], cursor="NEXT"))
    create_backup(contents, str(tmp_path / "backups"), keys)
    restore_backup(str(tmp_path / "backups"), tmp_path / "back", keys)
    back = CollectorDatabase(tmp_path / "back" / "collection")
    assert find_open_crawl(back, "instagram", "sun_diary") == crawl
    (page,) = load_pages(back, crawl.id)
    assert (list(page.records), page.cursor) == ([{"shortcode": "Cabc"}], "NEXT")
