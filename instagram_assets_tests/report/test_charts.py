"""Pictures for the UI are drawn whatever the numbers and words are, and stay small."""

import io
import math
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from instagram_assets.report.chart_style import chart_title
from instagram_assets.report.charts import (
    LARGEST_CHART,
    bar_chart,
    calibration_plot,
    histogram,
    line_chart,
    matrix_chart,
    timeline,
    word_cloud,
)
from instagram_assets.report.fonts import OWN_FONT

NUMBERS = st.floats(-1e12, 1e12)
BLUE, RED, GREY = (37, 99, 235), (220, 38, 38), (107, 114, 128)
WORDS = {"육아": 900, "아기": 500, "ㅋㅋ": 120, "👶🏽": 80, "❤️": 75, "#산책": 70, "diary": 60, "$5 + $6": 30}


def opened(data: bytes) -> Image.Image:
    assert len(data) <= LARGEST_CHART
    picture = Image.open(io.BytesIO(data))
    assert picture.format == "PNG"
    return picture.convert("RGB")


def places(picture: Image.Image, colour: tuple[int, int, int]) -> list[tuple[int, int]]:
    """(x, y) of the pixels of exactly this colour, from left to right."""
    ys, xs = np.nonzero((np.asarray(picture) == colour).all(2))
    return sorted(zip(xs.tolist(), ys.tolist(), strict=True))


@given(
    st.dictionaries(
        st.sampled_from(["likes", "댓글", "_views", "$plays$"]),
        st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=30),
        min_size=1,
    )
)
@settings(max_examples=30, deadline=None)
def test_any_curves_make_a_small_picture(curves: dict[str, list[tuple[float, float]]]) -> None:
    assert opened(line_chart(curves, "growth")).size == (440, 180)


@given(st.dictionaries(st.text(max_size=60), NUMBERS, max_size=40), st.text(max_size=60))
@settings(max_examples=30, deadline=None)
def test_any_names_make_a_bar_chart(values: dict[str, float], title: str) -> None:
    assert opened(bar_chart(values, title)).width == 440


@pytest.mark.parametrize(
    "values", [[1.0], [0.0, 0.0], [1e-9, 5, 1e9], [-1e12, 1e12], [5e-324], [1, 1 + 1e-12]], ids=str
)
def test_any_values_make_a_histogram(values: list[float]) -> None:
    assert opened(histogram(values, "impression")).size == (440, 150)


@pytest.mark.parametrize("values", [[], [math.nan], [math.nan, math.inf]], ids=str)
def test_no_values_make_a_picture_that_says_so(values: list[float]) -> None:
    pairs = [(value, value) for value in values]
    assert histogram(values, "views") == histogram([], "views") != histogram([1], "views")
    assert line_chart({"views": pairs}, "views") == line_chart({}, "views")
    assert timeline({"views": pairs}, "views") == timeline({}, "views")
    assert calibration_plot([(*pair, 0, 1, 3) for pair in pairs], "shares") == calibration_plot([], "shares")
    assert opened(histogram(values, "views")).size == (440, 150)
    assert np.asarray(opened(histogram(values, "views")))[40:].min() == 255


@given(
    st.dictionaries(
        st.sampled_from(["not viral", "viral", "cannot be told"]),
        st.lists(st.tuples(st.floats(0, 50_000), NUMBERS), max_size=20),
    )
)
@settings(max_examples=30, deadline=None)
def test_any_days_and_numbers_make_a_timeline(days: dict[str, list[tuple[float, float]]]) -> None:
    assert opened(timeline(days, "likes")).size == (640, 200)


def test_a_timeline_marks_its_second_group_above_all_others() -> None:
    ordinary = [(20_000.0 + day, 100.0) for day in range(60)]
    picture = opened(timeline({"not viral": ordinary, "viral": [(20_030.0, 90_000.0)]}, "likes"))
    chart = [(x, y) for x, y in places(picture, RED) if y > 45]
    blue = [(x, y) for x, y in places(picture, BLUE) if y > 45]
    assert chart
    assert blue
    assert max(y for _, y in chart) < min(y for _, y in blue)
    middle = sum(x for x, _ in chart) / len(chart)
    assert blue[0][0] < middle < blue[-1][0]


