"""Each topic is named by the words that tell it from the others, whatever the order of the rows."""

import io
import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from scipy.sparse import csr_array

from instagram_assets.report.charts import LARGEST_CHART
from instagram_assets.report.contact_sheets import LARGEST_SHEET
from instagram_assets.report.topic_charts import month_text, size_curves, topic_label, topic_pictures
from instagram_assets.schemas import CAPTIONS, CLUSTERS, IMAGES, TOKENS, TOPICS
from instagram_assets.settings import TextSettings
from instagram_assets.text.topics import IMAGES as LISTED
from instagram_assets.text.topics import class_tfidf, topics_table
from instagram_assets_tests.media.pictures import picture

Row = dict[str, Any]
OPTIONS = TextSettings()


class Lake:
    """The tables that topics are made from, filled post by post."""

    def __init__(self) -> None:
        self.clusters: list[Row] = []
        self.captions: list[Row] = []
        self.images: list[Row] = []
        self.tokens: list[Row] = []

    def post(
        self,
        words: Mapping[str, str] | None,
        *,
        cluster: int = -1,
        caption: str | None = None,
        images: Sequence[str] = (),
        account: str = "sun_diary",
        day: date = date(2026, 3, 2),
        scope: str = "all",
        post_id: str = "",
    ) -> None:
        """A post with these words (word → part of speech; None: without text) and one image, or these images."""
        post_id = post_id or f"p{len(self.images):04}"
        of_post = {"post_id": post_id, "account": account, "day": day}
        for position, image_id in enumerate(images or [f"i{len(self.images):04}"]):
            at: Row = {**of_post, "image_id": image_id, "position": position}
            self.images.append({**at, "status": "ok", "path": f"{image_id}.jpg"})
            if not any((row["scope"], row["image_id"]) == (scope, image_id) for row in self.clusters):
                self.clusters.append({"scope": scope, "image_id": image_id, "cluster": cluster, "is_largest": False})
            self.captions.append({**at, "caption": caption, "status": "ok" if caption else "failed"})
        if words is not None:
            written = [{"word": word, "pos": pos} for word, pos in words.items()]
            self.tokens.append({**of_post, "tokens": written})

    def topics(self, options: TextSettings = OPTIONS) -> pa.Table:
        table = topics_table(
            CLUSTERS.table(self.clusters),
            CAPTIONS.table(self.captions),
            IMAGES.table(self.images),
            TOKENS.table(self.tokens),
            options,
        )
        return TOPICS.conform(table, "topics")

    def rows(self, options: TextSettings = OPTIONS) -> dict[tuple[str, str, int], Row]:
        return {(row["source"], row["scope"], row["topic"]): row for row in self.topics(options).to_pylist()}

    def shuffled(self, chance: random.Random) -> "Lake":
        other = Lake()
        for name, rows in vars(self).items():
            vars(other)[name] = chance.sample(rows, len(rows))
        return other


def nouns(*words: str) -> dict[str, str]:
    return dict.fromkeys(words, "noun")


def planted() -> tuple[Lake, dict[int, tuple[str, str]]]:
    """Topics with one noun and one English word each, among words that all posts share."""
    chance = random.Random(7)
    names = {0: ("이유식", "babyfood"), 1: ("산책", "walk"), 2: ("목욕", "bath"), 3: ("캠핑", "camping")}
    lake = Lake()
    everyday = [f"말{number}" for number in range(30)]
    for number in range(200):
        topic = number % 5 - 1
        words = nouns("육아", *chance.sample(everyday, 6))
        if topic >= 0:
            words |= {names[topic][0]: "noun", names[topic][1]: "foreign"}
        caption = f"a picture of {names[topic][1]} in the house" if topic >= 0 else f"{number} things"
        lake.post(words, cluster=topic, caption=caption, day=date(2026, 1 + number % 3, 5))
    return lake, names


def test_class_tfidf_is_what_one_computes_by_hand() -> None:
    counts = np.array([[4, 1, 0], [0, 1, 6]])
    # 5 and 7 words in the classes, so 6 on average; the words occur 4, 2 and 6 times.
    expected = [
        [4 / 5 * math.log(1 + 6 / 4), 1 / 5 * math.log(1 + 6 / 2), 0],
        [0, 1 / 7 * math.log(1 + 6 / 2), 6 / 7 * math.log(1 + 6 / 6)],
    ]
    assert np.allclose(class_tfidf(csr_array(counts)).toarray(), expected)


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (2, 0), (2, 3)])
def test_class_tfidf_of_nothing_is_nothing(shape: tuple[int, int]) -> None:
    assert not class_tfidf(csr_array(np.zeros(shape, np.int64))).toarray().any()


