"""Forgetting an account whose name is an ordinary word, or a word of this program: what others write stays readable."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result
from upath import UPath

from instagram_assets.automation import shell_runs
from instagram_assets.cli import app
from instagram_assets.ingest.landing import land_file
from instagram_assets.privacy.forgotten_identifiers import Identifiers
from instagram_assets.privacy.tombstones import add_tombstones
from instagram_assets.schemas import CONTRACTS
from instagram_assets.settings import settings
from instagram_assets.storage.lake import read_table
from instagram_assets.storage.lake_writer import write_cells
from instagram_assets_tests.conftest import export, post
from instagram_assets_tests.folder_hashes import digests

Run = Callable[..., Result]
SAID = {
    2: "I love it, all the posts of the day",
    3: "with @love and @posts",
    4: "see instagram.com/love/ and instagram.com/posts",
    5: "nothing of anybody",
}
DAY = date(2026, 10, 20)


@pytest.fixture
def run(data_dir: Path, tmp_path: Path) -> Run:
    """Runs a command where the accounts `love`, `posts` and `bob` have landed and are in the lake."""
    lake = UPath(settings().lake_uri)
    others = [post(number, "bob", caption=said) for number, said in SAID.items()]
    records = [post(1, "love", caption="mine"), post(6, "posts", caption="mine"), *others]
    land_file(export(tmp_path / "all_posts.json", records), lake, settings=settings())
    for name in ("love", "posts", "bob"):
        rows: list[dict[str, Any]] = [
            {"post_id": item["id"], "account": name, "owner": name, "day": DAY, "caption": item["caption"]}
            for item in records
            if item["ownerUsername"] == name
        ]
        rows[-1] |= {"mentions": ["love", "posts"] if name == "bob" else None, "source_file": "all_posts.json"}
        write_cells(lake, "raw_posts", [name], (DAY, DAY), CONTRACTS["raw_posts"].table(rows))
    for folder, name in (("datasets", "post.csv"), ("datasets/images", "sea.txt")):
        (data_dir / folder).mkdir(parents=True, exist_ok=True)
        (data_dir / folder / name).write_text("account,caption\nbob,I love posts\n")
    with shell_runs.open_instance() as instance:
        instance.add_dynamic_partitions("accounts", ["love", "posts", "bob"])
    return lambda *words: CliRunner().invoke(app, ["forget", *words])


def captions() -> dict[int, str]:
    rows = read_table(UPath(settings().lake_uri), "raw_posts").to_pylist()
    return {int(row["post_id"]) % 10_000: row["caption"] for row in rows}


def proof(data_dir: Path) -> dict[str, Any]:
    (file,) = (data_dir / "privacy" / "proofs").iterdir()
    return json.loads(file.read_bytes())


@pytest.mark.parametrize("name", ["love", "posts"])
def test_only_where_an_account_is_meant_the_word_goes_and_it_is_said_where_it_stays(
    run: Run, data_dir: Path, name: str
) -> None:
    before = captions()
    shown = run(f"@{name}", "--dry-run")
    assert f"stands in 1 row of others{'; --bare' if name == 'love' else '.'}" in shown.stdout
    datasets = digests(data_dir / "datasets")
    result = run(f"@{name}", "--yes")
    assert result.exit_code == 0, result.output
    assert f"Not looked for as a bare word: {name}" in result.stdout
    assert digests(data_dir / "datasets") == datasets
    own = {"love": 1, "posts": 6}[name]
    after = captions()
    assert after.keys() == before.keys() - {own}
    assert {number for number in after if after[number] != before[number]} == {3, 4}
    assert f"@{name}" not in after[3]
    assert f".com/{name}" not in after[4]
    rows = read_table(UPath(settings().lake_uri), "raw_posts").to_pylist()
    (said,) = [row for row in rows if row["mentions"]]
    assert name not in said["mentions"]
    assert said["source_file"] == "all_posts.json"
    found = proof(data_dir)
    assert found["searched"]["found"] == 0
    assert found["not_looked_for_as_bare_words"] == [{"rows_of_others": 1}]
    assert name not in json.dumps(found["not_looked_for_as_bare_words"])


def test_the_bare_word_goes_when_it_is_asked_and_is_known_when_it_comes_again(
    run: Run, data_dir: Path, tmp_path: Path
) -> None:
    result = run("@love", "--yes", "--bare")
    assert result.exit_code == 0, result.output
    assert "bare word" not in result.stdout
    assert captions()[2].startswith("I forgotten_")
    assert "love" not in (data_dir / "datasets" / "post.csv").read_text()
    more = export(tmp_path / "more.json", [post(7, "bob", caption="what others love")])
    land_file(more, UPath(settings().lake_uri), settings=settings())
    landed = (data_dir / "lake" / "landing" / "posts").iterdir()
    import pyarrow.parquet as pq

    assert "love" not in str([pq.read_table(path)["caption"].to_pylist() for path in landed])


def test_a_word_of_this_program_is_never_taken_out_bare(run: Run, data_dir: Path) -> None:
    before = digests(data_dir)
    result = run("@posts", "--yes", "--bare")
    assert result.exit_code == 1
    assert "Leave --bare out" in " ".join(result.output.split())
    assert digests(data_dir) == before


def test_who_is_only_mentioned_and_who_was_forgotten_before_is_told_as_such(run: Run) -> None:
    assert "nothing of it is here. It will be remembered" in run("@nobody_94", "--dry-run").stdout
    land_more = post(8, "bob", caption="by @mina_94")
    folder = settings().data_dir / "inbox" / "done"
    folder.mkdir(parents=True)
    export(folder / "mina.json", [land_more])
    shown = run("@mina_94", "--yes")
    assert "nothing of its own is here, and what names it loses the name. It will be remembered" in shown.stdout
    assert "history    looked through" in shown.stdout
    again = run("@mina_94", "--yes")
    assert "nothing of it is here. It was forgotten before" in again.stdout


def test_a_search_for_who_was_forgotten_is_refused_before_models_are_asked_for(data_dir: Path) -> None:
    chosen = settings()
    add_tombstones(
        chosen.folder("privacy"), Identifiers(accounts={"sun_diary": "forgotten_1", "love": "forgotten_2"}), DAY
    )
    for query in ("sun_diary", "@love"):
        result = CliRunner().invoke(app, ["search", query])
        assert result.exit_code == 1
        assert "names an account that was forgotten" in " ".join(result.output.split())
    assert "was forgotten" not in CliRunner().invoke(app, ["search", "love"]).output
