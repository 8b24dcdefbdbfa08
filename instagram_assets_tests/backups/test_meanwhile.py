"""What happens between two steps of a backup leaves nothing out that its other files speak of."""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pytest

from instagram_assets.backups.backup_contents import BackupContents, BackupPart
from instagram_assets.backups.create_backup import create_backup
from instagram_assets.backups.files_to_store import FileToStore
from instagram_assets.backups.restore import restore_backup
from instagram_assets.ingest.landing import has_all_tables, land_file
from instagram_assets.ingest.manifests import clear_pending, manifests, pending_files
from instagram_assets.storage.lake import read_table
from instagram_assets_tests.backups.folders import ACCOUNTS, FEATURES, features, put_posts, tree
from instagram_assets_tests.conftest import post


@dataclass(frozen=True)
class Disturbed(BackupContents):
    """What belongs to a backup, with something that happens once, when the files of one part have been listed."""

    at: str = ""
    happens: Callable[[], object] = print

    def parts(self) -> Iterator[BackupPart]:
        yield from map(self._disturbed, super().parts())

    def last(self) -> Iterator[BackupPart]:
        yield from map(self._disturbed, super().last())

    def _disturbed(self, part: BackupPart) -> BackupPart:
        due = [self.happens] if part.name == self.at else []

        def listed() -> Iterable[FileToStore]:
            found = list(part.list())
            while due:
                due.pop()()
            return found

        return replace(part, list=listed)


def disturbed(contents: BackupContents, at: str, happens: Callable[[], object]) -> Disturbed:
    """These contents, with something that happens when a part has been listed."""
    return Disturbed(contents.settings, contents.home, {}, at=at, happens=happens)


def backed_up_and_back(contents: BackupContents, tmp_path: Path) -> BackupContents:
    """A backup and its restore, of which nothing is missing; the contents of what came back."""
    where, keys = str(tmp_path / "backups"), tmp_path / "keys"
    assert create_backup(contents, where, keys).missing == ()
    assert restore_backup(where, tmp_path / "back", keys).missing == ()
    settings = contents.settings.model_copy(update={"data_dir": tmp_path / "back"})
    return BackupContents(settings, tmp_path / "back" / "dagster", {})


STEPS = ("inbox", "inbox/done", "inbox/rejected", "landed", "pending", "landing/posts", "raw_posts", "layout")


@pytest.mark.parametrize("at", STEPS)
@pytest.mark.parametrize("is_settled", [True, False])
def test_a_file_that_lands_meanwhile_is_whole_and_due_or_still_waits(
    at: str, is_settled: bool, contents: BackupContents, tmp_path: Path
) -> None:
    inbox, lake = contents.settings.folder("inbox"), contents.lake
    clear_pending(lake, pending_files(lake))

    def lands() -> None:
        waiting, done = inbox / "waiting.json", inbox / "done" / "waiting.json"
        landed = land_file(waiting, lake, settings=contents.settings)
        shutil.move(waiting, done)
        if is_settled:
            put_posts(contents, "waiting.json", [post(77)])
            clear_pending(lake, [landed])

    back = backed_up_and_back(disturbed(contents, at, lands), tmp_path)
    folder = back.settings.folder("inbox")
    waits, landed = (folder / "waiting.json").exists(), {file.file for file in manifests(back.lake)}
    assert waits or "waiting.json" in landed
    assert waits or (folder / "done" / "waiting.json").exists()
    assert all(has_all_tables(back.lake, file) for file in manifests(back.lake))
    rows = read_table(back.lake, "raw_posts", ["sun_diary"])["source_file"].to_pylist()
    if "waiting.json" not in rows and not waits:
        assert [file.file for file in pending_files(back.lake)] == ["waiting.json"]
    if "waiting.json" in rows:  # its rows are there: so is what they were made of
        assert "waiting.json" in landed


def test_a_file_that_is_moved_meanwhile_is_found_where_it_went(contents: BackupContents, tmp_path: Path) -> None:
    inbox = contents.settings.folder("inbox")
    moves = disturbed(contents, "inbox", lambda: shutil.move(inbox / "waiting.json", inbox / "done" / "waiting.json"))
    back = backed_up_and_back(moves, tmp_path).settings.folder("inbox")
    assert {path.name for path in (back / "done").iterdir()} == {"first.json", "second.json", "waiting.json"}
    assert not (back / "waiting.json").exists()


def test_features_that_are_folded_meanwhile_are_all_there(contents: BackupContents, tmp_path: Path) -> None:
    store = features(contents.lake)
    for number in range(63):
        store.append(pa.table({"image_id": [f"{number:02}"], "caption": [f"a dog {number}"]}, FEATURES))
        store._appended = 0  # pyright: ignore[reportPrivateUsage] it is folded when we say so
    before = store.find(["a", *(f"{number:02}" for number in range(63))])
    assert before.num_rows == 64
    back = backed_up_and_back(disturbed(contents, "features", store.tidy), tmp_path)
    assert len(list(Path(store.folder.path).glob("*.parquet"))) == 1  # it did happen
    assert features(back.lake).find(before["image_id"].to_pylist()).equals(before)


def test_a_month_that_is_emptied_meanwhile_is_no_error(contents: BackupContents, tmp_path: Path) -> None:
    folder = Path(contents.lake.path) / "raw_posts" / "sun_diary"
    back = backed_up_and_back(disturbed(contents, "raw_posts", lambda: shutil.rmtree(folder)), tmp_path)
    rows = read_table(back.lake, "raw_posts")
    assert set(rows["account"].to_pylist()) == set(ACCOUNTS) - {"sun_diary"}


def test_a_file_that_is_written_to_all_the_time_is_named(contents: BackupContents, tmp_path: Path) -> None:
    growing = contents.settings.folder("inbox") / "growing.json"
    os.mkfifo(contents.settings.folder("inbox") / "pipe")  # is no file, and nobody waits for it
    growing.write_text("[")

    @dataclass(frozen=True)
    class Growing(BackupContents):
        def parts(self) -> Iterator[BackupPart]:
            for part in super().parts():
                yield replace(part, list=lambda part=part: map(grows, part.list()))

    def grows(found: FileToStore) -> FileToStore:
        if found.path != "inbox/growing.json":
            return found

        def opened() -> object:
            reading = found.open()
            with growing.open("a") as stream:
                stream.write("{},")
            os.utime(growing, ns=(1, len(growing.read_text())))
            return reading

        return replace(found, open=opened)  # pyright: ignore[reportArgumentType] it opens the same

    for where in ("backups", "one.tar"):
        made = create_backup(Growing(contents.settings, contents.home, {}), str(tmp_path / where), tmp_path / "keys")
        assert [(each.path, each.reason) for each in made.missing] == [
            ("inbox/growing.json", "it was written to while it was read")
        ]
        restore_backup(str(tmp_path / where), tmp_path / f"back-{where}", tmp_path / "keys")
        assert "inbox/growing.json" not in tree(tmp_path / f"back-{where}")
