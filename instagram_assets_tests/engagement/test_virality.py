"""What viral labels promise: a label, a score and a reason by the chosen rule, and null where nothing can be told."""

import hashlib
import importlib
import random
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

from instagram_assets.engagement.viral_labels import apply_rule, import_rule, viral_labels
from instagram_assets.engagement.virality_rules import rule_description
from instagram_assets.errors import ContractError, SettingsError
from instagram_assets.report.viral_timelines import viral_pictures
from instagram_assets.schemas import POSTS, RAW_ADS, VIRAL_LABELS
from instagram_assets.settings import ViralitySettings, load_settings
from instagram_assets_tests.engagement.simulated import BEGIN, Row, account, items, measured

FIFTH = ViralitySettings()
BASELINE = ViralitySettings(rule="account_baseline")


def labels(rows: list[Row], options: ViralitySettings = FIFTH) -> dict[str, Any]:
    """The label of each row by its id."""
    table = apply_rule(items(rows), options)
    assert table.schema == VIRAL_LABELS.schema
    return dict(zip(table["id"].to_pylist(), table["viral"].to_pylist(), strict=True))


def told(rows: list[Row], options: ViralitySettings = FIFTH) -> dict[str, Row]:
    return {row["id"]: row for row in apply_rule(items(rows), options).to_pylist()}


def liked(*numbers: int | None, **same: object) -> list[Row]:
    return [{"likes": number, **same} for number in numbers]


def in_order(numbers: list[int], hours: float = 48, **same: object) -> list[Row]:
    return [
        {"likes": number, "taken_at": BEGIN + timedelta(hours=hours * place), **same}
        for place, number in enumerate(numbers)
    ]


class TestTopFraction:
    def test_the_fifth_of_an_account_with_the_most_likes_and_comments_is_viral(self) -> None:
        found = told([*liked(1, 2, 3, 4, 5, 6, 7, 8), {"likes": 0, "comments": 9}, {"likes": 9, "comments": 9}])
        assert {name for name, row in found.items() if row["viral"]} == {"8", "9"}
        assert found["9"]["score"] == 1
        assert found["0"]["score"] == 0
        assert found["9"]["reason"] == (
            "place 1 of 10, among the posts of sun_diary by likes and comments (18); viral are the top 20 %"
        )
        assert found["9"]["rule"] == "top_fraction 0.2 of engagement by account"

    def test_those_that_tie_across_the_cut_are_not_viral(self) -> None:
        found = told(liked(9, 5, 5, 5, 1, 1, 1, 1, 1, 1))
        assert [name for name, row in found.items() if row["viral"]] == ["0"]
        assert "place 2 of 10, shared by 3," in str(found["1"]["reason"])

    def test_an_account_whose_posts_all_did_the_same_has_none(self) -> None:
        assert set(labels(liked(*[7] * 20)).values()) == {False}

    @pytest.mark.parametrize("number", [1, 4])
    def test_groups_under_five_are_not_compared(self, number: int) -> None:
        found = told(liked(*range(number)))
        assert {row["viral"] for row in found.values()} == {None}
        reason = f"too few to compare: {number} of the posts of sun_diary with known likes and comments, 5 are needed"
        assert found["0"]["reason"] == reason

    def test_a_group_too_small_for_one_of_it_to_be_the_fraction_is_not_compared(self) -> None:
        rare = ViralitySettings(fraction=0.05)
        assert set(labels(liked(*range(19)), rare).values()) == {None}
        assert [name for name, viral in labels(liked(*range(20)), rare).items() if viral] == ["19"]

    def test_posts_reels_and_ads_are_compared_with_their_own_kind_and_account(self) -> None:
        small = [{**row, "id": f"small{row['likes']}", "account": "sea.mom"} for row in liked(*range(5))]
        reels = [{**row, "id": f"reel{row['likes']}", "kind": "reel"} for row in liked(*range(100, 105))]
        ads = [{**row, "id": f"ad{row['likes']}", "kind": "ad", "account": None} for row in liked(*range(50, 55))]
        found = labels([*liked(*range(1000, 1005)), *small, *reels, *ads])
        assert {name for name, viral in found.items() if viral} == {"4", "small4", "reel104", "ad54"}

    def test_over_all_accounts_a_post_that_two_of_them_have_counts_once(self) -> None:
        rows = [row for likes in range(9) for row in liked(likes, account=f"account{likes}")]
        shared = [row for name in ("sea.mom", "sun_diary") for row in liked(20, account=name, id="shared")]
        found = told([*rows, *shared], ViralitySettings(scope="all"))
        assert {name for name, row in found.items() if row["viral"]} == {"shared", "8"}
        assert "place 1 of 10, among all posts by" in str(found["shared"]["reason"])

    def test_what_is_unknown_has_no_label_and_does_not_count(self) -> None:
        rows: list[Row] = [*liked(1, 2, 3, 4, 5), {"likes": None}, {"likes": 99, "comments": None}]
        found = told(rows)
        assert found["4"]["viral"]
        assert [found[name]["viral"] for name in ("5", "6")] == [None, None]
        assert found["5"]["reason"] == "likes or comments hidden or unknown"
        assert labels(rows, ViralitySettings(measure="likes"))["6"]

    @given(st.lists(st.integers(0, 12), min_size=5, max_size=60), st.integers(1, 99))
    def test_never_more_than_the_fraction_is_viral_and_what_is_viral_did_better(
        self, numbers: list[int], percent: int
    ) -> None:
        found = labels(liked(*numbers), ViralitySettings(fraction=percent / 100))
        viral = [numbers[int(name)] for name, is_viral in found.items() if is_viral]
        others = [numbers[int(name)] for name, is_viral in found.items() if not is_viral]
        assert 100 * len(viral) <= percent * len(numbers)
        assert not viral or not others or min(viral) > max(others)


