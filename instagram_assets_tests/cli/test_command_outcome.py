"""What a command says at its end, and `status` at any time: rows in and out, what was left out, why, and what helps."""

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from socket import gethostname
from typing import Any

import dagster as dg
import pytest
from typer.testing import CliRunner

from instagram_assets.automation.dead_runs import PROCESS_TAG
from instagram_assets.automation.run_states import read_history
from instagram_assets.automation.shell_runs import bring_up_to_date, land, open_instance
from instagram_assets.cli import app
from instagram_assets.cli.command_outcome import CommandOutcome, check_outcome, record_runs
from instagram_assets.cli.ingest import ingest_files
from instagram_assets.cli.status_lines import file_lines, history_lines, left_out_lines
from instagram_assets.definitions import defs
from instagram_assets.errors import InstagramAssetsError, MediaRefusedError, NothingDoneError, RunFailedError
from instagram_assets.ingest.manifests import pending_files, table_path
from instagram_assets.media.download_options import DownloadOptions
from instagram_assets.media.url_checks import check_url
from instagram_assets.settings import DownloadSettings, environment_names, settings
from instagram_assets.status import remedies
from instagram_assets.status.data_status import DataStatus, ExportFiles, LeftOut, Reason, TableStatus, read_data_status
from instagram_assets.status.remedies import cause_of, for_videos
from instagram_assets.storage.lake import open_lake
from instagram_assets_tests.cli.test_commands import run
from instagram_assets_tests.conftest import export, post
from instagram_assets_tests.ingest.archive_helper import NAME, archived, files
from instagram_assets_tests.ingest.test_zips import archive


