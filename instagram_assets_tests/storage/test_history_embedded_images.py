"""Pictures that Dagster's history shows go by the same rule as those of the reports, and nothing else does."""

import hashlib
import json
import re
import sqlite3
from base64 import b64decode, b64encode
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from instagram_assets.assets.asset_helpers import log_results
from instagram_assets.forget import outputs
from instagram_assets.privacy.forgotten_identifiers import Identifiers
from instagram_assets.settings import settings
from instagram_assets.storage.dagster_history.embedded_images import ImageRemover
from instagram_assets.storage.dagster_history.history_erasure import HistoryErasure, erase_from_history
from instagram_assets_tests.conftest import OpenHome
from instagram_assets_tests.storage import history_homes as homes
from instagram_assets_tests.storage.history_search import found_in_files, found_in_tables

JANE, CAT, PSEUDONYM = "sun_diary", "byeol.cat", "forgotten_1a2b3c4d5e6f"
FORGOTTEN = Identifiers({JANE: PSEUDONYM}, post_ids=frozenset(("3000000000000010001",)))
_EMBEDDED = re.compile(r"data:image/[a-z]+;base64,([0-9A-Za-z+/=]+)")


def pixels(title: str) -> bytes:
    """Bytes that no other picture has any part of."""
    return b"\x89PNG" + hashlib.shake_256(title.encode()).digest(3_000)


PICTURES = {
    "captions": ["captions"],
    "token_counts": ["word cloud", f"top words of {JANE}", f"top words of {CAT}"],
    "viral_labels": [f"timeline of {JANE}", f"timeline of {CAT}"],
    "age_model": ["losses"],
}
STAY = {("age_model", "losses")}


def materialized(instance: dg.DagsterInstance) -> None:
    """Each asset is made by a run and shows its pictures, as those of the platform do; and once by the day."""
    for name, titles in PICTURES.items():
        pictures = {title: pixels(title) for title in titles}

        @dg.asset(name=name)
        def made(context: dg.AssetExecutionContext, shown: dg.ResourceParam[dict[str, bytes]]) -> None:
            log_results(context, {"rows": 3}, shown)

        assert dg.materialize([made], instance=instance, resources={"shown": pictures}).success
    title = "contact sheet"
    markdown = f"![{title}](data:image/jpeg;base64,{b64encode(pixels(title)).decode()})"
    metadata: dict[str, Any] = {title: dg.MetadataValue.md(markdown), "rows": 5}
    instance.report_runless_asset_event(
        dg.AssetMaterialization("images", metadata=metadata, partition=f"{CAT}|2025-01-01")
    )
    (settings().folder("reports") / "images-contact-sheet.jpeg").write_bytes(pixels(title))


@pytest.fixture(params=["sqlite", "postgres"])
def instance(request: pytest.FixtureRequest, data_dir: Path, open_home: OpenHome) -> Iterator[dg.DagsterInstance]:
    """A home in which pictures were shown."""
    settings().folder("reports").mkdir(parents=True, exist_ok=True)
    with open_home(request.param, data_dir / "dagster") as it:
        materialized(it)
        yield it


def forget(instance: dg.DagsterInstance) -> HistoryErasure:
    may_show = partial(outputs.may_show, forgotten=FORGOTTEN)
    return erase_from_history(Path(instance.root_directory), {JANE: PSEUDONYM}, FORGOTTEN.post_ids, may_show=may_show)


def embedded(instance: dg.DagsterInstance) -> set[bytes]:
    """The bytes of each picture that stands in any value of any table."""
    found = json.dumps(homes.all_rows(instance), default=str)
    return {b64decode(match) for match in _EMBEDDED.findall(found)}


def test_no_picture_of_the_history_is_one_that_left_the_reports(instance: dg.DagsterInstance) -> None:
    folder = settings().folder("reports")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert embedded(instance) == set(before.values())
    for step in outputs.report_steps(folder, folder.parent, FORGOTTEN, folder / "search"):
        step.apply()
    forget(instance)
    left = {path.read_bytes() for path in folder.iterdir()}
    assert len(left) == len(STAY)
    assert embedded(instance) == left == {pixels(title) for _, title in STAY}
    assert forget(instance) == HistoryErasure()


