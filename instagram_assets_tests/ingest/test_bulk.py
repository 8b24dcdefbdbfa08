"""Posts that are read many at a time become what they become one by one."""

import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instagram_assets.errors import FileError
from instagram_assets.ingest import bulk
from instagram_assets.ingest.formats import apify
from instagram_assets.ingest.normalize import normalize
from instagram_assets.ingest.reader.blocks import FIELDS, Block, read_columns
from instagram_assets.ingest.reader.json_values import BadRecord
from instagram_assets.ingest.reader.records import read_batches
from instagram_assets.settings import load_settings
from instagram_assets_tests.ingest.formats.test_formats import changed, places
from instagram_assets_tests.ingest.records import LIMITS, post, source, write
from instagram_assets_tests.ingest.test_normalize import ANYTHING

PERSON = {"id": "7", "username": "Moon.Cafe", "full_name": "Moon", "is_verified": False, "profile_pic_url": "x"}
CHILD = {
    "id": "9",
    "type": "Video",
    "displayUrl": "https://cdn.example/c_n.jpg",
    "videoUrl": "https://cdn.example/c.mp4",
    "videoDuration": 2.5,
    "dimensionsWidth": 4,
    "dimensionsHeight": 5,
    "likesCount": None,
    "images": [],
    "childPosts": [],
}
COMMENT = {"id": "1", "text": "예뻐요", "ownerUsername": "x", "replies": [], "owner": PERSON, "likesCount": 1}
REEL = {"type": "Video", "productType": "clips", "videoUrl": "https://cdn.example/v.mp4", "videoViewCount": 3}
POSTS = [
    post(),
    post(type="Sidecar", childPosts=[CHILD, {**CHILD, "videoUrl": None}], isPinned=True),
    post(**REEL, videoPlayCount=9, igPlayCount=8, reshareCount=2, videoDuration=4.5, inputUrl=None),
    post(type="Video", videoDuration=3, sharesCount=1, url="https://www.instagram.com/reel/DNQuxufAih9/"),
    post(taggedUsers=[PERSON, PERSON], coauthorProducers=[PERSON], latestComments=[COMMENT], likesCount=-1),
    post(
        caption="#คาเฟ่ ＃전각 #카페☕️맛집 @con",
        hashtags=["คาเฟ่", "전각", "카페☕️맛집", "more"],
        mentions=["con", "sun"],
    ),
    post(caption="no tags", hashtags=[f"t{n}" for n in range(90)]),
    post(caption="가" * 2300 + "#끝", locationName="서울", alt="Photo by Sun", isCommentsDisabled=True),
]
# Values that a rule changes, minds or refuses, of the type that the field has.
ODD = st.sampled_from(
    [
        *(
            None,
            "",
            " ",
            "é",
            "e\u0301",
            "a\rb",
            "\x00",
            "../x",
            "CON",
            "Sun_Diary",
            "x" * 70,
            "https://x/" + "y" * 9000,
        ),
        *(-1, 0, 2**31, 2**63 - 1, 2**63, 1e9, 3.0, True, "Carousel", "clips", [], [CHILD] * 250, [PERSON] * 120),
        *(
            "2025-02-30T11:15:43.000Z",
            "2025-07-29 11:15:43.000Z",
            "2009-07-29T11:15:43.000Z",
            "2025-07-29T15:00:00.000Z",
        ),
        *(
            "2026-07-29T11:15:43.000Z",
            " ".join(f"#a{n} @b{n}" for n in range(120)),
            [None],
            [{**CHILD, "displayUrl": ""}],
        ),
    ]
)


def outcome(batches: Iterable[Any]) -> tuple[dict[int, object], list[tuple[int, str, str]], int]:
    """Each record's row, what is wrong with the others, and how many were made many at a time."""
    rows: dict[int, object] = {}
    problems: list[tuple[int, str, str]] = []
    at_once = 0
    for batch in batches:
        others: Iterable[Any] = batch
        if isinstance(batch, Block):
            table, left = bulk.rows(batch, source())
            table.validate(full=True)
            rows |= {row["source_index"]: row for row in table.to_pylist()}
            at_once += table.num_rows
            others = list(batch.records(left))
        result = normalize([pair for pair in others if not isinstance(pair[1], BadRecord)], source())
        for name in ("posts", "reels"):
            rows |= {row["source_index"]: row for row in result.tables[name].to_pylist()}
        problems += [(problem.place, str(problem.error), repr(problem.content)) for problem in result.problems]
        problems += [(n, str(bad.error), repr(bad.content)) for n, bad in others if isinstance(bad, BadRecord)]
    return rows, sorted(problems), at_once


