"""Pictures may lie on another disk than the data folder: all that reads and writes them finds them there."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from instagram_assets.cli import app
from instagram_assets.demo import SAMPLE
from instagram_assets.demo.server import DemoServer
from instagram_assets.errors import QueryError, SettingsError
from instagram_assets.notebook_lake import Lake
from instagram_assets.settings import load_settings, settings
from instagram_assets.status.doctor import examine
from instagram_assets.status.preflight import check_stages

PLACEHOLDER = "https://cdn.demo.invalid"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """The data folder and the media folder of three posts with pictures, and of the dataset made of them."""
    here = tmp_path_factory.mktemp("here")
    data, media = here / "data", tmp_path_factory.mktemp("other-disk") / "pictures"
    (data / "inbox").mkdir(parents=True)
    values = {"DATA_DIR": data, "MEDIA_DIR": media, "MODELS_DIR": media.parent / "models", "SEARCH__LIMIT": 5}
    switches = {"DOWNLOAD__ALLOW_HTTP": True, "DOWNLOAD__ALLOW_LOOPBACK": True}
    switches |= {"CAPTIONS__ENABLED": False, "EMBEDDINGS__ENABLED": False}
    with DemoServer(port=0) as server, pytest.MonkeyPatch.context() as patch:
        text = json.dumps(json.loads((SAMPLE / "posts.json").read_text("utf-8"))[:3])
        (data / "inbox" / "posts.json").write_text(text.replace(PLACEHOLDER, server.url))
        patch.chdir(here)
        for name, value in (values | switches).items():
            patch.setenv(f"INSTAGRAM_ASSETS_{name}", str(value).lower() if name in switches else str(value))
        settings.cache_clear()
        command("ingest")
        command("materialize", "dataset_json")
        yield data, media
    settings.cache_clear()


def command(*words: str, exit_code: int = 0) -> str:
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == exit_code, done.output
    return done.output


def test_pictures_are_stored_there_and_nowhere_else(folders: tuple[Path, Path]) -> None:
    data, media = folders
    assert len(list(media.glob("??/*.*"))) >= 3
    assert not (data / "media").exists()


def test_a_notebook_finds_an_image_and_is_told_where_else_to_look(folders: tuple[Path, Path]) -> None:
    data, media = folders
    lake = Lake(data / "lake", media=load_settings().folder("media"))
    [image_id, *_] = lake.read("images").column("image_id").to_pylist()
    assert lake.image(image_id).parent.parent == media
    assert lake.image(image_id).is_file()
    assert lake.show([image_id]).size[0] > 50
    with pytest.raises(QueryError, match=r"INSTAGRAM_ASSETS_MEDIA_DIR"):
        Lake(data / "lake").image(image_id)


def test_the_files_that_a_dataset_names_are_there(folders: tuple[Path, Path]) -> None:
    [dataset] = (folders[0] / "datasets").glob("merged_dataset_*.json")
    files = [file for post in json.loads(dataset.read_text("utf-8")) for file in post["images"]]
    assert len(files) >= 3
    assert all((dataset.parent / file).is_file() for file in files)


def test_doctor_looks_there_for_damage(folders: tuple[Path, Path]) -> None:
    picture = sorted(folders[1].glob("??/*.*"))[0]
    whole = picture.read_bytes()
    assert "none damaged." in command("doctor", "--deep")
    picture.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert str(picture) in command("doctor", "--deep", exit_code=1).replace("\n", "")
    picture.write_bytes(whole)
    assert {"media folder": str(folders[1])}.items() <= {each.what: each.found for each in examine(settings())}.items()


@pytest.mark.parametrize("name", ["media", "models"])
def test_a_file_in_the_place_of_the_folder_is_told_with_its_setting(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(SettingsError, match=f"file is not a folder. Set INSTAGRAM_ASSETS_{name.upper()}_DIR to one"):
        check_stages(load_settings(data_dir=tmp_path / "data", **{f"{name}_dir": str(tmp_path / "file")}))


def test_without_settings_of_their_own_both_lie_in_the_data_folder(tmp_path: Path) -> None:
    given = load_settings(data_dir=tmp_path, media_dir="", models_dir="~/models")
    assert given.folder("media") == tmp_path / "media"
    assert given.folder("models") == Path.home() / "models"
