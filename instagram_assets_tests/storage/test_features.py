"""The feature store's promises: computed once, found quickly, never wrong, whoever else writes or dies."""

import hashlib
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from upath import UPath

from instagram_assets.errors import ContractError, StorageError
from instagram_assets.storage.atomic import temporary_beside
from instagram_assets.storage.features import FeatureStore, computed

SCHEMA = pa.schema(
    [
        ("image_id", pa.string()),
        ("embedding", pa.list_(pa.float32(), 8)),
        ("status", pa.string()),
        ("reason", pa.string()),
    ]
)


def ids(*numbers: int) -> list[str]:
    return [hashlib.sha256(str(number).encode()).hexdigest() for number in numbers]


def rows(image_ids: list[str], value: float = 0.0, status: str = "ok") -> pa.Table:
    """Rows whose vector tells its image and `value`; failed ones have none."""
    vectors = [[value + int(image_id[:4], 16)] * 8 if status == "ok" else None for image_id in image_ids]
    reasons = None if status == "ok" else "no picture"
    columns = [image_ids, vectors, [status] * len(image_ids), [reasons] * len(image_ids)]
    return pa.table(dict(zip(SCHEMA.names, columns, strict=True)), schema=SCHEMA)


def open_store(root: UPath | Path, fingerprint: str = "clip@1") -> FeatureStore:
    return FeatureStore(UPath(root), "embeddings", fingerprint, SCHEMA)


def files(store: FeatureStore) -> list[Path]:
    return sorted(Path(path.path) for path in store.folder.iterdir() if path.name.endswith(".parquet"))


