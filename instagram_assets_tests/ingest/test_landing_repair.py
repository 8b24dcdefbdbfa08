"""What is damaged in the landing zone is read again from where its source lies, or told with what to do."""

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from upath import UPath

from instagram_assets.errors import StorageError
from instagram_assets.ingest import landing, landing_repair, manifests
from instagram_assets.ingest.inbox import land_files
from instagram_assets.ingest.landing_run import LandingReport
from instagram_assets.ingest.manifests import LandedFile, clear_pending, pending_files
from instagram_assets.ingest.observations import (
    landed_files,
    quarantine_table,
    read_comments,
    read_posts,
    read_profiles,
)
from instagram_assets.settings import IngestSettings, Settings, load_settings
from instagram_assets_tests.ingest.records import post, profile, write

FIRST, LAST = date(2010, 1, 1), date(2100, 1, 1)
RECORDS = [post(), profile(), None]
COMMENT = {
    "commentUrl": "https://www.instagram.com/p/DNQuxufAih9/c/18001/",
    "id": "18001",
    "text": "call 공1공-1234-5678",
    "ownerUsername": "third_party_0815",
    "timestamp": "2025-07-29T12:15:43.000Z",
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(data_dir=tmp_path, start_day=date(2015, 1, 1))


@pytest.fixture
def lake(settings: Settings) -> UPath:
    return UPath(settings.folder("lake"))


def land(settings: Settings, content: object = None, name: str = "posts.json") -> LandingReport:
    if content is not None:
        write(settings.folder("inbox"), content, name)
    return land_files([], UPath(settings.folder("lake")), settings)


def local(path: UPath) -> Path:
    return Path(path.path)


def content(lake: UPath) -> list[dict[str, Any]]:
    tables = [quarantine_table(lake), read_profiles(lake, ["sun_diary"])]
    return [row for t in [read_posts(lake, "posts", ["sun_diary"], FIRST, LAST), *tables] for row in t.to_pylist()]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


DAMAGE: dict[str, Callable[[UPath, LandedFile], object]] = {
    "cut": lambda lake, file: cut(local(manifests.table_path(lake, "posts", file.name))),
    "emptied": lambda lake, file: local(manifests.table_path(lake, "profiles", file.name)).write_bytes(b""),
    "deleted": lambda lake, file: local(manifests.table_path(lake, "quarantine", file.name)).unlink(),
    "folder-deleted": lambda lake, file: shutil.rmtree(local(lake / "landing" / "posts")),
    "manifest-cut": lambda lake, file: cut(local(manifests.manifest_path(lake, file.name))),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_damage_is_healed_by_the_next_landing_from_what_was_put_aside(
    how: str, settings: Settings, lake: UPath
) -> None:
    land(settings, [post(id="0", shortCode="other")])  # of the same name, and landed before
    (file,) = land(settings, RECORDS).landed
    clear_pending(lake, pending_files(lake))
    before = content(lake)
    DAMAGE[how](lake, file)
    result = land(settings)
    assert result.failures == []
    assert file.sha256 in [mended.sha256 for mended in result.mended.again]
    assert content(lake) == before or how == "manifest-cut"  # when it was first seen stood there alone
    assert [row.get("post_id") for row in content(lake)] == [row.get("post_id") for row in before]
    # Nothing new came in, so no cell is made again.
    assert pending_files(lake) == [] or how == "manifest-cut"
    assert land(settings).mended == landing_repair.RepairReport()


@pytest.mark.parametrize("how", DAMAGE)
def test_damage_whose_source_is_gone_is_told_with_its_file_and_the_others_land(
    how: str, settings: Settings, lake: UPath
) -> None:
    (file,) = land(settings, RECORDS).landed
    shutil.rmtree(settings.folder("inbox") / "done")
    DAMAGE[how](lake, file)
    result = land(settings, [post(id="2", shortCode="B")], "b.json")
    (error,) = result.failures
    assert isinstance(error, StorageError)
    assert file.sha256 in str(error)
    assert "Put that file into the inbox again, or delete" in str(error)
    assert [new.file for new in result.landed] == ["b.json"]


@pytest.mark.parametrize("how", DAMAGE)
def test_the_source_put_into_the_inbox_again_heals_it(how: str, settings: Settings, lake: UPath) -> None:
    (file,) = land(settings, RECORDS).landed
    before = content(lake)
    shutil.rmtree(settings.folder("inbox") / "done")
    DAMAGE[how](lake, file)
    assert not landing.is_landed(lake, file.sha256, settings)
    assert land(settings, RECORDS, "another_name.json").failures == []
    assert landing.is_landed(lake, file.sha256, settings)
    assert content(lake) == before or how == "manifest-cut"
    assert len(content(lake)) == len(before)


def test_reading_what_is_damaged_is_an_error_that_names_it(settings: Settings, lake: UPath) -> None:
    (file,) = land(settings, RECORDS).landed
    for damage in (DAMAGE["cut"], lambda *_: local(manifests.table_path(lake, "posts", file.name)).unlink()):
        damage(lake, file)
        with pytest.raises(StorageError, match=rf"{file.sha256}.*run `instagram-assets ingest`"):
            content(lake)


@pytest.fixture
def older(settings: Settings, lake: UPath, monkeypatch: pytest.MonkeyPatch) -> LandedFile:
    """A file as the rules of an earlier version have read it."""
    for module in ("landing", "landing_writer", "manifests"):
        monkeypatch.setattr(f"instagram_assets.ingest.{module}.PARSER_VERSION", 2)
    (file,) = land(settings, RECORDS).landed
    monkeypatch.undo()
    assert file.parser_version == 2
    return file


def test_what_older_rules_have_read_stays_until_its_source_is_read_again(
    settings: Settings, lake: UPath, older: LandedFile
) -> None:
    done = settings.folder("inbox") / "done"
    source = (done / "posts.json").read_bytes()
    shutil.rmtree(done)
    assert pending_files(lake) == [older]
    clear_pending(lake, [older])
    result = land(settings, [post(id="2", shortCode="B")], "b.json")
    assert (result.failures, result.mended.older) == ([], [older])
    assert sorted(row["post_id"] for row in read_posts(lake, "posts", ["sun_diary"], FIRST, LAST).to_pylist()) == [
        "2",
        "3697661021377407101",
    ]
    assert landed_files(lake, FIRST, LAST).num_rows == 2
    clear_pending(lake, pending_files(lake))
    (new,) = land(settings, source, "posts.json").landed
    assert (new.parser_version, new.first_seen) == (manifests.PARSER_VERSION, older.first_seen)
    assert landed_files(lake, FIRST, LAST).num_rows == 2
    assert pending_files(lake) == [new]
    clear_pending(lake, [new])
    assert pending_files(lake) == []


def test_sources_that_were_put_aside_are_read_by_the_new_rules_at_the_next_landing(
    settings: Settings, lake: UPath, older: LandedFile
) -> None:
    (new,) = land(settings).mended.again
    assert (new.sha256, new.parser_version) == (older.sha256, manifests.PARSER_VERSION)
    assert pending_files(lake) == [new]
    assert land(settings).mended == landing_repair.RepairReport()


@pytest.mark.parametrize("kept_now", [True, False])
def test_comments_that_older_rules_kept_are_read_anew_and_their_old_words_go(
    tmp_path: Path, lake: UPath, monkeypatch: pytest.MonkeyPatch, kept_now: bool
) -> None:
    def told(keep: bool) -> Settings:
        return load_settings(data_dir=tmp_path, ingest=IngestSettings(keep_comments=keep))

    for module in ("landing", "landing_writer", "manifests"):
        monkeypatch.setattr(f"instagram_assets.ingest.{module}.PARSER_VERSION", manifests.PARSER_VERSION - 1)
    (older,) = land(told(True), [COMMENT], "comments.json").landed
    monkeypatch.undo()
    assert local(manifests.table_path(lake, "comments", older.name)).exists()
    (new,) = land(told(kept_now)).mended.again
    assert (older.comments, new.comments) == (1, 1)
    assert [row["text"] for row in read_comments(lake).to_pylist()] == ["call [phone]"]
    assert not local(manifests.table_path(lake, "comments", older.name)).exists()
    assert land(told(kept_now)).mended == landing_repair.RepairReport()


def test_what_older_rules_kept_of_bad_records_is_not_shown(lake: UPath, older: LandedFile) -> None:
    path = local(manifests.table_path(lake, "quarantine", older.name))
    rows = quarantine_table(lake)
    import pyarrow as pa
    import pyarrow.parquet as pq

    place = rows.schema.get_field_index("record")
    pq.write_table(rows.set_column(place, rows.schema.field(place), pa.array(["too pretty!"])), path)
    assert quarantine_table(lake)["record"].to_pylist() == [""]
