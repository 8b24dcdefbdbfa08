"""After `forget` nothing of it is anywhere, and nothing else is touched; a repeat finishes what was stopped."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from upath import UPath

from instagram_assets.cli.forget import history_erasure_planner
from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.collect.output_folder import OutputFolder
from instagram_assets.errors import ForgetError
from instagram_assets.forget import erasure
from instagram_assets.forget.erasure_report import ErasureReport
from instagram_assets.forget.verification import patterns_of
from instagram_assets.ingest.landing import land_file
from instagram_assets.privacy.byte_patterns import BytePatterns
from instagram_assets.privacy.byte_search import search_folders
from instagram_assets.privacy.tombstones import load_tombstones
from instagram_assets.settings import Settings, settings
from instagram_assets.storage.atomic import temporary_beside
from instagram_assets.storage.lake import read_table, values_in
from instagram_assets_tests.conftest import export, post
from instagram_assets_tests.folder_hashes import digests
from instagram_assets_tests.forget.lakes import (
    BOB,
    CARL,
    JANE,
    SHARED,
    add_pictures,
    long,
    make_data,
    picture,
    records,
    sha,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data folder as the real commands leave it."""
    parent = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(parent)
        for name in list(os.environ):
            if name.startswith("INSTAGRAM_ASSETS_"):
                monkeypatch.delenv(name)
        monkeypatch.setenv("INSTAGRAM_ASSETS_DATA_DIR", str(parent / "data"))
        monkeypatch.setenv("INSTAGRAM_ASSETS_DOWNLOAD__DOWNLOAD_IMAGES", "false")
        monkeypatch.setenv("INSTAGRAM_ASSETS_INGEST__SETTLE_SECONDS", "0")
        settings.cache_clear()
        (parent / "data" / "inbox").mkdir(parents=True)
        data = make_data(parent)
        add_pictures(settings())
        settings.cache_clear()
        yield data


@pytest.fixture
def data(made: Path, data_dir: Path) -> Path:
    shutil.rmtree(data_dir)
    shutil.copytree(made, data_dir)
    return data_dir


def forget(target: str) -> ErasureReport:
    subject = erasure.find_subject(settings(), target)
    parts = erasure.planners_for(subject, [history_erasure_planner(settings())])
    return erasure.erase(settings(), subject, parts)


def rows(name: str) -> pa.Table:
    return read_table(UPath(settings().lake_uri), name)


def kept_of(before: pa.Table, account: str) -> pa.Table:
    import pyarrow.compute as pc

    told = [name for name in before.column_names if name != "source_file"]
    return before.filter(pc.equal(before["account"], account)).select(told)  # pyright: ignore


def is_kept(path: str, mentioned: set[str]) -> bool:
    """Whether a file has nothing of it: charts show more than can be searched, and manifests count rows of tables."""
    drawn = any(part in path for part in ("/reports/", "/dagster/", "/delta/"))
    counted = "/landing/files/" in path and any(Path(path).stem == Path(other).stem for other in mentioned)
    return path not in mentioned and not drawn and not counted and not path.endswith(("-wal", "-shm", ".sqlite"))


def test_nothing_of_an_account_is_anywhere_and_what_never_mentioned_it_is_the_same_bytes(data: Path) -> None:
    subject = erasure.find_subject(settings(), f"@{JANE}")
    known = subject.identifiers
    own = {str(3_000_000_000_000_010_000 + number) for number in (1, 2, 3, 4, 16)}
    assert own <= known.post_ids
    assert known.images >= {sha(picture(number)) for number in (1, 2, 16, 17)}
    assert sha(SHARED) not in known.images
    mentioned = {place.path for place in search_folders([data], patterns_of(known)).found}
    # Rows of others say in which file they came, and in names of files people run words together.
    mentioned |= {place.path for place in search_folders([data], BytePatterns([f"{JANE}_and_others"], [])).found}
    before = digests(data)
    carl = {name: kept_of(rows(name), CARL) for name in ("raw_posts", "posts", "images", "tokens")}
    report = forget(f"@{JANE}")
    assert not search_folders([data], patterns_of(known)).found
    after = digests(data)
    assert {path for path in before if is_kept(path, mentioned) and after.get(path) != before[path]} == set()
    assert {name: kept_of(rows(name), CARL) for name in carl} == carl
    assert values_in(UPath(settings().lake_uri), "raw_posts") == {BOB, CARL}
    said = {row["post_id"]: row for row in rows("posts").to_pylist() if row["account"] == BOB}
    name = load_tombstones(settings().folder("privacy")).pseudonym(JANE)
    assert said["3000000000000010011"]["caption"] == f"mit @{name} und @{JANE}_2"
    assert said["3000000000000010012"]["tagged"] == [name]
    assert said["3000000000000010013"]["coauthors"] == [name]
    assert "3000000000000010016" not in said
    assert (settings().folder("media") / sha(SHARED)[:2] / f"{sha(SHARED)}.jpg").exists()
    proof = json.loads(report.proof.read_bytes()) if report.proof else {}
    assert proof["searched"]["found"] == 0
    hashes = {each["sha256"] for each in proof["rewritten"] if each["place"] == "features"}
    assert hashes
    assert hashes <= {sha(path.read_bytes()) for path in (data / "lake" / "features").rglob("*.parquet")}
    everywhere = {each["sha256"] for each in proof["rewritten"]}
    landed = [path for path in after if "/lake/landing/" in path and before.get(path) != after[path]]
    assert any("/rewritten/" in path for path in landed)
    assert {sha(Path(path).read_bytes()) for path in landed} <= everywhere
    assert {
        sha(path.read_bytes()) for path in (data / "inbox" / "done").iterdir() if "others" in path.name
    } <= everywhere
    assert JANE not in json.dumps(proof)


