"""The shell commands as a user types them, each in a process of its own."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from instagram_assets.datasets.csv import read_csv
from instagram_assets_tests import commands
from instagram_assets_tests.conftest import export, post, profile
from instagram_assets_tests.folder_hashes import digests

ROOT = Path(__file__).parents[2]


def run(*words: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return commands.run(*words, cwd=cwd, environment=os.environ | {"COLUMNS": "160"} | environment)


def run_anew(*words: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    given = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "160"} | environment
    return commands.run_anew(*words, cwd=cwd, environment=given)


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
        (["materialize", "overrides"], "'overrides' selects no asset"),
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


@pytest.mark.bad_input("odd list of accounts")
def test_an_account_list_may_have_a_mark_comments_blank_lines_and_doubles(tmp_path: Path) -> None:
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


@pytest.mark.bad_input("other environment")
def test_the_environment_does_not_change_the_lake(tmp_path: Path) -> None:
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
