"""What datasets promise of large lakes: the bytes are those of one table, in whatever parts its rows come."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from upath import UPath

from instagram_assets import schemas
from instagram_assets.datasets import parquet
from instagram_assets.datasets import table_parts as of_parts
from instagram_assets.datasets.csv import write_csv
from instagram_assets.datasets.json import write_json
from instagram_assets.datasets.merged_records import CAPTION_COLUMNS, RECORD_COLUMNS, merged_records
from instagram_assets.datasets.parquet import write_parquet
from instagram_assets.datasets.table_parts import Parts, has_rows, in_memory_parts, one_part, read_once
from instagram_assets.engagement.post_metrics import impressions
from instagram_assets.storage.lake import months
from instagram_assets.storage.lake_writer import write_cells
from instagram_assets_tests.datasets.tables import caption, captions, image, images, post, posts

ACCOUNTS = ("#비", "007", "bada", "zoe")
FIRST = date(2024, 1, 30)
Tables = dict[str, pa.Table]

_ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "post_id": st.integers(1, 12).map(str),
            "account": st.sampled_from(ACCOUNTS),
            "owner": st.sampled_from([*ACCOUNTS, "stranger", None]),
            "kind": st.sampled_from(["post", "reel"]),
            "pictures": st.lists(st.sampled_from("abcdef"), max_size=3),
            "captions": st.lists(st.sampled_from(["ok", "failed", "skipped", None]), min_size=3, max_size=3),
        }
    ),
    max_size=25,
    unique_by=lambda row: (row["account"], row["post_id"]),
)


def day_of(post_id: str) -> date:
    """A post has one day, in whatever account it stands."""
    return FIRST + timedelta(days=int(post_id) % 5)


def tables_of(rows: Sequence[Mapping[str, Any]]) -> Tables:
    """A lake of posts with pictures that may be in several posts, some captioned in one and not in another."""
    made: list[dict[str, object]] = []
    pictures: list[dict[str, object]] = []
    told: list[dict[str, object]] = []
    for row in rows:
        post_id, account = row["post_id"], row["account"]
        day = day_of(post_id)
        time = datetime(day.year, day.month, day.day, int(post_id) % 7, tzinfo=UTC)
        made.append(post(post_id, account, day=day, taken_at=time, owner=row["owner"], kind=row["kind"]))
        for position, picture in enumerate(row["pictures"]):
            pictures.append(image(post_id, position, account, day=day, image_id=picture))
            status = row["captions"][position]
            if status:
                place = {"post_id": post_id, "account": account, "day": day, "position": position}
                text = f"{picture} of {account} {post_id}" if status == "ok" else None
                told.append(caption(picture, text, status=status, **place))
    table = posts(*made)
    return {
        "posts": table,
        "images": images(*pictures),
        "captions": captions(*told),
        "impressions": impressions(table),
    }


def in_lake_order(tables: Tables) -> Tables:
    """The rows as the lake has them: by account, then by day."""
    return {name: t.sort_by([("account", "ascending"), ("day", "ascending")]) for name, t in tables.items()}


def cut(tables: Tables, cuts: Sequence[bool]) -> Parts:
    """Tables in parts: every account begins one, and every day too where a cut says so."""
    places: list[list[tuple[str, date]]] = []
    flags = iter(cuts)
    for account in sorted(ACCOUNTS):
        for number in range(5):
            if number == 0 or next(flags):
                places.append([])
            places[-1].append((account, FIRST + timedelta(days=number)))
    return in_memory_parts([{name: _those(table, chosen) for name, table in tables.items()} for chosen in places])


def _those(table: pa.Table, places: Sequence[tuple[str, date]]) -> pa.Table:
    rows = zip(table["account"].to_pylist(), table["day"].to_pylist(), strict=True)
    return table.filter(pa.array([row in places for row in rows], pa.bool_()))


def written(parts: Parts, folder: Path) -> dict[str, bytes]:
    """Every dataset of these parts: name of the file to its bytes."""
    write_json(merged_records(parts, "all", "../media"), folder / "all.json")
    write_json(merged_records(parts, "all", "../media", captions=True), folder / "captions.json")
    names = [column.name for column in (*RECORD_COLUMNS, *CAPTION_COLUMNS)]
    for kind in ("post", "reel"):
        records = merged_records(parts, kind, "../media", captions=True)
        write_csv(records, folder / f"{kind}.csv", kind=kind, columns=names)
    write_parquet(parts, folder / "parquet")
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_ROWS, st.lists(st.booleans(), min_size=16, max_size=16))
def test_any_parts_give_the_bytes_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    rows: list[dict[str, Any]],
    cuts: list[bool],
):
    monkeypatch.setattr(parquet, "ROWS_OF_GROUP", 3)
    tables = in_lake_order(tables_of(rows))
    folder = tmp_path_factory.mktemp("parts")
    whole = written(one_part(**tables), folder / "whole")
    parts = cut(tables, cuts)
    assert written(parts, folder / "cut") == whole
    for rows_of_part in (7, 2_000):
        monkeypatch.setattr(of_parts, "ROWS_OF_PART", rows_of_part)
        assert written(read_once(parts, list(tables)), folder / f"joined {rows_of_part}") == whole


def test_a_small_lake_is_read_once_and_a_large_one_is_not_kept() -> None:
    taken: list[Sequence[str]] = []
    table = posts(post("1", "aaa"), post("2", "bbb"))
    whole = in_memory_parts([{"posts": table.slice(0, 1)}, {"posts": table.slice(1)}])

    def parts(
        names: Sequence[str], columns: Mapping[str, Sequence[str]] | None = None, /
    ) -> Iterator[Mapping[str, pa.Table]]:
        taken.append(names)
        return whole(names, columns)

    kept = read_once(parts, ["posts", "images"])
    ids = [part["posts"]["post_id"].to_pylist() for _ in range(3) for part in kept(["posts"], {"posts": ["post_id"]})]
    assert ids == [["1", "2"]] * 3
    assert taken == [["posts", "images"]]
    assert read_once(parts, ["posts"], most_bytes=10) is parts


def test_a_lake_gives_month_by_month_what_its_tables_give_at_once(tmp_path: Path):
    rows = [
        {
            "post_id": str(number % 40 + 1),
            "account": ACCOUNTS[number // 40],
            "owner": ACCOUNTS[number % 3],
            "kind": "reel" if number % 5 == 0 else "post",
            "pictures": "abcdef"[number % 4 : number % 4 + number % 3],
            "captions": [["ok", "skipped", None][(number + n) % 3] for n in range(3)],
        }
        for number in range(160)
    ]
    tables, lake = in_lake_order(tables_of(rows)), UPath(tmp_path / "lake")
    for name, table in tables.items():
        write_cells(lake, name, ACCOUNTS, (FIRST, FIRST + timedelta(days=365)), table)
    parts = partial(months, lake)
    assert sum(1 for _ in parts(["posts"])) == 8
    assert written(parts, tmp_path / "lake_out") == written(one_part(**tables), tmp_path / "whole")


def test_a_post_that_an_account_has_on_two_days_is_kept_on_the_first():
    table = posts(post("1", day=date(2024, 5, 2)), post("1", day=date(2024, 5, 1)), post("2", "bada"))
    halves = [{"posts": table.slice(2)}, {"posts": table.slice(1, 1)}, {"posts": table.slice(0, 1)}]
    for parts in (one_part(posts=table), in_memory_parts(halves)):
        assert [(record["id"], record["day"]) for record in merged_records(parts, "all")] == [
            ("2", "2024-05-01"),
            ("1", "2024-05-01"),
        ]


def test_a_picture_that_is_captioned_in_one_account_is_so_in_all():
    table = posts(post("1", "aaa", owner="aaa"), post("2", "bbb", owner="bbb"))
    pictures = images(image("1", account="aaa", image_id="same"), image("2", account="bbb", image_id="same"))
    made = captions(caption("same", "a cat", account="bbb", post_id="2"))
    parts = [
        {"posts": table.slice(0, 1), "images": pictures.slice(0, 1)},
        {"posts": table.slice(1), "images": pictures.slice(1), "captions": made},
    ]
    records = merged_records(in_memory_parts(parts), "all", captions=True)
    assert [record["imageCaptions"] for record in records] == [["a cat"], ["a cat"]]


def test_memory_holds_one_part_at_a_time():
    alive: list[int] = []

    def parts(names: Sequence[str], columns: Mapping[str, Sequence[str]] | None = None, /) -> Iterator[Tables]:
        for number in range(1, 30):
            before = pa.total_allocated_bytes()
            row = post(str(number), f"account{number:02}", caption="그림" * 100_000)
            yield {name: {"posts": posts(row)}.get(name, schemas.CONTRACTS[name].empty()) for name in names}
            alive.append(before)

    assert sum(1 for _ in merged_records(parts, "all")) == 29
    assert max(alive) - min(alive) < 5_000_000


def test_captions_are_looked_for_no_longer_than_needed():
    assert not has_rows(one_part(posts=posts(post("1"))), "captions")
    assert has_rows(one_part(captions=captions(caption("a", None, status="skipped"))), "captions")
