"""Outputs that forget under faults: CSV, JSON, Parquet, Delta, a search's folder, the ledger and the registry."""

import json
import shutil
import sqlite3
import tempfile
from contextlib import closing
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

from deltalake import DeltaTable
from upath import UPath

from instagram_assets.datasets.csv import read_csv
from instagram_assets.datasets.delta import write_delta
from instagram_assets.datasets.selected_posts import PostSelection, write_selection
from instagram_assets.forget.outputs import output_steps
from instagram_assets.local.image_files import read_merged_json
from instagram_assets.privacy.forgotten_identifiers import Identifiers
from instagram_assets.privacy.identifier_leaks import find_identifier_leaks, named_files
from instagram_assets.privacy.lake_names import make_lake_names
from instagram_assets.schemas import POSTS
from instagram_assets.settings import load_settings
from instagram_assets.storage.atomic import is_temporary, sweep
from instagram_assets.storage.lake_writer import write_cells
from instagram_assets_tests.faults.campaign import Scenario

IMPORTS = (
    *("pyarrow.parquet", "pyarrow.compute", "deltalake", "deltalake.transaction", "deltalake.exceptions"),
    *("instagram_assets.forget.outputs", "openpyxl", "pandas", "pyarrow.pandas_compat"),
)
_SUBJECT, _OTHER = "jane.doe_77", "mina.draws"
_DAYS = (date(2026, 9, 1), date(2026, 10, 1))
_IDS = {_SUBJECT: ["31415926535897931", "31415926535897932"], _OTHER: ["31415926535897933", "31415926535897934"]}
_PICTURE = "ab" * 32
_FORGOTTEN = Identifiers(
    accounts={_SUBJECT: "forgotten_0123456789abcdef"},
    post_ids=frozenset(_IDS[_SUBJECT]),
    images=frozenset({_PICTURE}),
)


def forget(root: str) -> None:
    """Called in the worker: all steps, as they are when the one before is done."""
    sweep(Path(root))
    settings = load_settings(data_dir=root)
    for step in output_steps(settings, _FORGOTTEN):
        step.apply()


def prepare(root: Path) -> None:
    """The state before: outputs of two accounts, of which one names the other."""
    shutil.copytree(_prepared(), root, dirs_exist_ok=True)


@cache
def _prepared() -> Path:
    root = Path(tempfile.mkdtemp(prefix="faults-outputs-"))
    lake, datasets = UPath(root / "lake"), root / "datasets"
    for account, ids in _IDS.items():
        for day, post_id in zip(_DAYS, ids, strict=True):
            write_cells(lake, "posts", [account], (day, day), POSTS.table([_post(account, day, post_id)]))
    for form in ("csv", "json", "parquet"):
        write_selection(lake, form, datasets / "selection", PostSelection(), "post")
    write_delta(lake, str(datasets / "delta"))
    search = datasets / "search" / "cat"
    search.mkdir(parents=True)
    lines = [
        {"file": f"img_{n:04}.jpg", "number": n, "sha256": sha256} for n, sha256 in ((1, _PICTURE), (2, "ef" * 32))
    ]
    for line in lines:
        (search / str(line["file"])).write_bytes(b"pixels")
    (search / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (root / "ledger").mkdir()
    with closing(sqlite3.connect(root / "ledger" / "calls.sqlite")) as connection:
        connection.execute("CREATE TABLE calls (id INTEGER PRIMARY KEY, video_id TEXT, reason TEXT, answer TEXT)")
        rows = [(_PICTURE, "about it"), ("ef" * 32, f"talks to @{_SUBJECT}")]
        connection.executemany("INSERT INTO calls (video_id, answer) VALUES (?, ?)", rows)
        connection.commit()
    entries = [f'[[accounts]]\nname = "{name}"\n' for name in _IDS]
    (root / "accounts.toml").write_text("\n".join(entries))
    shutil.rmtree(root / "lake")
    return root


def _post(account: str, day: date, post_id: str) -> dict[str, object]:
    moment = datetime(day.year, day.month, 1, 3, tzinfo=UTC)
    said = {"post_id": post_id, "account": account, "owner": account, "day": day, "kind": "post"}
    return {**said, "taken_at": moment, "observed_at": moment, "caption": f"with @{_SUBJECT} " + "그림" * 200}


def _others_are_whole(root: Path) -> str:
    datasets = root / "datasets"
    wanted = set(_IDS[_OTHER])
    found = {
        "csv": {row["id"] for row in read_csv(datasets / "selection" / "post.csv")},
        "json": {row["id"] for row in read_merged_json(datasets / "selection" / "posts.json")},
        "delta": set(DeltaTable(datasets / "delta" / "posts").to_pyarrow_table()["post_id"].to_pylist()),
    }
    if lost := [form for form, ids in found.items() if not wanted <= ids]:
        return f"rows of others are lost: {lost}"
    if not (datasets / "search" / "cat" / "img_0002.jpg").exists():
        return "a picture of others is lost"
    return "" if _OTHER in (root / "accounts.toml").read_text() else "the entry of another is lost"


def _nothing_is_left(root: Path) -> str:
    # Leftovers of a process that was killed are swept by the next run.
    places = (path for path in sorted(root.iterdir()) if path.name != "privacy")
    found = find_identifier_leaks(named_files(places), make_lake_names([_SUBJECT], [], [*_IDS[_SUBJECT], _PICTURE]))
    if found:
        return f"it is still there: {[str(each) for each in found]}"
    if left := [path.name for path in root.rglob("*") if is_temporary(path.name)]:
        return f"left half done: {left}"
    return _others_are_whole(root)


OUTPUTS = Scenario(
    "outputs that forget",
    f"{__name__}:forget",
    prepare=prepare,
    arguments=lambda folder: [str(folder)],
    after_fault=_others_are_whole,
    after_rerun=_nothing_is_left,
    imports=IMPORTS,
)