def test_what_was_forgotten_does_not_come_back_and_a_repeat_changes_nothing(data: Path, tmp_path: Path) -> None:
    forget(JANE)
    before = digests(data / "lake" / "raw_posts", data / "media")
    again = export(tmp_path / "again.json", [long(post(number, JANE)) for number in (1, 2, 3)])
    landed = land_file(again, UPath(settings().lake_uri), settings=settings())
    assert (landed.posts, landed.reels, landed.quarantined, landed.forgotten) == (0, 0, 0, 3)
    repeated = forget(JANE)
    assert not repeated.removed
    assert digests(data / "lake" / "raw_posts", data / "media") == before


def test_a_plain_run_afterwards_changes_nothing_of_others(data: Path) -> None:
    from instagram_assets.automation import shell_runs

    forget(JANE)
    before = {name: rows(name) for name in ("raw_posts", "raw_profiles", "posts", "tokens", "impressions")}
    with shell_runs.open_instance() as instance:
        shell_runs.bring_up_to_date(instance)
        shell_runs.run_job(instance, "datasets")
    assert {name: rows(name) for name in before} == before
    assert JANE not in (data / "datasets" / "post.csv").read_text("utf-8-sig").replace(f"{JANE}_2", "")


def test_an_account_that_is_not_there_is_remembered_all_the_same(data: Path) -> None:
    before = digests(data / "lake", data / "media")
    report = forget("nobody_at_all")
    assert report.tombstones == 1
    assert digests(data / "lake", data / "media") == before
    assert load_tombstones(settings().folder("privacy")).has("account", "Nobody_At_All")


def test_a_post_goes_with_its_pictures_and_its_account_stays(data: Path) -> None:
    first = records()[0]
    forget(first["url"])
    posts = rows("raw_posts")["post_id"].to_pylist()
    assert first["id"] not in posts
    assert records()[1]["id"] in posts
    assert not list((data / "media").rglob(f"{sha(picture(1))}*"))
    assert list((data / "media").rglob(f"{sha(picture(2))}*"))
    assert load_tombstones(settings().folder("privacy")).has("shortcode", first["shortCode"])


def test_a_picture_goes_out_of_all_posts_that_have_it(data: Path) -> None:
    forget(f"{sha(SHARED)[:2]}/{sha(SHARED)}.jpg")
    assert sha(SHARED) not in rows("images")["image_id"].to_pylist()
    assert sha(SHARED) not in rows("topics")["image_ids"].to_pylist()[0]
    assert not list((data / "media").rglob(f"{sha(SHARED)}*"))
    assert JANE in rows("posts")["account"].to_pylist()


def test_what_a_person_keeps_there_is_named_and_the_repeat_finishes(data: Path) -> None:
    note = data / "lake" / "notes.bin"
    note.write_bytes(b"\xff\x00 " + JANE.encode("utf-16-le"))
    with pytest.raises(ForgetError, match=r"notes\.bin"):
        forget(JANE)
    assert list((settings().folder("privacy") / "forgetting").iterdir())
    note.unlink()
    forget(JANE)
    assert not list((settings().folder("privacy") / "forgetting").iterdir())
    # What the first one did is proved by the first: the repeat found nothing of it any more.
    proofs = settings().folder("privacy") / "proofs"
    first, second = (json.loads(path.read_bytes()) for path in sorted(proofs.iterdir()))
    assert (first["searched"]["found"], second["searched"]["found"]) == (1, 0)
    assert first["places"]["lake"]["files_removed"]
    assert "lake" not in second["places"]


def test_a_folder_that_is_brought_back_forgets_again(data: Path, made: Path) -> None:
    known = erasure.find_subject(settings(), JANE).identifiers
    forget(JANE)
    keys = data.parent / "keys"
    shutil.move(settings().folder("privacy"), keys)
    shutil.rmtree(data)
    shutil.copytree(made, data)
    chosen = Settings(data_dir=data, privacy={"folder": str(keys)})  # pyright: ignore[reportArgumentType]
    erasure.erase_tombstoned(chosen, [history_erasure_planner(chosen)])
    assert not search_folders([data], patterns_of(known)).found


def test_what_a_killed_scrape_left_half_written_beside_users_files_goes(data: Path, tmp_path: Path) -> None:
    users = OutputFolder(tmp_path / "scraped")
    with users.alone(CollectorDatabase(settings().folder("collection"))):
        pass
    for folder in (users.arrivals, users.path(JANE).parent):
        folder.mkdir(parents=True, exist_ok=True)
        half = temporary_beside(folder / f"{JANE}.json")
        dead = half.with_name(half.name.replace(f".{os.getpid()}.", ".4194303."))  # no process has so high a number
        dead.write_text(f'{{"username": "{JANE}"')
    forget(f"@{JANE}")
    left = [path for path in (tmp_path / "scraped").rglob("*") if path.is_file() and JANE in path.read_text()]
    assert left == []
