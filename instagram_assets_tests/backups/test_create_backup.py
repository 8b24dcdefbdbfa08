"""What was backed up comes back byte for byte, from wherever it was stored; what is there is not stored again."""

import gc
import os
import resource
import sqlite3
import uuid
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Any

import pyarrow as pa
import pytest
from upath import UPath

from instagram_assets.backups.backup_contents import BackupContents, settings_text
from instagram_assets.backups.create_backup import create_backup
from instagram_assets.backups.location import open_location
from instagram_assets.backups.manifest import native
from instagram_assets.backups.privacy_folder import list_backups
from instagram_assets.backups.restore import restore_backup
from instagram_assets.errors import FileError, NothingDoneError, SettingsError, StorageError
from instagram_assets.settings import Settings
from instagram_assets_tests.backups.folders import FEATURES, database, features, filled, numbers, stored_tree, tree
from instagram_assets_tests.conftest import export, post
from instagram_assets_tests.servers.object_store import BUCKET, options

PLACES = ("backups", "one.tar", "one.zip", "s3")


def place_of(name: str, tmp_path: Path, store: str) -> tuple[str, dict[str, Any]]:
    """Where to back up to, and how to reach it."""
    if name == "s3":
        return f"s3://{BUCKET}/{uuid.uuid4().hex}", options(store)
    return str(tmp_path / name), {}


@pytest.mark.parametrize("name", PLACES)
def test_everything_comes_back_byte_for_byte(
    name: str, contents: BackupContents, keys: Path, tmp_path: Path, store: str
) -> None:
    where, given = place_of(name, tmp_path, store)
    made = create_backup(contents, where, keys, options=given)
    done = restore_backup(where, tmp_path / "back", keys, options=given)
    assert (made.missing, done.missing) == ((), ())
    back = tree(tmp_path / "back")
    assert "no secrets" not in back.pop("settings.env").decode()
    assert back == stored_tree(contents.settings.data_dir)
    for database_name in ("ledger/calls.sqlite", "dagster/history/runs.db", "dagster/history/runs/index.db"):
        assert numbers(tmp_path / "back" / database_name) == [0, 1, 2]
    assert made.files == done.files
    before = {path: os.stat(contents.settings.data_dir / path).st_mtime_ns for path in back if path[:5] == "media"}
    assert {path: os.stat(tmp_path / "back" / path).st_mtime_ns for path in before} == before


@pytest.mark.parametrize("name", ["backups", "s3"])
def test_a_second_backup_of_an_unchanged_folder_stores_a_manifest_alone(
    name: str, contents: BackupContents, keys: Path, tmp_path: Path, store: str
) -> None:
    where, given = place_of(name, tmp_path, store)
    create_backup(contents, where, keys, options=given)
    before = stored(where, given)
    made = create_backup(contents, where, keys, options=given)
    (new,) = stored(where, given) - before
    assert new.endswith(f"snapshots/{made.id}.json.gz")
    assert (made.new_files, made.new_bytes) == (0, 0)


def test_a_file_that_was_changed_behind_its_size_and_time_is_stored_again(
    contents: BackupContents, keys: Path, tmp_path: Path
) -> None:
    where = str(tmp_path / "backups")
    create_backup(contents, where, keys)
    (changed, *_) = contents.settings.folder("media").rglob("*.jpg")
    told = changed.stat()
    changed.write_bytes(bytes(told.st_size))
    os.utime(changed, ns=(told.st_atime_ns, told.st_mtime_ns))
    assert create_backup(contents, where, keys).new_bytes == told.st_size


def stored(where: str, given: dict[str, Any]) -> set[str]:
    """The files of a repository."""
    root = UPath(where, **given)
    if not given:
        return {path.relative_to(where).as_posix() for path in Path(where).rglob("*") if path.is_file()}
    store: Any = root.fs
    store.invalidate_cache()
    return set(store.find(root.path))


def test_only_what_changed_is_stored(contents: BackupContents, keys: Path, tmp_path: Path) -> None:
    where = str(tmp_path / "backups")
    create_backup(contents, where, keys)
    features(contents.lake).append(pa.table({"image_id": ["b"], "caption": ["a cat"]}, FEATURES))
    made = create_backup(contents, where, keys)
    assert made.new_files == 1
    assert 0 < made.new_bytes < 3000