def read_both(texts: list[str], between: str = ",\n") -> tuple[Any, Any, int]:
    """What an array of records becomes, what the same become one by one on lines, and how many were made at once."""
    with tempfile.TemporaryDirectory() as folder:
        array = write(Path(folder), f"[{between.join(texts)}]")
        *together, at_once = outcome(read_batches(array, LIMITS))
        lines = write(Path(folder), "\n".join(texts), "posts.ndjson")
        *alone, none = outcome(read_batches(lines, LIMITS))
    assert none == 0
    return together, alone, at_once


@pytest.mark.parametrize("between", [",", ",\n", ", ", ",\r\n  "])
def test_clean_posts_are_made_many_at_a_time_and_the_same(between: str) -> None:
    together, alone, at_once = read_both([json.dumps(record) for record in POSTS * 3], between)
    assert together == alone
    assert at_once == len(POSTS) * 3 - 2  # the first shows what stands between records, the last has nothing after it


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_any_change_at_any_place_gives_the_same_as_one_by_one(data: Any) -> None:
    records = [post(), *data.draw(st.lists(st.sampled_from(POSTS), min_size=1, max_size=4)), post()]
    place = data.draw(st.integers(1, len(records) - 2))
    path = data.draw(st.sampled_from(places(records[place]) + [(name,) for name in sorted(FIELDS)]))
    value = data.draw(ODD | ANYTHING)
    records[place] = changed(records[place], path, value)
    together, alone, _ = read_both([json.dumps(record) for record in records])
    assert together == alone


@pytest.mark.parametrize(
    "oddity",
    [
        '"id": "1", "id": "2"',
        '"id": "1", "\\u0069d": "2"',
        '"id": null, "id": "2"',
        '"taggedUsers": [{"id": "1", "id": "2"}]',
        '"likesCount": NaN',
        '"videoDuration": NaN',
        '"videoDuration": -Infinity',
        '"videoDuration": 1e400',
        f'"videoDuration": {"9" * 5000}',
        f'"childPosts": [{{"videoDuration": {"9" * 5000}}}]',
        f'"likesCount": {2**63}',
        '"likesCount": 3.0',
        '"likesCount": "3"',
        '"caption": "\\ud83d"',
        '"caption": "tab\there"',
        '"caption": "\\u0000"',
        '"caption": "},{\\"inputUrl\\": 1"',
        '"scrapedAt": "2025-08-01T00:00:00.000Z"',
        '"musicInfo": {"artist": null}',
        '"error": "not_found"',
        f'"images": {"[" * 70}{"]" * 70}',
        f'"unknown": {"[" * 900}{"]" * 900}',
        '"childPosts": [{"inputUrl": "a"},\n{"inputUrl": "b"}]',
    ],
)
def test_what_arrow_would_hide_is_read_with_care(oddity: str) -> None:
    good = json.dumps(post())
    texts = [good, good, f'{{"inputUrl": null, {oddity}}}', good, good]
    lines = [text.replace("\n", " ") for text in texts]
    together, alone, _ = read_both(lines)
    assert together == alone
    with tempfile.TemporaryDirectory() as folder:
        array = write(Path(folder), f"[{','.join(texts)}]")
        assert list(outcome(read_batches(array, LIMITS))[:2]) == alone


@pytest.mark.parametrize(
    "fault", ["} {", "},, {", "};{", "}, //\n{", '}, "x": 1, {', "},\x00{", "]", '"', "Inf", "\udcff"]
)
def test_a_fault_behind_many_clean_posts_is_named_with_its_place(tmp_path: Path, fault: str) -> None:
    good = json.dumps(post(), ensure_ascii=False)
    texts = [good] * 4000
    before = ",\n".join(texts)
    content = f"[{before},\n{good}{fault}{good},\n{before}]"
    path = write(tmp_path, content.encode("utf-8", "surrogateescape"))
    with pytest.raises(FileError) as caught:
        for _ in read_batches(path, LIMITS):
            pass
    where = "byte" if fault == "\udcff" else "line 4001, column "
    assert where in str(caught.value)
    if fault == "\udcff":
        assert f"byte {len((f'[{before},' + chr(10) + good).encode())}:" in str(caught.value)


def test_a_record_too_large_is_refused_also_behind_clean_posts(tmp_path: Path) -> None:
    limits = load_settings().ingest.model_copy(update={"max_record_mb": 1})
    good = json.dumps(post())
    large = json.dumps(post(caption="x" * (8 << 20)))
    path = write(tmp_path, f"[{','.join([good] * 3000)},{large},{good}]")
    with pytest.raises(FileError, match="larger than 1 MB"):
        list(read_batches(path, limits))


def test_columns_are_only_of_fields_that_need_no_mention() -> None:
    assert apify.POST.known >= FIELDS
    assert read_columns(b"", b'},{"id"') is None
