"""A stage asks for its model before any work, and not at all when no image waits for it."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from instagram_assets.errors import ModelError
from instagram_assets.schemas import IMAGE_QUALITY, IMAGES
from instagram_assets.settings import Settings, load_settings
from instagram_assets.vision import steps

PLACE = {"image_id": "00", "post_id": "1", "account": "sun_diary", "day": date(2025, 1, 1), "position": 0}
GOOD = IMAGE_QUALITY.table([{**PLACE, "status": "ok", "passed": True}])
BLURRED = IMAGE_QUALITY.table([{**PLACE, "status": "ok", "passed": False, "reason": "blurred"}])
STORED = IMAGES.table([{**PLACE, "path": "00/00.jpg", "status": "ok"}])

Stage = Callable[[pa.Table, pa.Table, Settings], pa.Table]


@pytest.fixture
def without_models(tmp_path: Path) -> Settings:
    """Settings whose models were never pulled."""
    return load_settings(data_dir=tmp_path)


@pytest.mark.parametrize("stage", [steps.caption, steps.embed])
def test_images_that_did_not_pass_need_no_model(stage: Stage, without_models: Settings) -> None:
    table = stage(BLURRED, STORED, without_models)
    assert table.select(["image_id", "status", "reason", "model"]).to_pylist() == [
        {"image_id": "00", "status": "skipped", "reason": "blurred", "model": None}
    ]
    assert stage(BLURRED.slice(1), STORED, without_models).num_rows == 0


@pytest.mark.parametrize("stage", [steps.caption, steps.embed])
def test_a_model_that_is_not_there_is_told_before_any_work(stage: Stage, without_models: Settings) -> None:
    with pytest.raises(ModelError, match="models pull"):
        stage(GOOD, STORED, without_models)