@pytest.fixture(params=["local", "object store"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> UPath:
    return UPath(tmp_path / "features") if request.param == "local" else UPath(f"memory://{tmp_path.name}/features")


def unasked(missing: list[str]) -> Generator[pa.Table]:
    raise AssertionError(f"{len(missing)} images were computed again")


def test_what_is_known_is_never_computed_again(root: UPath) -> None:
    wanted = ids(*range(5))
    first = computed(wanted, open_store(root), lambda missing: (rows(some) for some in [missing]))
    again = computed(wanted[::-1], open_store(root), unasked)
    assert first == rows(wanted)
    assert again == rows(wanted[::-1])


def test_only_unknown_images_are_computed_each_once_in_order(root: UPath) -> None:
    one, two, three, four = ids(1, 2, 3, 4)
    store = open_store(root)
    store.append(rows([two]))
    asked: list[str] = []

    def compute(missing: list[str]) -> Generator[pa.Table]:
        asked.extend(missing)
        yield rows(missing[::-1], value=1)

    table = computed([four, two, four, one, three, one], store, compute)
    assert asked == [four, one, three]
    assert table["image_id"].to_pylist() == [four, two, one, three]
    assert table == pa.concat_tables([rows([four], 1), rows([two]), rows([one, three], 1)])


def test_another_model_knows_nothing_of_the_first(root: UPath) -> None:
    open_store(root, "clip@1").append(rows(ids(1)))
    assert open_store(root, "clip@2").find(ids(1)) == SCHEMA.empty_table()


def test_rows_come_back_in_the_order_of_the_question_each_once(root: UPath) -> None:
    store = open_store(root)
    store.append(rows(ids(3, 1)))
    store.append(rows(ids(2)))
    assert store.find(ids(2, 9, 1, 3, 1)) == rows(ids(2, 1, 3))
    assert store.find([]) == SCHEMA.empty_table()


def test_an_image_computed_twice_is_one_row_the_last_written(root: UPath) -> None:
    store = open_store(root)
    for value in (1, 3, 2):
        store.append(rows(ids(1), value))
    store.append(pa.concat_tables([rows(ids(2), 8), rows(ids(2), 7)]))
    assert open_store(root).find(ids(1, 2)) == pa.concat_tables([rows(ids(1), 2), rows(ids(2), 7)])


def test_computing_anew_replaces_what_was_known(root: UPath) -> None:
    store = open_store(root)
    store.append(rows(ids(1, 2)))
    table = computed(ids(1), store, lambda missing: (rows(some, 5) for some in [missing]), skip_existing=False)
    assert table == rows(ids(1), 5)
    assert store.find(ids(1, 2)) == pa.concat_tables([rows(ids(1), 5), rows(ids(2))])


def test_results_are_kept_in_batches_while_they_come(root: UPath) -> None:
    store = open_store(root)
    kept: list[int] = []

    def compute(missing: list[str]) -> Generator[pa.Table]:
        for start in range(0, len(missing), 100):
            kept.append(store.find(missing).num_rows)
            yield rows(missing[start : start + 100])

    computed(ids(*range(1000)), store, compute)
    assert kept == [0, 0, 0, 256, 256, 256, 512, 512, 768, 768]
    assert store.find(ids(*range(1000))).num_rows == 1000


@pytest.mark.parametrize("stop", [RuntimeError, KeyboardInterrupt])
def test_what_was_computed_before_an_error_is_kept(root: UPath, stop: type[BaseException]) -> None:
    def compute(missing: list[str]) -> Generator[pa.Table]:
        yield rows(missing[:2])
        raise stop("the model is gone")

    with pytest.raises(stop, match="the model is gone"):
        computed(ids(1, 2, 3), open_store(root), compute)
    assert open_store(root).find(ids(1, 2, 3)) == rows(ids(1, 2))


def test_progress_counts_what_was_known_and_is_silent_when_nothing_is_computed(root: UPath) -> None:
    store, told = open_store(root), list[tuple[int, int]]()
    store.append(rows(ids(1, 2)))

    def compute(missing: list[str]) -> Generator[pa.Table]:
        yield rows(missing[:2])
        yield rows(missing[2:])

    for _ in range(2):
        computed(ids(1, 2, 3, 4, 5), store, compute, on_progress=lambda done, total: told.append((done, total)))
    assert told == [(4, 5), (5, 5)]


def test_progress_that_ends_the_work_keeps_what_came_and_closes_what_computes(root: UPath) -> None:
    closed: list[bool] = []

    def compute(missing: list[str]) -> Generator[pa.Table]:
        try:
            for image_id in missing:
                yield rows([image_id])
        finally:
            closed.append(True)

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as stopped:
        computed(ids(1, 2, 3), open_store(root), compute, on_progress=stop)
    assert stopped.tb  # it holds all that was under way, so nothing was closed by being forgotten
    assert closed == [True]
    assert open_store(root).find(ids(1, 2, 3)) == rows(ids(1, 2))


def test_failures_are_told_and_tried_again_unless_the_image_itself_is_bad(root: UPath) -> None:
    passing, bad = rows(ids(1), status="failed"), rows(ids(2), status="failed")
    asked: list[list[str]] = []

    def compute(missing: list[str]) -> Generator[pa.Table]:
        asked.append(missing)
        table = pa.concat_tables([passing, bad]) if len(asked) == 1 else rows(missing)
        yield table.append_column("permanent", pa.array([False, True][: table.num_rows]))

    first = computed(ids(1, 2), open_store(root), compute)
    second = computed(ids(1, 2), open_store(root), compute)
    assert first == pa.concat_tables([passing, bad])
    assert second == pa.concat_tables([rows(ids(1)), bad])
    assert asked == [ids(1, 2), ids(1)]


@pytest.mark.parametrize("given_ids", [ids(1), ids(1, 2, 3)])
def test_a_computation_that_gives_other_images_is_refused(root: UPath, given_ids: list[str]) -> None:
    with pytest.raises(ContractError, match=r"2 rows were asked for"):
        computed(ids(1, 2), open_store(root), lambda _: (rows(some) for some in [given_ids]))


def test_a_missing_column_is_a_broken_contract(root: UPath) -> None:
    with pytest.raises(ContractError, match=r"columns missing \['embedding'\]"):
        open_store(root).append(rows(ids(1)).drop_columns(["embedding"]))
    with pytest.raises(ContractError, match="a row has no image_id"):
        open_store(root).append(rows(ids(1)).set_column(0, "image_id", pa.array([None], pa.string())))


def test_a_vector_of_another_width_under_the_same_fingerprint_is_a_broken_contract(root: UPath) -> None:
    open_store(root).append(rows(ids(1)))
    wider = pa.schema([("image_id", pa.string()), ("embedding", pa.list_(pa.float32(), 9))])
    with pytest.raises(ContractError, match="need a new fingerprint"):
        FeatureStore(root, "embeddings", "clip@1", wider).find(ids(1))


actions = st.lists(st.tuples(st.lists(st.integers(0, 30), max_size=40), st.booleans()), max_size=12)


@settings(deadline=None, max_examples=40)
@given(actions, st.lists(st.integers(0, 35)))
def test_the_store_holds_what_a_dictionary_would(appends: list[tuple[list[int], bool]], question: list[int]) -> None:
    root = UPath("memory://dictionary")
    if root.exists():
        root.fs.rm(root.path, recursive=True)
    store, expected = open_store(root), dict[str, pa.Table]()
    for value, (numbers, again) in enumerate(appends):
        store = open_store(root) if again else store
        store.append(pa.concat_tables([SCHEMA.empty_table(), rows(ids(*numbers), value)]))
        expected |= {image_id: rows([image_id], value) for image_id in ids(*numbers)}
    known = [expected[image_id] for image_id in dict.fromkeys(ids(*question)) if image_id in expected]
    assert store.find(ids(*question)) == pa.concat_tables([SCHEMA.empty_table(), *known])


def test_many_small_files_become_one_and_nothing_changes(root: UPath) -> None:
    store = open_store(root)
    for number in range(130):
        store.append(rows(ids(number, number // 2), number))
    before = store.find(ids(*range(130)))
    store.tidy()
    assert len(files(store)) < 64
    assert store.find(ids(*range(130))) == before
    assert before.num_rows == 130


def test_large_files_are_left_alone(root: UPath) -> None:
    store = open_store(root)
    large = ids(*range(16_384))
    store.append(rows(large))
    [name] = files(store)
    for number in range(64):
        store.append(rows(ids(number), 1))
    store.tidy()
    assert name in files(store)
    assert len(files(store)) == 2
    assert store.find(large[60:70]) == pa.concat_tables([rows(large[60:64], 1), rows(large[64:70])])


DAMAGE = {
    "no bytes": lambda data: b"",
    "truncated": lambda data: data[: len(data) // 2],
    "footer": lambda data: data[:-8] + bytes(4) + b"PAR1",
    "a bit of an id": lambda data: flipped(data, 60, 1),
    "a bit of a column's name": lambda data: flipped(data, data.rindex(b"status"), 4),
}


def flipped(data: bytes, place: int, bit: int) -> bytes:
    return data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_moved_aside_and_its_rows_are_computed_again(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_store(tmp_path)
    store.append(rows(ids(1, 2)))
    store.append(rows(ids(3)))
    file = files(store)[0]
    file.write_bytes(DAMAGE[damage](file.read_bytes()))
    asked: list[str] = []

    def compute(missing: list[str]) -> Generator[pa.Table]:
        asked.extend(missing)
        yield rows(missing)

    assert computed(ids(1, 2, 3), store, compute) == rows(ids(1, 2, 3))
    assert asked == ids(1, 2)
    assert (file.parent / "damaged" / file.name).exists()
    assert f"{file} is damaged" in caplog.text
    assert computed(ids(1, 2, 3), store, unasked) == rows(ids(1, 2, 3))


def test_damage_anywhere_in_a_file_never_gives_a_wrong_row(tmp_path: Path) -> None:
    logging.disable(logging.WARNING)
    store, right = open_store(tmp_path), rows(ids(1, 2, 3))
    store.append(right)
    [file] = files(store)
    whole = file.read_bytes()
    chance = np.random.default_rng(7)
    try:
        for place in range(0, len(whole), 7):
            file.write_bytes(flipped(whole, place, 1 << int(chance.integers(8))))
            assert store.find(ids(1, 2, 3)) in (right, SCHEMA.empty_table())
    finally:
        logging.disable(logging.NOTSET)


def test_a_disk_that_refuses_is_an_error_and_not_taken_for_damage(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.append(rows(ids(1)))
    [file] = files(store)
    file.unlink()
    file.mkdir()
    with pytest.raises(StorageError, match="Is a directory"):
        store.find(ids(1))


def test_what_dead_processes_left_half_done_is_swept_and_strange_files_stay(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.append(rows(ids(1)))
    mine = temporary_beside(files(store)[0])
    dead, strange = mine.with_name(mine.name.replace(f".{os.getpid()}.", ".4194304.")), mine.with_name("notes.txt")
    for path in (mine, dead, strange):
        path.write_bytes(b"half")
    assert computed(ids(1), store, unasked) == rows(ids(1))
    assert mine.exists()
    assert not dead.exists()
    assert strange.exists()


def test_two_that_fold_the_same_files_without_a_lock_leave_each_row_once_the_newest(tmp_path: Path) -> None:
    one, other = open_store(tmp_path / "one"), open_store(tmp_path / "other")
    for number in range(64):
        one.append(rows(ids(number, number + 1)))
        if number == 62:
            shutil.copytree(tmp_path / "one", tmp_path / "other")
            other.append(rows(ids(99)))
            other.tidy()
    one.append(rows(ids(5), 7))
    for file in files(other):
        shutil.copy(file, one.folder.path)
    newest = pa.concat_tables([rows(ids(4)), rows(ids(5), 7), rows(ids(6, 99))])
    assert one.find(ids(4, 5, 6, 99)) == newest
    for number in range(64):
        one.append(rows(ids(100 + number)))
    one.tidy()
    assert one.find(ids(4, 5, 6, 99)) == newest
    assert one.find(ids(*range(65))).num_rows == 65


def append_many(root: str, first: int) -> None:
    """Called in a process of its own: 200 files, folded again and again."""
    store = open_store(UPath(root))
    for number in range(first, first + 200):
        store.append(rows(ids(number, number + 1)))


def test_two_processes_that_append_and_fold_at_once_lose_nothing_and_show_no_wrong_row(tmp_path: Path) -> None:
    call = f"import sys; from {__name__} import append_many; append_many(sys.argv[1], int(sys.argv[2]))"
    both = [subprocess.Popen([sys.executable, "-c", call, str(tmp_path), str(first)]) for first in (0, 100)]
    store, wanted, seen = open_store(tmp_path), ids(*range(301)), 0
    while any(process.poll() is None for process in both):
        found = store.find(wanted)
        assert found == rows(found["image_id"].to_pylist())
        assert found.num_rows >= seen
        seen = found.num_rows
    assert [process.wait() for process in both] == [0, 0]
    assert store.find(wanted) == rows(wanted)
    assert len(files(store)) < 200
    assert not (Path(store.folder.path) / "damaged").exists()
