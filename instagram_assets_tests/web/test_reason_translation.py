"""Reasons of left-out images in both languages."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pytest

from instagram_assets.datasets.image_folder import DELETED, LEFT
from instagram_assets.datasets.image_folder_card import reason_without_numbers
from instagram_assets.engagement.virality_rules import RULES, Floats, Items
from instagram_assets.schemas import SEARCH_CLUSTERS, SEARCH_IMAGES, SEARCH_RESULTS
from instagram_assets.schemas.search import Decision, Override
from instagram_assets.search.image_selection import select_images
from instagram_assets.settings import QualitySettings, ViralitySettings
from instagram_assets.vision.quality import rejection_reason
from instagram_assets.web.reason_translation import NAMES, reason_words, viral_words
from instagram_assets.web.words import LANGUAGES, words_in

ENGLISH_WORD = re.compile(r"\b[a-z]{3,}\b")
LIGHT = {"focus": 1.1, "brightness": 200.0, "contrast": 150.0, "noise": 1.0}
SMALL = {"status": "ok", "width": 240, "height": 180, "sharpness": 1.5, "sharpness_native": 2.5} | LIGHT


def reasons_of(candidates: Sequence[tuple[str | None, int, int | None, str]], **decisions: Decision) -> list[str]:
    """The reasons of `select_images` for candidates (image_id, bytes, cluster, near_group), in order; the third known.

    Without an image_id it was not fetched, without a cluster it has no embedding.
    """
    results, images, places = list[dict[str, object]](), list[dict[str, object]](), list[dict[str, object]]()
    for rank, (image_id, size, cluster, group) in enumerate(candidates, 1):
        row: dict[str, object] = {"search": "s", "rank": rank, "url": f"u{rank}"}
        results.append({**row, "query": "q", "source": "naver"})
        fetched = {"status": "ok", "passed": True, "image_id": image_id, "bytes": size, "sharpness": 60.0}
        images.append({**row, **(fetched if image_id else {"status": "failed", "passed": False, "reason": "HTTP 404"})})
        if image_id and cluster is not None:
            place = {"cluster": cluster, "distance": 0.1, "is_subject": cluster == 0, "near_group": group}
            places.append({"search": "s", "image_id": image_id, **place})
    tables = SEARCH_RESULTS.table(results), SEARCH_IMAGES.table(images), SEARCH_CLUSTERS.table(places)
    at = datetime(2026, 11, 27, tzinfo=UTC)
    by_hand = {image_id: Override(decision, "", at) for image_id, decision in decisions.items()}
    rows = select_images(*tables, 2, {"known": 0}, by_hand)
    return [row["reason"] or "" for row in sorted(rows, key=lambda row: row["rank"])]


def all_reasons() -> list[str]:
    """Each sentence that the steps of a search give, from those steps."""
    plain = reasons_of(
        [
            ("a", 10, 0, "a"),
            ("larger", 99, 0, "a"),
            ("known", 10, 0, "k"),
            ("b", 99, 0, "k"),
            (None, 0, None, ""),
            ("a", 10, 0, "a"),
            ("c", 10, None, ""),
            ("d", 10, -1, "d"),
            ("e", 10, 1, "e"),
            ("f", 10, 0, "f"),
        ]
    )
    same = [("a", 10, 0, "a"), ("b", 99, 0, "a")]
    by_hand = [*reasons_of(same, a="keep"), *reasons_of(same, a="drop")]
    looks = [
        rejection_reason(SMALL, QualitySettings(min_side=300, sharpness="standard")),
        rejection_reason(SMALL, QualitySettings(min_side=100, sharpness="native")),
        rejection_reason(SMALL, QualitySettings(min_side=100, min_focus=1, min_sharpness=50)),
        rejection_reason(SMALL | {"brightness": 3.0}, QualitySettings(min_side=100)),
        rejection_reason(SMALL | {"contrast": 3.0}, QualitySettings(min_side=100)),
        rejection_reason(SMALL | {"noise": 90.0}, QualitySettings(min_side=100, min_sharpness=0)),
    ]
    return [reason for reason in (*plain, *by_hand, *looks, DELETED, LEFT) if reason]


REASONS = all_reasons()


@pytest.mark.parametrize("reason", dict.fromkeys([*REASONS, *map(reason_without_numbers, REASONS)]))
def test_what_the_steps_of_a_search_say_has_words(reason: str) -> None:
    korean = reason_words(words_in("ko"), reason)
    assert korean != reason
    assert not ENGLISH_WORD.search(korean.replace("HTTP", "")), korean


def test_the_steps_of_a_search_say_all_that_there_are_words_for() -> None:
    assert len(set(map(reason_without_numbers, REASONS))) >= 10


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_has_words(language: str) -> None:
    assert {f"reasons.{name}" for name in NAMES} == {
        name for name in words_in(language).names() if name.startswith("reasons.")
    }


@pytest.mark.parametrize(
    ("reason", "korean"),
    [
        ("smaller than 300 px (240 x 180)", "300px보다 작음 (240 × 180)"),
        (
            "smaller than 300 px (240 x 180); blurred: sharpness 1.5 below 50",
            "300px보다 작음 (240 × 180); 흐림: 선명도 1.5, 기준은 50 이상",
        ),
        ("doubled: same picture as result 3, which was dropped by hand", "직접 제외한 검색 결과 3번과 같은 그림"),
        ("in cluster 1, which is not the subject", "대상이 아닌 1번 군집에 속함"),
        ("beyond the limit of 50 images", "최대 50장을 넘음"),
        ("dropped by hand: 개; {rank} {0} %s", "직접 제외함: 개; {rank} {0} %s"),
        ("not fetched: HTTP 404", "내려받지 못함: HTTP 404"),
        ("blurred: sharpness 1 below 50; original: HTTP 404", "흐림: 선명도 1, 기준은 50 이상; original: HTTP 404"),
        ("what nobody knows", "what nobody knows"),
        ("", ""),
    ],
)
def test_a_reason_is_said_in_words_and_what_is_not_known_stays(reason: str, korean: str) -> None:
    assert reason_words(words_in("ko"), reason) == korean


def test_kinds_of_reasons_without_their_numbers_have_words_too() -> None:
    assert reason_words(words_in("en"), "doubled") == "there twice"
    assert reason_words(words_in("ko"), "blurred") == "흐림"


def viral_reasons() -> dict[str, str]:
    """A sentence of each kind that the rules of virality give, from these rules."""
    found: list[str] = []
    nights = np.arange(40) * 86_400_000_000
    likes = np.array([10.0, *range(10, 48), 9_000.0])
    likes[[3, 4]] = 11.0, np.nan
    for kinds, accounts, ages in (
        (["post"] * 40, ["007 of 9"] * 40, np.full(40, 900.0)),
        (["reel"] * 40, ["#a; b, c"] * 40, np.full(40, 3.0)),
        (["post", "ad"] * 20, [None] * 40, np.full(40, 0.5)),
        (["ad"] * 4 + ["reel"] * 36, ["jane"] * 40, np.full(40, 900.0)),
    ):
        numbers: dict[str, Floats] = dict.fromkeys(("likes", "comments", "views", "plays"), likes)
        items = Items(kinds, accounts, [str(number) for number in range(40)], nights, ages, numbers)
        for rule, changes in (
            ("top_fraction", {}),
            ("top_fraction", {"scope": "all", "measure": "plays", "fraction": 0.125}),
            ("account_baseline", {}),
            ("account_baseline", {"measure": "views"}),
            ("threshold", {"min_likes": 1_000, "min_views": 12, "min_plays": 7}),
            ("threshold", {"min_likes": 30}),
        ):
            options = ViralitySettings.model_validate({"rule": rule, **changes})
            found += [reason for reason in RULES[rule](items, options).reasons if reason]
    return {re.sub(r"[\d,.]+", "0", reason): reason for reason in [*found, "as team_rules:discussed says"]}


def test_what_the_rules_of_virality_say_has_words_in_both_languages() -> None:
    reasons = viral_reasons()
    assert len(reasons) > 25
    for reason in reasons.values():
        korean, english = (viral_words(words_in(language), reason) for language in ("ko", "en"))
        assert not ENGLISH_WORD.search(re.sub("jane|team_rules:discussed|007 of 9", "", korean)), korean
        assert korean != reason
        numbers = [sorted(re.findall(r"\d[\d,.]*\d|\d", text)) for text in (reason, korean, english)]
        assert numbers[0] == numbers[1] == numbers[2], korean


@pytest.mark.parametrize("reason", ["what my rule says", "30 of 20 friends, 7 of 9 likes", "", None])
def test_what_a_rule_of_ones_own_says_stays(reason: str | None) -> None:
    assert viral_words(words_in("ko"), reason) == (reason or "")
