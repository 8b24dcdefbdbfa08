"""The manifest of a search's folder: of the old layout, missing, damaged, or naming files elsewhere."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from instagram_assets.errors import StorageError
from instagram_assets.schemas import SEARCH_DATASET
from instagram_assets.storage.image_folder_state import (
    MANIFEST,
    OLD_SHEET,
    preferences,
    read_folder_manifest,
)
from instagram_assets.storage.owned_files import HIDDEN
from instagram_assets_tests.datasets.search_folder import Search, image


def test_a_folder_with_the_sheet_among_its_images_loses_that_one_and_no_other(search: Search) -> None:
    search.folder.mkdir(parents=True)
    rows = [search.row(number, number, kept=True) | {"file": image(number)} for number in (1, 2)]
    for row in rows:
        (search.folder / row["file"]).write_bytes(search.files[row["image_id"]].read_bytes())
    lines = [{"sha256" if name == "image_id" else name: value for name, value in row.items()} for row in rows]
    (search.folder / MANIFEST).write_text("".join(json.dumps(line) + "\n" for line in lines))
    (search.folder / OLD_SHEET).write_bytes(b"our sheet")
    search.write([2, 1, 3])
    assert OLD_SHEET not in search.files_of()
    assert [line["file"] for line in search.manifest()] == [image(2), image(1), image(3)]
    (search.folder / OLD_SHEET).write_bytes(b"mine")
    search.write([2, 1, 3])
    assert search.files_of()[OLD_SHEET] == b"mine"


@pytest.mark.parametrize("also_hidden", [False, True])
def test_without_its_manifest_images_are_known_by_their_bytes(written: Search, also_hidden: bool) -> None:
    before = written.files_of()
    (written.folder / MANIFEST).unlink()
    if also_hidden:
        shutil.rmtree(written.folder / HIDDEN)
    (written.folder / "img_0099.png").write_bytes(b"mine")
    written.write(range(1, 7), [90])
    assert written.files_of() == before | {"img_0099.png": b"mine"}


@pytest.mark.parametrize(
    "line",
    [
        *(
            "{",
            "[]",
            "null",
            "[" * 100_000,
            '{"a":' * 100_000,
            '{"file": "img_0001.png"}',
            '{"file": "img_0001.png", "kept": true}',
        ),
        *('{"kept": 1}', '{"kept": null}', '{"kept": true, "rank": "x"}', '{"kept": true, "rank": true}'),
        *('{"kept": true, "cluster": "1"}', '{"kept": true, "url": {"a": 1}}', '{"kept": true, "reason": 5}'),
        *(
            '{"kept": true, "sharpness": NaN}',
            '{"kept": true, "sharpness": 1e999}',
            '{"kept": true, "width": 99999999999}',
        ),
        *(
            '{"kept": true, "rank": ' + "9" * 5_000 + "}",
            '{"kept": true, "reason": "\\ud800"}',
            '{"kept": true, "decided_at": 7}',
        ),
        *(
            '{"kept": true, "sha256": 1}',
            '{"kept": true, "sha256": "../../secret"}',
            '{"kept": true, "sha256": "' + "a" * 5_000 + '"}',
        ),
        '{"kept": true, "number": 1000000000, "sha256": "' + "a" * 64 + '"}',
    ],
)
def test_a_damaged_manifest_is_named_with_its_line_and_nothing_is_lost(written: Search, line: str) -> None:
    path = written.folder / MANIFEST
    path.write_text(path.read_text("utf-8") + line + "\n", "utf-8")
    before = written.files_of()
    with pytest.raises(StorageError, match=r"manifest\.jsonl, line 8: cannot be read"):
        written.write(range(1, 7))
    assert written.files_of() == before


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


NAMES = st.sampled_from([*SEARCH_DATASET.schema.names, "sha256", "number", "file_sha256", "by_hand", "decided_at"])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changed=st.dictionaries(NAMES, VALUES, min_size=1, max_size=3), line=st.integers(0, 6))
def test_whatever_stands_in_a_manifest_is_told_or_can_be_worked_with(
    written: Search, changed: dict[str, Any], line: int
) -> None:
    path = written.folder / MANIFEST
    before = path.read_text("utf-8")
    lines = before.splitlines()
    lines[line] = json.dumps(json.loads(lines[line]) | changed)
    path.write_text("\n".join(lines) + "\n", "utf-8")
    problem, rows = "", list[dict[str, Any]]()
    try:
        rows = read_folder_manifest(written.folder) or []
        assert preferences(written.folder).keys() <= {row["image_id"] for row in rows}
    except StorageError as error:
        problem = str(error)
    finally:
        path.write_text(before, "utf-8")
    assert problem.startswith(f"{path}, line {line + 1}: cannot be read") or not problem
    for row in rows:
        json.dumps(
            {name: row.get(name) for name in SEARCH_DATASET.schema.names}, allow_nan=False, ensure_ascii=False
        ).encode()
        assert isinstance(row["kept"], bool)


def test_a_pipe_in_the_place_of_the_manifest_is_not_waited_for(written: Search) -> None:
    (written.folder / MANIFEST).unlink()
    os.mkfifo(written.folder / MANIFEST)
    with pytest.raises(StorageError, match=r"manifest\.jsonl: is no file"):
        preferences(written.folder)


def test_a_manifest_that_names_files_elsewhere_leads_to_none_of_them(written: Search, tmp_path: Path) -> None:
    (tmp_path / "mine.jpg").write_text("mine")
    lines = [line | {"file": "../../mine.jpg"} for line in written.manifest()]
    (written.folder / MANIFEST).write_text("".join(json.dumps(line) + "\n" for line in lines))
    written.write([], refresh=True)
    assert (tmp_path / "mine.jpg").exists()
