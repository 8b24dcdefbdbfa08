"""Rows come in one order that never changes, whichever page of it is asked for, and by whomever."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numpy as np
import pytest

from instagram_assets.errors import QueryError
from instagram_assets.lake_index.caches import SizedCache
from instagram_assets.lake_index.filters import Filter
from instagram_assets.lake_index.index_reader import LakeIndex
from instagram_assets.lake_index.page_rows import image_rows, images_of_post, observations_of, post_of
from instagram_assets.lake_index.sorted_rows import Sort, SortedRows
from instagram_assets_tests.lake_index.query_lake import indexed


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LakeIndex]:
    index = indexed(tmp_path_factory.mktemp("orders"))
    yield index
    index.close()


@pytest.mark.parametrize(
    ("sort", "column", "sign"),
    [
        ("likes", "likes", -1),
        ("impression", "impression", -1),
        ("sharpest", "sharpness", -1),
        ("blurriest", "sharpness", 1),
    ],
)
def test_sorted_with_the_unknown_last_and_ties_by_number(index: LakeIndex, sort: Sort, column: str, sign: int) -> None:
    order = SortedRows().images(index, Filter(), sort)
    rows = image_rows(index, order)
    keys = [(row[column] is None, sign * (row[column] or 0), row["image"]) for row in rows]
    assert keys == sorted(keys)
    assert sorted(order.tolist()) == [row["image"] for row in index.rows("SELECT image FROM images ORDER BY image")]
    assert order.dtype == np.int32


def test_newest_is_by_the_time_of_the_post(index: LakeIndex) -> None:
    rows = image_rows(index, SortedRows().images(index, Filter(source="posts")))
    assert [row["day"] for row in rows] == sorted((row["day"] for row in rows), reverse=True)
    oldest = image_rows(index, SortedRows().images(index, Filter(), "oldest"))
    assert [row["search"] for row in oldest[-5:]] == ["cats"] * 5


def test_an_order_is_remembered_and_cannot_be_written_to(index: LakeIndex) -> None:
    orders = SortedRows()
    first = orders.images(index, Filter(q="dogs"), "likes")
    assert orders.images(index, Filter(q="dogs"), "likes") is first
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 1


def test_decisions_of_a_list_part_the_images(index: LakeIndex) -> None:
    orders, every = SortedRows(), image_rows(index, SortedRows().images(index, Filter(source="posts")))
    keep, drop = every[0]["image_id"], every[1]["image_id"]
    decisions = {keep: "keep", drop: "drop"}

    def ids(decided: str) -> list[str]:
        wanted = Filter(source="posts", list_name="a", decided=decided)  # pyright: ignore[reportArgumentType]
        return [row["image_id"] for row in image_rows(index, orders.images(index, wanted, "newest", decisions))]  # pyright: ignore[reportArgumentType]

    assert (ids("kept"), ids("dropped")) == ([keep], [drop])
    assert ids("undecided") == [row["image_id"] for row in every[2:]]
    decisions.clear()
    assert ids("kept") == []


def test_similar_needs_something_to_be_similar_to(index: LakeIndex) -> None:
    with pytest.raises(QueryError, match="like"):
        SortedRows().images(index, Filter(), "similar")
    assert len(SortedRows().images(index, Filter(), "similar", {}, np.zeros(0, np.float32))) == 0


def test_many_threads_get_the_same(index: LakeIndex) -> None:
    orders = SortedRows()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: orders.images(index, Filter(quality="passed"), "likes"), range(40)))
    assert all(each is found[0] for each in found)


def test_memory_keeps_within_its_limit() -> None:
    memory: SizedCache[bytes] = SizedCache(100, len)
    for number in range(20):
        memory.get(number, lambda: bytes(30))
    assert memory.size <= 100
    assert memory.get("large", lambda: bytes(1_000)) == bytes(1_000)
    assert memory.size <= 100


def test_who_waits_for_what_failed_makes_it_anew() -> None:
    memory: SizedCache[int] = SizedCache(100, lambda _: 1)
    begun, go_on = Event(), Event()

    def fails() -> int:
        begun.set()
        go_on.wait()
        raise OSError

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(memory.get, "key", fails)
        begun.wait()
        second = pool.submit(memory.get, "key", lambda: 7)
        go_on.set()
        assert second.result() == 7
        assert isinstance(first.exception(), OSError)


def test_one_post_with_its_images_and_numbers(index: LakeIndex) -> None:
    post = post_of(index, "#육아일기", "002")
    assert post is not None
    assert [row["position"] for row in images_of_post(index, "#육아일기", "002")] == [0, 1]
    assert [row["likes"] for row in observations_of(index, post["post"])] == [post["likes"]]
    assert post_of(index, "#육아일기", "x") is None