def test_rows_that_are_in_the_log_of_a_database_only_are_stored(
    contents: BackupContents, keys: Path, tmp_path: Path
) -> None:
    where, runs = str(tmp_path / "backups"), contents.settings.data_dir / "dagster" / "history" / "runs.db"
    create_backup(contents, where, keys)
    with closing(sqlite3.connect(runs)) as writer:
        with writer:
            writer.execute("INSERT INTO numbers VALUES (3)")
        assert runs.with_name("runs.db-wal").stat().st_size
        create_backup(contents, where, keys)
        restore_backup(where, tmp_path / "back", keys)
    assert numbers(tmp_path / "back" / "dagster" / "history" / "runs.db") == [0, 1, 2, 3]
    assert not list((tmp_path / "back").rglob("*-wal"))


def test_no_secret_and_no_key_is_in_a_backup(tmp_path: Path) -> None:
    canary = "a3canary9"
    session = tmp_path / "data" / "session-sun"
    contents = filled(
        tmp_path / "data",
        delta={"options": {"AWS_SECRET_ACCESS_KEY": canary}},
        reels={"session_file": str(session)},
        apify={"api_url": f"https://me:{canary}@api.example"},
        alerts={
            "webhook_url": f"https://hooks.example/{canary}",
            "smtp_host": "mail.example",
            "smtp_user": "me",
            "smtp_password": canary,
            "mail_from": "a@example.org",
            "mail_to": "b@example.org",
        },
    )
    data = contents.settings.data_dir
    session.write_text(canary)
    (data / ".env").write_text(canary)
    (data / "privacy").mkdir()
    (data / "privacy" / "pseudonyms.key").write_text(canary)
    (data / "dagster" / "dagster.yaml").write_text(f"run_storage:\n  password: {canary}\n  db_name: runs\n")
    create_backup(contents, str(tmp_path / "one.tar"), data / "privacy")
    assert canary.encode() not in (tmp_path / "one.tar").read_bytes()
    restore_backup(str(tmp_path / "one.tar"), tmp_path / "back", data / "privacy")
    text = (tmp_path / "back" / "settings.env").read_text()
    assert "# INSTAGRAM_ASSETS_ALERTS__SMTP_PASSWORD was set" in text
    assert "INSTAGRAM_ASSETS_ALERTS__SMTP_HOST=mail.example" in text
    assert not list((tmp_path / "back").rglob("*.key"))
    more = settings_text(Settings(lake="s3://me:password@bucket", lake_options={"secret": canary}))
    assert "# INSTAGRAM_ASSETS_LAKE_OPTIONS was set" in more
    assert canary not in more
    assert "password" not in more


