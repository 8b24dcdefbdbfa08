"""Landing zone, tables and features forget on a disk and in an object store, and leave other files alone."""

import hashlib
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from upath import UPath

from instagram_assets.datasets.manual_overrides import decide, read_overrides
from instagram_assets.forget import feature_store, lake_tables, landing_zone
from instagram_assets.forget.erasure_steps import Step, StepResult
from instagram_assets.forget.verification import search_all_data
from instagram_assets.ingest.landing import is_landed, land_file
from instagram_assets.ingest.manifests import manifests
from instagram_assets.ingest.observations import read_posts
from instagram_assets.privacy.forgotten_identifiers import Identifiers
from instagram_assets.schemas import SEARCH_RESULTS, VIRAL_LABELS
from instagram_assets.schemas.search import Override
from instagram_assets.settings import Settings
from instagram_assets.storage.features import FeatureStore
from instagram_assets.storage.lake import open_lake, read_table, values_in
from instagram_assets.storage.lake_writer import write_asset, write_cells
from instagram_assets_tests.conftest import export, post
from instagram_assets_tests.servers.object_store import object_store, store_path

SPAN = date(2026, 10, 1), date(2026, 10, 31)
JANE, BOB, CARL = "sun_diary", "moon_cooks", "star_walks"
SHA, OTHER = "ab" * 32, "cd" * 32
KNOWN = Identifiers({JANE: "forgotten_0011223344556677"}, images=frozenset({SHA}))
FEATURES = pa.schema([("image_id", pa.string()), ("caption", pa.string())])


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    with object_store() as address:
        yield address