def test_the_page_of_an_asset_says_that_its_picture_was_taken_away(instance: dg.DagsterInstance) -> None:
    forget(instance)
    seen: dict[str, dict[str, Any]] = {}
    for name in (*PICTURES, "images"):
        event = instance.get_latest_materialization_event(dg.AssetKey(name))
        assert event
        assert event.asset_materialization
        seen[name] = {label: value.value for label, value in event.asset_materialization.metadata.items()}
    taken = "taken away, since it may have shown what was forgotten"
    assert seen["captions"]["captions"] == f"*captions: {taken}*"
    assert seen["images"] == {"contact sheet": f"*contact sheet: {taken}*", "rows": 5}
    labels = {label for values in seen.values() for label in values}
    assert not {label for label in labels if JANE in label or PSEUDONYM in label}
    assert {f"top words of {CAT}", f"top words of {CAT}: file", f"timeline of {CAT}"} <= labels
    assert seen["age_model"]["losses"].startswith("![losses](data:image/png;base64,")
    assert all(values["rows"] == (5 if name == "images" else 3) for name, values in seen.items())
    home = Path(instance.root_directory)
    assert not found_in_files(home, JANE)
    assert not [place for url in homes.tables(instance) for place in found_in_tables(url, JANE)]


def test_nothing_on_the_disk_holds_a_picture_that_went(data_dir: Path, open_home: OpenHome) -> None:
    settings().folder("reports").mkdir(parents=True, exist_ok=True)
    with open_home("sqlite", data_dir / "dagster") as instance:
        materialized(instance)
        forget(instance)
    # A page of SQLite has a part of it: any part of the middle, whatever page it is on.
    part = b64encode(pixels("captions"))[1_500:1_540]
    databases = list((data_dir / "dagster").rglob("*.db"))
    assert databases
    assert [path for path in databases if part in path.read_bytes()] == []
    for path in databases:
        with sqlite3.connect(path) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no picture at all", "no picture at all"),
        ("![a](b.png)", "![a](b.png)"),
        ("before ![a](data:image/png;base64,AA==) after", "before *a: taken* after"),
        ('<img src="data:image/jpeg;base64,AA==">', '<img src="*sheet: taken*">'),
        ("![a](data:image/svg+xml;charset=utf-8,%3Csvg%3E)", "*a: taken*"),
        ("![kept](data:image/png;base64,AA==)", "![kept](data:image/png;base64,AA==)"),
    ],
)
def test_a_picture_is_known_in_markdown_and_html(text: str, expected: str) -> None:
    pictures = ImageRemover(lambda name: name != "images-kept")
    event = {"step_key": "images", "metadata_entries": [{"label": "sheet", "entry_data": {"md_str": text}}]}
    (entry,) = pictures.taken_from(event)["metadata_entries"]
    taken = "taken away, since it may have shown what was forgotten"
    assert entry == {"label": "sheet", "entry_data": {"md_str": expected.replace("taken", taken)}}


def test_a_chart_goes_whole_by_a_name_that_is_a_word_and_by_the_pseudonym_of_an_earlier_time() -> None:
    pictures = ImageRemover(lambda name: False, ["love", PSEUDONYM])
    image = {"md_str": "![x](data:image/png;base64,AA==)"}
    labels = ["timeline of love", "timeline of Love: file", f"top words of {PSEUDONYM}", "timeline of lover", "rows"]
    shown = [
        {"label": label, "entry_data": 1 if label in ("rows",) or ": file" in label else image} for label in labels
    ]
    kept = [entry["label"] for entry in pictures.taken_from({"metadata_entries": shown})["metadata_entries"]]
    assert kept == ["timeline of Love: file", "timeline of lover", "rows"]
