"""Pictures for the UI are drawn whatever the numbers are, and stay small."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from instagram_assets.media.charts import histogram, line_chart
from instagram_assets.media.sheets import LARGEST_SHEET

NUMBERS = st.floats(-1e12, 1e12)


@given(
    st.dictionaries(
        st.sampled_from(["likes", "comments", "views", "plays"]),
        st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=30),
        min_size=1,
    )
)
@settings(max_examples=30, deadline=None)
def test_any_curves_make_a_small_picture(curves: dict[str, list[tuple[float, float]]]) -> None:
    data = line_chart(curves, "growth")
    assert Image.open(io.BytesIO(data)).size == (440, 180)
    assert len(data) <= LARGEST_SHEET


def test_a_rising_curve_goes_up_to_the_right() -> None:
    picture = Image.open(io.BytesIO(line_chart({"likes": [(0, 1), (1, 1), (2, 5)]}, "")))
    blue = [(x, y) for x in range(50, 440) for y in range(44, 180) if picture.getpixel((x, y)) == (37, 99, 235)]
    left, right = min(blue), max(blue)
    assert right[0] - left[0] > 300
    assert left[1] - right[1] > 80


@pytest.mark.parametrize("values", [[1.0], [0.0, 0.0], [1e-9, 5, 1e9]])
def test_any_values_make_a_histogram(values: list[float]) -> None:
    assert Image.open(io.BytesIO(histogram(values, "impression"))).format == "PNG"
