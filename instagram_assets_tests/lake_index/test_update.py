"""An index that was brought up to date says what one says that was made anew, whatever changed."""

import gc
import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from upath import UPath

from instagram_assets.errors import DamagedError, NotReadyError, StorageError
from instagram_assets.lake_index import update
from instagram_assets.lake_index.caches import PerIndex
from instagram_assets.lake_index.facets import facets_of
from instagram_assets.lake_index.filters import Filter
from instagram_assets.lake_index.index_files import index_file, indexed_fingerprint, is_index_file
from instagram_assets.lake_index.index_reader import IndexHandle, LakeIndex
from instagram_assets.lake_index.insert_terms import _terms  # pyright: ignore[reportPrivateUsage]
from instagram_assets.lake_index.lake_changes import fingerprint
from instagram_assets.lake_index.nearest_neighbours import Vectors
from instagram_assets.lake_index.remove_derived_files import remove_index
from instagram_assets.lake_index.search_terms import terms_of, token_term
from instagram_assets.lake_index.sorted_rows import SortedRows
from instagram_assets.lake_index.spill_folders import SPILL_PREFIX
from instagram_assets.lake_index.update import Updated, update_index
from instagram_assets.schemas import CONTRACTS
from instagram_assets.storage.lake_writer import write_asset
from instagram_assets_tests.lake_index import small_lakes
from instagram_assets_tests.lake_index.small_lakes import ACCOUNTS, MONTHS, SEARCHES, ZONE, content

_FOLDER = tempfile.TemporaryDirectory(prefix="lakes-")
_CHANGES: dict[str, Callable[[UPath, Random], None]] = {
    "month": lambda root, random: small_lakes.write_month(
        root, random.choice(ACCOUNTS), *random.choice(MONTHS), random.randrange(6), random
    ),
    "labels": small_lakes.write_labels,
    "clusters": small_lakes.write_clusters,
    "topics": small_lakes.write_topics,
    "profile": lambda root, random: small_lakes.write_profile(root, random.choice(ACCOUNTS), random),
    "search": lambda root, random: small_lakes.write_search(root, random.choice(SEARCHES), random.randrange(4), random),
    "forget": lambda root, random: small_lakes.forget(root, random.choice(ACCOUNTS)),
}


@cache
def _first() -> Path:
    folder = Path(_FOLDER.name)
    root, random = UPath(folder / "lake"), Random(0)
    for account in ACCOUNTS:
        for year, month in MONTHS:
            small_lakes.write_month(root, account, year, month, 5, random)
        small_lakes.write_profile(root, account, random)
    small_lakes.write_labels(root, random)
    small_lakes.write_clusters(root, random)
    small_lakes.write_search(root, "cats", 3, random)
    small_lakes.write_topics(root, random)
    return folder / "lake"


def lake(folder: Path) -> UPath:
    """A lake with something in every table."""
    shutil.copytree(_first(), folder / "lake")
    return UPath(folder / "lake")


@hypothesis_settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**32),
    steps=st.lists(st.lists(st.sampled_from(sorted(_CHANGES)), max_size=4), min_size=1, max_size=2),
)
def test_updates_say_what_a_new_index_says(
    tmp_path_factory: pytest.TempPathFactory, seed: int, steps: list[list[str]]
) -> None:
    folder = tmp_path_factory.mktemp("index")
    root, random = lake(folder), Random(seed)
    update_index(root, folder / "kept", ZONE)
    for changes in steps:
        for name in changes:
            _CHANGES[name](root, random)
        done = update_index(root, folder / "kept", ZONE)
        assert done.why in ("", "left")
    update_index(root, folder / "anew", ZONE)
    assert content(folder / "kept") == content(folder / "anew")


def test_only_what_changed_is_read_again(tmp_path: Path) -> None:
    root = lake(tmp_path)
    first = update_index(root, tmp_path / "index", ZONE)
    assert first.is_new
    assert first.why == "first"
    assert first.posts == 30
    stamp = index_file(tmp_path / "index").name
    same = update_index(root, tmp_path / "index", ZONE)
    assert replace(same, seconds=0) == Updated(30, first.images, 0, False, "", 0)
    assert index_file(tmp_path / "index").name == stamp
    # A damaged file of another month is not even opened.
    small_lakes.write_month(root, "jane", 2026, 10, 6, Random(1))
    done = update_index(root, tmp_path / "index", ZONE)
    assert (done.posts, done.changed, done.is_new) == (31, 1, False)


