"""Rates are read as people write them, refused with words, and those that can never bind are told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instagram_assets.settings.rate_limits import LONGEST_SECONDS, MOST_CALLS, Rate, parse_rate, parse_rates, redundant


@pytest.mark.parametrize(
    ("text", "rate"),
    [("1,30", Rate(1, 30)), ("60,3600", Rate(60, 3600)), (" 5 , 0.5 ", Rate(5, 0.5)), ("007,60", Rate(7, 60))],
)
def test_a_rate_is_calls_and_seconds(text: str, rate: Rate) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    "text",
    [
        *("5/60", "x,y", "", ",", "5", "5,", ",60", "5,60,7", "-1,60", "5,-60", "5,nan", "nan,5", "5,inf", "5,1e3"),
        *("1_0,60", "1.5,60", "５,60", "5 60", "5;60", "5,60s", "0x5,60", "+5,60", "5,.5", "5,5."),
    ],
)
def test_what_is_no_rate_is_refused_with_the_text_and_the_form(text: str) -> None:
    with pytest.raises(ValueError, match="CALLS,SECONDS") as caught:
        parse_rate(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1,0", "seconds is 0; it may be above 0"),
        ("1,0.0", "seconds is 0; it may be above 0"),
        ("0,60", "calls is 0; it may be from 1 to 100,000"),
        ("1,604801", "at most 604,800, seven days"),
        (f"1,{'9' * 400}", "at most 604,800, seven days"),
        ("100001,60", "calls is 100001; it may be from 1 to 100,000"),
        (f"{'9' * 5000},60", "from 1 to 100,000"),
    ],
)
def test_a_number_out_of_range_is_refused_with_the_range(text: str, words: str) -> None:
    with pytest.raises(ValueError, match="is no rate that can be kept") as caught:
        parse_rate(text)
    assert words in str(caught.value)
    assert repr(text[:30])[:-1] in str(caught.value)
    assert len(str(caught.value)) < 300


def test_the_ends_of_the_ranges_are_rates() -> None:
    assert parse_rate(f"{MOST_CALLS},{LONGEST_SECONDS}") == Rate(MOST_CALLS, LONGEST_SECONDS)
    assert parse_rate("1,0.001") == Rate(1, 0.001)


def test_a_rate_reads_back_as_it_is_written() -> None:
    for rate in (Rate(1, 30), Rate(60, 3600), Rate(5, 0.1), Rate(1, 604_800)):
        assert parse_rate(str(rate)) == rate


def test_several_rates_are_separated_by_semicolons() -> None:
    assert parse_rates("1,30;60,3600") == (Rate(1, 30), Rate(60, 3600))
    assert parse_rates(" 200,3600 ; ") == (Rate(200, 3600),)


@pytest.mark.parametrize("text", ["", " ", ";", "1,30;5/60", "1,30 60,3600"])
def test_rates_of_which_one_is_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="CALLS,SECONDS"):
        parse_rates(text)


@pytest.mark.parametrize("text", ["1,30;60,3600", "5,10;20,60;60,3600", "200,3600", "2,3;3,5;4,7"])
def test_rates_that_all_bind_are_no_reason_to_warn(text: str) -> None:
    assert redundant(parse_rates(text)) == []


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (
            "1,30;121,3600",
            "The limit 121,3600 can never bind: 1,30 already allows at most 120 requests in 3,600 seconds.",
        ),
        ("1,30;120,3600", "The limit 120,3600 can never bind"),
        ("5,60;10,60", "The limit 10,60 can never bind: 5,60 already allows at most 5 requests in 60 seconds."),
        ("60,3600;60,30", "The limit 60,30 can never bind: 60,3600 already allows at most 60 requests in 30 seconds."),
        ("1,30;1,30", "The limit 1,30 is given 2 times; once is enough."),
        ("2,3;3,5;5,7", "The limit 5,7 can never bind: 2,3 and 3,5 already allow at most 5 requests in 7 seconds."),
    ],
)
def test_a_rate_that_can_never_bind_is_named_with_those_that_are_tighter(text: str, warning: str) -> None:
    found = redundant(parse_rates(text))
    assert len(found) == 1
    assert found[0].startswith(warning)


_RATES = st.builds(Rate, st.integers(1, 6), st.integers(1, 12))


@given(rates=st.lists(_RATES, min_size=2, max_size=4, unique=True))
def test_a_rate_is_told_as_redundant_exactly_when_the_others_alone_never_exceed_it(rates: list[Rate]) -> None:
    told = " ".join(redundant(rates))
    for rate in rates:
        others = [other for other in rates if other != rate]
        assert (f"The limit {rate} can never bind" in told) == (_busiest(others, rate.seconds) <= rate.calls)


def _busiest(rates: list[Rate], seconds: float) -> int:
    """The most calls of any block of whole seconds, by looking at each second of the past anew."""
    calls: list[int] = []
    for now in range(int(seconds)):
        while all(sum(call > now - rate.seconds for call in calls) < rate.calls for rate in rates):
            calls.append(now)
    return len(calls)
