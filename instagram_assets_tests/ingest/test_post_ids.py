"""A post's id survives programs that round numbers: the shortcode beside it tells which post it is."""

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from upath import UPath

from instagram_assets.ingest import landing, post_ids
from instagram_assets.ingest.observations import read_posts
from instagram_assets.ingest.post_ids import shortcode_of
from instagram_assets.settings import load_settings
from instagram_assets_tests.ingest.formats import writers
from instagram_assets_tests.ingest.formats.writers import ALBUM
from instagram_assets_tests.ingest.records import errors_of, post, rows_of, write

NUMBERS = st.integers(post_ids.MIN_ROUNDED, 2**63 - 2**11)
IS_ANOTHER = "is not the post of"


def _in_javascript(number: int) -> int:
    """What JSON.stringify writes: the shortest digits of the nearest 64-bit float."""
    return int(Decimal(repr(float(number))))


ROUNDED: dict[str, Callable[[int], object]] = {
    "javascript": _in_javascript,
    "javascript-text": lambda number: str(_in_javascript(number)),
    "pandas-float": float,
    "pandas-float-as-int": lambda number: int(float(number)),
    "pandas-float-as-text": lambda number: str(float(number)),
    "excel-15-digits": lambda number: number // 10 ** (len(str(number)) - 15) * 10 ** (len(str(number)) - 15),
    "excel-shown": lambda number: f"{number:.5E}",
    "shortened": lambda number: f"{number:.3e}",
}
"""What programs make of an id that they take for a number."""


def _row(record: dict[str, Any]) -> dict[str, Any]:
    (found,) = rows_of(record)
    return found.row


@pytest.mark.parametrize("program", ROUNDED)
@given(number=NUMBERS)
def test_an_id_that_a_program_rounded_is_computed_from_its_shortcode(program: str, number: int) -> None:
    rounded = ROUNDED[program](number)
    row = _row(post(id=rounded, shortCode=shortcode_of(number)))
    assert row["post_id"] == str(number)
    said = [warning for warning in row["warnings"] if IS_ANOTHER in warning]
    kept = str(int(rounded) if isinstance(rounded, float) else rounded) == str(number)
    assert len(said) == (not kept and post_ids.normalized_id(str(rounded)) != str(number))


@given(st.lists(st.tuples(NUMBERS, st.booleans()), min_size=1, max_size=30))
def test_of_many_posts_only_those_that_were_rounded_become_others(drawn: list[tuple[int, bool]]) -> None:
    ids = [str(_in_javascript(number) if is_rounded else number) for number, is_rounded in drawn]
    found = post_ids.restore_ids(ids, [shortcode_of(number) for number, _ in drawn])
    assert found.others == {row: str(number) for row, (number, _) in enumerate(drawn) if ids[row] != str(number)}
    assert not list(found.untold)


@given(NUMBERS, st.text("ABCxyz019-_", min_size=28, max_size=28))
def test_the_codes_of_private_posts_tell_their_ids_too(number: int, key: str) -> None:
    row = _row(post(id=_in_javascript(number), shortCode=shortcode_of(number) + key))
    assert row["post_id"] == str(number)


def test_the_address_tells_where_there_is_no_shortcode() -> None:
    address = f"https://www.instagram.com/reel/{ALBUM.code}/"
    row = _row(post(id="3.69766E+18", shortCode=..., url=address))
    assert (row["post_id"], len(row["warnings"])) == (str(ALBUM.number), 1)


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ("42", "B"),  # as short as the posts of Instagram's first months have them, or invented
        (str(ALBUM.number), ALBUM.code.lower()),
        (str(ALBUM.number), None),
    ],
)
def test_a_code_that_tells_nothing_changes_nothing(found: str, code: str | None) -> None:
    row = _row(post(id=found, shortCode=code, url=None))
    assert (row["post_id"], row["warnings"]) == (found, [])


