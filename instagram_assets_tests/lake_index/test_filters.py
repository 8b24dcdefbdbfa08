"""A filter says in an address all that it wants, and takes nothing that makes no sense."""

import unicodedata
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instagram_assets.errors import QueryError
from instagram_assets.lake_index.filters import Filter, cluster_of

TEXT = st.text(max_size=60)
TEXTS = st.lists(TEXT, max_size=4)
GIVEN = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("account", "hashtag", "search", "q", "word", "pos", "post", "near"), TEXTS),
        "first": st.dates().map(lambda day: [str(day)]),
        "kind": st.sampled_from([["post"], ["reel"], [""]]),
        "weekday": st.integers(1, 7).map(lambda day: [str(day)]),
        "hour": st.integers(0, 23).map(lambda hour: [str(hour)]),
        "sharp": st.floats(0, 1e9).map(lambda number: [repr(number)]),
        "cluster": st.lists(
            st.builds(lambda scope, number: f"{scope}/{number}", TEXT, st.integers(-1, 999)), max_size=3
        ),
        "viral": st.sampled_from([["yes"], ["no"]]),
    },
)


@given(GIVEN)
def test_the_address_of_a_filter_gives_the_same_filter(asked: dict[str, list[str]]) -> None:
    try:
        wanted = Filter.of(asked)
    except QueryError:
        return
    again = Filter.of(parse_qs(wanted.to_query(), keep_blank_values=True))
    assert again == wanted
    assert wanted.to_query().isascii()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *[("first", "yesterday"), ("last", "2026-13-01"), ("weekday", "0"), ("weekday", "8"), ("hour", "24")],
        *[("hour", "x"), ("sharp", "nan"), ("sharp", "inf"), ("sharp", "-1"), ("kind", "story"), ("viral", "perhaps")],
        *[
            ("cluster", "3"),
            ("cluster", "all/x"),
            ("cluster", "all/99999999999"),
            ("list_name", "../x"),
            ("q", "a" * 301),
        ],
    ],
)
def test_what_a_field_does_not_take_is_refused_by_its_name(name: str, text: str) -> None:
    with pytest.raises(QueryError, match=f"^{name}"):
        Filter.of({name: [text]})


def test_names_are_as_the_lake_writes_them() -> None:

    wanted = Filter.of({"account": [" @Jane.Doe ", unicodedata.normalize("NFD", "#육아일기")], "hashtag": ["#", "#a"]})
    assert wanted == Filter(account=("jane.doe", "#육아일기"), hashtag=("a",))


def test_days_the_wrong_way_round_are_refused() -> None:
    with pytest.raises(QueryError, match="comes after"):
        Filter.of({"first": ["2026-10-02"], "last": ["2026-10-01"]})


def test_a_scope_may_hold_slashes() -> None:
    assert cluster_of("search:a/b/-1") == ("search:a/b", -1)
