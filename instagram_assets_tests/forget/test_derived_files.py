"""What is made from the lake for looking at it: of forgotten images no thumbnail stays, and of the index nothing."""

import shutil
from pathlib import Path

import pytest

from instagram_assets.forget import erasure, outputs
from instagram_assets.lake_index.index_files import index_file
from instagram_assets.lake_index.index_reader import LakeIndex
from instagram_assets.lake_index.remove_derived_files import remove_index
from instagram_assets.lake_index.update import update_index
from instagram_assets.settings import Settings
from instagram_assets.storage.lake import lake_root
from instagram_assets_tests.folder_hashes import digests
from instagram_assets_tests.forget.lakes import BOB, CARL, JANE, SHARED, add_derived, make_tables, picture, sha


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("derived") / "data"
    make_tables(settings_of(data))
    add_derived(settings_of(data))
    return data


@pytest.fixture
def chosen(made: Path, tmp_path: Path) -> Settings:
    return settings_of(Path(shutil.copytree(made, tmp_path / "data", symlinks=True)))


def settings_of(data: Path) -> Settings:
    return Settings(data_dir=data, _env_file=None)  # pyright: ignore[reportCallIssue]


def small(chosen: Settings) -> set[str]:
    return {path.name[:64] for path in chosen.folder("thumbnails").rglob("*") if path.is_file()}


def accounts_of(index: LakeIndex) -> list[str]:
    with index.cursor() as cursor:
        return [name for (name,) in cursor.execute("SELECT DISTINCT account FROM posts ORDER BY 1").fetchall()]


def test_the_index_goes_whole_and_is_made_again_without_the_forgotten(chosen: Settings) -> None:
    folder = chosen.folder("index")
    assert accounts_of(LakeIndex(folder)) == sorted([JANE, BOB, CARL])
    files = [path for path in folder.rglob("*") if path.is_file()]
    subject = erasure.find_subject(chosen, f"@{JANE}")
    report = erasure.erase(chosen, subject, erasure.planners_for(subject))
    assert list(folder.iterdir()) == []
    assert report.removed["index"] == len(files) > 2
    update_index(lake_root(chosen), folder, chosen.time_zone)
    assert accounts_of(LakeIndex(folder)) == sorted([BOB, CARL])


def test_thumbnails_go_with_their_pictures_and_those_of_others_stay(chosen: Settings) -> None:
    before = small(chosen)
    aside = chosen.folder("thumbnails") / sha(picture(1))[:2] / f".{sha(picture(1))}.jpg.host.1.{'0' * 32}.tmp"
    aside.write_bytes(b"half of a small one")  # of another machine, so that nobody sweeps it
    subject = erasure.find_subject(chosen, f"@{JANE}")
    report = erasure.erase(chosen, subject, erasure.planners_for(subject))
    assert before - small(chosen) == {sha(picture(number)) for number in (1, 2, 16, 17)}
    assert sha(SHARED) in small(chosen)
    assert not aside.exists()
    assert report.removed["thumbnails"] == 5


def test_a_preview_says_both_and_takes_neither(chosen: Settings) -> None:
    folders = chosen.folder("index"), chosen.folder("thumbnails")
    before = digests(*folders)
    subject = erasure.find_subject(chosen, f"@{JANE}")
    steps = erasure.plan_erasure(chosen, subject, erasure.planners_for(subject))
    told = [(step.area, step.verb) for step in steps if step.area in outputs.DERIVED_AREAS]
    assert told == [("thumbnails", "remove")] * 4 + [("index", "remove")]
    assert digests(*folders) == before


def test_an_index_that_the_web_app_made_while_a_person_was_asked_goes_as_well(chosen: Settings) -> None:
    shutil.rmtree(chosen.folder("index"))
    shutil.rmtree(chosen.folder("thumbnails"))
    subject = erasure.find_subject(chosen, f"@{JANE}")
    erasure.erase(chosen, erasure.find_subject(chosen, "nobody_at_all"), [])  # there is a key from now on
    subject = erasure.find_subject(chosen, f"@{JANE}")
    parts = erasure.planners_for(subject)
    previewed = erasure.plan_erasure(chosen, subject, parts)
    add_derived(chosen)
    erasure.erase(chosen, subject, parts, previewed=previewed)
    assert list(chosen.folder("index").iterdir()) == []
    assert sha(picture(1)) not in small(chosen)


def test_folders_on_another_disk_stay_links_and_are_emptied_there(chosen: Settings, tmp_path: Path) -> None:
    for name in outputs.DERIVED_AREAS:
        shutil.move(chosen.folder(name), tmp_path / name)
        chosen.folder(name).symlink_to(tmp_path / name)
    subject = erasure.find_subject(chosen, f"@{JANE}")
    report = erasure.erase(chosen, subject, erasure.planners_for(subject))
    assert list((tmp_path / "index").iterdir()) == []
    assert sha(picture(1)) not in small(chosen)
    assert chosen.folder("index").is_symlink()
    assert not any("link" in left.what for left in report.not_erased)


def test_who_reads_an_index_meanwhile_ends_undisturbed_and_the_next_finds_none(chosen: Settings) -> None:
    index = LakeIndex(chosen.folder("index"))
    remove_index(chosen.folder("index"))
    assert accounts_of(index) == sorted([JANE, BOB, CARL])
    index.close()
    assert not index_file(chosen.folder("index")).exists()
    assert remove_index(chosen.folder("index")) == 0


def test_a_name_that_is_nowhere_is_told_to_be_nowhere_though_the_index_goes(
    chosen: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from typer.testing import CliRunner

    from instagram_assets.cli import app
    from instagram_assets.settings import settings

    monkeypatch.setenv("INSTAGRAM_ASSETS_DATA_DIR", str(chosen.data_dir))
    settings.cache_clear()
    try:
        result = CliRunner().invoke(app, ["forget", "@nobody.at_all", "--dry-run"])
    finally:
        settings.cache_clear()
    assert result.exit_code == 0, result.output
    assert "nothing of it is here" in result.output
    assert "index      1 file or folder removed" in result.output
