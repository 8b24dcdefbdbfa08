"""Charts of topics: a contact sheet of each source's topics, and a chart of their posts per month."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.report.charts import line_chart
from instagram_assets.report.contact_sheets import labelled_sheet
from instagram_assets.schemas.text import ALL_ACCOUNTS

_Row = dict[str, Any]
"""One row of `schemas.TOPICS`."""


def topic_pictures(topics: pa.Table, files: Mapping[str, Path], most: int = 6, font: str = "") -> dict[str, bytes]:
    """PNG and JPEG files of topics by title: for each source a contact sheet and a chart of posts per month.

    `topics` is a table of `schemas.TOPICS`. `files` maps image_id to path; images without a path are omitted. Only the
    `most` largest topics of a source are drawn. `font` is the font file of the settings.
    """
    pictures: dict[str, bytes] = {}
    for source in ("clusters", "captions"):
        if rows := largest_topics(topics, source, most):
            pictures[f"topics of {source}"] = labelled_sheet(
                [(_size_label(row), [files[name] for name in row["image_ids"] if name in files]) for row in rows],
                font=font,
            )
            pictures[f"topics of {source} over time"] = line_chart(
                size_curves(rows), "posts per month", x_text=month_text, size=(640, 240), font=font
            )
    return pictures


def largest_topics(topics: pa.Table, source: str, most: int) -> list[_Row]:
    """The rows of one source's `most` topics with the most posts, in descending order."""
    rows = topics.filter(compute.equal(topics["source"], source)).to_pylist()
    return sorted(rows, key=lambda row: (-row["posts"], row["scope"], row["topic"]))[:most]


def size_curves(rows: Sequence[_Row]) -> dict[str, list[tuple[float, float]]]:
    """Curves of (month number, posts) by topic label, over all months with posts of any topic."""
    sizes = [{_month_number(size["month"]): size["posts"] for size in row["sizes"]} for row in rows]
    months = [month for counts in sizes for month in counts]
    labels = [topic_label(row) for row in rows]
    names = [
        label if labels.count(label) == 1 else f"{label} ({row['topic']})"
        for label, row in zip(labels, rows, strict=True)
    ]
    return {
        name: [(month, counts.get(month, 0)) for month in range(min(months), max(months) + 1)]
        for name, counts in zip(names, sizes, strict=True)
    }


def topic_label(row: _Row) -> str:
    """The label of a topic: its name, or its number if its posts have no words."""
    name = row["name"] or f"{row['source']} {row['topic']}"
    return name if row["scope"] == ALL_ACCOUNTS else f"{row['scope']}: {name}"


def month_text(number: float) -> str:
    """Formats a month number of `size_curves`, such as 2026-03."""
    year, month = divmod(int(number), 12)
    return f"{year}-{month + 1:02}"


def _month_number(month: str) -> int:
    return int(month[:4]) * 12 + int(month[5:]) - 1


def _size_label(row: _Row) -> str:
    return f"{topic_label(row)}: {row['images']:,} images, {row['posts']:,} posts"
