"""`doctor --deep` names every kind of damaged file with the command that makes it again, and the command does."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from instagram_assets.cli import app
from instagram_assets.demo import SAMPLE
from instagram_assets.demo.server import DemoServer
from instagram_assets.settings import settings
from instagram_assets.status.integrity import IntegrityCheck
from instagram_assets.storage.lake import open_lake, read_table

PLACEHOLDER = "https://cdn.demo.invalid"
POSTS = SAMPLE / "posts.json"
TABLES = ("raw_posts", "posts", "images", "image_quality", "quarantine", "impressions")
# Where a file of each kind lies.
FLIPPED = {
    "landed rows": "lake/landing/posts/*.parquet",
    "table by account and month": "lake/raw_posts/*/2026-10.parquet",
    "table made of another": "lake/posts/*/2026-10.parquet",
    "whole table": "lake/quarantine/part.parquet",
    "media": "media/??/*.*",
    "features": "lake/features/quality/*/*.parquet",
}


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data folder of a small lake, whose pictures a server of this machine still has."""
    data = tmp_path_factory.mktemp("ingested") / "data"
    (data / "inbox").mkdir(parents=True)
    with DemoServer(port=0) as server, pytest.MonkeyPatch.context() as patch:
        text = json.dumps(json.loads(POSTS.read_text("utf-8"))[:3]).replace(PLACEHOLDER, server.url)
        (data / "inbox" / "posts.json").write_text(json.dumps([*json.loads(text), {"no": "post"}]))
        use(data, patch)
        assert command("ingest").exit_code == 0
        yield data
    settings.cache_clear()


@pytest.fixture
def data(ingested: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data folder to damage."""
    shutil.copytree(ingested, tmp_path / "data")
    use(tmp_path / "data", monkeypatch)
    yield tmp_path / "data"
    settings.cache_clear()


def use(data: Path, patch: pytest.MonkeyPatch) -> None:
    patch.chdir(data.parent)
    patch.setenv("INSTAGRAM_ASSETS_DATA_DIR", str(data))
    for name in ("DOWNLOAD__ALLOW_HTTP", "DOWNLOAD__ALLOW_LOOPBACK"):
        patch.setenv(f"INSTAGRAM_ASSETS_{name}", "true")
    for name in ("CAPTIONS", "EMBEDDINGS"):
        patch.setenv(f"INSTAGRAM_ASSETS_{name}__ENABLED", "false")
    settings.cache_clear()


def command(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0x10
    path.write_bytes(content)


def flip_a_value(path: Path) -> None:
    """Flip a bit of what a file holds; of a Parquet file in its largest page."""
    if path.suffix != ".parquet":
        flip(path, path.stat().st_size // 3)
        return
    group: Any = pq.read_metadata(path).row_group(0)
    largest = max((group.column(place) for place in range(group.num_columns)), key=lambda c: c.total_compressed_size)
    first = min(filter(None, (largest.data_page_offset, largest.dictionary_page_offset)))
    flip(path, first + largest.total_compressed_size - 1)


def content() -> dict[str, list[object]]:
    return {name: read_table(open_lake(settings()), name).to_pylist() for name in TABLES}


def carry_out(remedy: str) -> None:
    """Do what a remedy says, as a shell would."""
    for part in remedy.partition("   #")[0].split(" && "):
        program, *words = shlex.split(part)
        if program == "rm":
            Path(words[0]).unlink()
        elif program == "mv":
            Path(words[0]).rename(words[1])
        else:
            assert program == "instagram-assets"
            done = command(*words)
            assert done.exit_code == 0, done.output


def remedies(result: Result) -> dict[str, str]:
    """What was named as damaged, and the line under it."""
    pairs = pairwise(result.output.splitlines())
    return {before.partition(": ")[0]: line.strip() for before, line in pairs if line.startswith("    ")}


@pytest.mark.bad_input("lost or changed file")
def test_a_flipped_bit_in_one_file_of_each_kind_is_named_with_the_command_that_heals_it(data: Path) -> None:
    whole = command("doctor", "--deep")
    assert whole.exit_code == 0, whole.output
    assert " files read, " in whole.output
    assert "none damaged." in whole.output
    before = content()
    assert len(before["images"]) >= 3
    flipped = [sorted(data.glob(pattern))[0] for pattern in FLIPPED.values()]
    for path in flipped:
        flip_a_value(path)
    found = command("doctor", "--deep")
    assert found.exit_code == 1
    named = remedies(found)
    assert set(named) == set(map(str, flipped))
    for remedy in named.values():
        carry_out(remedy)
    again = command("doctor", "--deep")
    assert again.exit_code == 0, again.output
    assert content() == before


@pytest.mark.parametrize("how", ["rows gone", "rows damaged", "manifest damaged"])
def test_what_has_landed_is_read_again_also_from_a_source_that_lies_elsewhere(data: Path, how: str) -> None:
    rows = next(data.glob("lake/landing/posts/*.parquet"))
    if how == "rows gone":
        rows.unlink()
    elif how == "rows damaged":
        flip_a_value(rows)
    else:
        flip(next(data.glob("lake/landing/files/*.json")), 0)
    [by_itself] = remedies(command("doctor", "--deep")).values()
    assert by_itself.endswith("instagram-assets materialize landed_files")
    [source] = (data / "inbox" / "done").iterdir()
    elsewhere = source.rename(data / "mine.json")
    [remedy] = remedies(command("doctor", "--deep")).values()
    pasted_unread = paste(remedy)
    assert pasted_unread.returncode != 0
    assert "PATH/TO/" in pasted_unread.stderr
    assert rows.exists() == (how != "rows gone"), "nothing goes before the source is found"
    done = paste(re.sub(r"FILE=('[^']*'|\S+);", f"FILE={shlex.quote(str(elsewhere))};", remedy))
    assert done.returncode == 0, done.stderr
    assert "none damaged." in command("doctor", "--deep").output


def paste(remedy: str) -> subprocess.CompletedProcess[str]:
    """Do what a remedy says in a shell, as somebody who copies it."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(Path(__file__).parent.parent)}
    return subprocess.run(["bash", "-c", remedy], capture_output=True, text=True, env=environment)


@pytest.mark.parametrize("kind", [kind for kind, pattern in FLIPPED.items() if pattern.endswith(".parquet")])
def test_a_flipped_bit_is_found_wherever_it_is_also_in_the_headers_of_pages(data: Path, kind: str) -> None:
    path = sorted(data.glob(FLIPPED[kind]))[0]
    whole, missed = path.read_bytes(), list[int]()
    assert problem_of(path) == ""
    for at in range(0, len(whole), max(1, len(whole) // 150)):
        flip(path, at)
        missed += [] if problem_of(path) else [at]
    assert missed == []


def problem_of(path: Path) -> str:
    """What a thorough look finds wrong with one file; the others of its folder data are whole."""
    found = list(IntegrityCheck(open_lake(settings()), settings()).damages())
    assert {damage.path for damage in found} <= {str(path)}
    return found[0].problem if found else ""


def test_a_file_that_was_sealed_before_seals_covered_all_is_still_whole(data: Path) -> None:
    [path, *_] = sorted(data.glob(FLIPPED["table made of another"]))
    whole = path.read_bytes()
    footer = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    earlier = whole[: footer - 12] + b"IAcr" + whole[footer - 4 :]
    path.write_bytes(earlier)
    assert problem_of(path) == ""
    rows = read_table(open_lake(settings()), "posts")
    path.write_bytes(whole)
    assert read_table(open_lake(settings()), "posts").equals(rows)
    path.write_bytes(earlier)
    flip_a_value(path)
    assert problem_of(path)
