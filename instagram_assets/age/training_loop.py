"""Passes over the users until validation gets no better; a training that dies goes on as if it had not.

All that a step draws at random follows from the seed and the step's place. So weights, the optimiser's moments and
the place are the whole state, and going on from there gives the same weights, bit for bit, on the same machine.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

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
    """One pass over the training users: mean losses per user, classes weighted alike, and the AUC reached."""

    stage: str
    epoch: int
    train_loss: float
    validation_loss: float
    validation_auc: float


class TrainingProgress(NamedTuple):
    """Where a training is, counted from 1; `loss` is the mean over the users seen in this pass."""

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
    """What is trained at a time: parameters by name, in groups of one learning rate each.

    `learn(users, epoch)` adds the gradient of the mean loss of these training users, and returns that loss.
    `judge()` gives the logits of all validation users, float32 on the CPU.
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
    """What holds in all stages. `loss` is that of logits, as a mean, against the validation users' labels."""

    users: int
    users_per_step: int
    patience: int
    seed: int
    print_step: int
    labels: NDArray[np.float32]
    loss: "Callable[[Tensor], Tensor]"


@dataclass
class TrainingState:
    """Where a training stands, and its tensors: `best/` and `now/` the weights, `moments/` the optimiser's, `logits`.

    `stage` is the number of the stage under way, `best` the place in `history` of the best pass so far, `waited` the
    passes since then, `loss` the sum over the users seen in this pass. Tensors may be those in use, not copies.
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
        """All but the tensors, for JSON."""
        return {name: value for name, value in vars(self).items() if name != "tensors"}

    @staticmethod
    def of(facts: Mapping[str, Any], tensors: "dict[str, Tensor]") -> "TrainingState":
        """The state that gave these facts."""
        numbers = {name: value for name, value in facts.items() if name != "history"}
        return TrainingState(**numbers, history=[Epoch(*epoch) for epoch in facts["history"]], tensors=tensors)

    def next_stage(self) -> None:
        """Stand before the first step of the stage that follows."""
        self.stage, self.epoch, self.step, self.loss, self.waited = self.stage + 1, 0, 0, 0.0, 0
        self.tensors = {name: tensor for name, tensor in self.tensors.items() if name.startswith(("best/", "logits"))}


def train_stage(
    stage: TrainingStage,
    plan: TrainingPlan,
    state: TrainingState,
    keep: Callable[[bool], None],
    tell: Callable[[TrainingProgress], None],
) -> None:
    """Train one stage, from where `state` stands to its end, and leave the best weights in the parameters.

    The best pass of all stages has the highest AUC on the validation users, and of equals the lowest loss. `keep` is
    called when the state is one to go on from, with true at the end of a pass. Raises TrainingError when a loss or a
    gradient is no number.
    """
    import torch

    copy_weights(select_prefix("best", state.tensors), stage.parameters)
    best = {f"best/{name}": parameter.detach().clone() for name, parameter in stage.parameters.items()}
    copy_weights(select_prefix("now", state.tensors), stage.parameters)
    for parameter in stage.parameters.values():
        parameter.requires_grad_(True)
    optimizer = _optimizer(stage, select_prefix("moments", state.tensors))
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
    """Copy weights into the parameters of those names; parameters without one stay as they are."""
    import torch

    with torch.no_grad():
        for name, weight in weights.items():
            if name in parameters:
                parameters[name].copy_(weight)


def _step(
    stage: TrainingStage, optimizer: "torch.optim.Optimizer", users: NDArray[np.int64], state: TrainingState
) -> float:
    """One step of the optimiser; the mean loss of the users before it."""
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
    """Add the pass that has ended to the history, and keep its weights when it is the best."""
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


def _optimizer(stage: TrainingStage, moments: "Mapping[str, Tensor]") -> "torch.optim.AdamW":
    import torch

    groups = [{"params": list(group.values()), "lr": rate} for rate, group in stage.groups]
    optimizer = torch.optim.AdamW(groups, fused=True)
    for name, parameter in stage.parameters.items():
        if own := select_prefix(name, moments):
            # A copy, for what is read from a file may lie at an odd address, where sums are added in another order.
            optimizer.state[parameter] = {key: tensor.to(parameter.device).clone() for key, tensor in own.items()}
    return optimizer


def _moments(stage: TrainingStage, optimizer: "torch.optim.Optimizer") -> "list[tuple[str, Tensor]]":
    return [
        (f"{name}/{key}", tensor)
        for name, parameter in stage.parameters.items()
        for key, tensor in optimizer.state[parameter].items()
    ]


def _number(place: tuple[int, ...]) -> int:
    """A seed for torch out of several numbers."""
    return int(np.random.SeedSequence(place).generate_state(1, np.uint64)[0])