def test_a_timeline_shows_what_cannot_be_told() -> None:
    picture = opened(timeline({"viral": [], "not viral": [], "cannot be told": [(20_000.0, 100.0)]}, "likes"))
    assert [place for place in places(picture, GREY) if place[1] > 45]


@pytest.mark.parametrize("what", ["likes of 3 posts", "likes and comments of 1,234 posts and 1,234 reels and 99 ads"])
@pytest.mark.parametrize("subject", ["sun_diary", "#" + "육아" * 40, "_" * 30, "W" * 200])
def test_of_a_long_title_the_subject_is_shortened_and_the_rest_is_seen(subject: str, what: str) -> None:
    title = chart_title(subject, what, 640, OWN_FONT)
    name = title.removesuffix(f": {what}")
    assert name != title
    assert name == subject if len(subject) < 10 else subject.startswith(name.removesuffix("…"))
    ink = np.asarray(opened(timeline({"viral": [(1, 1)]}, what, subject=subject)))[:22]
    assert ink[:, 632:].min() == 255  # nothing goes on behind the edge


@pytest.mark.parametrize(("subject", "name"), [("#먹방😀👨‍👩‍👧", "#먹방"), ("😀", ":grinning_face:")])
def test_the_subject_of_a_title_has_no_emoji_unless_it_is_all(subject: str, name: str) -> None:
    drawn = {asked: timeline({"viral": [(1, 1)]}, "likes", subject=asked) for asked in (subject, name)}
    assert drawn[subject] == drawn[name]


def test_a_timeline_of_large_numbers_fills_its_height() -> None:
    days = [(20_000.0 + day, 1_000_000.0 * (1 + day)) for day in range(60)]
    rows = [y for _, y in places(opened(timeline({"not viral": days}, "views")), BLUE) if y > 45]
    assert min(rows) < 75
    assert max(rows) > 140


def test_what_is_no_number_is_left_out_and_the_rest_is_drawn() -> None:
    assert histogram([1, math.nan, 2], "views") == histogram([1, 2], "views")
    curve = [(1.0, 1.0), (2.0, 3.0)]
    assert line_chart({"a": [*curve, (3, math.nan)], "b": []}, "views") == line_chart({"a": curve}, "views")
    assert places(opened(bar_chart({"a": math.nan, "b": 3}, "views")), BLUE)
    assert opened(matrix_chart(["a", "b"], ["c"], [[math.nan], [3]], "views"))
    assert word_cloud({"육아": 1, "nan": math.nan, "inf": math.inf}, "words") == word_cloud({"육아": 1}, "words")


def test_a_share_that_rests_on_nobody_is_not_drawn() -> None:
    assert calibration_plot([(0.5, 0, 0, 1, 0)], "shares") == calibration_plot([], "shares")


@pytest.mark.parametrize("points", [[(24_321, 3)], [(24_321, 3), (24_321, 7)]], ids=["one value", "two values"])
def test_one_month_is_the_only_one_on_its_axis(points: list[tuple[float, float]]) -> None:
    asked: list[float] = []

    def month(number: float) -> str:
        asked.append(number)
        return f"{int(number) // 12}-{int(number) % 12 + 1:02}"

    picture = opened(line_chart({"a": points[:1], "b": points}, "posts", x_text=month))
    assert asked == [24_321]
    assert places(picture, RED) or places(picture, BLUE)


def test_equal_values_stand_in_the_middle() -> None:
    xs = [x for x, _ in places(opened(histogram([3.25] * 9, "views")), BLUE)]
    assert 200 < min(xs) + (max(xs) - min(xs)) / 2 < 260
    ys = [y for _, y in places(opened(line_chart({"a": [(1, 5), (2, 5)]}, "")), BLUE) if y > 44]
    assert max(ys) - min(ys) < 8


def test_a_ninth_curve_neither_shows_nor_moves_the_others() -> None:
    eight: dict[str, list[tuple[float, float]]] = {str(number): [(0, number), (1, 1)] for number in range(8)}
    assert line_chart({**eight, "ninth": [(900, 900)]}, "growth") == line_chart(eight, "growth")


def test_a_rising_curve_goes_up_to_the_right() -> None:
    picture = opened(line_chart({"likes": [(0, 1), (1, 1), (2, 5)]}, ""))
    blue = [(x, y) for x, y in places(picture, BLUE) if x > 50 and y > 44]
    left, right = min(blue), max(blue)
    assert right[0] - left[0] > 300
    assert left[1] - right[1] > 80