def test_names_that_are_no_text_come_back(contents: BackupContents, keys: Path, tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff\xfe 100% %41.json")
    (contents.settings.folder("inbox") / name).write_text("[]")
    for where in ("backups", "one.tar", "one.zip"):
        create_backup(contents, str(tmp_path / where), keys)
        restore_backup(str(tmp_path / where), tmp_path / f"back-{where}", keys)
        assert (tmp_path / f"back-{where}" / "inbox" / name).read_text() == "[]"
    assert native("inbox/%41") == "inbox/%41"


def test_a_file_that_cannot_be_read_is_named_and_all_others_are_stored(
    contents: BackupContents, keys: Path, tmp_path: Path
) -> None:
    damaged = database(contents.settings.data_dir / "ledger" / "more.sqlite", 3)
    damaged.write_bytes(damaged.read_bytes()[:5000] + bytes(90))
    where = str(tmp_path / "backups")
    made = create_backup(contents, where, keys)
    assert [each.path for each in made.missing] == ["ledger/more.sqlite"]
    assert "damaged" in made.missing[0].reason
    done = restore_backup(where, tmp_path / "back", keys)
    assert done.missing == made.missing
    assert len(tree(tmp_path / "back")) == len(stored_tree(contents.settings.data_dir)) + 1


def test_two_backups_at_once_into_one_folder_are_both_whole(
    contents: BackupContents, keys: Path, tmp_path: Path
) -> None:
    where = str(tmp_path / "backups")
    threads = [Thread(target=create_backup, args=(contents, where, keys)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with open_location(where) as place:
        assert len(place.ids()) == 3 == len(list_backups(keys))
        assert {len(place.manifest(name).entries) for name in place.ids()} == {
            len(place.manifest(place.ids()[0]).entries)
        }


OWN = (
    *("my_study.md", "study/codebook.csv", "study/parquet/note.txt", "search.txt", "parquet/reading_notes.md"),
    *("delta/README.md", "delta/mine/table.parquet", "search/cat/img_0001.jpg", "post_cleaned.csv"),
    *("selection/post.csv", "pseudonymous/post.csv", "pseudonymous/delta/posts/1.parquet"),
    "merged_dataset_reel_with_images.json",  # of another mode: no run with these settings makes it again
)
AGAIN = (
    *("post.csv", "reel.csv", "merged_dataset_all_with_images.json", "parquet/sun_diary/part-0.parquet"),
    *("merged_dataset_all_with_images_with_captions.json", "delta/posts/_delta_log/0.json", "delta/posts/1.parquet"),
    *(".parquet.new/sun_diary/part.parquet", ".parquet.old/_sea/part.parquet"),
)


def test_below_the_datasets_all_is_stored_but_what_a_run_makes_again(
    contents: BackupContents, keys: Path, tmp_path: Path
) -> None:
    datasets = contents.settings.data_dir / "datasets"
    for name in (*OWN, *AGAIN):
        (datasets / name).parent.mkdir(parents=True, exist_ok=True)
        (datasets / name).write_text(name)
    made = create_backup(contents, str(tmp_path / "backups"), keys)
    restore_backup(str(tmp_path / "backups"), tmp_path / "back", keys)
    assert tree(tmp_path / "back" / "datasets").keys() == {*OWN, "search/cat/my notes.txt"}
    assert set(made.made_again) == {f"datasets/{name.partition('/')[0]}" for name in AGAIN}


def test_tables_that_lie_in_another_folder_of_the_datasets_are_made_again(tmp_path: Path, keys: Path) -> None:
    contents = filled(tmp_path / "data", delta={"target": str(tmp_path / "data" / "datasets" / "lakehouse")})
    for name in ("lakehouse/posts/1.parquet", "delta/posts/1.parquet"):
        (tmp_path / "data" / "datasets" / name).parent.mkdir(parents=True)
        (tmp_path / "data" / "datasets" / name).write_text(name)
    create_backup(contents, str(tmp_path / "backups"), keys)
    restore_backup(str(tmp_path / "backups"), tmp_path / "back", keys)
    assert {*tree(tmp_path / "back" / "datasets")} == {"delta/posts/1.parquet", "search/cat/my notes.txt"}


def test_datasets_are_stored_when_asked_for(contents: BackupContents, keys: Path, tmp_path: Path) -> None:
    more = BackupContents(contents.settings, contents.home, {}, with_datasets=True)
    create_backup(more, str(tmp_path / "backups"), keys)
    restore_backup(str(tmp_path / "backups"), tmp_path / "back", keys)
    assert (tmp_path / "back" / "datasets" / "post.csv").read_text() == "id\n"


def test_parts_that_lie_elsewhere_come_back_into_one_folder(tmp_path: Path, keys: Path) -> None:
    contents = filled(tmp_path / "data", lake=str(tmp_path / "big/lake"), media_dir=str(tmp_path / "big/media"))
    create_backup(contents, str(tmp_path / "backups"), keys)
    restore_backup(str(tmp_path / "backups"), tmp_path / "back", keys)
    back = tree(tmp_path / "back")
    assert {path for path in back if path[:4] == "lake"} == {f"lake/{path}" for path in tree(tmp_path / "big/lake")}
    assert {path for path in back if path[:5] == "media"} == {f"media/{path}" for path in tree(tmp_path / "big/media")}
    assert f"# INSTAGRAM_ASSETS_LAKE was {tmp_path}/big/lake" in back["settings.env"].decode()


def test_a_lake_in_an_object_store_is_stored_and_comes_back_onto_a_disk(tmp_path: Path, keys: Path, store: str) -> None:
    contents = filled(tmp_path / "data", lake=f"s3://{BUCKET}/{uuid.uuid4().hex}", lake_options=options(store))
    where = str(tmp_path / "backups")
    create_backup(contents, where, keys)
    assert create_backup(contents, where, keys).new_files == 0
    restore_backup(where, tmp_path / "back", keys)
    lake: Any = contents.lake.fs
    expected = {
        path.removeprefix(contents.lake.path + "/"): lake.cat_file(path) for path in lake.find(contents.lake.path)
    }
    assert tree(tmp_path / "back" / "lake") == {
        path: content
        for path, content in expected.items()
        if path != "_conditions" and not path.startswith("landing/.")
    }


@pytest.mark.parametrize(
    ("where", "problem"),
    [
        ("data/backups", "which is backed up"),
        ("data", "which is backed up"),
        ("full", "holds something else than backups"),
        ("full/a.txt", "is a file"),
        ("there.tar", "is there already"),
        ("new.tar.gz", "Name a .tar or a .zip"),
        ("foo://bar", "foo"),
    ],
)
def test_a_place_that_is_no_good_is_refused_before_anything_is_written(
    where: str, problem: str, contents: BackupContents, keys: Path, tmp_path: Path
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a.txt").write_text("mine")
    (tmp_path / "there.tar").write_text("mine")
    before = tree(tmp_path)
    with pytest.raises((FileError, SettingsError), match=problem):
        create_backup(contents, where if "://" in where else str(tmp_path / where), keys)
    assert tree(tmp_path) == before


def test_where_there_is_nothing_nothing_is_made(tmp_path: Path, keys: Path) -> None:
    with pytest.raises(NothingDoneError, match="nothing to back up"):
        create_backup(BackupContents(Settings(data_dir=tmp_path / "none"), None, {}), str(tmp_path / "backups"), keys)
    with open_location(str(tmp_path / "backups")) as place:
        assert place.ids() == []
    assert list_backups(keys) == []


def test_a_store_that_does_not_answer_is_one_clear_sentence(contents: BackupContents, keys: Path) -> None:
    nobody = {"key": "a", "secret": "b", "endpoint_url": "http://127.0.0.1:1"}
    with pytest.raises(StorageError, match="cannot be reached"):
        create_backup(contents, "s3://bucket/backups", keys, options=nobody)


def test_what_still_waits_is_stored_as_waiting(contents: BackupContents, keys: Path, tmp_path: Path) -> None:
    inbox = contents.settings.folder("inbox")
    for note in ("first.json", "new.json", "done/old.json"):  # equal notes of different files
        (inbox / f"{note}.observed_at").write_text("2026-11-01T00:00:00Z")
    (inbox / "first.json").write_bytes((inbox / "done" / "first.json").read_bytes())
    export(inbox / "new.json", [post(5)])
    export(inbox / "second.json", [post(6)])
    create_backup(contents, str(tmp_path / "backups"), keys)
    restore_backup(str(tmp_path / "backups"), tmp_path / "back", keys)
    names = {path.name for path in (tmp_path / "back" / "inbox").iterdir()}
    # What was moved meanwhile is in `done` alone.
    assert names == {"waiting.json", "new.json", "new.json.observed_at", "second.json", "done"}


@pytest.mark.parametrize("ending", ["tar", "zip"])
@pytest.mark.parametrize("room", [0, 700, 20_000])
def test_a_disk_that_is_full_is_one_error_and_leaves_nothing(
    ending: str, room: int, contents: BackupContents, keys: Path, tmp_path: Path
) -> None:
    where = tmp_path / "out" / f"one.{ending}"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        with pytest.raises(StorageError, match="cannot be written"):
            create_backup(contents, str(where), keys)
        gc.collect()  # what Python says when it throws a file away that could not be closed fails this test
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(where.parent.iterdir()) == []
