"""The shell commands as a user types them, each in a process of its own."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from instagram_assets.datasets.csv import read_csv
from instagram_assets_tests import commands
from instagram_assets_tests.conftest import export, post, profile

ROOT = Path(__file__).parents[2]


def run(*words: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return commands.run(*words, cwd=cwd, environment=os.environ | {"COLUMNS": "160"} | environment)


def run_anew(*words: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    given = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "160"} | environment
    return commands.run_anew(*words, cwd=cwd, environment=given)


def digests(*folders: Path) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith("index.sqlite")
    }


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """The package as a wheel brings it, in a folder of its own."""
    source, site = tmp_path / "source", tmp_path / "site"
    shutil.copytree(
        ROOT / "instagram_assets", source / "instagram_assets", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--no-compile", "--target"]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(site), str(source)], check=True)
    return site


def test_the_demo_of_an_installed_wheel_makes_everything_once_and_the_second_time_nothing_new(
    tmp_path: Path, wheel: Path
) -> None:
    assert not list(wheel.rglob("training"))  # what only retrains the demo's models
    first = run_anew("demo", "--port", 48_321, cwd=tmp_path, PYTHONPATH=str(wheel))
    assert first.returncode == 0, first.stderr
    assert "asked for 494 pictures" in first.stdout
    paths = {word.rstrip(",.") for word in first.stdout.split() if word.startswith("data/")}
    assert {"data/lake", "data/media", "data/datasets/post.csv", "data/datasets/parquet"} <= paths
    assert all((tmp_path / path).exists() for path in paths)
    folders = [tmp_path / "data" / name for name in ("lake", "media", "datasets", "age")]
    before = digests(*folders)
    second = run_anew("demo", "--port", 48_321, cwd=tmp_path, PYTHONPATH=str(wheel))
    assert "asked for 0 pictures" in second.stdout
    assert digests(*folders) == before
    assert_ages_are_learned_and_parents_found_to_be_grown_up(tmp_path / "data")


def assert_ages_are_learned_and_parents_found_to_be_grown_up(data: Path) -> None:
    told = json.loads((data / "age" / "age" / "age_config.json").read_text("utf-8"))["metrics"]
    assert told["accuracy, low"] > told["accuracy of the larger class"] + 0.05, told
    predicted = pa.concat_tables(pq.read_table(path) for path in (data / "lake" / "age_predictions").rglob("*.parquet"))
    assert predicted.num_rows >= 6
    with_posts = predicted.filter(pc.field("n_posts") > 0)
    assert with_posts.num_rows == 6
    assert all(with_posts["at_least_cutoff"].to_pylist()), with_posts.to_pylist()


def test_ingest_materialize_and_export_share_one_lake(tmp_path: Path) -> None:
    posts = export(tmp_path / "posts.json", [post(1), post(2, day="2026-10-21"), {"error": "not_found"}])
    profiles = export(tmp_path / "profiles.json", [profile()])
    offline = {"INSTAGRAM_ASSETS_DOWNLOAD__DOWNLOAD_IMAGES": "false"}
    made = run("ingest", posts, profiles, "--observed-at", "2026-11-01T00:00:00Z", cwd=tmp_path, **offline)
    assert made.returncode == 0, made.stderr
    again = run("materialize", "posts+", "--accounts", "sun_diary", "--days", "2026-10-21", cwd=tmp_path, **offline)
    assert again.returncode == 0, again.stderr
    assert "box: images, impressions, posts, tokens  sun_diary|2026-10-21 … sun_diary|2026-10-21" in again.stdout
    written = run("export", "csv", cwd=tmp_path, **offline)
    assert written.returncode == 0, written.stderr
    rows = list(read_csv(tmp_path / "data" / "datasets" / "post.csv"))
    assert [(row["id"], row["likesCount"], row["impression"]) for row in rows] == [
        ("10001", 10, 0.12),
        ("10002", 10, 0.12),
    ]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["ingest", "missing.json"], "missing.json"),
        (["ingest", "--observed-at", "yesterday"], "observed_at='yesterday': not a time"),
        (["ingest", "--observed-at", "2026-11-01T00:00:00"], "the time zone is missing"),
        (["materialize", "nothing"], "'nothing' selects no asset"),
        (["materialize", "posts", "--accounts", "nobody"], "not a known account: nobody"),
        (["materialize", "posts", "--days", "2026-02-30"], "--days 2026-02-30: not a day"),
        (["materialize", "posts", "--days", "1999-01-01"], "allowed are"),
        (["materialize", "posts", "--accounts", ",".join(f"name_{n}" for n in range(60))], "not a known account"),
        (["materialize", "posts", "--accounts", "/bin/true"], "not a text file"),
        (["materialize", "posts", "--days", "2026-10-20.."], "not a day"),
        (["to-csv", "missing.json"], "missing.json"),
        (["refine", "nowhere"], "nowhere"),
    ],
)
def test_a_mistake_is_one_clear_sentence_and_exit_1(tmp_path: Path, arguments: list[str], problem: str) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert problem in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("environment", "problem"),
    [
        ({"INSTAGRAM_ASSETS_LAKE_OPTIONS": "notjson"}, "lake_options"),
        ({"INSTAGRAM_ASSETS_DOWNLOAD": "abc"}, "download"),
        ({"INSTAGRAM_ASSETS_INGEST__ENCODING": "klingon"}, "no such text encoding"),
        ({"INSTAGRAM_ASSETS_INGEST__ENCODING": "hex"}, "no such text encoding"),
        ({"INSTAGRAM_ASSETS_LAKE": "foo://x"}, "foo"),
    ],
)
def test_a_strange_setting_is_one_clear_sentence(tmp_path: Path, environment: dict[str, str], problem: str) -> None:
    done = run("doctor", cwd=tmp_path, **environment)
    assert done.returncode == 1
    assert problem in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_good_files_beside_a_bad_one_reach_the_datasets(tmp_path: Path) -> None:
    good = export(tmp_path / "good.json", [post(1)])
    bad = tmp_path / "bad.json"
    bad.write_text("[{]")
    done = run("ingest", good, bad, cwd=tmp_path, INSTAGRAM_ASSETS_DOWNLOAD__DOWNLOAD_IMAGES="false")
    assert done.returncode == 1
    assert "bad.json" in done.stderr
    assert len(json.loads((tmp_path / "data" / "datasets" / "merged_dataset_all_with_images.json").read_text())) == 1


def test_row_90_an_account_list_may_have_a_mark_comments_blank_lines_and_doubles(tmp_path: Path) -> None:
    posts = export(tmp_path / "posts.json", [post(1), post(2, account="sea")])
    offline = {"INSTAGRAM_ASSETS_DOWNLOAD__DOWNLOAD_IMAGES": "false"}
    run("ingest", posts, cwd=tmp_path, **offline)
    names = tmp_path / "accounts.txt"
    names.write_bytes("\ufeff# ours\r\n@Sea\r\n\r\nsea  # twice\r\n".encode())
    done = run("materialize", "posts", "--accounts", names, cwd=tmp_path, **offline)
    assert done.stdout.strip() == "box: posts  sea|2026-10-20 … sea|2026-10-20"
    names.write_text("# nobody yet\n")
    empty = run("materialize", "posts", "--accounts", names, cwd=tmp_path, **offline)
    assert "no account in it" in empty.stderr


def test_row_85_the_environment_does_not_change_the_lake(tmp_path: Path) -> None:
    results: list[dict[str, str]] = []
    for number, environment in enumerate(
        [
            {"LANG": "C", "TZ": "America/New_York", "PYTHONHASHSEED": "1"},
            {"LANG": "C.UTF-8", "TZ": "", "PYTHONHASHSEED": "2"},
        ]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        export(folder / "posts.json", [post(n, account=f"account_{n}") for n in range(4)])
        options = environment | {"INSTAGRAM_ASSETS_DOWNLOAD__DOWNLOAD_IMAGES": "false"}
        done = run_anew("ingest", "posts.json", "--observed-at", "2026-11-01T00:00:00Z", cwd=folder, **options)
        assert done.returncode == 0, done.stderr
        # The landing zone remembers when it first saw the file, which no environment decides.
        lake = digests(folder / "data" / "lake", folder / "data" / "datasets")
        results.append(
            {path.removeprefix(str(folder)): value for path, value in lake.items() if "/landing/files/" not in path}
        )
    assert results[0] == results[1]


def test_refine_and_to_csv_work_without_a_lake(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    export(tmp_path / "in" / "posts.json", [post(1, caption="one\n\n\ntwo, three")])
    export(tmp_path / "in" / "profiles.json", [profile()])
    offline = {"INSTAGRAM_ASSETS_DOWNLOAD__DOWNLOAD_IMAGES": "false"}
    made = run("refine", "in", "--out", "out", "--mode", "post", cwd=tmp_path, **offline)
    assert made.returncode == 0, made.stderr
    merged = tmp_path / "out" / "merged_dataset_post_with_images.json"
    assert json.loads(merged.read_text())[0]["followersCount"] == 100
    done = run("to-csv", merged, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    text = merged.with_suffix(".csv").read_text("utf-8-sig")
    assert "one|||two, three" in text
    assert not (tmp_path / "data").exists()


def test_the_doctor_says_what_is_there_and_what_is_not(tmp_path: Path) -> None:
    well = run("doctor", cwd=tmp_path)
    assert well.returncode == 0, well.stdout
    assert "Python" in well.stdout
    (tmp_path / "file").write_text("")
    ill = run("doctor", cwd=tmp_path, INSTAGRAM_ASSETS_DATA_DIR=str(tmp_path / "file"))
    assert ill.returncode == 1
    assert "INSTAGRAM_ASSETS_DATA_DIR" in ill.stdout


def test_the_doctor_looks_for_the_age_models_language_model_where_it_is_turned_on(saved: Path, tmp_path: Path) -> None:
    named = {"INSTAGRAM_ASSETS_AGE__MODEL_NAME_OR_PATH": str(saved / "bert")}
    assert "model for age" not in run("doctor", cwd=tmp_path, **named).stdout
    well = run("doctor", cwd=tmp_path, **named, INSTAGRAM_ASSETS_AGE__ENABLED="true").stdout
    assert re.search(r"ok\W+model for age", well)
    (tmp_path / "empty").mkdir()
    named = {"INSTAGRAM_ASSETS_AGE__MODEL_NAME_OR_PATH": str(tmp_path / "empty")}
    ill = run("doctor", cwd=tmp_path, **named, INSTAGRAM_ASSETS_AGE__ENABLED="true").stdout
    assert re.search(r"optional\W+model for age", ill)