def only_json(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What stands on the standard output, which must be one object and nothing else."""
    [line] = done.stdout.splitlines()
    return json.loads(line)


def test_a_run_in_which_all_images_are_refused_says_why_and_what_to_set_and_does_not_exit_0(tmp_path: Path) -> None:
    good = [post(number, displayUrl=f"http://cdn.example/{number}.jpg") for number in range(3)]
    good[0]["caption"] = ""
    bad = [post(10, likesCount="many"), post(11, likesCount="more"), {"error": "not_found"}]
    export(tmp_path / "posts.json", [*good, *bad, post(20, day="2026-09-01")])
    options = {"INSTAGRAM_ASSETS_START_DAY": "2026-10-01"}
    done = run("ingest", "posts.json", "--json", cwd=tmp_path, **options)
    told = only_json(done)
    assert done.returncode == 1
    assert "images: all 3 refused: http addresses; set INST" in done.stderr
    stages = {stage["name"]: stage for stage in told["stages"]}
    records, images = stages["records"], stages["images"]
    assert (records["rows_in"], records["rows_out"]) == (7, 3)
    assert [(left["how"], left["count"]) for left in records["left_out"]] == [("quarantined", 3), ("waiting", 1)]
    assert records["left_out"][0]["reasons"][0]["words"] == "likesCount: a value is not a whole number"
    assert "INSTAGRAM_ASSETS_START_DAY" in records["left_out"][1]["reasons"][0]["remedy"]
    assert (images["rows_in"], images["rows_out"], stages["posts"]["rows_out"]) == (3, 0, 3)
    [passed_over] = stages["tokens"]["left_out"]
    assert (passed_over["count"], passed_over["reasons"][0]["words"]) == (1, "posts without a caption")
    assert told["run"]["endings"]["images"] == {"ok": 0, "failed": 0, "expired": 0, "refused": 3}
    assert {skipped["stage"] for skipped in told["skipped"]} == {"captions", "embeddings"}
    assert {Path(made["path"]).name for made in told["datasets"]} >= {"merged_dataset_all_with_images.json", "post.csv"}
    later = run("status", "--json", cwd=tmp_path, **options)
    assert later.returncode == 0, later.stderr
    del told["run"]
    said = only_json(later)
    assert said.pop("index")["how"] == "missing"  # of which a command that ingests says nothing
    assert said == told
    shown = run("status", cwd=tmp_path, **options)
    remedy = "set INSTAGRAM_ASSETS_DOWNLOAD__ALLOW_HTTP=true"
    assert f"images 3 refused: http addresses; {remedy}" in shown.stdout
    assert "records 3 quarantined: 2 × likesCount: a value is not a whole number · 1 × the collector" in shown.stdout
    assert "each is in data/lake/quarantine" in shown.stdout
    assert "records 1 waiting: posts of days before 2026-10-01 or after" in shown.stdout


@pytest.mark.parametrize("content", ["[]", '[{"error": "not_found"}]', "[{]"], ids=["empty", "unusable", "rejected"])
def test_a_drop_that_brings_nothing_says_so_and_starts_no_run_of_tables_and_datasets(
    data_dir: Path, content: str
) -> None:
    (data_dir / "posts.json").write_text(content)
    done = CliRunner().invoke(app, ["ingest", str(data_dir / "posts.json")])
    assert done.exit_code == 1
    assert "Error: " in done.output
    assert "posts.json" in done.output
    with open_instance() as opened:
        assert {made.job_name for made in opened.get_runs()} == {"landing"}
    assert not (data_dir / "datasets").exists()


def test_datasets_that_a_stopped_command_did_not_write_are_written_by_the_next_one(
    instance: dg.DagsterInstance, data_dir: Path
) -> None:
    file = export(data_dir / "posts.json", [post(1)])
    land(instance, [file])
    bring_up_to_date(instance)
    assert not (data_dir / "datasets" / "post.csv").exists()
    ingest_files(instance, [file]).raise_errors()
    assert (data_dir / "datasets" / "post.csv").exists()
    runs = instance.get_runs_count()
    ingest_files(instance, [file]).raise_errors()
    assert instance.get_runs_count() == runs + 1, "landing alone, which finds nothing new"


def test_a_folder_is_told_in_a_line_also_when_a_file_of_it_is_bad(tmp_path: Path) -> None:
    folder = tmp_path / "sun_diary"
    folder.mkdir()
    for number in (1, 2):
        export(folder / f"{number}.json", [post(number)])
        (folder / f"{number}.jpg").write_bytes(b"")
    told = "sun_diary: 2 files read, 2 passed over (2 .jpg)"
    done = run("ingest", "sun_diary", cwd=tmp_path, INSTAGRAM_ASSETS_DOWNLOAD__DOWNLOAD_IMAGES="false")
    assert (done.returncode, told in done.stdout) == (0, True), done.stderr
    (folder / "3.json").write_text("[1,")
    shutil.copytree(folder, tmp_path / "data" / "inbox" / "sun_diary")
    again = run("ingest", "--json", cwd=tmp_path, INSTAGRAM_ASSETS_DOWNLOAD__DOWNLOAD_IMAGES="false")
    found = only_json(again)["run"]
    assert again.returncode == 1
    assert found["folders"] == ["sun_diary: 2 files read, 2 of them before, 1 rejected, 2 passed over (2 .jpg)"]
    assert "3.json" in found["errors"][0]


def test_a_persons_own_archive_has_its_posts_and_pictures_in_the_tables(tmp_path: Path) -> None:
    posts = [archived(1), archived(2, pictures=2), archived(3, is_reel=True)]
    alone = tmp_path / "posts_1.json"
    alone.write_bytes(next(content for _, content in files(posts)))
    first = run("ingest", "posts_1.json", "--account", "sun_diary", "--json", cwd=tmp_path)
    assert only_json(first)["run"]["endings"]["images"]["failed"] == 3
    assert "own archive, which was not read whole; ingest its ZIP or its folder" in first.stderr
    archive(tmp_path / f"{NAME}.zip", posts)
    done = run("ingest", f"{NAME}.zip", "--json", cwd=tmp_path)
    told = only_json(done)
    assert done.returncode == 0, done.stderr
    assert told["run"]["folders"] == [f"{NAME}.zip: 2 files read, 8 passed over (8 .json), 3 pictures kept"]
    stages = {stage["name"]: (stage["rows_in"], stage["rows_out"]) for stage in told["stages"]}
    assert (stages["posts"], stages["images"], stages["image_quality"]) == ((3, 3), (3, 3), (3, 3))
    again = run("ingest", f"{NAME}.zip", cwd=tmp_path)
    assert f"{NAME}.zip: read before, nothing new" in again.stdout


def test_a_run_that_could_use_nothing_says_so(instance: dg.DagsterInstance, data_dir: Path) -> None:
    file = export(data_dir / "posts.json", [{"error": "not_found"}, post(1, timestamp="soon")])
    work = ingest_files(instance, [file])
    state = read_data_status(open_lake(settings()), settings())
    check_outcome(work, state)
    with pytest.raises(NothingDoneError, match=r"Nothing of what came could be used\. posts\.json: 2 records, 2 quar"):
        work.raise_errors()
    again = ingest_files(instance, [file])  # nothing is new, so nothing came to nothing
    check_outcome(again, state)
    again.raise_errors()


def test_what_waits_failed_or_is_damaged_is_told_at_any_time(instance: dg.DagsterInstance, data_dir: Path) -> None:
    export(data_dir / "posts.json", [post(1)])
    (data_dir / "inbox" / "bad.json").write_text("[{]")
    land(instance, [data_dir / "posts.json"])
    with pytest.raises(RunFailedError):
        land(instance, [])
    (data_dir / "inbox" / "more.json").write_text("[]")
    [file] = pending_files(open_lake(settings()))
    Path(table_path(open_lake(settings()), "posts", file.name).path).unlink()
    lines = [
        *file_lines(read_data_status(open_lake(settings()), settings()).files, settings().folder("inbox") / "rejected"),
        *history_lines(read_history(instance)),
    ]
    for start in (
        "1 file waits in the inbox: more.json; run instagram-assets ingest",
        "1 landed file waits for tables: posts.json; run instagram-assets ingest",
        r"rejected, in .*rejected: .*bad\.json, line 1",
        r"damaged: rows of posts\.json \(sha256 .*\) are damaged or gone; run instagram-assets ingest",
        r"last failed run of landing, .*: .*bad\.json, line 1",
    ):
        assert [line for line in lines if re.match(start, line)], (start, lines)
    (data_dir / "inbox" / "more.json").unlink()
    land(instance, [data_dir / "posts.json"])
    [line] = history_lines(read_history(instance))
    assert "(a later run succeeded)" in line
    assert not read_data_status(open_lake(settings()), settings()).files.damaged


def test_an_empty_inbox_is_told_with_what_to_do_and_is_no_error(data_dir: Path) -> None:
    done = CliRunner().invoke(app, ["ingest"])
    assert done.exit_code == 0, done.output
    assert re.search(
        r"the inbox, \S*inbox, is empty\. Put export files or folders .*: instagram-assets ingest FILE", done.stdout
    )
    assert "is empty" not in CliRunner().invoke(app, ["ingest", "--json"]).output


def test_a_rejected_file_is_told_once_by_the_command_that_rejects_it_and_by_those_after_it(data_dir: Path) -> None:
    (data_dir / "inbox" / "bad.json").write_text("[{]")
    (data_dir / "inbox" / "worse.json").write_text("[{")
    done = CliRunner().invoke(app, ["ingest"])
    assert done.exit_code == 1
    assert [done.output.count(f"{name}.json, line 1") for name in ("bad", "worse")] == [1, 1], done.output
    assert re.search(r"2 files were moved to \S*inbox/rejected; the error below says why", done.output)
    later = CliRunner().invoke(app, ["ingest"])
    assert later.exit_code == 0, later.output
    assert [later.output.count(f"{name}.json, line 1") for name in ("bad", "worse")] == [1, 1], later.output


def test_status_of_an_empty_data_folder_is_no_error(data_dir: Path) -> None:
    done = CliRunner().invoke(app, ["status", "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["stages"], told["files"]["landed"], told["dagster"]["failed"]) == ([], 0, [])
    assert not list(left_out_lines(read_data_status(open_lake(settings()), settings())))
    made = CliRunner().invoke(app, ["materialize", "posts"])
    assert made.exit_code == 1
    assert "posts: nothing has landed of these accounts and days" in made.output


def test_a_run_of_somebody_else_at_the_same_time_is_not_counted_as_the_commands(
    instance: dg.DagsterInstance, data_dir: Path
) -> None:
    both = [export(data_dir / f"{number}.json", [post(number, f"account_{number}")]) for number in (1, 2)]
    with record_runs(instance) as work:
        land(instance, [both[0]])
        beside = ingest_files(instance, [both[1]])  # marks its runs as those of another command
    assert work.runs == 1
    assert not work.row_statuses
    assert beside.runs == instance.get_runs_count() - 1
    for made in instance.get_runs():
        assert not {tag for tag in made.tags if "command" in tag and not tag.startswith(".dagster/")}


def test_runs_that_a_process_of_its_own_makes_for_older_days_are_counted(tmp_path: Path) -> None:
    export(tmp_path / "posts.json", [post(1, day="2019-03-01", displayUrl="http://cdn.example/1.jpg")])
    done = run("ingest", "posts.json", "--json", cwd=tmp_path)
    assert done.returncode == 1
    assert only_json(done)["run"]["endings"]["images"]["refused"] == 1


def test_status_writes_nothing_in_an_empty_folder_nor_beside_data_without_a_record_of_runs(
    instance: dg.DagsterInstance, data_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    assert run("status", cwd=tmp_path / "empty", INSTAGRAM_ASSETS_DATA_DIR="data").returncode == 0
    assert not list((tmp_path / "empty").iterdir())
    land(instance, [export(data_dir / "posts.json", [post(1)])])
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(data_dir, elsewhere / "data", ignore=shutil.ignore_patterns("dagster"))
    before = tree(elsewhere)
    done = run("status", cwd=elsewhere, INSTAGRAM_ASSETS_DATA_DIR=str(elsewhere / "data"))
    assert done.returncode == 0, done.stderr
    assert "1 landed file waits for tables: posts.json" in done.stdout
    assert tree(elsewhere) == before


def tree(folder: Path) -> dict[str, bytes | None]:
    """Every file with its bytes, and every folder."""
    return {str(path): path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


def test_status_closes_no_run_whose_process_died_and_tells_of_it(data_dir: Path) -> None:
    with open_instance() as opened:
        gone = {PROCESS_TAG: f"{gethostname()}:999999999:1"}
        opened.create_run_for_job(defs.resolve_job_def("box"), tags=gone, status=dg.DagsterRunStatus.STARTED)
    for _ in range(2):
        done = CliRunner().invoke(app, ["status"])
        assert "runs whose process ended without a word: 1 box; run instagram-assets ingest" in done.output
    with open_instance() as opened:
        assert not read_history(opened).died


def test_every_setting_that_a_remedy_names_is_one() -> None:
    source = Path(remedies.__file__).read_text("utf-8")
    names = {f"INSTAGRAM_ASSETS_{name}" for name in re.findall(r"\{_SET\}(\w+)", source)}
    assert len(names) > 8
    assert names <= {name for name, _, _ in environment_names()}


@pytest.mark.parametrize(
    ("reason", "field", "words"),
    [
        ("'a' is not a whole number", "likesCount", "likesCount: a value is not a whole number"),
        ("-3 is negative", "likesCount", "likesCount: a value is negative"),
        ("line 12: 'a' is not a whole number", "Views", "Views: a value is not a whole number"),
        ("sheet 'Q3: ads', row 7: is empty: split", "Date", "Date: is empty: split"),
        ("smaller than 300 px (20 x 30); blurred: sharpness 2 below 50", "", "too small"),
        ("blurred: native sharpness 2 below 50", "", "blurred"),
        ("address expired at 2026-01-01T00:00:00Z; collect the post again", "", "addresses expired"),
        ("HTTP 404", "", "no longer there"),
        ("HTTP 503", "", "the server broke off or was busy"),
        ("JPEG ends early", "", "the server broke off or was busy"),
        ("larger than 50 MB", "", "files too large"),
        ("address expired at X; not asked anew: Instagram wants fewer requests", "", "Instagram wants fewer requests"),
        (
            "address expired at X; not asked anew: Instagram asks for a checkpoint",
            "",
            "Instagram asks for a checkpoint",
        ),
        ("HTTP 410; asked anew: Instagram no longer shows it", "", "no longer on Instagram"),
        (None, "", "no reason given"),
    ],
)
def test_reasons_of_one_cause_are_counted_together(reason: str | None, field: str, words: str) -> None:
    assert cause_of(reason, field).words == words


def test_of_videos_other_settings_and_another_table_are_named() -> None:
    assert "INSTAGRAM_ASSETS_REELS__MAX_VIDEO_MB" in for_videos(cause_of("larger than 200 MB")).remedy
    assert "materialize reel_videos+" in for_videos(cause_of("HTTP 503")).remedy


@pytest.mark.parametrize(("url", "setting"), [("http://a.example/1.jpg", "HTTP"), ("https://127.0.0.1/", "LOOPBACK")])
def test_an_address_that_is_refused_names_the_setting_that_allows_it(url: str, setting: str) -> None:
    with pytest.raises(MediaRefusedError) as refused:
        check_url(url, DownloadOptions.of(DownloadSettings()))
    assert f"INSTAGRAM_ASSETS_DOWNLOAD__ALLOW_{setting}=true" in cause_of(str(refused.value)).remedy


@pytest.mark.parametrize(
    ("counts", "left_out", "words"),
    [
        ({"failed": 25}, {"failed": 25}, "images: all 25 failed: no answer"),
        (
            {"failed": 2, "refused": 1},
            {"failed": 2, "refused": 1},
            "images: all 3 came to nothing: 2 failed: no answer;",
        ),
        ({"failed": 2}, {"failed": 30}, "images: all 2 of this run came to nothing. Of the whole table: 30 failed: no"),
    ],
)
def test_a_stage_that_made_nothing_says_how_many_and_why_once(
    data_dir: Path, counts: dict[str, int], left_out: dict[str, int], words: str
) -> None:
    left = [LeftOut(how, count, [Reason("no answer", count)]) for how, count in left_out.items()]
    state = DataStatus(ExportFiles(0, [], [], [], []), [TableStatus("images", 30, 0, left, "")])
    work = CommandOutcome(row_statuses={"images": Counter({"ok": 0, **counts})})
    check_outcome(work, state)
    [error] = work.errors
    assert str(error).startswith(words)
    assert str(error).count("failed") == 1


def test_several_errors_are_told_together() -> None:
    work = CommandOutcome(errors=[InstagramAssetsError("one"), InstagramAssetsError("two")])
    with pytest.raises(InstagramAssetsError, match="one\ntwo"):
        work.raise_errors()


def test_the_version_and_completion_are_there(tmp_path: Path) -> None:
    from instagram_assets import __version__

    assert run("--version", cwd=tmp_path).stdout == f"instagram-assets {__version__}\n"
    program = [sys.executable, "-c", "from instagram_assets.cli import app; app(prog_name='instagram-assets')"]
    asked = {"_INSTAGRAM_ASSETS_COMPLETE": "complete_bash", "COMP_WORDS": "instagram-assets sta", "COMP_CWORD": "1"}
    root = str(Path(__file__).parents[2])
    done = subprocess.run(program, cwd=tmp_path, env={"PYTHONPATH": root, **asked}, capture_output=True, text=True)
    assert done.stdout.split() == ["status"]