class TestThreshold:
    def test_one_of_the_asked_numbers_is_enough_and_unknown_ones_do_not_count(self) -> None:
        options = ViralitySettings(rule="threshold", min_likes=100, min_views=1000, min_plays=0)
        rows: list[Row] = [
            {"likes": 100},
            {"likes": 99},
            {"likes": 5, "views": 2000},
            {"likes": None, "views": 999},
            {"likes": None, "plays": 10**9},
        ]
        found = told(rows, options)
        assert [row["viral"] for row in found.values()] == [True, False, True, False, None]
        assert [row["score"] for row in found.values()] == [1, 0.99, 2, 0.999, None]
        assert found["2"]["reason"] == "5 of 100 likes, 2,000 of 1,000 views"
        assert found["4"]["reason"] == "likes and views unknown"
        assert found["0"]["rule"] == "threshold likes 100 or views 1000"

    def test_a_threshold_that_asks_for_nothing_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("LIKES", "VIEWS", "PLAYS"):
            monkeypatch.setenv(f"INSTAGRAM_ASSETS_VIRALITY__MIN_{name}", "0")
        monkeypatch.setenv("INSTAGRAM_ASSETS_VIRALITY__RULE", "threshold")
        with pytest.raises(SettingsError, match="needs one of MIN_LIKES, MIN_VIEWS and MIN_PLAYS above 0"):
            load_settings()


