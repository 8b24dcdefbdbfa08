"""What hypotheses promise: what sets viral reels apart is found, chance is not, and opposites stay apart."""

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from instagram_assets.reels.group_contrasts import FEATURES, SMALLEST_GROUP, LabelledReel, contrasts, welch_interval
from instagram_assets.reels.hypotheses import viral_hypotheses
from instagram_assets.reels.model_hypotheses import telling_words
from instagram_assets.schemas import VIRAL_HYPOTHESES
from instagram_assets_tests.reels.weeks import MONDAY, Row, Week, a_reel, a_week

SEOUL = ZoneInfo("Asia/Seoul")
WEEKS = 200


def of(week: Week) -> list[dict[str, Any]]:
    table = viral_hypotheses(*week, SEOUL)
    assert table.schema.equals(VIRAL_HYPOTHESES.schema)
    return table.to_pylist()


def numbers(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("viral", "others", "viral_mean", "others_mean", "difference"))


def random_reels(seed: int, effect: float = 0.0) -> list[LabelledReel]:
    """A week of reels whose numbers are as skewed, tied and rare as real ones; `effect` lengthens the viral ones."""
    dice = random.Random(seed)
    reels: list[LabelledReel] = []
    for number in range(dice.randint(15, 80)):
        viral = dice.random() < 0.3
        values = {
            "duration": dice.lognormvariate(3, 0.6) * (1 + effect * viral),
            "caption_length": float(dice.randint(0, 300)),
            "hashtags": float(dice.choice([0, 0, 0, 1, 5, 30])),
            "mentions": float(dice.random() < 0.1),
            "evening": float(dice.random() < 0.5),
            "weekend": float(dice.random() < 0.3),
        }
        if dice.random() < 0.7:
            values |= {"loudness": dice.gauss(-20, 5), "cuts_per_minute": dice.expovariate(0.1)}
        reels.append(LabelledReel(str(number), viral, values))
    return reels


def test_labels_dealt_at_random_seldom_show_anything_in_a_week() -> None:
    found = [contrasts(MONDAY + timedelta(weeks=seed), random_reels(seed)) for seed in range(WEEKS)]
    told = [rows for rows in found if rows]
    assert len(told) > 0.9 * WEEKS
    misled = sum(any(float(str(row["q_value"])) < 0.05 for row in rows) for rows in told)
    # Of 200 weeks at 5 % more than 20 are misled once in a thousand times.
    assert misled <= 20


def test_an_effect_that_was_planted_is_found() -> None:
    found = [contrasts(MONDAY, random_reels(seed, effect=2.0)) for seed in range(40)]
    rows = [next(row for row in week if row["feature"] == "duration") for week in found if week]
    assert sum(float(str(row["q_value"])) < 0.05 for row in rows) >= 0.9 * len(rows)
    assert {row["hypothesis"] for row in rows} == {"Viral reels are longer"}


def test_the_interval_holds_the_true_difference_95_times_in_100() -> None:
    dice = np.random.default_rng(7)
    rounds = 2000
    held = 0
    for _ in range(rounds):
        low, high = welch_interval(dice.normal(3, 1, 8), dice.normal(1, 4, 30))
        assert low is not None
        assert high is not None
        held += low <= 2 <= high
    assert held / rounds == pytest.approx(0.95, abs=0.015)


def test_a_contrast_says_how_many_how_large_and_which_reels_speak_for_it() -> None:
    long = [a_reel(n, viral=True, of_video={"duration": 40.0 + n}) for n in range(6)]
    short = [a_reel(10 + n, viral=False, of_video={"duration": 10.0 + n}) for n in range(8)]
    odd = [a_reel(90, viral=False, of_video={"duration": 60.0})]
    (row,) = [row for row in of(a_week([*long, *short, *odd])) if row["feature"] == "duration"]
    assert row["week"] == MONDAY
    assert row["hypothesis"] == "Viral reels are longer"
    assert numbers(row) == pytest.approx((6, 9, 42.5, 168 / 9, 42.5 - 168 / 9))
    assert row["low"] < row["difference"] < row["high"]
    assert row["contradicted_by"] == ["00090"]
    assert row["supported_by"] == [f"{n:05}" for n in (*range(6), *range(10, 18))]


def test_a_p_value_of_few_reels_is_the_exact_share_of_all_deals() -> None:
    reels = [a_reel(n, viral=n < 5, of_video={"duration": float(n < 5)}) for n in range(10)]
    (row,) = [row for row in of(a_week(reels)) if row["feature"] == "duration"]
    assert row["p_value"] == pytest.approx(2 / 252)  # of 10 over 5 deals, the one that is so and its opposite
    assert (row["low"], row["high"]) == (None, None)  # neither group varies


