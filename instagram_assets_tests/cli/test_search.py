"""From a search word to a clean folder: real Chromium, real downloads, the demo's CLIP, a page on this machine."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
import pytest

from instagram_assets.automation.shell_runs import open_instance, run_job
from instagram_assets.cli.materialize_assets import materialize_selection
from instagram_assets.cli.search import SearchResult, run_search
from instagram_assets.datasets.manual_overrides import decide
from instagram_assets.demo import MODELS
from instagram_assets.demo.search_site import Results, SearchPage, mixed, subject
from instagram_assets.errors import RunFailedError, SearchRequestError
from instagram_assets.partitions import FOLDER_TAG, HISTORY_TAG, LIMIT_TAG, PARTITION, QUERY_TAG, SHOWN_IN_HISTORY
from instagram_assets.search.results_page import SearchHit
from instagram_assets.search.search_requests import (
    SearchRequest,
    load_hits,
    load_search_request,
    save_hits,
    save_request,
)
from instagram_assets.settings import settings
from instagram_assets.storage.lake import open_lake, read_table
from instagram_assets_tests import commands

ROOT = Path(__file__).parents[2]
WORD = "고양이"
PICTURES = mixed(60)
WORDS = {
    WORD: Results(PICTURES),
    "blurred": Results(subject(12, blur=0.06)),
    "same": Results(subject(1) * 12),
    "few": Results(subject(12)),
    "again": Results(subject(12)),
    "../../🐈/?&%": Results(subject(5)),
}


class Made(NamedTuple):
    """What one search made."""

    result: SearchResult
    folder: Path
    manifest: list[dict[str, Any]]


@pytest.fixture(scope="module")
def server() -> Iterator[SearchPage]:
    with SearchPage(WORDS) as server:
        yield server


def environment(server: SearchPage, folder: Path) -> dict[str, str]:
    """Settings for the page and the models of the demo, with `folder` as the place of all data."""
    return {
        "INSTAGRAM_ASSETS_DATA_DIR": str(folder / "data"),
        "INSTAGRAM_ASSETS_SEARCH__SITES_FILE": str(server.site_file(folder)),
        "INSTAGRAM_ASSETS_SEARCH__FLAGS": "--no-sandbox",
        "INSTAGRAM_ASSETS_SEARCH__SCROLL_PAUSE": "0",
        "INSTAGRAM_ASSETS_DOWNLOAD__ALLOW_HTTP": "true",
        "INSTAGRAM_ASSETS_DOWNLOAD__ALLOW_LOOPBACK": "true",
        "INSTAGRAM_ASSETS_MODELS__EMBEDDING_MODEL": str(MODELS / "clip"),
    }


@pytest.fixture(scope="module")
def instance(server: SearchPage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """A Dagster instance in a data folder that all searches of these tests share."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("search")
        patch.chdir(folder)
        for name, value in environment(server, folder).items():
            patch.setenv(name, value)
        settings.cache_clear()
        with open_instance() as instance:
            yield instance
        settings.cache_clear()


def made(result: SearchResult) -> Made:
    folder = settings().folder("datasets") / "search" / result.search
    lines = (folder / "manifest.jsonl").read_text("utf-8").splitlines()
    return Made(result, folder, [json.loads(line) for line in lines])


@pytest.fixture(scope="module")
def cats(instance: dg.DagsterInstance) -> Made:
    """The search of the acceptance: two subjects, blurred, small and doubled pictures."""
    return made(run_search(instance, WORD, "my_cats", limit=100))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def picture_of(row: dict[str, Any]) -> int:
    """The place on the page that a row of a manifest came from."""
    return int(row["url"].rpartition("/")[2].removesuffix(".jpg"))


def test_the_folder_holds_the_main_subject_and_nothing_else(cats: Made) -> None:
    good = {scene.seed for scene in PICTURES if scene.shape == "star" and not scene.blur and scene.width >= 300}
    kept = [PICTURES[picture_of(row)] for row in cats.manifest if row["kept"]]
    right = {scene.seed for scene in kept if scene.seed in good}
    assert len(right) / len(kept) >= 0.98
    assert len(right) / len(good) >= 0.95


