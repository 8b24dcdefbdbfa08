"""Small language models and an age model upon one of them, saved as the large ones are."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from instagram_assets.age.calibration_by_posts import PostLine
from instagram_assets.age.model_files import AgeConfig, AgeModelSource, find_age_model, load_backbone, save_age_model
from instagram_assets.models.local_models import find_model
from instagram_assets_tests.age.small_language_models import save_language_model


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """As the fixture of all tests, but before the models that are trained once for a session."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def language_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small BERT, which no test may change."""
    folder = tmp_path_factory.mktemp("language") / "tiny-bert"
    save_language_model(folder)
    return folder


@pytest.fixture(scope="session")
def saved_age_model(language_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an age model of random weights, which no test may change."""
    import torch

    from instagram_assets.age.model import AgeModel

    home = tmp_path_factory.mktemp("age")
    backbone = load_backbone(find_model(str(language_model), "", home, pictures=False))
    torch.manual_seed(3)
    model = AgeModel(backbone.model)
    # Spread about one half, so that users differ.
    model.head.logit.weight.data.mul_(10)
    model.head.logit.bias.data.fill_(5)
    save_age_model(home / "age", model, backbone.tokenizer, example_config(), "# Age model\n")
    return home / "age"


@pytest.fixture
def age_model(saved_age_model: Path, tmp_path: Path) -> Path:
    """An age model to do with as one likes."""
    return shutil.copytree(saved_age_model, tmp_path / "age")


@pytest.fixture
def age_source(age_model: Path, tmp_path: Path) -> AgeModelSource:
    """The same, found."""
    return find_age_model(age_model, tmp_path / "cache")


def example_config() -> AgeConfig:
    return AgeConfig(
        age_cutoff=21,
        max_seq_len=12,
        model_name_or_path="tiny-bert",
        purpose="tests",
        calibration=(PostLine(1, 0.9, 0.1),),
        abstain_below=0.6,
        metrics={"accuracy": 0.5, "test_users": 0},
    )
