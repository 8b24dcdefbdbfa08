"""Training of the age model: turns labelled users and texts into weights and a training history."""

import hashlib
import json
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from instagram_assets.age.batching import LabelledUsers, mean_vectors, read_users, vector_store
from instagram_assets.age.checkpoint import Checkpoint, load_checkpoint, remove_others, save_checkpoint, select_prefix
from instagram_assets.age.dataset import fingerprinted, weight_options
from instagram_assets.age.encode import PostEncoder
from instagram_assets.age.model_files import load_backbone
from instagram_assets.age.training_loop import (
    Epoch,
    TrainingPlan,
    TrainingStage,
    TrainingState,
    copy_weights,
    train_stage,
)
from instagram_assets.age.training_stages import LossFunction, fine_tuning_stage, head_stage
from instagram_assets.errors import SettingsError, TrainingDataError
from instagram_assets.models.devices import choose_device, choose_dtype
from instagram_assets.models.local_models import ModelSource
from instagram_assets.settings import AgeSettings

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from instagram_assets.age.model import AgeModel

_OnProgress = Callable[[str], None]

CHECKPOINT_SECONDS = 60.0
"""Between two checkpoints within a pass: what a death may cost."""

_DEFINITION = "age-training-1"


@dataclass(frozen=True)
class TrainedModel:
    """A trained age model in evaluation mode, with its training history.

    `best` is the index in `history` of the epoch with these weights. `logits`, float32[users], are the logits of the
    validation users `names` over all of their posts, by which the epoch was chosen; `labels` are their labels, 0 or 1.
    `positive_weight` is the loss weight of label 1; that of label 0 is 1. `fingerprint` identifies everything that
    determines the weights.
    """

    model: "AgeModel"
    tokenizer: Any
    history: list[Epoch]
    best: int
    names: list[str]
    logits: NDArray[np.float32]
    labels: NDArray[np.float32]
    positive_weight: float
    fingerprint: str