def test_a_bar_is_as_long_as_its_value() -> None:
    blue = places(opened(bar_chart({"육아": 100, "아기": 50}, "words")), BLUE)
    lengths = [sum(1 for _, y in blue if y == row) for row in {y for _, y in blue}]
    assert max(lengths) == pytest.approx(2 * min(lengths), rel=0.02)


def test_the_heaviest_word_is_the_largest() -> None:
    picture = opened(word_cloud({"육아": 100, "아기": 20}, "words"))
    assert len(places(picture, BLUE)) > 2 * len(places(picture, RED)) > 100


def test_a_word_of_any_length_leaves_room_for_the_others() -> None:
    endless = {"가" * 2200: 5, "육아": 3}
    assert word_cloud(endless, "words") == word_cloud({"가" * 27 + "…": 5, "육아": 3}, "words")
    assert bar_chart(endless, "words") == bar_chart({"가" * 27 + "…": 5, "육아": 3}, "words")


def test_words_without_weight_are_not_drawn() -> None:
    assert word_cloud({"육아": 1, "아기": 0}, "words") == word_cloud({"육아": 1}, "words")
    assert np.asarray(opened(word_cloud({"육아": 0}, "words")))[40:].min() == 255


def test_what_was_observed_as_predicted_lies_on_the_diagonal() -> None:
    points = [(0.1, 0.1, 0.05, 0.2, 40), (0.5, 0.5, 0.3, 0.7, 40), (0.9, 0.9, 0.8, 1.0, 40)]
    blue = places(opened(calibration_plot(points, "calibration")), BLUE)
    xs, ys = np.array(blue).T
    slope, _ = np.polyfit(xs, ys, 1)
    assert slope == pytest.approx(-1, abs=0.1)


def test_the_largest_count_of_a_matrix_is_the_darkest() -> None:
    picture = opened(matrix_chart(["under 21", "21 이상"], ["under 21", "21 이상"], [[40, 2], [5, 20]], "test set"))
    colours, counts = np.unique(np.asarray(picture).reshape(-1, 3), axis=0, return_counts=True)
    shades = [(r, g, b) for r, g, b in colours[counts > 1000].tolist() if r + g + b < 765]
    middles = [np.mean(places(picture, shade), axis=0) for shade in sorted(shades, key=sum)]
    centre = np.mean(middles, axis=0)
    # From dark to light: top left, bottom right, bottom left, top right.
    assert [tuple(middle > centre) for middle in middles] == [
        *((False, False), (True, True)),
        *((False, True), (True, False)),
    ]


DRAW: dict[str, Callable[[], bytes]] = {
    "histogram": lambda: histogram([1, 2, 2, 3, 9], "선명도"),
    "lines": lambda: line_chart({"육아": [(24_310, 3), (24_311, 5)]}, "토픽", x_text=lambda month: f"{month:.0f}월"),
    "bars": lambda: bar_chart(WORDS, "단어"),
    "cloud": lambda: word_cloud(WORDS, "단어"),
    "calibration": lambda: calibration_plot([(0.2, 0.3, 0.1, 0.5, 9)], "보정"),
    "matrix": lambda: matrix_chart(["미만", "이상"], ["미만", "이상"], [[1, 2], [3, 4]], "혼동 행렬"),
    "no bars": lambda: bar_chart({}, "단어"),
    "no calibration": lambda: calibration_plot([], "보정"),
    "zeros": lambda: matrix_chart(["a"], ["b"], [[0]], "0"),
}


@pytest.mark.parametrize("name", DRAW)
def test_the_same_numbers_make_the_same_bytes(name: str) -> None:
    data = DRAW[name]()
    opened(data)
    assert data == DRAW[name]()


def test_charts_may_be_drawn_in_several_threads() -> None:
    alone = {name: draw() for name, draw in DRAW.items()}
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda name: DRAW[name](), [*DRAW] * 3))
    assert together == [*alone.values()] * 3


def test_the_fullest_cloud_stays_small() -> None:
    chance = random.Random(1)
    words = {"".join(chr(chance.randrange(0xAC00, 0xD7A4)) for _ in range(3)): chance.random() for _ in range(500)}
    assert opened(word_cloud(words, "words")).size == (640, 320)