def test_planted_topics_are_named_by_their_planted_words() -> None:
    lake, names = planted()
    rows = lake.rows()
    for topic, words in names.items():
        row = rows["clusters", "all", topic]
        assert {word["word"] for word in row["words"][:2]} == set(words)
        assert row["name"].split(", ")[:2] == [word["word"] for word in row["words"][:2]]
    by_caption = {row["name"].split(", ")[0] for key, row in rows.items() if key[0] == "captions"}
    assert len(by_caption & {word for words in names.values() for word in words}) == len(by_caption) == 4


def test_scores_of_a_table_are_those_of_a_plain_computation() -> None:
    lake, _ = planted()
    counts: dict[int, Counter[str]] = {}
    posts = Counter(row["cluster"] for row in lake.clusters)
    for cluster, post in zip(lake.clusters, lake.tokens, strict=True):
        if cluster["cluster"] >= 0:
            counts.setdefault(cluster["cluster"], Counter()).update(word["word"] for word in post["tokens"])
    total = sum(counts.values(), Counter[str]())
    average = total.total() / len(counts)
    for topic, words in counts.items():
        scores = {
            word: count / words.total() * math.log(1 + average / total[word])
            for word, count in words.items()
            if count >= math.sqrt(posts[topic])
        }
        expected = sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:10]
        found = lake.rows()["clusters", "all", topic]["words"]
        assert [word["word"] for word in found] == [word for word, _ in expected]
        assert [word["score"] for word in found] == pytest.approx([score for _, score in expected], rel=1e-6)


def test_the_order_of_the_rows_changes_nothing() -> None:
    lake, _ = planted()
    lake.post(nouns("공동"), cluster=1, account="two", post_id="shared", images=["both"])
    lake.post(nouns("작업"), cluster=1, account="one", post_id="shared", images=["both"])
    assert lake.shuffled(random.Random(3)).topics() == lake.topics()


def test_a_stream_of_tokens_gives_the_same_as_a_table() -> None:
    lake, _ = planted()
    tables = CLUSTERS.table(lake.clusters), CAPTIONS.table(lake.captions), IMAGES.table(lake.images)
    tokens = TOKENS.table(lake.tokens)
    pieces = [tokens.slice(start, 7).combine_chunks().to_batches()[0] for start in range(0, tokens.num_rows, 7)]
    stream = pa.RecordBatchReader.from_batches(tokens.schema, pieces)
    assert topics_table(*tables, stream, OPTIONS) == topics_table(*tables, tokens.slice(0), OPTIONS)


def test_noise_and_groups_that_are_too_small_are_no_topics() -> None:
    lake = Lake()
    for number in range(3):
        lake.post(nouns("산책"), cluster=5)
        lake.post(nouns("바다"), cluster=-1)
        if number < 2:
            lake.post(nouns("커피"), cluster=6)
    assert list(lake.rows()) == [("clusters", "all", 5)]
    assert list(lake.rows(TextSettings(topic_min_size=2))) == [("clusters", "all", 5), ("clusters", "all", 6)]


def test_a_rare_word_of_few_posts_names_no_topic_unless_it_has_fewer_than_three_others() -> None:
    lake = Lake()
    for number in range(20):
        words = ("산책", "공원", "나무") if number % 2 else ("바다", "공원")
        lake.post(nouns(*words, f"드문{number % 10}"), cluster=number % 2)
    for number in range(3):
        lake.post(nouns(f"하나{number}"), cluster=2)
    assert [row["name"] for row in lake.rows().values()] == [
        "바다, 공원, 드문0",
        "나무, 산책, 공원",
        "하나0, 하나1, 하나2",
    ]
    assert [len(row["words"]) for row in lake.rows().values()] == [3, 3, 3]


def test_topics_of_the_same_first_words_are_named_by_the_words_that_tell_them_apart() -> None:
    lake = Lake()
    for number in range(8):
        lake.post(nouns("산책", "공원", "나무", "강" if number % 2 else "비"), cluster=number % 2)
    names = [row["name"] for row in lake.rows().values()]
    assert len(set(names)) == 2
    assert ["비" in names[0], "강" in names[1]] == [True, True]


def test_the_only_topic_is_named_by_its_most_frequent_words() -> None:
    lake = Lake()
    for _ in range(4):
        lake.post(nouns("산책", "공원"), cluster=0)
    lake.post(nouns("산책"), cluster=0)
    assert lake.rows()["clusters", "all", 0]["name"] == "산책, 공원"


def test_images_without_text_make_a_topic_without_name() -> None:
    lake = Lake()
    for words in (None, {}, {"ㅋㅋ": "interjection", "👶": "emoji"}):
        lake.post(words, cluster=0)
    row = lake.rows()["clusters", "all", 0]
    assert (row["name"], row["words"], row["images"], row["posts"]) == (None, [], 3, 3)
    assert topic_label(row) == "clusters 0"


