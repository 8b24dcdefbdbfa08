"""The demo's settings hold in its process, give way to what the user has set, and lead to its own people."""

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from instagram_assets.age.labels import read_labels
from instagram_assets.demo import MODELS
from instagram_assets.demo.age_people import PEOPLE
from instagram_assets.demo.demo_settings import DEMO_PURPOSE, use_demo_settings, write_demo_people
from instagram_assets.settings import ENV_PREFIX, load_settings


@pytest.fixture
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to work in, without settings; what use_demo sets goes afterwards."""
    monkeypatch.chdir(tmp_path)
    before = dict(os.environ)
    for name in list(os.environ):
        if name.startswith(ENV_PREFIX):
            del os.environ[name]
    yield tmp_path
    os.environ.clear()
    os.environ.update(before)


def test_the_demo_turns_the_age_model_on_and_says_what_for(clean: Path) -> None:
    use_demo_settings(MODELS, load_settings())
    age = load_settings().age
    assert (age.enabled, age.purpose) == (True, DEMO_PURPOSE)
    assert age.model_name_or_path == str(MODELS / "bert")


def test_the_people_are_written_where_the_settings_look_for_them(clean: Path) -> None:
    use_demo_settings(MODELS, load_settings())
    settings = load_settings()
    write_demo_people(settings)
    labels = read_labels(Path(settings.age.labels), settings.age.age_cutoff, date.today().year)
    assert labels.table.num_rows >= PEOPLE
    assert len(list(Path(settings.age.texts).iterdir())) > PEOPLE


@pytest.mark.parametrize("place", ["environment", ".env"])
def test_what_the_user_has_set_stays(clean: Path, place: str) -> None:
    name = f"{ENV_PREFIX}AGE__EPOCH_NUM"
    if place == ".env":
        Path(".env").write_text(f"{name}=1\n{ENV_PREFIX}MODELS__CAPTION_MODEL=mine\n")
    else:
        os.environ |= {name: "1", f"{ENV_PREFIX}MODELS__CAPTION_MODEL": "mine"}
    use_demo_settings(MODELS, load_settings())
    settings = load_settings()
    assert (settings.age.epoch_num, settings.models.caption_model) == (1, "mine")
    assert (settings.age.enabled, settings.models.embedding_model) == (True, str(MODELS / "clip"))


def test_people_of_one_s_own_are_never_mixed_with_the_demo_s(clean: Path) -> None:
    os.environ[f"{ENV_PREFIX}AGE__LABELS"] = "mine.csv"
    use_demo_settings(MODELS, load_settings())
    settings = load_settings()
    assert not settings.age.enabled
    assert (settings.age.labels, settings.age.texts) == ("mine.csv", "")
    write_demo_people(settings)
    assert not settings.data_dir.exists()