def test_terms_of_posts_are_those_of_their_captions_and_tokens(tmp_path: Path) -> None:
    root = lake(tmp_path)
    update_index(root, tmp_path / "index", ZONE)
    index = LakeIndex(tmp_path / "index")
    found = {
        (row["account"], row["post_id"]): set(row["terms"])
        for row in index.rows(
            "SELECT account, post_id, list(text) AS terms FROM post_terms JOIN terms USING (term) "
            "JOIN posts USING (post) GROUP BY ALL"
        )
    }
    from instagram_assets.storage.lake import read_table

    tokens = {
        (row["account"], row["post_id"]): [(token["word"], token["pos"]) for token in row["tokens"]]
        for row in read_table(root, "tokens").to_pylist()
    }
    expected: dict[tuple[str, str], set[str]] = {}
    for row in read_table(root, "posts").to_pylist():
        key = row["account"], row["post_id"]
        text = " ".join([row["caption"] or "", *(f"#{tag}" for tag in row["hashtags"] or ())])
        of_post = tokens.get(key, [])
        expected[key] = terms_of(text, [word for word, _ in of_post]) | {token_term(*token) for token in of_post}
    assert found == expected
    assert len(found) > 10


@given(st.lists(st.text(max_size=40), max_size=5))
def test_terms_of_many_captions_are_those_of_each(captions: list[str]) -> None:
    captions = [text.encode("utf-8", "ignore").decode() for text in captions]
    found = _terms(list(range(len(captions))), captions)
    pairs = sorted(zip(found["row"].to_pylist(), found["text"].to_pylist(), strict=True))
    assert pairs == sorted((row, term) for row, text in enumerate(captions) for term in terms_of(text))


def test_nothing_of_an_account_that_is_gone_stays_in_the_files(tmp_path: Path) -> None:
    root = lake(tmp_path)
    update_index(root, tmp_path / "index", ZONE)
    small_lakes.forget(root, "jane")
    assert update_index(root, tmp_path / "index", ZONE).why == "left"
    assert "jane" not in {row["account"] for row in LakeIndex(tmp_path / "index").rows("SELECT account FROM posts")}


@pytest.mark.parametrize("damage", [b"", b"no index", None])
def test_a_damaged_index_is_made_anew(tmp_path: Path, damage: bytes | None) -> None:
    root, folder = lake(tmp_path), tmp_path / "index"
    update_index(root, folder, ZONE)
    path = index_file(folder)
    path.write_bytes(path.read_bytes()[: 1 << 14] if damage is None else damage)
    with pytest.raises(StorageError, match="index --rebuild"):
        LakeIndex(folder)
    assert update_index(root, folder, ZONE).why == "damaged"
    assert len(content(folder)["posts"]) == 30


def test_an_index_of_another_version_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, folder = lake(tmp_path), tmp_path / "index"
    with monkeypatch.context() as changed:
        changed.setattr(update, "VERSION", 0)
        update_index(root, folder, ZONE)
    with pytest.raises(NotReadyError, match="another version"):
        LakeIndex(folder)
    assert update_index(root, folder, ZONE).why == "version"
    LakeIndex(folder).close()


def test_other_days_make_another_index(tmp_path: Path) -> None:
    root, folder = lake(tmp_path), tmp_path / "index"
    update_index(root, folder, ZONE)
    assert update_index(root, folder, "Europe/Berlin").why == "time_zone"
    assert update_index(root, folder, "Europe/Berlin", rebuild=True).why == "asked"


def test_a_damaged_file_of_the_lake_leaves_the_old_index(tmp_path: Path) -> None:
    root, folder = lake(tmp_path), tmp_path / "index"
    update_index(root, folder, ZONE)
    before = content(folder)
    (Path(root.path) / "posts" / "jane" / "2026-10.parquet").write_bytes(b"PAR1 damaged")
    with pytest.raises(DamagedError, match=r"posts/jane/2026-10\.parquet"):
        update_index(root, folder, ZONE)
    assert content(folder) == before


def test_an_empty_lake_has_an_empty_index(tmp_path: Path) -> None:
    done = update_index(UPath(tmp_path / "lake"), tmp_path / "index", ZONE)
    assert (done.posts, done.images) == (0, 0)
    assert LakeIndex(tmp_path / "index").query("SELECT * FROM posts").num_rows == 0


def test_the_folders_tell_that_the_lake_changed(tmp_path: Path) -> None:
    root, folder = lake(tmp_path), tmp_path / "index"
    update_index(root, folder, ZONE)
    assert indexed_fingerprint(folder) == fingerprint(root) != ""
    small_lakes.write_month(root, "jane", 2026, 10, 2, Random(3))
    assert indexed_fingerprint(folder) != fingerprint(root)


def test_only_the_newest_files_stay_and_all_can_be_removed(tmp_path: Path) -> None:
    root, folder = lake(tmp_path), tmp_path / "index"
    update_index(root, folder, ZONE)
    small_lakes.write_labels(root, Random(5))
    update_index(root, folder, ZONE)
    names = os.listdir(folder)
    assert len(names) == 3
    assert all(map(is_index_file, names))
    assert remove_index(folder)
    assert os.listdir(folder) == []
    with pytest.raises(NotReadyError):
        LakeIndex(folder)
    assert not remove_index(tmp_path / "nowhere")


