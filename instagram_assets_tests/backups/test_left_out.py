"""No byte of a key is in a backup, wherever it lies, and nothing from outside that a link leads to."""

from pathlib import Path
from typing import Any

import pytest

from instagram_assets.backups.backup_contents import BackupContents
from instagram_assets.backups.create_backup import BackupSummary, create_backup
from instagram_assets.backups.location import open_location
from instagram_assets.backups.restore import restore_backup
from instagram_assets.privacy.secret_keys import load_key
from instagram_assets_tests.backups.folders import filled, stored_tree, tree

OUTSIDE = b"of somebody else"


def with_keys(tmp_path: Path, folder: str) -> tuple[BackupContents, list[bytes]]:
    """A data folder whose privacy folder is this one, and its keys as they are written."""
    contents = filled(tmp_path / "data", privacy={"folder": str(tmp_path / folder)})
    privacy = contents.settings.folder("privacy")
    keys = [load_key(privacy, name) for name in ("pseudonyms", "tombstones")]
    (privacy / "tombstones.jsonl").touch()
    return contents, [key.hex().encode() for key in keys]


def backed_up(
    contents: BackupContents, tmp_path: Path, ending: str = ".tar"
) -> tuple[BackupSummary, dict[str, bytes], bytes]:
    """A backup: what was said of it, what comes back, and all bytes of the place."""
    where = tmp_path / f"backup{ending}"
    made = create_backup(contents, str(where), contents.settings.folder("privacy"))
    restore_backup(str(where), tmp_path / "back", contents.settings.folder("privacy"))
    files = [where] if where.is_file() else [path for path in where.rglob("*") if path.is_file()]
    return made, tree(tmp_path / "back"), b"".join(path.read_bytes() for path in files)


def left_out(made: BackupSummary) -> set[str]:
    return {each.path for each in made.left_out}


@pytest.mark.parametrize("folder", ["data/privacy", "data/keys", "data/mine/deep/keys", "keys"])
@pytest.mark.parametrize("ending", [".tar", ""])
def test_no_key_is_stored_wherever_its_folder_is(folder: str, ending: str, tmp_path: Path) -> None:
    contents, keys = with_keys(tmp_path, folder)
    made, back, stored = backed_up(contents, tmp_path, ending)
    assert not any(key in stored or key in content for key in keys for content in back.values())
    assert not [path for path in back if path.endswith((".key", "tombstones.jsonl"))]
    assert (made.missing, made.left_out) == ((), ())


@pytest.mark.parametrize(
    "place",
    [
        *("privacy", "keys", "mine/keys", "age", "ledger/keys", "alerts"),
        *("lake/posts", "lake/posts/sun_diary", "lake/captions", "lake/landing/keys", "lake/keys", "lake/posts/a/b"),
        *("inbox/keys", "inbox/done/keys", "media/ab", "media/ab/cd", "dagster/history/keys", "dagster/storage"),
    ],
)
def test_no_key_is_stored_whatever_leads_to_its_folder(place: str, tmp_path: Path) -> None:
    contents, keys = with_keys(tmp_path, "elsewhere/keys")
    link = contents.settings.data_dir / place
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(contents.settings.folder("privacy"))
    _, back, stored = backed_up(contents, tmp_path)
    assert not any(key in stored or key in content for key in keys for content in back.values())


@pytest.mark.parametrize("named", ["a link", "a folder"])
def test_no_key_is_stored_where_the_settings_name_a_link(named: str, tmp_path: Path) -> None:
    (tmp_path / "data" / "mine" / "keys").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "data" / "mine")
    contents, keys = with_keys(tmp_path, "link/keys" if named == "a link" else "data/mine/keys")
    _, back, stored = backed_up(contents, tmp_path)
    assert not any(key in stored or key in content for key in keys for content in back.values())


@pytest.mark.parametrize("folder", ["mine", "inbox", "inbox/done/x", "lake/posts/a", "lake/keys", "media/ab", "age"])
@pytest.mark.parametrize("name", ["pseudonyms.key", "pseudonyms (1).key", "tombstones.key.bak", "note.txt"])
def test_no_copy_of_a_key_is_stored_and_it_is_said(folder: str, name: str, tmp_path: Path) -> None:
    contents, keys = with_keys(tmp_path, "keys")
    copy = contents.settings.data_dir / folder / name
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(keys[1])
    made, back, stored = backed_up(contents, tmp_path)
    assert not any(key in stored or key in content for key in keys for content in back.values())
    assert left_out(made) == {f"{folder}/{name}"}


@pytest.mark.parametrize(
    "place",
    [
        *("link", "mine/link", "age/link", "dagster/history/link", "scrapes/link"),
        *(
            "inbox/link.json",
            "inbox/done/link.json",
            "lake/link",
            "lake/landing/link",
            "lake/posts/x/link",
            "media/ab/link",
        ),
    ],
)
@pytest.mark.parametrize("to", ["a file", "a folder", "a file in the data folder", "the data folder"])
def test_a_link_is_left_out_and_said_and_all_others_are_stored(place: str, to: str, tmp_path: Path) -> None:
    contents = filled(tmp_path / "data")
    data = contents.settings.data_dir
    before = stored_tree(data)
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "passwd").write_bytes(OUTSIDE)
    (data / ".env").write_bytes(OUTSIDE)
    targets = {
        "a file": tmp_path / "others" / "passwd",
        "a folder": tmp_path / "others",
        "a file in the data folder": data / ".env",
        "the data folder": data,
    }
    (data / place).parent.mkdir(parents=True, exist_ok=True)
    (data / place).symlink_to(targets[to])
    made, back, stored = backed_up(contents, tmp_path)
    assert OUTSIDE not in stored
    back.pop("settings.env")
    assert back == before
    assert left_out(made) == {place}


@pytest.mark.parametrize(
    "place", ["lake", "media", "inbox", "dagster", "lake/raw_posts", "lake/raw_posts/007", "ledger"]
)
def test_folders_of_the_program_may_lie_on_another_disk(place: str, tmp_path: Path) -> None:
    contents = filled(tmp_path / "data")
    data = contents.settings.data_dir
    before = stored_tree(data)
    (data / place).rename(tmp_path / "disk")
    (data / place).symlink_to(tmp_path / "disk")
    made, back, _ = backed_up(contents, tmp_path)
    back.pop("settings.env")
    assert back == before
    assert made.left_out == ()


def test_in_an_object_store_what_is_named_like_a_key_is_left_out(tmp_path: Path, keys: Path, store: str) -> None:
    from instagram_assets_tests.servers.object_store import BUCKET, options

    contents = filled(tmp_path / "data", lake=f"s3://{BUCKET}/left", lake_options=options(store))
    root: Any = contents.lake
    (root / "posts" / "a" / "tombstones.key").write_bytes(b"secret")
    made = create_backup(contents, str(tmp_path / "backups"), keys)
    assert left_out(made) == {"lake/posts/a/tombstones.key"}
    with open_location(str(tmp_path / "backups")) as place:
        assert "secret" not in str(place.manifest(made.id).entries)


def test_what_is_made_from_the_lake_for_the_web_app_is_not_stored(tmp_path: Path) -> None:
    contents = filled(tmp_path / "data")
    for name in ("index/index.duckdb", "index/vectors-0a.npy", f"thumbnails/ab/{'ab' * 32}.jpg"):
        path = contents.settings.data_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"made again")
    made, back, stored = backed_up(contents, tmp_path)
    assert not [path for path in back if path.startswith(("index/", "thumbnails/"))]
    assert b"made again" not in stored
    assert (made.missing, made.left_out) == ((), ())
