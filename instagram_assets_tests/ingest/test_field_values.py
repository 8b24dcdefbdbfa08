"""Each field rule gives a value that can be stored, or refuses with the field's name."""

import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from instagram_assets.errors import RecordError
from instagram_assets.ingest import field_values
from instagram_assets.ingest.timestamps import INSTAGRAM_LAUNCH, parse_timestamp
from instagram_assets_tests.ingest.records import SEEN, SEOUL

ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
MOMENTS = st.datetimes(datetime(2010, 10, 7), datetime(2025, 8, 31)).map(lambda t: t.replace(tzinfo=UTC))


@given(ANYTHING)
def test_a_count_is_null_or_fits_64_bits(value: Any) -> None:
    try:
        number = field_values.parse_count(value, "likesCount", [])
    except RecordError as refused:
        number, field = None, refused.field
    else:
        field = "likesCount"
    assert field == "likesCount"
    assert number is None or (type(number) is int and 0 <= number < 2**63)


@given(st.integers(0, 2**63 - 1))
def test_every_count_keeps_its_value(number: int) -> None:
    assert field_values.parse_count(number, "n", []) == field_values.parse_count(str(number), "n", []) == number


@given(ANYTHING)
def test_a_text_can_always_be_written(value: Any) -> None:
    try:
        kept = field_values.parse_text(value, "caption", [])
    except RecordError:
        assert not isinstance(value, str | None)
    else:
        assert kept is None or kept.encode().decode() == kept == unicodedata.normalize("NFC", kept)
        assert not set(kept or "") & (set(map(chr, range(32))) - {"\n", "\t"})


@given(MOMENTS)
def test_every_way_of_writing_a_time_gives_the_same_moment(moment: datetime) -> None:
    def read(value: object) -> datetime:
        return parse_timestamp(value, "timestamp", [], SEOUL, SEEN)

    micros = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    local = moment.astimezone(SEOUL)
    assert read(moment.isoformat()) == read(micros) == read(local.replace(tzinfo=None).isoformat()) == moment
    assert read(micros // 1000) == moment - timedelta(microseconds=moment.microsecond % 1000)
    assert read(str(micros // 10**6)) == moment.replace(microsecond=0)


@given(ANYTHING)
@example(-67_768_040_609_740_801)
def test_a_time_is_inside_instagrams_life_or_refused(value: Any) -> None:
    try:
        moment = parse_timestamp(value, "timestamp", [], SEOUL, SEEN)
    except RecordError as refused:
        moment, field = SEEN, refused.field
    else:
        field = "timestamp"
    assert field == "timestamp"
    assert INSTAGRAM_LAUNCH <= moment <= SEEN + timedelta(days=1)


@given(st.text(st.characters()) | st.from_regex(r"[A-Za-z0-9_.]{1,31}", fullmatch=True))
def test_an_account_name_is_always_safe_as_a_folder(name: str) -> None:
    try:
        kept = field_values.parse_account_name(name, "ownerUsername")
    except RecordError:
        return
    assert kept == field_values.strip_at_sign(name).lower()
    assert kept.isascii()
    assert 1 <= len(kept) <= 30
    assert not kept.startswith(".")
    assert not kept.endswith(".")
    assert not set(kept) & set("/\\:\0 ")


@given(st.text(st.sampled_from("#@가나a_.,!/&\n 👶")))
def test_hashtags_and_mentions_are_parts_of_the_caption(caption: str) -> None:
    for tag in field_values.parse_hashtags(caption, None, "hashtags", []):
        assert f"#{tag}" in caption
    for name in field_values.parse_mentions(caption, None, "mentions", []):
        assert f"@{name}" in caption.casefold()


@pytest.mark.parametrize(
    ("caption", "tags", "names"),
    [
        ("#Artemis, and @hulu.", ["Artemis"], ["hulu"]),
        ("#육아일기#아기", ["육아일기", "아기"], []),
        ("#a #a #A", ["a", "A"], []),
        ("mail me@example.com, see https://a.example/#part &#39;", [], []),
        ("thanks @moon.cafe님 and 고마워@sun_diary", [], ["moon.cafe", "sun_diary"]),
    ],
)
def test_hashtags_and_mentions_end_where_the_word_ends(caption: str, tags: list[str], names: list[str]) -> None:
    assert field_values.parse_hashtags(caption, None, "hashtags", []) == tags
    assert field_values.parse_mentions(caption, None, "mentions", []) == names


def test_people_are_reduced_to_their_names() -> None:
    tagged = [{"username": "Moon.Cafe", "full_name": "M", "profile_pic_url": "https://x"}, {"username": "../x"}, None]
    assert field_values.parse_usernames(tagged, "taggedUsers", []) == ["moon.cafe"]