def test_many_threads_ask_while_it_is_replaced(tmp_path: Path) -> None:
    root, folder = lake(tmp_path), tmp_path / "index"
    update_index(root, folder, ZONE)
    opened, ended = IndexHandle(folder), threading.Event()
    wrong: list[object] = []
    asked: list[int] = []

    def ask() -> None:
        while not ended.wait(0.05):
            try:
                index = opened.newest()
                (row,) = index.rows(
                    "SELECT (SELECT count(*) FROM posts) AS posts, value AS said FROM facts WHERE name = 'posts'"
                )
                again = index.rows("SELECT count(*) AS posts FROM posts")[0]["posts"]
                if not row["posts"] == int(row["said"]) == again:
                    wrong.append(row)
                asked.append(again)
            except Exception as error:
                wrong.append(error)
                return

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for count in range(5):
        small_lakes.write_month(root, "jane", 2026, 10, count % 6 + 1, Random(count))
        update_index(root, folder, ZONE)
    ended.set()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(set(asked)) > 2


def test_an_index_that_is_gone_is_not_kept_in_memory(tmp_path: Path) -> None:
    root, folder = lake(tmp_path), tmp_path / "index"
    update_index(root, folder, ZONE)
    orders, memory, opened = SortedRows(), PerIndex(lambda index: index.fact("posts")), IndexHandle(folder)
    known = [weakref.ref(_asked(opened.newest(), orders, memory))]
    assert (len(orders), len(memory)) == (1, 1)
    small_lakes.write_month(root, "jane", 2026, 10, 2, Random(1))
    update_index(root, folder, ZONE)
    opened.release()  # without anybody who asks
    assert (len(orders), len(memory)) == (0, 0)
    known.append(weakref.ref(_asked(opened.newest(), orders, memory)))
    remove_index(folder)
    opened.release()
    gc.collect()
    assert [each() for each in known] == [None, None]
    assert (len(orders), len(memory)) == (0, 0)
    mapped = Path("/proc/self/maps").read_text() if os.path.exists("/proc/self/maps") else ""
    assert str(folder) not in mapped


def _asked(index: LakeIndex, orders: SortedRows, memory: PerIndex[str]) -> LakeIndex:
    """The index after somebody asked for all that is remembered of one."""
    order = orders.images(index, Filter())
    assert len(order)
    assert facets_of(index, order)["account"]
    assert Vectors.of_index(index) is not None
    assert memory.of(index) == index.fact("posts")
    return index


def test_what_a_killed_program_spilled_goes_with_the_next_update(tmp_path: Path) -> None:
    root, folder = lake(tmp_path), tmp_path / "index"
    update_index(root, folder, ZONE)
    (folder / f"{SPILL_PREFIX}killed").mkdir()
    (folder / f"{SPILL_PREFIX}killed" / "duckdb_temp_storage_DEFAULT-0.tmp").write_text("captions")
    index = LakeIndex(folder)
    of_index = index.rows("SELECT current_setting('temp_directory') AS place")[0]["place"]
    assert Path(of_index).parent == folder
    small_lakes.write_labels(root, Random(5))
    update_index(root, folder, ZONE)
    assert [name for name in os.listdir(folder) if name.startswith(SPILL_PREFIX)] == [Path(of_index).name]
    index.close()
    assert not [name for name in os.listdir(folder) if name.startswith(SPILL_PREFIX)]


def test_an_image_of_two_clusterings_is_one_image(tmp_path: Path) -> None:
    root, folder = lake(tmp_path), tmp_path / "index"
    update_index(root, folder, ZONE)
    before = len(content(folder)["images"])
    groups: list[dict[str, Any]] = [
        {"scope": scope, "image_id": small_lakes.image_id(number), "cluster": cluster, "is_largest": False}
        | {"near_group": small_lakes.image_id(number), "model": "small"}
        for scope, cluster in (("jane", 1), ("all", 2))
        for number in range(8)
    ]
    write_asset(root, "clusters", CONTRACTS["clusters"].table(groups))
    assert not update_index(root, folder, ZONE).is_new
    update_index(root, tmp_path / "anew", ZONE)
    for each in (folder, tmp_path / "anew"):
        assert len(content(each)["images"]) == before
        index = LakeIndex(each)
        clusters = index.rows("SELECT DISTINCT scope, cluster FROM images WHERE account IS NOT NULL AND status = 'ok'")
        index.close()
        assert clusters == [{"scope": "all", "cluster": 2}]


def test_damage_that_a_question_meets_is_known_until_there_is_another_index(tmp_path: Path) -> None:
    root, folder = lake(tmp_path), tmp_path / "index"
    update_index(root, folder, ZONE)
    opened = IndexHandle(folder)
    assert opened.newest().query("SELECT * FROM facts").num_rows
    assert not opened.is_damaged
    opened.newest().is_damaged = True
    assert opened.is_damaged
    update_index(root, folder, ZONE, rebuild=True)
    assert not opened.is_damaged
    index_file(folder).write_bytes(b"no index")
    with pytest.raises(DamagedError):
        opened.newest()
    assert opened.is_damaged
