"""A short training with both stages, to be run in another process and killed there."""

import hashlib
import os
import signal
from pathlib import Path

from instagram_assets.age.trainer import TrainedModel, train
from instagram_assets.models.local_models import find_model
from instagram_assets.settings import AgeSettings
from instagram_assets_tests.age.people import parts_of, people

OPTIONS = AgeSettings(
    learn_rate=1e-3,
    head_epoch_num=2,
    epoch_num=2,
    trained_layers=2,
    accumulation_steps=7,
    max_posts=8,
    print_step=1,
    device="cpu",
    precision="fp32",
)
IMPORTS = (
    "transformers",
    "transformers.models.bert.modeling_bert",
    "sklearn.metrics",
    "pandas",
    "pyarrow.parquet",
    "torch.utils.checkpoint",
    "transformers.models.auto.tokenization_auto",
    "transformers.models.bert.tokenization_bert",
    "transformers.integrations.mistral",
    "instagram_assets.age.bert",
)
RESULT = "result"


def short_training(language_model: str, folder: str, kill_at: int = 0) -> None:
    """Train below `folder` and write there what came out; die by SIGKILL when line `kill_at` is told."""
    import torch

    torch.set_num_threads(1)
    told = 0

    def tell(line: str) -> None:
        nonlocal told
        told += 1
        if told == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    table = people(26, posts=(3, 8))  # for a dozen steps
    home = Path(folder)
    source = find_model(language_model, "", home, pictures=False)
    trained = train(table, parts_of(table), source, OPTIONS, home / "work", tell, checkpoint_seconds=0)
    (home / RESULT).write_text(f"{told} {digest(trained)}")


def digest(trained: TrainedModel) -> str:
    """A hash of all weights, the logits and the history, to the last bit."""
    whole = hashlib.sha256(repr(trained.history).encode() + trained.logits.tobytes())
    for name, weight in sorted(trained.model.state_dict().items()):
        whole.update(name.encode() + weight.numpy().tobytes())
    return whole.hexdigest()
