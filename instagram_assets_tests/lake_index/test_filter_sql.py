"""What a filter finds is what plain Python finds in the lake's tables."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest

from instagram_assets.lake_index.filter_sql import condition_of
from instagram_assets.lake_index.filters import Filter
from instagram_assets.lake_index.index_reader import LakeIndex
from instagram_assets.lake_index.page_rows import image_rows, post_rows
from instagram_assets.lake_index.sorted_rows import SortedRows
from instagram_assets.notebook_lake import Lake
from instagram_assets_tests.lake_index.query_lake import image_id, indexed

Row = dict[str, Any]


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LakeIndex, list[Row], list[Row]]]:
    folder = tmp_path_factory.mktemp("queries")
    index = indexed(folder)
    lake = Lake(folder / "lake")
    posts = lake.read("posts").to_pylist()
    of_post = {(post["account"], post["post_id"]): post for post in posts}
    quality = {row["image_id"]: row for row in lake.read("image_quality").to_pylist()}
    says = {row["image_id"]: row["caption"] for row in lake.read("captions").to_pylist()}
    clusters = {row["image_id"]: row["cluster"] for row in lake.read("clusters").to_pylist()}
    images = [
        {**quality[row["image_id"]], "says": says[row["image_id"]], "cluster": clusters[row["image_id"]]}
        | {"p": of_post[row["account"], row["post_id"]]}
        for row in lake.read("images").to_pylist()
    ]
    yield index, posts, images
    index.close()


def has(text: str) -> Callable[[Row], bool]:
    return lambda post: text in (post["caption"] or "").lower()


POSTS: list[tuple[Filter, Callable[[Row], bool]]] = [
    (Filter(), lambda post: True),
    (Filter(account=("_min_", "007")), lambda post: post["account"] in ("_min_", "007")),
    (Filter(first=date(2026, 10, 5), last=date(2026, 10, 9)), lambda post: 5 <= post["day"].day <= 9),
    (Filter(kind="reel"), lambda post: post["kind"] == "reel"),
    (Filter(q="dog"), has("dogs")),
    (Filter(q="산책"), has("산책")),
    (Filter(q="걷다"), lambda post: bool(post["caption"])),
    (Filter(q="cats home"), has("cats at #home")),
    (Filter(hashtag=("산책",)), has("#산책")),
    (Filter(hashtag=("only.here",)), lambda post: post["hashtags"] == ["only.here"]),
    (Filter(word="걷다", account=("007",)), lambda post: bool(post["caption"]) and post["account"] == "007"),
    (Filter(post="003"), lambda post: post["post_id"] == "003"),
    (Filter(weekday=4), lambda post: post["day"].isoweekday() == 4),
    (Filter(q="'; DROP TABLE posts; --"), lambda post: False),
    (Filter(account=("x' OR true --",)), lambda post: False),
]


@pytest.mark.parametrize(
    ("wanted", "fits"), POSTS, ids=lambda value: value.to_query() if isinstance(value, Filter) else ""
)
def test_posts(known: tuple[LakeIndex, list[Row], list[Row]], wanted: Filter, fits: Callable[[Row], bool]) -> None:
    index, posts, _ = known
    found = post_rows(index, SortedRows().posts(index, wanted))
    expected = sorted((post["account"], post["post_id"]) for post in posts if fits(post))
    assert sorted((row["account"], row["post_id"]) for row in found) == expected
    where = condition_of(wanted, "posts")
    assert index.rows(f"SELECT count(*) AS n FROM posts WHERE {where.sql}", *where.values) == [{"n": len(expected)}]


IMAGES: list[tuple[Filter, Callable[[Row], bool]]] = [
    (Filter(source="posts"), lambda image: True),
    (Filter(quality="failed"), lambda image: not image["passed"]),
    (Filter(sharp=4.0, source="posts"), lambda image: image["sharpness"] >= 4),
    (Filter(cluster=("all/1", "all/-1")), lambda image: image["cluster"] in (1, -1)),
    (Filter(q="dogs"), lambda image: "dogs" in f"{image['p']['caption']} {image['says']}"),
    (Filter(q="mat red"), lambda image: "red" in (image["says"] or "")),
    (Filter(hour=9), lambda image: image["p"]["taken_at"].hour == 0),
    (Filter(near=image_id("00710")), lambda image: image["image_id"] == image_id("00710")),
    (
        Filter(account=("007", "_min_"), cluster=("all/0",), quality="passed", first=date(2026, 10, 1)),
        lambda image: image["account"] in ("007", "_min_") and image["cluster"] == 0 and image["passed"],
    ),
]


@pytest.mark.parametrize(
    ("wanted", "fits"), IMAGES, ids=lambda value: value.to_query() if isinstance(value, Filter) else ""
)
def test_images(known: tuple[LakeIndex, list[Row], list[Row]], wanted: Filter, fits: Callable[[Row], bool]) -> None:
    index, _, images = known
    found = image_rows(index, SortedRows().images(index, wanted))
    expected = sorted(image["image_id"] for image in images if fits(image))
    assert sorted(row["image_id"] for row in found) == expected
    where = condition_of(wanted, "images")
    assert index.rows(f"SELECT count(*) AS n FROM images WHERE {where.sql}", *where.values) == [{"n": len(expected)}]


def test_images_of_searches(known: tuple[LakeIndex, list[Row], list[Row]]) -> None:
    index = known[0]
    found = image_rows(index, SortedRows().images(index, Filter(search=("cats",)), "sharpest"))
    assert [row["image_id"] for row in found] == [image_id(f"cats{rank}") for rank in range(5)]
