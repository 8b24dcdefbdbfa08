"""Small models with random weights, saved as transformers saves them and as the hub's cache lays them out."""

import os
import shutil
from pathlib import Path

import pytest

from instagram_assets_tests.vision.small_models import save_blip, save_clip, save_siglip


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one small model of each kind, which no test may change."""
    folder = tmp_path_factory.mktemp("models")
    save_blip(folder / "blip")
    save_clip(folder / "clip")
    save_siglip(folder / "siglip")
    return folder


@pytest.fixture
def blip(saved: Path, tmp_path: Path) -> Path:
    """A captioning model to do with as one likes."""
    return shutil.copytree(saved / "blip", tmp_path / "blip")


@pytest.fixture
def clip(saved: Path, tmp_path: Path) -> Path:
    """An embedding model to do with as one likes."""
    return shutil.copytree(saved / "clip", tmp_path / "clip")


def lay_out(model: Path, cache: Path, name: str, commit: str, revision: str = "main") -> Path:
    """Put a model's files where huggingface_hub would have put them."""
    home = cache / f"models--{name.replace('/', '--')}"
    snapshot = home / "snapshots" / commit
    (home / "blobs").mkdir(parents=True, exist_ok=True)
    snapshot.mkdir(parents=True)
    for file in model.iterdir():
        shutil.copy(file, home / "blobs" / file.name)
        os.symlink(Path("../../blobs", file.name), snapshot / file.name)
    ref = home / "refs" / revision
    ref.parent.mkdir(parents=True, exist_ok=True)
    ref.write_text(commit)
    return snapshot