def train(
    people: pa.Table,
    parts: Mapping[str, str],
    backbone: ModelSource,
    options: AgeSettings,
    folder: Path,
    on_progress: _OnProgress | None = None,
    *,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> TrainedModel:
    """Train the age model on the users that `parts` assigns to "train"; `people` has username, label and texts.

    Users in "validation" are used for early stopping, other users not at all. Post vectors and checkpoints are stored
    below `folder`: an interrupted training resumes, with bit-identical weights on the same CPU with the same number of
    threads, and the result of a finished training is loaded without training. `on_progress` is called with a message
    every `print_step` steps.

    Raises TrainingDataError when one label has no users, TrainingError when the loss is NaN or infinite, SettingsError,
    ModelError, and StorageError when the disk cannot be written.
    """
    import torch

    from instagram_assets.age.model import AgeModel

    texts, users = read_users(people, parts, ("train", "validation"))
    _check(users, options)
    learners, judges = users["train"], users["validation"]
    device = choose_device(options.device, "AGE__DEVICE")
    dtype = choose_dtype(options.precision, device)
    training = _fingerprint(texts, users, backbone, options, f"{device.type} {dtype}")
    state, number = _where_it_stands(folder, training)
    keep = _keeper(folder, training, state, number, checkpoint_seconds)
    tell = on_progress or (lambda line: None)
    balance = float((learners.labels == 0).sum() / (learners.labels == 1).sum())
    positive_weight = balance if options.class_weights else 1.0
    with _reproducible(device):
        language_model, tokenizer = load_backbone(backbone)
        # Narrow language models are computed in float32 whatever the setting.
        dtype = PostEncoder(language_model, tokenizer, options.max_seq_len, device, dtype).dtype
        torch.manual_seed(options.seed)
        model = AgeModel(language_model).to(device).eval().requires_grad_(False)
        loss = _loss(positive_weight, device)

        def head() -> TrainingStage:
            encoder = PostEncoder(language_model, tokenizer, options.max_seq_len, device, dtype)
            store = vector_store(folder / "vectors", backbone.fingerprint, options.max_seq_len, str(dtype))
            means = mean_vectors(
                texts,
                [*learners.posts, *judges.posts],
                store,
                encoder.vectors,
                lambda done, total: tell(f"vectors of posts {done}/{total}"),
            )
            seen, judged = np.split(means, [len(learners.posts)])
            return head_stage(model, seen, learners.labels, judged, loss, options)

        def layers() -> TrainingStage:
            return fine_tuning_stage(model, tokenizer, texts, learners, judges, loss, options, dtype)

        plan = TrainingPlan(
            users=len(learners.names),
            users_per_step=options.accumulation_steps,
            patience=options.patience,
            seed=options.seed,
            optimizer=options.optimizer,
            print_step=options.print_step,
            labels=judges.labels,
            loss=lambda logits: loss(logits.to(device), judges.labels) / len(judges.labels),
        )
        stages = [make for make, wanted in ((head, options.head_epoch_num), (layers, options.trained_layers)) if wanted]
        for make in stages[state.stage :]:
            train_stage(make(), plan, state, keep, lambda progress: tell(str(progress)))
            state.next_stage()
            keep(True)
        copy_weights(select_prefix("best", state.tensors), dict(model.named_parameters()))
    remove_others(folder, training)
    return TrainedModel(
        model=model.eval().requires_grad_(False),
        tokenizer=tokenizer,
        history=state.history,
        best=state.best,
        names=judges.names,
        logits=state.tensors["logits"].numpy(),
        labels=judges.labels,
        positive_weight=positive_weight,
        fingerprint=training,
    )


def _check(users: Mapping[str, LabelledUsers], options: AgeSettings) -> None:
    for part, own in users.items():
        for label in (0, 1):
            if not (own.labels == label).any():
                raise TrainingDataError(
                    f"Among the {len(own.names)} users of the part {part} nobody has the label {label}. Label more "
                    "people, or choose another cut-off."
                )
    if not options.head_epoch_num and not options.trained_layers:
        raise SettingsError(
            "INSTAGRAM_ASSETS_AGE__HEAD_EPOCH_NUM=0 and INSTAGRAM_ASSETS_AGE__TRAINED_LAYERS=0: nothing is left to "
            "train. Set one of them above 0."
        )


def _loss(positive_weight: float, device: "torch.device") -> LossFunction:
    """Binary cross-entropy, summed over users, with label 1 weighted by `positive_weight`."""
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits

    weight = torch.tensor(positive_weight, device=device)

    def loss(logits: "Tensor", labels: NDArray[np.float32]) -> "Tensor":
        wanted = torch.from_numpy(labels).to(device)
        return binary_cross_entropy_with_logits(logits, wanted, pos_weight=weight, reduction="sum")

    return loss


def _fingerprint(
    texts: pa.Array, users: Mapping[str, LabelledUsers], backbone: ModelSource, options: AgeSettings, place: str
) -> str:
    """SHA-256 (hex) over all inputs that determine the weights: users, texts, settings, language model, `place`.

    `place` is the device with the precision.
    """
    settings = fingerprinted(weight_options(options))
    whole = hashlib.sha256(json.dumps([_DEFINITION, backbone.fingerprint, settings, place], sort_keys=True).encode())
    for text in texts.to_pylist():
        whole.update(hashlib.sha256(text.encode()).digest())
    for part, own in users.items():
        whole.update(json.dumps([part, own.names, own.labels.tolist()]).encode())
        for posts in own.posts:
            whole.update(f"{len(posts)}\0".encode() + posts.tobytes())
    return whole.hexdigest()


def _where_it_stands(folder: Path, training: str) -> tuple[TrainingState, int]:
    """The training state of the last checkpoint and its number; without a checkpoint the initial state and 0."""
    found = load_checkpoint(folder, training)
    return (TrainingState.of(found.facts, found.tensors), found.number) if found else (TrainingState(), 0)


def _keeper(folder: Path, training: str, state: TrainingState, number: int, seconds: float) -> Callable[[bool], None]:
    """A function that writes a checkpoint of `state`: always if called with True, else at most every `seconds` s."""
    last = time.monotonic()

    def keep(now: bool) -> None:
        nonlocal number, last
        if now or time.monotonic() - last >= seconds:
            number += 1
            save_checkpoint(folder, training, Checkpoint(number, state.tensors, state.facts()))
            last = time.monotonic()

    return keep


@contextmanager
def _reproducible(device: "torch.device") -> Generator[None]:
    """Context manager: deterministic computation, with torch's global random state restored afterwards.

    On devices other than the CPU, torch has no deterministic implementation of some operations of language models.
    """
    import torch

    before = torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.use_deterministic_algorithms(before or device.type == "cpu")
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before)
