"""Delta tables in an object store, on a volume without hard links, and with several writers at once."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError
from upath import UPath

from instagram_assets.datasets.delta import (
    TABLES,
    check,
    files_of_tables,
    optimize,
    table_location,
    vacuum,
    write_delta,
)
from instagram_assets.datasets.delta.locations import UNSAFE, FolderLocation
from instagram_assets.datasets.pseudonymous import known_to
from instagram_assets.errors import DamagedError, SettingsError, StorageError
from instagram_assets.forget.outputs import output_steps
from instagram_assets.privacy.forgotten_identifiers import Identifiers
from instagram_assets.privacy.identifier_leaks import find_identifier_leaks
from instagram_assets.privacy.lake_names import make_lake_names
from instagram_assets.settings import load_settings
from instagram_assets_tests.datasets.delta_lakes import ACCOUNTS, MAY, ids, lake, made, put, rows
from instagram_assets_tests.datasets.tables import post
from instagram_assets_tests.servers.object_store import BUCKET, object_store, store_path

EXPECTED = [str(number) for number in range(1, 41)]


@pytest.fixture(scope="module")
def address() -> Generator[str]:
    with object_store() as address:
        yield address


@pytest.fixture
def options(address: str) -> dict[str, str]:
    """The options of delta-rs for the store, as they stand in the settings."""
    return {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_ENDPOINT_URL": address,
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
    }


@pytest.fixture
def target(request: pytest.FixtureRequest) -> str:
    """An address that no other test uses."""
    return f"s3://{BUCKET}/{request.node.name}".replace("[", "-").replace("]", "")


def test_tables_in_a_store_are_as_on_a_disk(tmp_path: Path, target: str, options: dict[str, str]):
    root = lake(tmp_path / "lake")
    assert {made.version for made in write_delta(root, target, options)} == {0}
    assert [made.written for made in write_delta(root, target, options)] == [0, 0]
    put(root, post("99", ACCOUNTS[1]))
    assert [made.written for made in write_delta(root, target, options)] == [1, 0]
    assert ids(target, storage_options=options) == [*(one for one in EXPECTED if one != "3"), "99"]
    assert [made.files < 8 for made in optimize(root, target, options)] == [True, True]
    assert vacuum(root, target, options, keep_hours=0)[0].files >= 1
    assert len(ids(target, storage_options=options)) == 40


def test_a_table_in_a_store_loses_names_and_what_is_forgotten_with_all_older_versions(
    tmp_path: Path, target: str, options: dict[str, str]
):
    root = lake(tmp_path / "lake")
    write_delta(root, target, options)
    chosen = {"target": target, "options": options}
    settings = load_settings(data_dir=tmp_path / "data", lake=str(tmp_path / "lake"), delta=chosen)
    forgotten = Identifiers(accounts={ACCOUNTS[3]: "forgotten_1"}, post_ids=frozenset({"7", "8"}))
    for step in list(output_steps(settings, forgotten)):
        step.apply()
    assert len(ids(target, storage_options=options)) == 38
    assert not find_identifier_leaks(files_of_tables(root, target, options, TABLES), make_lake_names([ACCOUNTS[3]]))
    everybody, pseudonyms = known_to(settings, root)
    write_delta(root, target, options, pseudonyms=pseudonyms)
    assert not find_identifier_leaks(files_of_tables(root, target, options, TABLES), everybody)
    assert len(rows(target, storage_options=options)) == 40  # as the lake, which forgets by itself


def test_a_lake_in_the_same_store_needs_no_options_twice(address: str, target: str, options: dict[str, str]):
    root = store_path(address, "lake-of-delta")
    put(root, post("1", ACCOUNTS[0], day=MAY), post("2", ACCOUNTS[1], day=MAY))
    assert write_delta(root, target)[0].rows == 2
    assert ids(target, storage_options=options) == ["1", "2"]
    put(root, post("3", ACCOUNTS[0], day=MAY))
    assert [made.written for made in write_delta(root, target)] == [1]
    assert ids(target, storage_options=options) == ["2", "3"]
    assert [made.written for made in write_delta(root, target)] == [0]


@pytest.mark.parametrize("version", [0, 1])
def test_a_damaged_log_in_a_store_is_told_and_mended(
    tmp_path: Path, target: str, options: dict[str, str], version: int
):
    root = lake(tmp_path / "lake")
    for number in (1, 99):
        put(root, post(str(number), ACCOUNTS[0]))
        write_delta(root, target, options)
    place = table_location(target, "posts", options, {})
    place.remove(f"_delta_log/{version:020}.json")
    place.write(f"_delta_log/{version:020}.json", lambda stream: None)
    with pytest.raises(DamagedError, match=rf"version {version} of this Delta table is damaged \(it has no bytes\)"):
        check(place)
    told: list[str] = []
    write_delta(root, target, options, warn=told.append)
    assert [f"version {version} was damaged" in line for line in told] == [True]
    assert place.sizes("_damaged/1")[f"{version:020}.json"] == 0
    assert ids(target, storage_options=options) == ["2", *EXPECTED[2:], "99"]


def test_runs_at_once_in_a_store_end_with_each_row_once(tmp_path: Path, target: str, options: dict[str, str]):
    root = lake(tmp_path / "lake")
    _at_once(root, target, options)
    assert ids(target, storage_options=options) == EXPECTED
    put(root, *(post(str(100 + number), account) for number, account in enumerate(ACCOUNTS)))
    _at_once(root, target, options)
    assert len(ids(target, storage_options=options)) == len(set(ids(target, storage_options=options))) == 40
    assert [made.written for made in write_delta(root, target, options)] == [0, 0]


def test_runs_at_once_on_a_disk_take_turns(tmp_path: Path):
    root = lake(tmp_path / "lake")
    _at_once(root, str(tmp_path / "delta"), {})
    assert ids(tmp_path / "delta") == EXPECTED
    assert DeltaTable(tmp_path / "delta/posts").version() == 0


def _at_once(root: UPath, target: str, options: dict[str, str]) -> None:
    with ThreadPoolExecutor(4) as pool:
        for run in [pool.submit(write_delta, root, target, options) for _ in range(4)]:
            run.result()


def test_another_writer_in_between_makes_it_compare_again(tmp_path: Path):
    root, target = lake(tmp_path / "lake"), tmp_path / "delta"
    made(root, target)
    table = DeltaTable(target / "posts").to_pyarrow_table().slice(0, 1)

    def write() -> None:
        for _ in range(20):
            try:
                write_deltalake(target / "posts", table, mode="append")
            except CommitFailedError:
                continue

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(write)
        while not other.done():
            made(root, target)
        other.result()
    made(root, target)
    assert ids(target) == EXPECTED


def test_a_lake_that_is_written_meanwhile_is_never_taken_for_another(tmp_path: Path):
    root, target = lake(tmp_path / "lake"), tmp_path / "delta"

    def write() -> None:
        for number in range(40):
            put(root, post("1", ACCOUNTS[0], day=MAY, likes=number % 2))
        put(root, post("1", ACCOUNTS[0], day=MAY, likes=0))

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(write)
        while not other.done():
            made(root, target)
        other.result()
    made(root, target)
    assert [row["likes"] for row in rows(target) if row["post_id"] == "1"] == [0]
    assert ids(target) == EXPECTED


def test_a_volume_without_hard_links_and_locks_is_written_when_one_writer_is_promised(tmp_path: Path):
    root, options = lake(tmp_path / "lake"), {UNSAFE: "true"}
    for _ in range(2):
        write_delta(root, str(tmp_path / "delta"), options)
    assert ids(tmp_path / "delta") == EXPECTED
    assert DeltaTable(tmp_path / "delta/posts").version() == 0
    put(root, post("99", ACCOUNTS[0]))
    write_delta(root, f"file://{tmp_path}/delta", options)
    assert ids(tmp_path / "delta")[-1] == "99"


def test_an_address_that_delta_does_not_know_is_a_setting_to_change(tmp_path: Path):
    with pytest.raises(SettingsError, match=r"INSTAGRAM_ASSETS_DELTA__TARGET=moon://there/posts: .* Use a folder"):
        write_delta(lake(tmp_path / "lake"), "moon://there")


def test_a_bucket_that_is_not_there_is_an_error_without_keys(tmp_path: Path, options: dict[str, str]):
    with pytest.raises(StorageError, match="s3://nowhere/delta/posts") as caught:
        write_delta(lake(tmp_path / "lake"), "s3://nowhere/delta", {**options, "AWS_SECRET_ACCESS_KEY": "hush-hush"})
    assert "hush-hush" not in str(caught.value)


def test_the_tables_are_beside_the_datasets_unless_a_setting_says_where(tmp_path: Path):
    from instagram_assets.datasets.delta import delta_target

    assert delta_target(load_settings(data_dir=tmp_path)) == str(tmp_path / "datasets/delta")
    assert delta_target(load_settings(delta={"target": "s3://bucket/delta"})) == "s3://bucket/delta"
    place = table_location("~/delta", "posts", {}, {})
    assert isinstance(place, FolderLocation)
    assert place.path == Path.home() / "delta/posts"
