"""The numbers of the charts of words are those of the lake, recomputed in another way; links lead to their posts."""

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest
from upath import UPath

from instagram_assets.insights.chart_data import ChartData, chart_data, chart_of
from instagram_assets.insights.word_counts import Range, month_of, split_months, year_of
from instagram_assets.lake_index.filter_sql import condition_of
from instagram_assets.lake_index.filters import Filter
from instagram_assets.lake_index.index_reader import LakeIndex
from instagram_assets.lake_index.update import update_index
from instagram_assets.notebook_lake import Lake
from instagram_assets.text.part_of_speech import CONTENT_CLASSES
from instagram_assets_tests.insights.word_lake import write_words

FILTERS = (
    Filter(),
    Filter(account=("bada",)),
    Filter(account=("haneul", "sol.garden"), pos="noun"),
    Filter(first=date(2025, 10, 7)),
    Filter(last=date(2026, 12, 9)),
    Filter(first=date(2025, 11, 1), last=date(2026, 11, 30)),
    Filter(first=date(2025, 11, 13), last=date(2026, 12, 30), pos="hashtag"),
    Filter(account=("bada", "nobody"), first=date(2025, 12, 30), last=date(2026, 1, 2)),
    Filter(first=date(2026, 3, 5), last=date(2026, 3, 19), pos="verb"),
    Filter(first=date(2026, 2, 14), last=date(2026, 4, 2)),
    Filter(account=("nobody",)),
)
IDS = [criteria.to_query() or "all" for criteria in FILTERS]
Words = Counter[tuple[str, str, str]]


class Both(NamedTuple):
    """The same data as a lake and as its index."""

    lake: Lake
    asked: LakeIndex
    view: list[dict[str, Any]]
    """All rows of `token_counts`."""

    def answer(self, name: str, criteria: Filter) -> ChartData:
        return chart_data(self.asked, chart_of(name), criteria)

    def rows(self, name: str, criteria: Filter) -> list[dict[str, Any]]:
        answer = self.answer(name, criteria)
        return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]

    def counts(self, criteria: Filter, classes: tuple[str, ...] | None = None, column: str = "count") -> Words:
        """By account, word and part of speech, from the view, day by day."""
        found: Words = Counter()
        for row in self.view:
            is_wanted = (
                (not criteria.account or row["account"] in criteria.account)
                and (criteria.first is None or row["day"] >= criteria.first)
                and (criteria.last is None or row["day"] <= criteria.last)
                and (classes is None or row["pos"] in classes)
            )
            if is_wanted:
                found[row["account"], row["word"], row["pos"]] += row[column]
        return found


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder = tmp_path_factory.mktemp("words")
    root = UPath(folder / "lake")
    write_words(root)
    update_index(root, folder / "index", "Asia/Seoul")
    index = LakeIndex(folder / "index")
    lake = Lake(folder / "lake")
    yield Both(lake, index, lake.sql("SELECT * FROM token_counts").to_pylist())
    index.close()


def classes_of(criteria: Filter) -> tuple[str, ...]:
    return (criteria.pos,) if criteria.pos else CONTENT_CLASSES


def together(counts: Words) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for (_, word, pos), count in counts.items():
        found[word, pos] += count
    return found


def ordered(counts: Counter[tuple[str, str]], most: int) -> list[tuple[str, str, int]]:
    """The largest first, equal ones by the bytes of the word and its part of speech."""
    every = sorted(counts.items(), key=lambda item: (-item[1], item[0][0].encode(), item[0][1]))
    return [(word, pos, count) for (word, pos), count in every[:most]]


def busiest(both: Both, criteria: Filter) -> list[str]:
    posts = Counter(
        row["account"]
        for row in both.lake.sql("SELECT account, day FROM posts").to_pylist()
        if (not criteria.account or row["account"] in criteria.account)
        and (criteria.first is None or row["day"] >= criteria.first)
        and (criteria.last is None or row["day"] <= criteria.last)
    )
    return sorted(posts, key=lambda account: (-posts[account], account))


@pytest.mark.parametrize("criteria", FILTERS, ids=IDS)
@pytest.mark.parametrize(("name", "most"), [("top_words", 30), ("word_cloud", 90)])
def test_top_words_are_those_of_the_view(both: Both, name: str, most: int, criteria: Filter) -> None:
    expected = ordered(together(both.counts(criteria, classes_of(criteria))), most)
    posts = together(both.counts(criteria, classes_of(criteria), "posts"))
    found = both.rows(name, criteria)
    assert [(row["word"], row["pos"], row["count"]) for row in found] == expected
    assert [row["posts"] for row in found] == [posts[word, pos] for word, pos, _ in expected]


@pytest.mark.parametrize("criteria", FILTERS, ids=IDS)
def test_top_hashtags_are_those_of_the_view(both: Both, criteria: Filter) -> None:
    expected = ordered(together(both.counts(criteria, ("hashtag",))), 20)
    assert [(row["hashtag"], row["count"]) for row in both.rows("top_hashtags", criteria)] == [
        (word, count) for word, _, count in expected
    ]


@pytest.mark.parametrize("criteria", FILTERS, ids=IDS)
def test_top_words_of_each_account_are_those_of_the_view(both: Both, criteria: Filter) -> None:
    expected: list[tuple[str, str, str, int]] = []
    for account in busiest(both, criteria):
        own = together(both.counts(criteria.but(account=(account,)), classes_of(criteria)))
        expected += [(account, *each) for each in ordered(own, 10)]
    found = both.rows("top_words_by_account", criteria)
    assert [(row["account"], row["word"], row["pos"], row["count"]) for row in found] == expected


