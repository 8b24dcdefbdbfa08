"""The training loop: epochs with early stopping on the validation users, which resumes exactly after an interruption.

The random numbers of a step depend only on the seed and the step's index. So weights, optimiser moments and position
are the complete state, and a resumed training gives bit-identical weights on the same machine.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from instagram_assets.age.batching import shuffled_steps
from instagram_assets.age.checkpoint import select_prefix
from instagram_assets.errors import TrainingError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

MAX_GRAD_NORM = 1.0
"""Longer gradients are shortened to this (Pascanu et al. 2013, arXiv 1211.5063), as BERT's authors do."""


class Epoch(NamedTuple):
    """Metrics of one epoch: validation AUC, and mean losses per user, weighted by class as the training says."""

    stage: str
    epoch: int
    train_loss: float
    validation_loss: float
    validation_auc: float


class TrainingProgress(NamedTuple):
    """Progress of a training: stage, epoch and step (from 1), and mean loss over this epoch's users so far."""

    stage: str
    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float

    def __str__(self) -> str:
        return f"{self.stage}: epoch {self.epoch}/{self.epochs}  step {self.step}/{self.steps}  loss {self.loss:.4f}"


@dataclass(frozen=True)
class TrainingStage:
    """One training stage: its trainable parameters by name, in groups with one learning rate each.

    `learn(users, epoch)` adds the gradient of the mean loss of the training users with these indices, and returns that
    loss. `judge()` returns the logits of all validation users, float32 on the CPU.
    """

    name: str
    epochs: int
    groups: "list[tuple[float, dict[str, Tensor]]]"
    learn: Callable[[NDArray[np.int64], int], float]
    judge: "Callable[[], Tensor]"

    @property
    def parameters(self) -> "dict[str, Tensor]":
        return {name: parameter for _, group in self.groups for name, parameter in group.items()}


class TrainingPlan(NamedTuple):
    """Options shared by all stages; `loss` computes the mean loss of logits against the validation users' labels."""

    users: int
    users_per_step: int
    patience: int
    seed: int
    print_step: int
    labels: NDArray[np.float32]
    loss: "Callable[[Tensor], Tensor]"
    optimizer: Literal["adamw", "adam"] = "adamw"


@dataclass
class TrainingState:
    """The complete state of a training, as saved in checkpoints.

    `tensors` has the best and current weights below `best/` and `now/`, optimiser moments below `moments/`, and
    validation `logits`. `stage` is the number of the current stage, `best` the index in `history` of the best epoch so
    far, `waited` the number of epochs since then, `loss` the sum over this epoch's users so far. Tensors can be shared
    with the model instead of copied.
    """

    stage: int = 0
    epoch: int = 0
    step: int = 0
    loss: float = 0.0
    waited: int = 0
    best: int = -1
    history: list[Epoch] = field(default_factory=list[Epoch])
    tensors: "dict[str, Tensor]" = field(default_factory=dict[str, Any])

    def facts(self) -> dict[str, Any]:
        """The state without tensors, as JSON-serialisable values."""
        return {name: value for name, value in vars(self).items() if name != "tensors"}

    @staticmethod
    def of(facts: Mapping[str, Any], tensors: "dict[str, Tensor]") -> "TrainingState":
        """Restore a state from the values of `facts` and the tensors."""
        numbers = {name: value for name, value in facts.items() if name != "history"}
        return TrainingState(**numbers, history=[Epoch(*epoch) for epoch in facts["history"]], tensors=tensors)

    def next_stage(self) -> None:
        """Move to the first step of the next stage."""
        self.stage, self.epoch, self.step, self.loss, self.waited = self.stage + 1, 0, 0, 0.0, 0
        self.tensors = {name: tensor for name, tensor in self.tensors.items() if name.startswith(("best/", "logits"))}


def train_stage(
    stage: TrainingStage,
    plan: TrainingPlan,
    state: TrainingState,
    keep: Callable[[bool], None],
    tell: Callable[[TrainingProgress], None],
) -> None:
    """Train one stage from `state` to its end; afterwards the parameters have the best weights.

    The best epoch of all stages has the highest validation AUC, for ties the lowest validation loss. `keep` is called
    whenever the state can be saved as a checkpoint, with True at the end of an epoch; `tell` is called with the
    progress. Raises TrainingError when a loss or a gradient is NaN or infinite.
    """
    import torch

    copy_weights(select_prefix("best", state.tensors), stage.parameters)
    best = {f"best/{name}": parameter.detach().clone() for name, parameter in stage.parameters.items()}
    copy_weights(select_prefix("now", state.tensors), stage.parameters)
    for parameter in stage.parameters.values():
        parameter.requires_grad_(True)
    optimizer = _optimizer(stage, plan.optimizer, select_prefix("moments", state.tensors))
    state.tensors |= best
    while state.epoch < stage.epochs and state.waited < plan.patience:
        steps = shuffled_steps(plan.users, plan.users_per_step, (plan.seed, state.stage, state.epoch))
        for users in steps[state.step :]:
            torch.manual_seed(_number((plan.seed, state.stage, state.epoch, state.step)))
            state.loss += _step(stage, optimizer, users, state) * len(users)
            state.step += 1
            state.tensors |= {f"now/{name}": parameter for name, parameter in stage.parameters.items()}
            state.tensors |= {f"moments/{name}": moment for name, moment in _moments(stage, optimizer)}
            if state.step % plan.print_step == 0 or state.step == len(steps):
                seen = min(state.step * plan.users_per_step, plan.users)
                place = (state.epoch + 1, stage.epochs, state.step, len(steps))
                tell(TrainingProgress(stage.name, *place, state.loss / seen))
            if state.step < len(steps):
                keep(False)
        _judge(stage, plan, state)
        state.epoch, state.step, state.loss = state.epoch + 1, 0, 0.0
        keep(True)
    copy_weights(select_prefix("best", state.tensors), stage.parameters)