@pytest.mark.parametrize(("viral", "others"), [(SMALLEST_GROUP - 1, 20), (20, SMALLEST_GROUP - 1), (0, 9), (9, 0)])
def test_too_few_reels_are_not_compared(viral: int, others: int) -> None:
    reels = [a_reel(n, viral=n < viral, of_video={"duration": float(n)}) for n in range(viral + others)]
    assert of(a_week(reels)) == []


def test_a_number_that_only_some_reels_have_is_compared_among_them() -> None:
    reels = [
        a_reel(n, viral=n % 2 == 0, of_analysis={"loudness": -float(n) if n < 12 else None, "cuts_per_minute": None})
        for n in range(40)
    ]
    rows = {row["feature"]: row for row in of(a_week(reels))}
    assert (rows["loudness"]["viral"], rows["loudness"]["others"]) == (6, 6)
    assert rows["loudness"]["hypothesis"] == "Viral reels are louder"
    assert "cuts_per_minute" not in rows


@pytest.mark.parametrize("status", ["ok", "blocked", "over_budget", "failed"])
def test_loudness_and_cuts_are_compared_of_all_videos_whatever_became_of_their_analysis(status: str) -> None:
    reels = [
        a_reel(
            n,
            viral=n < 6,
            of_analysis={
                "status": status if n else "ok",
                "loudness": -10.0 - n,
                "cuts_per_minute": float(n),
                "topics": ["cats"] * n,
                "hypotheses": [f"Said of {n}"],
            },
        )
        for n in range(14)
    ]
    rows = of(a_week(reels))
    compared = {row["feature"]: (row["viral"], row["others"]) for row in rows if row["kind"] == "contrast"}
    assert compared["loudness"] == compared["cuts_per_minute"] == (6, 8)
    assert ("topics" in compared) == (status == "ok")
    assert len([row for row in rows if row["kind"] == "model"]) == (14 if status == "ok" else 1)


def test_likes_comments_and_views_are_never_compared() -> None:
    reels = [
        a_reel(n, viral=n < 10, of_post={"likes": 1000 if n < 10 else 1, "views": 9 * (n < 10), "plays": n})
        for n in range(20)
    ]
    assert of(a_week(reels)) == []  # all else is equal
    assert not {"likes", "comments", "views", "plays", "shares", "score", "impression", "followers"} & set(FEATURES)


@pytest.mark.parametrize(
    ("hour", "feature"),
    [(15, "night"), (20, "night"), (21, "morning"), (2, "morning"), (3, "afternoon"), (14, "evening")],
)
def test_the_part_of_the_day_is_that_of_the_time_zone(hour: int, feature: str) -> None:
    other = 9 if feature == "night" else 16
    reels = [a_reel(n, viral=n < 6, hour=hour if n < 6 else other) for n in range(12)]
    rows = [row for row in of(a_week(reels)) if row["difference"] > 0]
    assert [row["feature"] for row in rows] == [feature]
    assert numbers(rows[0]) == (6, 6, 1.0, 0.0, 1.0)


def test_weeks_begin_on_monday_and_are_apart() -> None:
    sunday, monday = MONDAY + timedelta(days=6), MONDAY + timedelta(days=7)
    reels = [a_reel(n, viral=n < 6, day=sunday, of_post={"mentions": ["a"] * (n < 6)}) for n in range(12)]
    reels += [a_reel(20 + n, viral=n < 6, day=monday, of_post={"hashtags": ["a"] * (n < 6)}) for n in range(12)]
    assert [(row["week"], row["feature"]) for row in of(a_week(reels))] == [(MONDAY, "mentions"), (monday, "hashtags")]


def test_all_reels_of_a_week_in_which_one_was_analysed_count_and_no_other_week() -> None:
    quiet = MONDAY - timedelta(days=7)
    reels = [a_reel(n, viral=n < 6, of_post={"mentions": ["a"] * (n < 6)}) for n in range(12)]
    reels += [a_reel(20 + n, viral=n < 6, day=quiet, of_post={"mentions": ["a"] * (n < 6)}) for n in range(12)]
    week = a_week(reels)
    rows = of(week._replace(analyses=week.analyses.slice(0, 1)))
    assert [(row["week"], row["feature"], row["viral"]) for row in rows] == [(MONDAY, "mentions", 6)]
    assert of(week._replace(analyses=week.analyses.slice(0, 0))) == []