@pytest.mark.parametrize("criteria", FILTERS, ids=IDS)
def test_shares_of_parts_of_speech_are_of_all_words(both: Both, criteria: Filter) -> None:
    expected: list[tuple[str | None, str, int, float]] = []
    for account in (None, *busiest(both, criteria)):
        own: Counter[str] = Counter()
        for (_, _, pos), count in both.counts(criteria.but(account=(account,)) if account else criteria).items():
            own[pos] += count
        largest = sorted(own.items(), key=lambda item: (-item[1], item[0]))
        expected += [(account, pos, count, count / own.total()) for pos, count in largest]
    found = both.rows("pos_shares", criteria)
    assert [(row["account"], row["pos"], row["count"]) for row in found] == [each[:3] for each in expected]
    assert [row["share"] for row in found] == pytest.approx([each[3] for each in expected])


@pytest.mark.parametrize("criteria", FILTERS, ids=IDS)
def test_shares_of_the_vocabulary_are_what_its_most_frequent_words_make_up(both: Both, criteria: Filter) -> None:
    expected: list[tuple[Any, ...]] = []
    for account in (None, *busiest(both, criteria)):
        own = together(both.counts(criteria.but(account=(account,)) if account else criteria, classes_of(criteria)))
        numbers = sorted(own.values(), reverse=True)
        for percent in (10, 30, 50) if numbers else ():
            words = -(-len(numbers) * percent // 100)
            count = sum(numbers[:words])
            share = count / sum(numbers)
            expected.append((account, percent / 100, words, len(numbers), count, sum(numbers), share))
    found = [tuple(row.values()) for row in both.rows("vocabulary_shares", criteria)]
    assert [row[0] for row in found] == [row[0] for row in expected]
    assert [row[1:] for row in found] == [pytest.approx(row[1:]) for row in expected]


@pytest.mark.parametrize("criteria", FILTERS, ids=IDS)
def test_rising_words_are_compared_with_as_many_days_before(both: Both, criteria: Filter) -> None:
    last = criteria.last or max(row["day"] for row in both.lake.sql("SELECT day FROM posts").to_pylist())
    first = criteria.first or last - timedelta(29)
    length = last - first + timedelta(1)
    now = together(both.counts(criteria.but(first=first, last=last), classes_of(criteria)))
    before = together(both.counts(criteria.but(first=first - length, last=first - timedelta(1)), classes_of(criteria)))
    rises = {
        word: count / now.total() - before[word] / before.total()
        for word, count in now.items()
        if count >= 3 and before.total()
    }
    found = both.rows("rising_words", criteria)
    chosen = {(row["word"], row["pos"]): row for row in found}
    assert len(found) == min(20, sum(rise > 1e-12 for rise in rises.values()))
    assert [row["rise"] for row in found] == pytest.approx(
        sorted((r for r in rises.values() if r > 1e-12), reverse=True)[:20]
    )
    for word, row in chosen.items():
        assert (row["count"], row["before"]) == (now[word], before[word])
        assert row["rise"] == pytest.approx(rises[word])


def posts_of(both: Both, link: str) -> set[str]:
    """The posts that a link shows."""
    where = condition_of(Filter.of(parse_qs(urlsplit(link).query)), "posts")
    return {row["post_id"] for row in both.asked.rows(f"SELECT post_id FROM posts WHERE {where.sql}", *where.values)}


@pytest.mark.parametrize("criteria", FILTERS, ids=IDS)
@pytest.mark.parametrize("name", ["top_words", "word_cloud", "top_words_by_account", "top_hashtags"])
def test_a_link_leads_to_exactly_the_posts_that_the_number_counts(both: Both, name: str, criteria: Filter) -> None:
    answer = both.answer(name, criteria)
    place = answer.columns.index("posts")
    for row, link in zip(answer.rows, answer.links, strict=True):
        assert link is not None
        assert len(posts_of(both, link)) == row[place]


@pytest.mark.parametrize("criteria", FILTERS, ids=IDS)
def test_a_part_of_speech_leads_to_the_posts_in_which_it_stands(both: Both, criteria: Filter) -> None:
    said = both.lake.sql("SELECT account, day, post_id, tokens FROM tokens").to_pylist()
    answer = both.answer("pos_shares", criteria)
    for (account, pos, *_), link in zip(answer.rows, answer.links, strict=True):
        assert link is not None
        accounts = (account,) if account else criteria.account
        assert posts_of(both, link) == {
            row["post_id"]
            for row in said
            if (not accounts or row["account"] in accounts)
            and (criteria.first is None or row["day"] >= criteria.first)
            and (criteria.last is None or row["day"] <= criteria.last)
            and any(token["pos"] == pos for token in row["tokens"])
        }


def days_in(stretch: Range) -> list[date]:
    assert stretch.first is not None
    assert stretch.last is not None
    return [stretch.first + timedelta(step) for step in range((stretch.last - stretch.first).days + 1)]


@pytest.mark.parametrize("unit", [month_of, year_of])
def test_a_range_is_cut_into_whole_units_and_days_without_a_gap_or_an_overlap(unit: Any) -> None:
    starts = [date(2025, 12, 1) + timedelta(step) for step in range(0, 70, 3)]
    for first in starts:
        for length in (0, 1, 30, 59, 364, 365, 366, 800):
            last = first + timedelta(length)
            whole, days = split_months(first, last, unit)
            pieces = [*days, *([whole] if whole else [])]
            covered = sorted(day for each in pieces for day in days_in(each))
            assert covered == [first + timedelta(step) for step in range(length + 1)]
            if whole is not None:
                inside = days_in(whole)
                assert (inside[0], inside[-1]) == (unit(inside[0])[0], unit(inside[-1])[1])
