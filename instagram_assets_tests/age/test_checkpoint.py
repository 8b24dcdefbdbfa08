"""What a training has reached is on disk whole, is its own, and is read without running code."""

import logging
from pathlib import Path

import pytest
import torch

from instagram_assets.age.checkpoint import (
    CHECKPOINTS_KEPT,
    Checkpoint,
    load_checkpoint,
    remove_others,
    save_checkpoint,
)

MINE, OTHER = "a" * 64, "b" * 64


def save(folder: Path, *numbers: int, training: str = MINE) -> list[Path]:
    for number in numbers:
        save_checkpoint(folder, training, Checkpoint(number, {"w": torch.full((9,), number / 3)}, {"step": number}))
    return sorted(folder.iterdir())


def step_of(checkpoint: Checkpoint | None) -> int:
    assert checkpoint is not None
    assert torch.equal(checkpoint.tensors["w"], torch.full((9,), checkpoint.number / 3))
    return checkpoint.facts["step"]


def test_the_newest_is_found_and_few_are_kept(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path / "none", MINE) is None
    files = save(tmp_path, 1, 2, 3, 10)
    assert len(files) == CHECKPOINTS_KEPT
    assert step_of(load_checkpoint(tmp_path, MINE)) == 10


@pytest.mark.parametrize("damage", ["cut", "bit", "empty"])
def test_a_damaged_one_is_passed_over_for_the_one_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    newest = save(tmp_path, 1, 2)[-1]
    content = bytearray(newest.read_bytes())
    content[-5] ^= 1
    newest.write_bytes({"cut": content[:-1], "bit": content, "empty": b""}[damage])
    with caplog.at_level(logging.WARNING):
        assert step_of(load_checkpoint(tmp_path, MINE)) == 1
    assert newest.name in caplog.text


def test_with_all_damaged_the_training_begins_anew(tmp_path: Path) -> None:
    for file in save(tmp_path, 1, 2):
        file.write_bytes(file.read_bytes()[:20])
    assert load_checkpoint(tmp_path, MINE) is None


def test_another_training_is_not_gone_on_from_and_goes_only_when_asked(tmp_path: Path) -> None:
    save(tmp_path, 7, training=OTHER)
    assert load_checkpoint(tmp_path, MINE) is None
    save(tmp_path, 1)
    assert step_of(load_checkpoint(tmp_path, OTHER)) == 7
    remove_others(tmp_path, MINE)
    assert load_checkpoint(tmp_path, OTHER) is None
    assert step_of(load_checkpoint(tmp_path, MINE)) == 1