class TestAccountBaseline:
    def test_planted_outliers_are_found_and_few_others(self) -> None:
        """Recall of 0.9 or more with at most 5 % of the ordinary posts."""
        rows, planted = list[Row](), set[str]()
        for seed in range(12):
            made, viral = account(f"account{seed}", seed)
            rows += made
            planted |= viral
        found = {name: viral for name, viral in labels(rows, BASELINE).items() if viral is not None}
        marked = {name for name, viral in found.items() if viral}
        known = planted & found.keys()
        assert len(known) > 50
        assert len(marked & known) >= 0.9 * len(known)
        assert len(marked - known) <= 0.05 * (len(found) - len(known))
        assert len(found) > 0.93 * len(rows)

    @pytest.mark.parametrize(("spread", "least"), [(0.3, 0.98), (0.5, 0.85), (0.8, 0.5)])
    def test_the_more_the_posts_of_an_account_differ_the_fewer_are_found(self, spread: float, least: float) -> None:
        recall, others = measured(spread, 30)
        assert recall >= least
        assert others <= 0.03

    def test_a_post_is_judged_by_those_before_it_in_words_that_say_so(self) -> None:
        found = told(in_order([100, 110, 90, 105, 95, 1000, 100]), BASELINE)
        assert [row["viral"] for row in found.values()] == [*[None] * 5, True, False]
        assert found["4"]["reason"] == "too few to compare: 4 of the posts of sun_diary before it, 5 are needed"
        assert str(found["5"]["reason"]).startswith(
            "1,000 likes and comments, 100 are usual by 5 of the posts of sun_diary before it; z "
        )
        assert found["5"]["rule"] == "account_baseline z 3 of engagement over 30 before, half-life 20 h"

    def test_what_was_read_early_is_taken_for_what_it_will_become(self) -> None:
        old = in_order([1000, 1100, 900, 1050, 950, 1000])
        young: Row = {"id": "young", "taken_at": BEGIN + timedelta(days=30), "likes": 1000}
        young["observed_at"] = BEGIN + timedelta(days=30, hours=2)
        assert labels([*old, young], BASELINE)["young"]
        assert not labels([*old, young], ViralitySettings(rule="account_baseline", half_life_hours=0))["young"]
        usual = {**young, "likes": 67}  # 1 − 2^(−2/20) of 1,000
        found = told([*old, usual], BASELINE)["young"]
        assert not found["viral"]
        assert "67 likes and comments 2 h after publication, 67 are usual then" in str(found["reason"])

    def test_what_was_read_within_the_first_hour_is_not_judged_and_judges_nothing(self) -> None:
        early = [
            {**row, "id": f"early{place}", "observed_at": row["taken_at"] + timedelta(minutes=20)}
            for place, row in enumerate(in_order([0] * 10, 50))
            if isinstance(row["taken_at"], datetime)
        ]
        rows = in_order([100, 110, 90, 105, 95, 100])
        found = told([*rows, *early], BASELINE)
        assert found["early0"]["reason"] == "too early to tell: read 20 minutes after its publication"
        assert found["5"] == told(rows, BASELINE)["5"]

    def test_an_account_without_any_spread_and_one_with_few_likes_mark_nothing_small(self) -> None:
        assert labels(in_order([100] * 9 + [115]), BASELINE)["9"] is False
        assert labels(in_order([0, 1, 0, 0, 1, 0, 0, 0, 1, 2]), BASELINE)["9"] is False
        assert labels(in_order([0] * 9), BASELINE)["8"] is False

    def test_an_account_that_grew_is_judged_by_its_last_posts(self) -> None:
        grown = in_order([10] * 20 + [1000, 990, 1010, 1005, 995, 1000] * 3)
        short = ViralitySettings(rule="account_baseline", previous=10)
        assert labels(grown, short)["20"]
        assert not labels(grown, short)["37"]

    def test_posts_of_one_moment_are_not_before_each_other(self) -> None:
        rows = [*in_order([100, 110, 90, 105, 95]), *liked(900, 950, taken_at=BEGIN + timedelta(days=40))]
        found = told(rows, BASELINE)
        assert all("by 5 of the posts" in str(found[name]["reason"]) for name in ("5", "6"))
        assert all(found[name]["viral"] for name in ("5", "6"))

    @how(max_examples=60)
    @given(
        st.lists(st.tuples(st.integers(0, 400), st.integers(0, 2000), st.integers(0, 90)), min_size=1, max_size=50),
        st.integers(0, 400),
        st.sampled_from([5, 9, 30]),
        st.randoms(use_true_random=False),
    )
    def test_later_posts_change_no_earlier_label_whatever_their_order(
        self, posts: list[tuple[int, int, int]], cut: int, previous: int, chance: random.Random
    ) -> None:
        rows: list[Row] = [
            {
                "id": str(number),
                "likes": likes,
                "taken_at": BEGIN + timedelta(hours=hour),
                "observed_at": BEGIN + timedelta(hours=hour + age),
                "kind": "reel" if number % 3 == 0 else "post",
            }
            for number, (hour, likes, age) in enumerate(posts)
        ]
        options = ViralitySettings(rule="account_baseline", previous=previous)
        earlier = [row for row in rows if row["taken_at"] < BEGIN + timedelta(hours=cut)]  # pyright: ignore[reportOperatorIssue]
        shuffled = chance.sample(rows, len(rows))
        after = told(shuffled, options)
        assert {name: after[name] for name in told(earlier, options)} == told(earlier, options)


