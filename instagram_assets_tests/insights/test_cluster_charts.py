"""Groups of images are counted as the gallery shows them, named by their topics, and noise is no group."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from instagram_assets.insights.cluster_charts import (
    SHEET,
    cluster_sheets,
    clusters,
    images_of_cluster,
    topic_sheets,
    topic_sizes,
    topics,
)
from instagram_assets.lake_index.filters import Filter
from instagram_assets_tests.insights.lakes import Row, Small, image_id, named, post, small

AT = datetime(2026, 9, 28, 12, tzinfo=UTC)
FILTERS = (
    Filter(),
    Filter(account=("anna",)),
    Filter(first=date(2026, 10, 1), last=date(2026, 10, 20)),
    Filter(account=("nobody",)),
)


@pytest.fixture(scope="module")
def grouped(tmp_path_factory: pytest.TempPathFactory) -> Small:
    posts = [post(account, n, AT + timedelta(days=n)) for account in ("anna", "bea") for n in range(40)]
    images = [image(each, place) for place, each in enumerate(posts)]
    found = [
        {"scope": "all", "image_id": each["image_id"], "cluster": number(place)} for place, each in enumerate(images)
    ]
    words = [{"word": "cat", "score": 0.5}, {"word": "box", "score": 0.2}]
    topic = {"scope": "all", "topic": 0, "name": "cat, box", "words": words, "images": 3, "posts": 3}
    told = [image_id("a"), image_id("b")]
    return small(
        tmp_path_factory.mktemp("grouped"),
        posts,
        images=images,
        clusters=found,
        topics=[
            {**topic, "source": "clusters", "image_ids": [images[0]["image_id"]]},
            {**topic, "source": "captions", "posts": 9, "image_ids": told},
        ],
    )


def image(each: Row, place: int) -> Row:
    kept = {name: each[name] for name in ("account", "day", "post_id")}
    return {**kept, "position": 0, "image_id": image_id(str(place)), "status": "ok", "path": f"aa/{place}.jpg"}


def number(place: int) -> int:
    return -1 if place % 3 == 0 else 0 if place % 2 else 1 + place % 5


def expected(lake: Small, criteria: Filter) -> Counter[int]:
    places = {each["post_id"]: place for place, each in enumerate(lake.posts)}
    return Counter(number(places[each["post_id"]]) for each in lake.chosen(criteria))


@pytest.mark.parametrize("criteria", FILTERS, ids=named)
def test_images_of_each_group_and_their_share_are_counted(grouped: Small, criteria: Filter) -> None:
    rows = clusters(grouped.index, criteria).to_pylist()
    counts = expected(grouped, criteria)
    assert {row["cluster"]: row["images"] for row in rows} == {f"all/{each}": n for each, n in counts.items()}
    for row in rows:
        assert row["share"] == pytest.approx(row["images"] / counts.total())
        assert row["noise"] == (row["cluster"] == "all/-1")
    assert [row["noise"] for row in rows] == sorted(row["noise"] for row in rows)


def test_groups_are_counted_as_sql_over_the_lake_counts_them(grouped: Small) -> None:
    told = grouped.lake.sql(
        "SELECT scope || '/' || cluster AS cluster, count(*) AS images, count(DISTINCT account) AS accounts "
        "FROM images JOIN clusters USING (image_id) GROUP BY ALL"
    ).to_pylist()
    rows = clusters(grouped.index, Filter()).to_pylist()
    assert {(row["cluster"], row["images"], row["accounts"]) for row in rows} == {tuple(row.values()) for row in told}


def test_a_group_is_called_by_its_topic_and_noise_is_called_so(grouped: Small) -> None:
    names = {row["cluster"]: row["name"] for row in clusters(grouped.index, Filter()).to_pylist()}
    assert names["all/0"] == "cat, box"
    assert names["all/-1"] == "noise"
    assert names["all/1"] == "all/1"


@pytest.mark.parametrize("criteria", FILTERS, ids=named)
def test_posts_of_each_month_are_counted_also_where_there_are_none(grouped: Small, criteria: Filter) -> None:
    rows = topic_sizes(grouped.index, criteria).to_pylist()
    assert not any(row["cluster"] == "all/-1" for row in rows)
    for row in rows:
        behind = images_of_cluster(row, criteria).but(
            first=max(row["first_day"], criteria.first or row["first_day"]),
            last=min(row["last_day"], criteria.last or row["last_day"]),
        )
        assert behind.cluster == (row["cluster"],)
        assert expected(grouped, behind)[int(row["cluster"].partition("/")[2])] == row["posts"]


def test_sheets_show_images_of_the_group_from_its_first_to_its_last(grouped: Small) -> None:
    places = {image_id(str(place)): place for place in range(80)}
    sheets = cluster_sheets(grouped.index, Filter())
    assert sheets[0].numbers["cluster"] == "all/0"
    assert not any(sheet.numbers["noise"] for sheet in sheets)
    for sheet in sheets:
        of = [places[each] for each in sheet.image_ids]
        days = [grouped.posts[place]["day"] for place in of]
        assert days == sorted(days)
        assert {number(place) for place in of} == {int(sheet.numbers["cluster"].partition("/")[2])}
        assert len(of) == min(SHEET, sheet.numbers["images"])
    assert cluster_sheets(grouped.index, Filter(), offset=2) == sheets[2:]


def test_an_image_that_is_posted_twice_stands_once_on_its_sheet(tmp_path: Path) -> None:
    posts = [post("anna", n, AT) for n in range(3)]
    images = [{**image(each, 0)} for each in posts]
    lake = small(tmp_path, posts, images=images, clusters=[{"scope": "all", "image_id": image_id("0"), "cluster": 4}])
    [sheet] = cluster_sheets(lake.index, Filter())
    assert (sheet.numbers["images"], sheet.numbers["posts"], sheet.image_ids) == (3, 3, [image_id("0")])


def test_topics_are_those_of_the_table(grouped: Small) -> None:
    rows = topics(grouped.index, Filter()).to_pylist()
    assert [(row["source"], row["telling"], row["posts"]) for row in rows] == [
        ("captions", "cat, box", 9),
        ("clusters", "cat, box", 3),
    ]
    [sheet] = topic_sheets(grouped.index, Filter())
    assert sheet.image_ids == [image_id("a"), image_id("b")]


def test_without_clusters_there_is_nothing(berlin: Small) -> None:
    assert clusters(berlin.index, Filter()).num_rows == topic_sizes(berlin.index, Filter()).num_rows == 0
    assert cluster_sheets(berlin.index, Filter()) == topic_sheets(berlin.index, Filter()) == []
