"""Each format, as it is really written, gives exactly the rows that stand beside it in `golden/`.

All people and accounts are invented. `python -m instagram_assets_tests.ingest.test_golden` writes the expected
rows anew; read the difference before you keep it.
"""

import json
import lzma
import os
import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from upath import UPath

from instagram_assets.ingest import landing
from instagram_assets.ingest.manifests import LandedFile
from instagram_assets.ingest.merge import merge_posts
from instagram_assets.ingest.normalize import normalize_records
from instagram_assets.ingest.observations import read_posts, read_profiles
from instagram_assets.ingest.reader.json_values import BadRecord
from instagram_assets.ingest.reader.record_reader import read_batches
from instagram_assets.settings import load_settings
from instagram_assets_tests.ingest.records import LIMITS, source, write

GOLDEN = Path(__file__).parent / "golden"
EXPORTS = sorted(path for path in GOLDEN.glob("*.json") if not path.name.endswith(".expected.json"))
SETTINGS = load_settings(start_day=date(2015, 1, 1))
FIRST, LAST = date(2010, 1, 1), date(2100, 1, 1)
SAME_POST = "3697661021377407101"
OTHER_PEOPLES_WORDS = ("예뻐요", "face_n.jpg")


def expected(path: Path) -> Path:
    return path.with_suffix(".expected.json")


def written(path: Path) -> datetime:
    """When a file was written: midnight in Seoul of the day in its name."""
    return datetime.fromisoformat(f"{path.stem[-10:]}T00:00:00+09:00").astimezone(UTC)


def outcome(path: Path) -> dict[str, Any]:
    """The rows of a file without their nulls, its errors, and what is known of its format."""
    records = [(n, r) for batch in read_batches(path, LIMITS) for n, r in batch if not isinstance(r, BadRecord)]
    result = normalize_records(records, source(path.name, modified_at=written(path)))
    rows = [{"table": name, **row} for name, table in result.tables.items() for row in table.to_pylist()]
    return {
        "formats": sorted(result.formats),
        "unknown_fields": sorted(result.unknown),
        "errors": [[problem.position, problem.error.field, problem.error.reason] for problem in result.problems],
        "rows": [{key: plain(value) for key, value in row.items() if value is not None} for row in rows],
    }


def plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime) else value


@pytest.mark.parametrize("path", EXPORTS, ids=lambda path: path.stem)
def test_every_format_gives_the_rows_that_stand_beside_it(path: Path) -> None:
    assert outcome(path) == json.loads(expected(path).read_text("utf-8"))


@pytest.mark.parametrize("path", EXPORTS, ids=lambda path: path.stem)
def test_no_format_brings_the_words_and_pictures_of_others(path: Path) -> None:
    kept = json.dumps([outcome(path)["rows"]], ensure_ascii=False)
    assert not any(words in kept for words in OTHER_PEOPLES_WORDS)


def test_a_post_that_came_in_every_format_is_one_post(tmp_path: Path) -> None:
    lake = UPath(tmp_path / "lake")
    files = [landing.land_file(copied(path, tmp_path), lake, settings=SETTINGS) for path in EXPORTS]
    posts, reels = (read_posts(lake, kind, ["sun_diary"], FIRST, LAST) for kind in ("posts", "reels"))
    merged = {row["post_id"]: row for row in merge_posts(posts, reels, read_profiles(lake, ["sun_diary"])).to_pylist()}
    assert len(merged) == 3
    row = merged[SAME_POST]
    assert (row["account"], row["owner"], row["owner_id"], row["likes"]) == (
        "sun_diary",
        "sun_diary",
        "71000001001",
        190,
    )
    seen_in = {file.format for file in files if SAME_POST in ids(lake, file)}
    assert seen_in == {
        "apify_errors, apify_posts, apify_profiles",
        "graph_nodes",
        "instaloader",
        "timeline",
        "pages",
    }
    assert row["observations"] == len({row["observed_at"] for row in posts.to_pylist() if row["post_id"] == SAME_POST})
    assert row["observations"] >= 9
    assert row["media"][2]["kind"] == "video"


def copied(path: Path, folder: Path) -> Path:
    copy = Path(shutil.copy(path, folder))
    os.utime(copy, (written(path).timestamp(), written(path).timestamp()))
    return copy


def ids(lake: UPath, file: LandedFile) -> set[str]:
    table = read_posts(lake, "posts", ["sun_diary"], FIRST, LAST)
    return {row["post_id"] for row in table.to_pylist() if row["source_sha256"] == file.sha256}


def test_instaloaders_packed_files_are_read_as_they_are(tmp_path: Path) -> None:
    content = (GOLDEN / "instaloader_graph_2025-08-03.json").read_bytes()
    packed = write(tmp_path, lzma.compress(content), "2025-07-29_11-15-43_UTC.json.xz")
    file = landing.land_file(packed, UPath(tmp_path / "lake"), settings=SETTINGS)
    assert (file.posts, file.format) == (1, "instaloader")


if __name__ == "__main__":
    for export in EXPORTS:
        text = json.dumps(outcome(export), ensure_ascii=False, indent=1, sort_keys=True)
        expected(export).write_text(text + "\n", "utf-8")