def test_posts_without_a_label_and_reels_of_two_accounts_do_not_count_twice() -> None:
    reels = [a_reel(n, viral=n < 6, of_post={"mentions": ["a"] * (n < 6)}) for n in range(12)]
    twice = [a_reel(n, viral=n < 6, account="sea.mom", of_post={"mentions": ["a"] * (n < 6)}) for n in range(12)]
    unknown = [a_reel(30, viral=None)]
    posts = [a_reel(40, viral=True, of_post={"kind": "post"})]
    (row,) = of(a_week([*reels, *twice, *unknown, *posts]))
    assert (row["viral"], row["others"]) == (6, 6)


def test_what_the_model_supposes_stands_with_the_reels_for_which_it_said_so() -> None:
    said = {
        1: (True, ["The fast cuts hold the viewer.", "It may be the music"]),
        2: (True, ["Fast cuts hold viewers"]),
        3: (False, ["the FAST cuts hold the viewer"]),
        4: (False, ["Slow cuts hold viewers"]),
        5: (True, ["It is not the music"]),
        6: (None, ["Fast cuts hold viewers"]),
    }
    reels = [a_reel(n, viral=viral, of_analysis={"hypotheses": texts}) for n, (viral, texts) in said.items()]
    found = [(row["hypothesis"], row["supported_by"], row["contradicted_by"]) for row in of(a_week(reels))]
    assert found == [
        ("Fast cuts hold viewers", ["00001", "00002"], ["00003"]),
        ("It is not the music", ["00005"], []),
        ("It may be the music", ["00001"], []),
        ("Slow cuts hold viewers", [], ["00004"]),
    ]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("Music helps", "No music helps"),
        ("It has fast cuts", "It has slow cuts"),
        ("It has sound", "It hasn't sound"),
        ("음악이 좋다", "음악이 나쁘다"),
        ("More text", "Less text"),
        ("The", "A"),
    ],
)
def test_opposites_stay_apart(one: str, two: str) -> None:
    assert telling_words(one) != telling_words(two)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("The cute dog.", "A cute dog!"),
        ("Cute dogs", "cute dog"),
        ("It may be that the dog is cute", "Dog: cute"),
        ("귀여운 강아지!", "강아지 귀여운"),
        ("ＣＵＴＥ dog", "cute dog"),
    ],
)
def test_sentences_of_the_same_words_are_one(one: str, two: str) -> None:
    assert telling_words(one) == telling_words(two)


@pytest.mark.parametrize("text", ["", "  ", "!!!", "🎵"])
def test_a_sentence_without_words_is_none(text: str) -> None:
    assert of(a_week([a_reel(1, viral=True, of_analysis={"hypotheses": [text]})])) == []


def test_an_analysis_that_failed_supposes_nothing() -> None:
    failed = {"hypotheses": ["Fast cuts"], "status": "malformed"}
    assert of(a_week([a_reel(1, viral=True, of_analysis=failed), a_reel(2, viral=True)])) == []


def mixed() -> list[Sequence[Row]]:
    texts = ["Fast cuts", "fast cut", "A dog", "No dog"]
    dice = random.Random(3)
    return [
        a_reel(
            n,
            viral=dice.random() < 0.4,
            day=MONDAY + timedelta(days=n % 9),
            of_video={"duration": dice.uniform(5, 60)},
            of_analysis={"hypotheses": dice.sample(texts, 2), "loudness": dice.uniform(-30, -5)},
        )
        for n in range(60)
    ]


@hypothesis_settings(max_examples=10)
@given(order=st.permutations(range(60)))
def test_the_order_of_rows_changes_no_byte(order: list[int]) -> None:
    reels = mixed()
    again = viral_hypotheses(*a_week([reels[place] for place in order]), SEOUL)
    assert again.equals(viral_hypotheses(*a_week(reels), SEOUL))
    assert again.num_rows > 5


def test_posts_may_come_part_by_part() -> None:
    week = a_week(mixed())
    parts = pa.RecordBatchReader.from_batches(week.posts.schema, week.posts.to_batches(max_chunksize=7))
    assert viral_hypotheses(parts, *week[1:], SEOUL).equals(viral_hypotheses(*week, SEOUL))


def test_keys_are_unique() -> None:
    rows = of(a_week(mixed()))
    keys = [tuple(row[name] for name in VIRAL_HYPOTHESES.key) for row in rows]
    assert len(set(keys)) == len(keys)
    assert keys == sorted(keys, key=lambda key: (key[0], key[1]))