def copy_weights(weights: "Mapping[str, Tensor]", parameters: "Mapping[str, Tensor]") -> None:
    """Copy weights into the parameters of the same names; other parameters are unchanged."""
    import torch

    with torch.no_grad():
        for name, weight in weights.items():
            if name in parameters:
                parameters[name].copy_(weight)


def _step(
    stage: TrainingStage, optimizer: "torch.optim.Optimizer", users: NDArray[np.int64], state: TrainingState
) -> float:
    """One optimiser step on the users with these indices; returns their mean loss before the step."""
    from torch.nn.utils import clip_grad_norm_

    optimizer.zero_grad()
    loss = stage.learn(users, state.epoch)
    length = clip_grad_norm_(stage.parameters.values(), MAX_GRAD_NORM)
    if not (math.isfinite(loss) and length.isfinite()):
        raise TrainingError(
            f"{stage.name}, epoch {state.epoch + 1}, step {state.step + 1}: the loss is {loss} and its gradient "
            f"{length.item()} long, so the training cannot go on. Lower INSTAGRAM_ASSETS_AGE__LEARN_RATE and "
            "INSTAGRAM_ASSETS_AGE__HEAD_LEARN_RATE, or name another language model."
        )
    optimizer.step()
    return loss


def _judge(stage: TrainingStage, plan: TrainingPlan, state: TrainingState) -> None:
    """Evaluate a finished epoch on the validation users, add it to the history, and store its weights if best."""
    import torch
    from sklearn.metrics import roc_auc_score

    logits = stage.judge()
    if not logits.isfinite().all():
        raise TrainingError(
            f"{stage.name}, epoch {state.epoch + 1}: logits of validation users are no numbers. Lower "
            "INSTAGRAM_ASSETS_AGE__LEARN_RATE and INSTAGRAM_ASSETS_AGE__HEAD_LEARN_RATE."
        )
    auc = float(roc_auc_score(plan.labels, logits.numpy()))
    with torch.inference_mode():
        loss = plan.loss(logits).item()
    state.history.append(Epoch(stage.name, state.epoch + 1, state.loss / plan.users, loss, auc))
    state.waited += 1
    if state.best < 0 or (auc, -loss) > _merit(state.history[state.best]):
        state.best, state.waited = len(state.history) - 1, 0
        copies = {f"best/{name}": parameter.detach().clone() for name, parameter in stage.parameters.items()}
        state.tensors |= {**copies, "logits": logits}


def _merit(epoch: Epoch) -> tuple[float, float]:
    return epoch.validation_auc, -epoch.validation_loss


def _optimizer(stage: TrainingStage, kind: str, moments: "Mapping[str, Tensor]") -> "torch.optim.Optimizer":
    """Adam (Kingma & Ba 2015, arXiv 1412.6980), or AdamW: with decoupled weight decay (arXiv 1711.05101)."""
    import torch

    groups = [{"params": list(group.values()), "lr": rate} for rate, group in stage.groups]
    optimizer = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[kind](groups, fused=True)
    for name, parameter in stage.parameters.items():
        if own := select_prefix(name, moments):
            # A copy, since a tensor read from a file may be unaligned, which changes the order of summation.
            optimizer.state[parameter] = {key: tensor.to(parameter.device).clone() for key, tensor in own.items()}
    return optimizer


def _moments(stage: TrainingStage, optimizer: "torch.optim.Optimizer") -> "list[tuple[str, Tensor]]":
    return [
        (f"{name}/{key}", tensor)
        for name, parameter in stage.parameters.items()
        for key, tensor in optimizer.state[parameter].items()
    ]


def _number(place: tuple[int, ...]) -> int:
    """A torch seed derived from seed, stage, epoch and step numbers."""
    return int(np.random.SeedSequence(place).generate_state(1, np.uint64)[0])