def test_a_word_counts_whether_it_is_written_as_a_hashtag_or_not() -> None:
    lake = Lake()
    for number in range(4):
        lake.post({"산책": "hashtag" if number % 2 else "noun", "은": "particle", "빨리": "adverb"}, cluster=0)
    assert [word["word"] for word in lake.rows()["clusters", "all", 0]["words"]] == ["산책"]


def test_a_post_with_images_of_two_topics_counts_for_both_and_once_for_each() -> None:
    lake = Lake()
    for number in range(2):
        lake.post(nouns("산책"), cluster=0, images=[f"a{number}", f"b{number}"])
        lake.post(nouns("바다"), cluster=1, images=[f"c{number}", f"d{number}"])
        lake.post(nouns("둘"), images=[f"a{number}", f"b{number}", f"c{number}"])
    rows = lake.rows()
    assert [(row["images"], row["posts"]) for row in rows.values()] == [(4, 4), (4, 4)]
    assert all("둘" in [word["word"] for word in row["words"]] for row in rows.values())


def test_a_post_that_two_accounts_published_together_is_one_post() -> None:
    lake = Lake()
    for account in ("one", "two"):
        for number in range(3):
            lake.post(nouns("산책"), cluster=0, account=account, post_id=f"s{number}", images=[f"i{number}"])
    assert lake.rows()["clusters", "all", 0]["posts"] == 3


def test_topics_of_one_account_rest_on_its_own_posts() -> None:
    lake = Lake()
    for number in range(3):
        lake.post(nouns("산책"), cluster=0, account="one", scope="one", images=[f"i{number}"])
        lake.post(nouns("바다"), cluster=0, account="two", scope="two", images=[f"i{number}"])
    assert {key: row["name"] for key, row in lake.rows().items()} == {
        ("clusters", "one", 0): "산책",
        ("clusters", "two", 0): "바다",
    }


def test_images_that_are_no_longer_stored_do_not_count() -> None:
    lake = Lake()
    for _ in range(4):
        lake.post(nouns("산책"), cluster=0)
    lake.images[0]["status"] = "failed"
    row = lake.rows()["clusters", "all", 0]
    assert (row["images"], row["posts"], "i0000" in row["image_ids"]) == (3, 3, False)


def test_sizes_count_posts_per_month_oldest_first() -> None:
    lake = Lake()
    for month in (11, 3, 3, 12):
        lake.post(nouns("산책"), cluster=0, day=date(2026, month, 28))
    row = lake.rows()["clusters", "all", 0]
    assert row["sizes"] == [{"month": f"2026-{m}", "posts": n} for m, n in (("03", 2), ("11", 1), ("12", 1))]
    curve = size_curves([row])["산책"]
    assert [month_text(x) for x, _ in curve] == [f"2026-{month:02}" for month in range(3, 13)]
    assert [y for _, y in curve] == [2, 0, 0, 0, 0, 0, 0, 0, 1, 1]


def test_topics_of_one_name_keep_their_own_curves() -> None:
    lake = Lake()
    for number in range(6):
        lake.post(nouns("산책"), cluster=number % 2)
    assert set(size_curves(lake.topics().to_pylist())) == {"산책 (0)", "산책 (1)"}


def test_the_listed_images_are_drawn_evenly_from_all() -> None:
    lake = Lake()
    for _ in range(5 * LISTED):
        lake.post(None, cluster=0)
    listed = lake.rows()["clusters", "all", 0]["image_ids"]
    assert listed == [f"i{number:04}" for number in range(0, 5 * LISTED, 5)]


def test_nothing_gives_an_empty_table_and_no_pictures() -> None:
    assert Lake().topics() == TOPICS.empty()
    assert topic_pictures(Lake().topics(), {}) == {}


def test_each_source_is_shown_by_a_sheet_and_by_its_sizes(tmp_path: Path) -> None:
    lake, _ = planted()
    files: dict[str, Path] = {}
    for row in lake.images[::2]:
        files[row["image_id"]] = tmp_path / row["path"]
        files[row["image_id"]].write_bytes(picture("JPEG"))
    pictures = topic_pictures(lake.topics(), files)
    assert list(pictures) == [
        *("topics of clusters", "topics of clusters over time"),
        *("topics of captions", "topics of captions over time"),
    ]
    assert all(len(data) <= min(LARGEST_SHEET, LARGEST_CHART) for data in pictures.values())
    assert {Image.open(io.BytesIO(data)).format for data in pictures.values()} == {"JPEG", "PNG"}