def test_what_is_no_code_is_unknown_and_said() -> None:
    row = _row(post(id=str(ALBUM.number), shortCode="#NAME?", url=None))
    said = ["shortCode: '#NAME?' is no id, taken as unknown"]
    assert (row["post_id"], row["shortcode"], row["warnings"]) == (str(ALBUM.number), None, said)


@pytest.mark.parametrize("guarded", ['="{}"', "'{}", " {} ", '= "{}"'])
def test_marks_of_spreadsheets_are_no_part_of_an_id(guarded: str) -> None:
    row = _row(post(id=guarded.format(ALBUM.number), shortCode=None, url=None))
    assert (row["post_id"], row["warnings"]) == (str(ALBUM.number), [])


@pytest.mark.parametrize("received", [3.68736e18, 3687360000000000000, "3.68736E+18", "3687360000000000000", "3687,"])
def test_an_id_of_which_little_is_left_and_nothing_tells_the_rest_is_bad(received: object) -> None:
    assert [error.field for error in errors_of(post(id=received, shortCode=None, url=None))] == ["id"]


@pytest.mark.parametrize("write_one", [writers.app, writers.instagrapi, writers.four_cat])
@pytest.mark.parametrize("program", ROUNDED)
def test_the_exact_id_beside_a_rounded_pk_is_the_posts(write_one: Any, program: str) -> None:
    record = write_one(ALBUM) | {"pk": ROUNDED[program](ALBUM.number)}
    assert _row(record)["post_id"] == str(ALBUM.number)


@pytest.mark.parametrize("program", ["javascript", "pandas-float", "pandas-float-as-int", "excel-15-digits"])
def test_an_exact_id_needs_no_shortcode(program: str) -> None:
    record = writers.app(ALBUM) | {"pk": ROUNDED[program](ALBUM.number), "code": None}
    row = _row(record)
    assert (row["post_id"], row["warnings"]) == (str(ALBUM.number), [])


def test_a_number_that_lost_digits_and_stands_alone_is_doubted() -> None:
    alone = {"shortCode": None, "url": None}
    for value in (float(ALBUM.number), str(float(ALBUM.number)), ROUNDED["excel-15-digits"](ALBUM.number)):
        (warning,) = _row(post(id=value, **alone))["warnings"]
        assert "may be another post's" in warning


@pytest.mark.parametrize("written", ["3.69766E+18", "3,69766E+18", "3.69766e18"])
def test_a_number_of_few_digits_that_stands_alone_is_no_id(written: str) -> None:
    (error,) = errors_of(post(id=written, shortCode=None, url=None))
    assert (error.field, "all but 6 digits" in error.reason, "as text" in error.reason) == ("id", True, True)


def test_one_post_is_one_row_in_whatever_order_its_files_come(tmp_path: Path) -> None:
    settings, days = load_settings(), (date(2010, 1, 1), date(2100, 1, 1))
    exact = writers.app(ALBUM)
    looks = [
        exact,
        exact | {"pk": _in_javascript(ALBUM.number), "id": None},
        writers.apify(ALBUM) | {"id": "3.69766E+18"},
    ]
    found: list[object] = []
    for order in permutations(range(len(looks))):
        folder = tmp_path / "".join(map(str, order))
        for number in order:
            landing.land_file(
                write(folder, [looks[number]], f"{number}.json"), UPath(folder / "lake"), settings=settings
            )
        posts = read_posts(UPath(folder / "lake"), "posts", ["sun_diary"], *days)
        found.append(set(posts["post_id"].to_pylist()))
    assert found == [{str(ALBUM.number)}] * len(found)


def test_pictures_of_two_posts_whose_ids_look_alike_stay_with_their_posts(tmp_path: Path) -> None:
    other = ALBUM._replace(number=ALBUM.number + 1)
    records = [file | {"post_id": "3.69766E+18"} for of in (ALBUM, other) for file in writers.gallery_dl(of)]
    lake = UPath(tmp_path / "lake")
    landed = landing.land_file(write(tmp_path, json.dumps(records)), lake, settings=load_settings())
    assert (landed.posts, landed.quarantined) == (2, 0)
