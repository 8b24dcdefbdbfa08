"""An age model of random weights with the report of invented test users: all files that a training leaves."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from instagram_assets.age.artifacts import make_report, report_files
from instagram_assets.age.card import TrainingFacts
from instagram_assets.age.holdout import TEST_SCHEMA
from instagram_assets.age.model_files import AgeConfig, load_backbone, save_age_model
from instagram_assets.models.local_models import find_model
from instagram_assets_tests.age.small_language_models import save_language_model

PURPOSE = 'Share of <b>adult</b> readers <script src="http://x.invalid/x.js"></script> ![x](http://x.invalid/x.png)'
"""What somebody may write as the purpose, which stands in the card."""


def invented_users(number: int) -> pa.Table:
    """Users whose label follows the model's probability, as often as it says."""
    random = np.random.default_rng(7)
    chances = random.uniform(0.02, 0.98, number)
    rows: dict[str, Any] = {
        "label": (random.uniform(size=number) < chances).astype(np.int8),
        "model": chances,
        "scores": [[chance] for chance in chances.tolist()],
        "tfidf": np.clip(chances + random.normal(0, 0.2, number), 0.01, 0.99),
        "language": ["ko", "en"] * (number // 2),
        "posts": ["1 post", "2 to 9 posts"] * (number // 2),
    }
    return pa.table(rows, schema=TEST_SCHEMA)


def save_judged_model(folder: Path, work: Path) -> None:
    """Make the folder of an age model with weights, card, measures and test users."""
    from instagram_assets.age.model import AgeModel

    save_language_model(work / "bert")
    backbone = load_backbone(find_model(str(work / "bert"), "", work, pictures=False))
    test = invented_users(200)
    parts = {name: {"users": 200, "positives": 100, "posts": 1_500} for name in ("train", "validation", "test")}
    options = {"max_seq_len": 12, "seed": 7}
    report = make_report(TrainingFacts(PURPOSE, 21, "f" * 64, "bert@0123", options, 0.7, parts), test)
    config = AgeConfig(21, 12, "bert@0123", PURPOSE, metrics=report.numbers)
    model = AgeModel(backbone.model)
    save_age_model(folder, model, backbone.tokenizer, config, report.card, report_files(report, test))