class TestOwnRule:
    def test_a_function_over_the_table_says_what_is_viral(self, own: Path) -> None:
        own.write_text("def more_comments(items):\n    return items.to_pandas().eval('viral = comments > likes')")
        options = ViralitySettings(rule="team_rules:more_comments")
        found = told([{"likes": 1, "comments": 5}, {"likes": 5, "comments": 1}], options)
        assert [row["viral"] for row in found.values()] == [True, False]
        assert str(found["0"]["rule"]).startswith("team_rules:more_comments (source ")
        assert found["0"]["reason"] == "as team_rules:more_comments says"

    def test_another_body_is_another_rule(self, own: Path) -> None:
        options, rules = ViralitySettings(rule="team_rules:rule"), list[str]()
        for least in (5, 6, 5):
            own.write_text(f"def rule(items):\n    return {{'viral': items.to_pandas().likes > {least}}}")
            sys.modules.pop("team_rules", None)
            importlib.invalidate_caches()
            (row,) = told(liked(6), options).values()
            assert row["viral"] is (least == 5)
            assert re.fullmatch(r"team_rules:rule \(source [0-9a-f]{8}\)", str(row["rule"]))
            rules.append(str(row["rule"]))
        assert rules[0] == rules[2] != rules[1]

    def test_a_rule_of_a_package_has_the_version_of_its_module(self, own: Path) -> None:
        (own.parent / "team_package").mkdir()
        (own.parent / "team_package" / "__init__.py").touch()
        (own.parent / "team_package" / "team_rules.py").write_bytes(b"def rule(items): ...")
        version = hashlib.sha256(b"def rule(items): ...").hexdigest()[:8]
        shown = rule_description(ViralitySettings(rule="team_package.team_rules:rule"))
        assert shown == f"team_package.team_rules:rule (source {version})"
        assert rule_description(ViralitySettings(rule="nowhere.at_all:rule")) == "nowhere.at_all:rule"

    def test_its_score_and_reason_are_kept(self, own: Path) -> None:
        own.write_text("def rule(items):\n    return {'viral': [None], 'score': [2], 'reason': ['no pictures']}")
        (row,) = told(liked(1), ViralitySettings(rule="team_rules:rule")).values()
        assert (row["viral"], row["score"], row["reason"]) == (None, 2.0, "no pictures")

    @pytest.mark.parametrize(
        ("code", "problem"),
        [
            ("return {'viral': [True] * 9}", "gave 9 rows for 1 items"),
            ("return {'liked': [True]}", "failed: KeyError"),
            ("return {'viral': ['yes, very much']}", r"failed: viral of row 0 \(0\) is 'yes, very much', not bool"),
            ("return {'viral': [True], 'score': ['much']}", r"failed: score of row 0 \(0\) is 'much', not double"),
            ("return 1 / 0", r"failed: ZeroDivisionError: division by zero \(team_rules.py, line 2\)"),
            ("raise SystemExit(3)", r"failed: SystemExit: 3 \(team_rules.py, line 2\)"),
            ("import sys; sys.exit('no data')", r"failed: SystemExit: no data \(team_rules.py, line 2\)"),
            ("return None", "failed: "),
        ],
    )
    def test_a_rule_that_does_not_give_what_it_should_is_named(self, own: Path, code: str, problem: str) -> None:
        own.write_text(f"def rule(items):\n    {code}")
        with pytest.raises(ContractError, match=rf"^The rule team_rules:rule {problem}.*It has to give a table"):
            labels(liked(1), ViralitySettings(rule="team_rules:rule"))

    def test_the_row_of_a_verdict_that_is_none_is_named(self, own: Path) -> None:
        own.write_text("def rule(items):\n    return {'viral': ['true', 'false', 'maybe']}")
        with pytest.raises(
            ContractError, match=r"team_rules:rule failed: viral of row 2 \(second\) is 'maybe', not bool"
        ):
            labels([{"id": "a"}, {"id": "b"}, {"id": "second"}], ViralitySettings(rule="team_rules:rule"))

    def test_who_stops_a_rule_has_stopped_it(self, own: Path) -> None:
        own.write_text("def rule(items):\n    raise KeyboardInterrupt")
        with pytest.raises(KeyboardInterrupt):
            labels(liked(1), ViralitySettings(rule="team_rules:rule"))

    @pytest.mark.parametrize(
        ("code", "problem"),
        [("raise SystemExit(3)", "SystemExit: 3"), ("1 / 0", "ZeroDivisionError"), ("def rule(:", "SyntaxError")],
    )
    def test_a_module_that_fails_when_it_is_imported_is_named(self, own: Path, code: str, problem: str) -> None:
        own.write_text(code)
        with pytest.raises(SettingsError, match=rf"team_rules fails when it is imported: {problem}"):
            import_rule("team_rules:rule")

    @pytest.mark.parametrize(
        "code",
        [
            "frame['viral'] = frame.likes > 3; return frame.sort_values('likes')",
            "frame['viral'] = frame.likes > 3; return frame[['viral']].sample(frac=1, random_state=3)",
            "return {'viral': frame.likes.sort_values() > 3}",
            "return {'viral': frame.likes > 3, 'score': frame.likes.sort_values()}",
            "return pandas.DataFrame({'viral': frame.likes.to_list()}) > 3",
        ],
    )
    def test_what_pandas_gives_in_another_order_is_told_by_its_index(self, own: Path, code: str) -> None:
        own.write_text(f"import pandas\n\ndef rule(items):\n    frame = items.to_pandas()\n    {code}")
        numbers = (5, 1, 9, 3, 4, 2)
        found = told(liked(*numbers), ViralitySettings(rule="team_rules:rule"))
        assert [row["viral"] for row in found.values()] == [number > 3 for number in numbers]

    @pytest.mark.parametrize("code", ["frame.set_index('id')", "frame.set_index(frame.index + 1)"])
    def test_an_index_that_is_none_of_the_rows_is_refused(self, own: Path, code: str) -> None:
        own.write_text(f"def rule(items):\n    frame = items.to_pandas()\n    frame['viral'] = True\n    return {code}")
        with pytest.raises(ContractError, match=r"has an index \(.*\) that is not that of its rows, 0 to 2\. Keep the"):
            labels(liked(1, 2, 3), ViralitySettings(rule="team_rules:rule"))

    def test_a_rule_that_is_not_there_is_refused_with_what_to_do(self, own: Path) -> None:
        own.write_text("number = 3")
        with pytest.raises(SettingsError, match=r"VIRALITY__RULE=team_rules:rule: team_rules has no rule\. Name"):
            import_rule("team_rules:rule")
        with pytest.raises(SettingsError, match="team_rules:number: number is no function"):
            import_rule("team_rules:number")
        with pytest.raises(SettingsError, match=r"nowhere_at_all cannot be imported .*PYTHONPATH"):
            import_rule("nowhere_at_all:rule")

    @pytest.mark.parametrize("rule", ["top", "module:", ":function", "a-b:c", "module.function"])
    def test_what_is_no_rule_is_refused_by_the_settings(self, rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("INSTAGRAM_ASSETS_VIRALITY__RULE", rule)
        with pytest.raises(SettingsError, match="INSTAGRAM_ASSETS_VIRALITY__RULE"):
            load_settings()

    @pytest.fixture
    def own(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, "team_rules", raising=False)
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        return tmp_path / "team_rules.py"


@pytest.mark.parametrize("moment", [datetime(2026, 5, 1, 16, tzinfo=UTC), datetime(1969, 12, 31, 16, tzinfo=UTC)])
def test_a_timeline_shows_the_days_of_the_zone(moment: datetime) -> None:
    def drawn(moment: datetime, zone: str) -> dict[str, bytes]:
        rows: list[Row] = [{"likes": likes, "taken_at": moment + timedelta(days=likes)} for likes in range(6)]
        return viral_pictures(apply_rule(items(rows), FIFTH), "likes", ZoneInfo(zone))

    assert drawn(moment, "Asia/Seoul") == drawn(moment + timedelta(hours=9), "UTC") != drawn(moment, "UTC")


def test_of_an_ad_that_was_seen_twice_the_newest_look_counts_and_hidden_likes_never() -> None:
    looks: list[Row] = [
        {"observed_at": BEGIN + timedelta(days=2), "likes": 200, "account": None},
        {"observed_at": BEGIN + timedelta(days=3), "likes": 300, "account": "sun_diary"},
        {"observed_at": BEGIN + timedelta(days=1), "likes": 100, "account": "sun_diary"},
    ]
    ads = RAW_ADS.table([{"ad_id": "ad", "source_sha256": "0", **look} for look in looks])
    posts = POSTS.table([{"post_id": "p", "account": "sun_diary", "kind": "post", "likes": 3, "likes_hidden": True}])
    rows = viral_labels(posts, ads, FIFTH).to_pylist()
    assert {(row["kind"], row["id"], row["likes"]) for row in rows} == {("post", "p", None), ("ad", "ad", 300)}
    assert len(rows) == 2


def test_nothing_in_gives_nothing_out_with_every_column() -> None:
    for rule in ("top_fraction", "threshold", "account_baseline"):
        assert viral_labels(POSTS.empty(), RAW_ADS.empty(), ViralitySettings(rule=rule)).equals(VIRAL_LABELS.empty())
