"""What was forgotten never lands again, whatever brings it; all else lands as if it had never been there."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from upath import UPath

from instagram_assets.ingest import landing
from instagram_assets.ingest.manifests import LandedFile
from instagram_assets.ingest.observations import quarantine_table, read_ads, read_posts, read_profiles
from instagram_assets.privacy.tombstones import add_tombstones, load_tombstones
from instagram_assets.settings import Settings, load_settings
from instagram_assets_tests.ingest.records import post, profile
from instagram_assets_tests.ingest.redact.accounts import FORGOTTEN, RAW, mentioning, moon_post, moon_profile
from instagram_assets_tests.ingest.redact.test_file_redaction import FORMS

FIRST, LAST = date(2010, 1, 1), date(2100, 1, 1)
OF_THE_FILE = ("source_sha256", "source_file", "observed_at")
BAD = {"likesCount": "many", "timestamp": "never"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    found = load_settings(data_dir=tmp_path / "data", start_day=date(2015, 1, 1))
    add_tombstones(found.folder("privacy"), FORGOTTEN, date(2026, 11, 27))
    return found


def pseudonym(settings: Settings) -> str:
    return load_tombstones(settings.folder("privacy")).pseudonym("sun_diary")


def landed(content: bytes, folder: Path, settings: Settings, name: str = "export") -> tuple[LandedFile, UPath]:
    folder.mkdir(parents=True)
    path = folder / name
    path.write_bytes(content)
    lake = UPath(folder / "lake")
    return landing.land_file(path, lake, settings=settings), lake


def rows(lake: UPath) -> list[pa.Table]:
    tables = [read_posts(lake, kind, ["sun_diary", "moon.cafe"], FIRST, LAST) for kind in ("posts", "reels")]
    tables += [
        read_profiles(lake, ["sun_diary", "moon.cafe"]),
        quarantine_table(lake),
        read_ads(lake),
    ]
    dropped = {*OF_THE_FILE, "file", "sha256"}
    return [table.select([name for name in table.column_names if name not in dropped]) for table in tables]


def bytes_of(folder: Path) -> bytes:
    """All that was written, Parquet pages unpacked."""
    import pyarrow.parquet as pq

    found = b""
    for path in folder.rglob("*"):
        if path.is_file():
            found += path.name.encode() + path.read_bytes()
            if path.suffix == ".parquet":
                found += json.dumps(pq.read_table(path).to_pylist(), default=str, ensure_ascii=False).encode()
    return found


MIXED: list[dict[str, Any]] = [
    moon_post(),
    post(),
    profile(),
    moon_profile(latestPosts=[post(), moon_post()]),
    post(**BAD),
    moon_post(**BAD, id="9", shortCode="Q", url="q"),
    {"error": "not_found", "errorDescription": "sun_diary is private", "username": "sun_diary"},
]


@pytest.mark.parametrize("form", ["array", "lines", "CSV", "gzip", "wrapper"])
def test_an_old_export_lands_as_if_the_account_had_never_been_in_it(
    form: str, tmp_path: Path, settings: Settings
) -> None:
    write = FORMS[form]
    named = pseudonym(settings)
    without = [MIXED[0], moon_profile(latestPosts=[moon_post()]), MIXED[5], mentioning(named)]
    file, lake = landed(write([*MIXED, mentioning("sun_diary")]), tmp_path / "with", settings)
    other, other_lake = landed(write(without), tmp_path / "without", settings)
    assert file.forgotten == 4
    assert other.forgotten == 0
    assert (file.records, file.accounts, file.quarantined) == (4, ("moon.cafe",), 1)
    found, wanted = rows(lake), rows(other_lake)
    if form == "CSV":  # where a bad row stood in its table is told
        found[3], wanted[3] = (table.drop_columns(["reason"]) for table in (found[3], wanted[3]))
    assert found == wanted
    written = bytes_of(tmp_path / "with" / "lake")
    assert not [word for word in RAW if word.encode() in written]


def test_a_file_named_after_it_is_called_otherwise(tmp_path: Path, settings: Settings) -> None:
    file, lake = landed(FORMS["array"]([moon_post()]), tmp_path / "a", settings, "sun_diary_2025.json")
    assert file.file == f"{pseudonym(settings)}_2025.json"
    assert b"sun_diary" not in bytes_of(Path(lake.path))


def test_half_a_record_of_it_is_no_bad_record_either(tmp_path: Path, settings: Settings) -> None:
    half = json.dumps(post())[:-30].encode()
    file, lake = landed(FORMS["lines"]([moon_post()]) + half + b"\n", tmp_path / "a", settings)
    assert (file.posts, file.quarantined, file.forgotten) == (1, 0, 1)
    assert b"sun_diary" not in bytes_of(Path(lake.path))


def test_a_picture_that_is_forgotten_leaves_its_post(tmp_path: Path) -> None:
    from instagram_assets.media.url_checks import url_identity
    from instagram_assets.privacy.forgotten_identifiers import Identifiers

    settings = load_settings(data_dir=tmp_path / "data", start_day=date(2015, 1, 1))
    address = moon_post()["displayUrl"]
    urls = frozenset({url_identity(address)})
    add_tombstones(settings.folder("privacy"), Identifiers(urls=urls), date(2026, 11, 27))
    children = [moon_post(), moon_post(displayUrl="https://cdn.example/b_n.jpg")]
    album = moon_post(id="4", shortCode="D", type="Sidecar", childPosts=children)
    _, lake = landed(FORMS["array"]([moon_post(), album]), tmp_path / "a", settings)
    posts = rows(lake)[0].sort_by("post_id").to_pylist()
    assert [[medium["url"] for medium in row["media"]] for row in posts] == [[], ["https://cdn.example/b_n.jpg"]]
    assert posts[0]["warnings"] == ["media: a picture of it was forgotten"]
    assert quarantine_table(lake).num_rows == 0
    assert address.encode() not in bytes_of(Path(lake.path))


def test_damaged_tombstones_let_nothing_in(tmp_path: Path, settings: Settings) -> None:
    from instagram_assets.errors import StorageError

    (settings.folder("privacy") / "tombstones.key").unlink()
    with pytest.raises(StorageError, match=r"tombstones\.key"):
        landed(FORMS["array"]([moon_post()]), tmp_path / "a", settings)