@pytest.fixture(params=["disk", "object store"])
def chosen(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    if request.param == "disk":
        return Settings(data_dir=tmp_path / "data", _env_file=None)  # pyright: ignore[reportCallIssue]
    root = store_path(request.getfixturevalue("store"), uuid.uuid4().hex)
    options: dict[str, Any] = dict(root.storage_options)
    return Settings(data_dir=tmp_path / "data", lake=str(root), lake_options=options, _env_file=None)  # pyright: ignore[reportCallIssue]


def filled(chosen: Settings, folder: Path) -> UPath:
    """A lake with three accounts in two files, one of which has nothing of her."""
    lake = open_lake(chosen)
    records = [post(1, JANE), post(2, BOB, caption=f"mit @{JANE}"), post(3, CARL, "2026-10-23")]
    land_file(export(folder / "first.json", records), lake, settings=chosen)
    land_file(export(folder / "others.json", [post(4, CARL, "2026-10-24")]), lake, settings=chosen)
    for account in (JANE, BOB, CARL):
        write_cells(lake, "raw_posts", [account], SPAN, read_posts(lake, "posts", [account], *SPAN))
    label: dict[str, object] = {"kind": "post", "account": JANE, "id": "10001"}
    write_asset(lake, "viral_labels", VIRAL_LABELS.table([label, {**label, "account": BOB, "id": "10002"}]))
    store = FeatureStore(lake / "features", "captions", "blip", FEATURES)
    store.append(pa.table([[SHA, OTHER], ["a walk", f"a page of {JANE}"]], schema=FEATURES))
    store.append(pa.table([["ef" * 32], ["a dog"]], schema=FEATURES))
    return lake


def steps(chosen: Settings) -> list[Step]:
    parts = (landing_zone.landing_steps, lake_tables.lake_table_steps, feature_store.feature_steps)
    return [step for part in parts for step in part(chosen, KNOWN)]


def contents(lake: UPath) -> dict[str, bytes]:
    store: Any = lake.fs
    store.invalidate_cache()
    return {path: store.cat_file(path) for path in store.find(lake.path)}


def test_each_part_forgets_and_leaves_other_files_alone(chosen: Settings, tmp_path: Path) -> None:
    lake = filled(chosen, tmp_path)
    before = contents(lake)
    found = steps(chosen)
    assert {(step.area, step.verb, step.rows) for step in found} == {
        ("landing", "rewrite", 2),
        ("lake", "remove", 1),
        ("lake", "rewrite", 1),
        ("features", "remove", 2),
    }
    done = [step.apply() for step in found]
    assert steps(chosen) == []
    assert not search_all_data(chosen, KNOWN).found
    after = contents(lake)
    same = [path for path in before if "others" in path or CARL in path]
    assert same
    assert {path: after.get(path) for path in same} == {path: before[path] for path in same}
    # Each file that was written is told by its hash, on whatever it lies.
    written = {hashlib.sha256(data).hexdigest() for path, data in after.items() if before.get(path) != data}
    assert written == {each for told in done if isinstance(told, StepResult) for each in told.rewritten}
    assert any("/landing/posts/" in path for path in after if before.get(path) not in (None, after[path]))
    assert values_in(lake, "raw_posts") == {BOB, CARL}
    assert read_table(lake, "viral_labels")["account"].to_pylist() == [BOB]


def test_a_landed_file_stays_landed_with_what_is_left_of_it(chosen: Settings, tmp_path: Path) -> None:
    lake = filled(chosen, tmp_path)
    for step in steps(chosen):
        step.apply()
    first = next(file for file in manifests(lake) if file.file == "first.json")
    assert (first.posts, first.records, first.forgotten) == (2, 2, 1)
    assert first.accounts == (BOB, CARL)
    assert is_landed(lake, first.sha256, chosen)
    rows = read_posts(lake, "posts", [BOB, CARL], *SPAN)
    assert rows["caption"].to_pylist()[0] == "mit @forgotten_0011223344556677"
    again = land_file(tmp_path / "first.json", lake, settings=chosen)
    assert not again.new


def test_the_hash_of_a_caption_is_that_of_a_file_without_the_name(chosen: Settings, tmp_path: Path) -> None:
    lake = filled(chosen, tmp_path)
    for step in steps(chosen):
        step.apply()
    left = export(tmp_path / "left.json", [post(2, BOB, caption="mit @forgotten_0011223344556677")])
    fresh = UPath(tmp_path / "fresh")
    land_file(left, fresh, settings=chosen)
    (expected,) = read_posts(fresh, "posts", [BOB], *SPAN)["caption_sha256"].to_pylist()
    assert read_posts(lake, "posts", [BOB], *SPAN)["caption_sha256"].to_pylist() == [expected]
    assert read_table(lake, "raw_posts", [BOB])["caption_sha256"].to_pylist() == [expected]


def test_a_manifest_that_a_kill_left_behind_is_made_to_fit(chosen: Settings, tmp_path: Path) -> None:
    """The table was replaced, the manifest was not: the repeat finds nothing in the table and mends the manifest."""
    lake = filled(chosen, tmp_path)
    landing = next(step for step in steps(chosen) if step.area == "landing")
    old = {path: data for path, data in contents(lake).items() if "/landing/files/" in path}
    landing.apply()
    after = contents(lake)
    store: Any = lake.fs
    for path, data in old.items():
        store.pipe_file(path, data)
    repeated = [step for step in steps(chosen) if step.area == "landing"]
    assert len(repeated) == 1
    repeated[0].apply()
    assert contents(lake) == after


def test_decisions_about_its_pictures_go_and_reasons_that_name_it_name_nobody(chosen: Settings) -> None:
    lake, name, at = open_lake(chosen), "forgotten_0011223344556677", datetime(2026, 11, 27, tzinfo=UTC)
    decide(lake, f"@{JANE}", [OTHER], "drop", "", at)
    decide(lake, f"{JANE} cooks", [OTHER], "drop", f"that is {JANE} again", at)
    decide(lake, "sea", [SHA], "keep", "", at)
    decide(lake, "hills", [OTHER], "keep", "green", at)
    for step in lake_tables.lake_table_steps(chosen, KNOWN):
        step.apply()
    assert read_overrides(lake, f"{name} cooks") == {OTHER: Override("drop", f"that is {name} again", at)}
    assert read_overrides(lake, "hills") == {OTHER: Override("keep", "green", at)}
    assert read_table(lake, "overrides").num_rows == 2
    assert not list(lake_tables.lake_table_steps(chosen, KNOWN))
    assert not search_all_data(chosen, KNOWN).found


def test_a_search_for_it_among_other_words_is_called_otherwise_in_the_lake_too(chosen: Settings) -> None:
    lake, name = open_lake(chosen), "forgotten_0011223344556677"
    for search in (f"{JANE} cooks", "sea", f"{JANE.upper()} cooks"):
        row: dict[str, object] = {"search": search, "rank": 0, "url": "https://example.org/a.jpg"}
        write_cells(lake, "search_results", [search], None, SEARCH_RESULTS.table([row]))
    for step in lake_tables.lake_table_steps(chosen, KNOWN):
        step.apply()
    assert values_in(lake, "search_results") == {f"{name} cooks", "sea"}
    assert set(read_table(lake, "search_results")["search"].to_pylist()) == {f"{name} cooks", "sea"}
    assert not list(lake_tables.lake_table_steps(chosen, KNOWN))
    assert not search_all_data(chosen, KNOWN).found