def test_each_kept_file_has_its_original_bytes_and_a_true_extension(server: SearchPage, cats: Made) -> None:
    kept = [row for row in cats.manifest if row["kept"]]
    assert [row["file"] for row in kept] == [f"img_{number:04}.jpg" for number in range(1, len(kept) + 1)]
    for row in kept:
        data = (cats.folder / row["file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == row["sha256"]
        assert data == server.draw(PICTURES[picture_of(row)])
    names = {path.name for path in cats.folder.iterdir() if path.is_file()}
    assert names == {row["file"] for row in kept} | {"manifest.jsonl", "dataset_card.md"}
    assert cats.folder.with_name("my_cats.jpg").is_file()


def test_the_manifest_has_every_candidate_with_the_reason_why_it_was_left_out(cats: Made) -> None:
    assert sorted(row["rank"] for row in cats.manifest) == list(range(1, len(PICTURES) + 1))
    assert cats.result.candidates == len(PICTURES)
    kept = [row for row in cats.manifest if row["kept"]]
    assert [row["distance"] for row in kept] == sorted(row["distance"] for row in kept)
    for row in cats.manifest:
        scene, reason = PICTURES[picture_of(row)], row["reason"] or ""
        assert row["query"] == WORD
        assert row["kept"] == (not reason)
        assert reason.startswith("blurred") == bool(scene.blur)
        assert reason.startswith("smaller than 300 px") == (scene.width < 300)
        assert ("which is not the subject" in reason) == (scene.shape == "ring")


def test_of_doubled_pictures_the_largest_file_is_kept(cats: Made) -> None:
    by_rank = {row["rank"]: row for row in cats.manifest}
    doubled = [row for row in cats.manifest if str(row["reason"]).startswith("doubled: same picture")]
    assert doubled
    for row in doubled:
        winner = by_rank[int(row["reason"].split("result ")[1].split(",")[0])]
        assert winner["kept"]
        lost, won = PICTURES[picture_of(row)], PICTURES[picture_of(winner)]
        assert lost.seed == won.seed
        assert lost.quality < won.quality


def test_the_card_and_the_pictures_of_the_run_show_how_it_came(cats: Made) -> None:
    card = (cats.folder / "dataset_card.md").read_text("utf-8")
    assert f"# {WORD}" in card
    assert "| eps | 0.18 |" in card
    assert "| blurred | 3 |" in card
    assert "(../my_cats.jpg)" in card
    reports = {path.name for path in settings().folder("reports").iterdir()}
    assert {"search_clusters-clusters.jpeg", "search_clusters-eps.png", "search_dataset-left-out.jpeg"} <= reports


def test_the_same_search_again_asks_for_nothing(server: SearchPage, instance: dg.DagsterInstance, cats: Made) -> None:
    files = contents(cats.folder)
    asked = server.requests.copy()
    again = made(run_search(instance, WORD, "my_cats", limit=100))
    assert server.requests == asked
    assert contents(again.folder) == files


def test_a_folder_is_not_given_to_another_query_unasked(instance: dg.DagsterInstance, cats: Made) -> None:
    files = contents(cats.folder)
    with pytest.raises(SearchRequestError, match=rf"my_cats holds the images of '{WORD}'.*--refresh"):
        run_search(instance, "few", "my_cats")
    assert contents(cats.folder) == files


def test_a_stage_can_be_made_again_alone(instance: dg.DagsterInstance, cats: Made) -> None:
    lines = list(materialize_selection(instance, "search_clusters"))
    assert "search: search_clusters  my_cats" in lines


def test_the_query_can_choose_the_subject(instance: dg.DagsterInstance, cats: Made) -> None:
    request = SearchRequest.of(settings(), "a green ring on a black background", "rings", limit=5, subject="query")
    hits = [
        SearchHit(row["rank"], row["url"], "", "", row["page_url"])
        for row in sorted(cats.manifest, key=lambda row: row["rank"])
    ]
    save_request(open_lake(settings()), request)
    save_hits(open_lake(settings()), request, "naver", hits)
    rings = made(run_search(instance, request.query, "rings", limit=5, subject="query", reencode=True))
    kept = [PICTURES[picture_of(row)] for row in rings.manifest if row["kept"]]
    assert [scene.shape for scene in kept] == ["ring"] * 5
    others = [row["reason"] for row in rings.manifest if not row["kept"] and PICTURES[picture_of(row)].shape == "ring"]
    # Rings are so alike that one may count as the double of another.
    assert {reason.split(":")[0] for reason in others} <= {"beyond the limit of 5 images", "doubled"}
    assert rings.result.left_out["beyond the limit of 5 images"] >= 5
    clusters = read_table(open_lake(settings()), "search_clusters").to_pylist()
    scores = {
        row["cluster"]: row["query_score"] for row in clusters if row["search"] == "rings" and row["cluster"] >= 0
    }
    assert sorted(scores, key=lambda cluster: scores[cluster])[-1] == 1
    for row in rings.manifest:
        assert row["query_score"] == scores.get(row["cluster"])
        assert (row["query_similarity"] is None) == (row["cluster"] is None)
    card = (rings.folder / "dataset_card.md").read_text("utf-8")
    assert "| 1 (the subject) |" in card
    assert "Warning" not in card


def test_a_word_that_the_model_cannot_read_is_told_in_the_terminal_and_on_the_card(
    instance: dg.DagsterInstance, cats: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    found = load_hits(open_lake(settings()), load_search_request(open_lake(settings()), "my_cats"), "naver")
    assert found
    request = SearchRequest.of(settings(), WORD, "unread", limit=5, subject="query")
    save_request(open_lake(settings()), request)
    save_hits(open_lake(settings()), request, "naver", found)
    unread = made(run_search(instance, WORD, "unread", limit=5, subject="query"))
    said = f"does not know the letters of '{WORD}'"
    assert capsys.readouterr().err.count(said) == 1
    assert said in (unread.folder / "dataset_card.md").read_text("utf-8").splitlines()[2]
    assert {row["query_similarity"] is None for row in unread.manifest if row["kept"]} == {False}
    assert said not in (cats.folder / "dataset_card.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("word", "why"),
    [("blurred", "12 blurred"), ("same", "11 doubled, 1 in no cluster")],
)
def test_a_search_that_keeps_nothing_fails_and_says_why(instance: dg.DagsterInstance, word: str, why: str) -> None:
    with pytest.raises(RunFailedError, match=f"no image was kept of 12 results: {why}"):
        run_search(instance, word)
    kept = settings().folder("reports") / "search" / word
    assert len((kept / "manifest.jsonl").read_text("utf-8").splitlines()) == 12
    assert not (settings().folder("datasets") / "search" / word).exists()


def test_a_query_of_slashes_dots_and_emoji_stays_in_its_folder(instance: dg.DagsterInstance) -> None:
    before = {path for path in Path.cwd().rglob("*") if "data/dagster" not in str(path)}
    done = made(run_search(instance, "../../🐈/?&%", limit=10))
    assert done.result.kept == 5
    assert done.folder.parent == settings().folder("datasets") / "search"
    assert done.result.search.startswith("search-")
    new = {path for path in Path.cwd().rglob("*") if "data/dagster" not in str(path)} - before
    assert all(path.is_relative_to(settings().data_dir) for path in new)


@pytest.mark.parametrize(
    ("query", "given", "said"),
    [
        ("", {}, "empty"),
        ("x" * 500, {}, "500 characters; 200 are allowed"),
        ("cat", {"limit": 0}, "limit 0: .*greater than or equal to 1"),
        ("cat", {"limit": 10**6}, "limit 1000000: .*less than or equal to 500"),
        ("cat", {"eps": 3.0}, "eps 3.0"),
        ("cat", {"subject": "smallest"}, "subject 'smallest'"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_before_any_work(
    instance: dg.DagsterInstance, query: str, given: dict[str, Any], said: str
) -> None:
    with pytest.raises(SearchRequestError, match=said):
        run_search(instance, query, **given)


def from_the_ui(instance: dg.DagsterInstance, name: str, **config: object) -> None:
    """What the launchpad does for a partition that somebody added."""
    instance.add_dynamic_partitions("searches", [name])
    run_job(instance, "search", tags={PARTITION: name}, config={"ops": {"search_results": {"config": config}}})


def test_a_search_can_be_done_as_before_with_another_setting(instance: dg.DagsterInstance) -> None:
    before = run_search(instance, "again", "changed", limit=10, min_samples=2)
    with pytest.raises(RunFailedError, match=r"holds 10 images, and limit 3 would take 7 away.*refresh"):
        from_the_ui(instance, "changed", limit=3)
    from_the_ui(instance, "changed", limit=3, refresh=True)
    card = (made(before).folder / "dataset_card.md").read_text("utf-8")
    assert len(list(made(before).folder.glob("img_*.jpg"))) == 3
    assert "| min_samples | 2 |" in card
    with pytest.raises(RunFailedError, match="limit 501"):
        from_the_ui(instance, "changed", limit=501)


def test_a_run_says_by_its_tags_what_it_searches_for_whoever_started_it(instance: dg.DagsterInstance) -> None:
    run_search(instance, "again", "told", limit=10)
    from_the_ui(instance, "told", limit=11)
    of_command, of_ui = (run.tags for run in reversed(instance.get_runs(limit=2)))
    for tags, limit in ((of_command, "10"), (of_ui, "11")):
        said = {QUERY_TAG: "again", LIMIT_TAG: limit, FOLDER_TAG: "told", HISTORY_TAG: SHOWN_IN_HISTORY}
        assert {name: tags.get(name) for name in said} == said


def test_a_persons_files_survive_every_run_and_what_they_deleted_stays_away(instance: dg.DagsterInstance) -> None:
    folder = made(run_search(instance, "again", "labelled", limit=6)).folder
    theirs = {"labels.csv": b"img_0001.jpg,star", "img_0001.txt": b"0 0.5 0.5 1 1", "img_0004.jpg": b"cropped"}
    for name, content in theirs.items():
        (folder / name).write_bytes(content)
    (folder / "img_0002.jpg").unlink()
    first = (folder / "img_0001.jpg").read_bytes()
    for limit, refresh in ((6, False), (8, False), (8, True), (6, True), (9, False)):
        done = made(run_search(instance, "again", "labelled", limit=limit, refresh=refresh))
        assert {name: (folder / name).read_bytes() for name in theirs} == theirs
        assert (folder / "img_0001.jpg").read_bytes() == first
        assert not (folder / "img_0002.jpg").exists()
        assert done.result.left_out["deleted by hand"] == 1
        assert limit - 1 <= done.result.kept <= limit
        assert {row["file"] for row in done.manifest if row["kept"]} == {path.name for path in folder.glob("img_*.jpg")}


def test_what_people_decided_by_hand_survives_every_run_and_their_files_too(instance: dg.DagsterInstance) -> None:
    before = made(run_search(instance, WORD, "by_hand", limit=30))
    kept = [row for row in before.manifest if row["kept"]]
    dropped = {row["sha256"] for row in kept[:2]}
    wanted = next(row["sha256"] for row in before.manifest if str(row["reason"]).startswith("blurred"))
    (before.folder / "labels.csv").write_bytes(b"img_0001.jpg,star")
    (before.folder / kept[2]["file"]).write_bytes(b"cropped")
    at = datetime(2026, 11, 27, tzinfo=UTC)
    decide(open_lake(settings()), "by_hand", dropped, "drop", "a dog", at)
    decide(open_lake(settings()), "by_hand", [wanted], "keep", "nicely blurred", at)
    for limit, refresh in ((30, False), (30, True), (31, False)):
        done = made(run_search(instance, WORD, "by_hand", limit=limit, refresh=refresh))
        rows = {row["sha256"]: row for row in done.manifest if row["sha256"]}
        assert {rows[image_id]["reason"] for image_id in dropped} == {"dropped by hand: a dog"}
        assert (rows[wanted]["reason"], rows[wanted]["by_hand"]) == ("kept by hand: nicely blurred", "kept")
        assert {row["file"] for row in done.manifest if row["kept"]} == {
            path.name for path in done.folder.glob("img_*")
        }
        assert hashlib.sha256((done.folder / rows[wanted]["file"]).read_bytes()).hexdigest() == wanted
        assert (done.folder / kept[2]["file"]).read_bytes() == b"cropped"
        assert (done.folder / "labels.csv").read_bytes() == b"img_0001.jpg,star"
    decide(open_lake(settings()), "by_hand", [*dropped, wanted], None, "", at)
    run_job(instance, "search", tags={PARTITION: "by_hand"}, assets=[dg.AssetKey("search_dataset")])
    rows = {row["sha256"]: row for row in made(done.result).manifest if row["sha256"]}
    assert not rows[wanted]["kept"]
    # Those that came in their places stay before them.
    assert {rows[image_id]["reason"] for image_id in dropped} <= {None, "beyond the limit of 31 images"}


@pytest.mark.parametrize(
    ("given", "said"),
    [({"limit": 5}, "limit 5 would take"), ({"limit": 100, "min_sharpness": 5000.0}, "min_sharpness 5000 would take")],
)
def test_a_smaller_search_asks_for_refresh_before_any_work(
    server: SearchPage, instance: dg.DagsterInstance, cats: Made, given: dict[str, Any], said: str
) -> None:
    files, asked = contents(cats.folder), server.requests.copy()
    with pytest.raises(SearchRequestError, match=rf"{cats.folder} holds .* images, and {said} .*--refresh"):
        run_search(instance, WORD, "my_cats", **given)
    assert contents(cats.folder) == files
    assert server.requests == asked


def test_a_search_that_finds_fewer_of_the_subject_changes_nothing(instance: dg.DagsterInstance, cats: Made) -> None:
    files = contents(cats.folder)
    with pytest.raises(RunFailedError, match=r"Nothing was changed\. Let them go with refresh|no image was kept"):
        run_search(instance, WORD, "my_cats", limit=100, eps=0.005)
    assert contents(cats.folder) == files
    run_search(instance, WORD, "my_cats", limit=100)


@pytest.mark.parametrize("out", ["../cats", "/tmp/cats", "some/cats/", "some\\cats"])
def test_a_path_in_the_place_of_a_name_is_refused_before_any_work_and_told_where_the_folder_will_lie(
    server: SearchPage, tmp_path: Path, out: str
) -> None:
    failed = run(server, tmp_path, "--out", out)
    assert failed.returncode == 1
    assert f"the images come into {tmp_path / 'data' / 'datasets' / 'search' / 'cats'}." in failed.stderr
    assert not (tmp_path / "data").exists()


def test_a_partition_that_cannot_name_a_folder_is_told_a_name_that_can(instance: dg.DagsterInstance) -> None:
    with pytest.raises(RunFailedError, match=r"'a/b' cannot name a folder\. Call the partition 'a-b-"):
        from_the_ui(instance, "a/b", query="again")


def test_a_missing_model_is_told_before_the_page_is_asked(server: SearchPage, tmp_path: Path) -> None:
    asked = server.requests.copy()
    failed = run(server, tmp_path, INSTAGRAM_ASSETS_MODELS__EMBEDDING_MODEL=str(tmp_path / "nowhere"))
    assert failed.returncode == 1
    assert server.requests == asked
    # Our own words and nothing else: no class, and no list of the steps that were left out.
    assert failed.stderr.startswith(f"Error: '{tmp_path / 'nowhere'}': no such folder"), failed.stderr


def run(server: SearchPage, folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    given = os.environ | environment(server, folder) | variables
    return commands.run("search", "few", "--limit", 10, *words, cwd=folder, environment=given)


def command(server: SearchPage, folder: Path, *words: str, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "instagram_assets.cli", "search", "few", "--limit", "10", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment(server, folder) | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_killed_search_is_finished_by_the_same_command(server: SearchPage, tmp_path: Path) -> None:
    with command(server, tmp_path) as killed:
        assert killed.stderr
        said = next(line for line in killed.stderr if line.startswith("images "))
        assert "ok 12" in said
        killed.send_signal(signal.SIGKILL)
    asked = server.requests.copy()
    again = run(server, tmp_path)
    out, err = again.stdout, again.stderr
    assert again.returncode == 0, err
    assert server.requests == asked
    assert server.requests[server_path(server, "few", 0)] == 1
    folder = tmp_path / "data" / "datasets" / "search" / "few"
    assert f"{folder}: 10 of 12 results" in out
    assert "images 12/12" in err
    assert "kept 10 of 12" in err
    assert len(list(folder.glob("img_*.jpg"))) == 10


def server_path(server: SearchPage, word: str, number: int) -> str:
    return server.original(word, number).removeprefix(server.url)
