"""The training loop of all the demo's networks."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from instagram_assets.demo.training.lessons import Progress

if TYPE_CHECKING:
    from torch import Tensor

Loss = Callable[[Any], "Tensor"]
"""From a random generator, which draws the batch, to one number."""
_WARM_UP = 0.05  # share of the steps in which the rate rises
_DECAY = 0.7  # share of the steps in which it falls


def fit(name: str, parts: Sequence[Any], loss_of: Loss, steps: int, seed: int, progress: Progress) -> None:
    """Train all weights of `parts` to lower the loss of random batches."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    optimizers = _optimizers(parts)
    schedules = [
        torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step / steps)) for optimizer in optimizers
    ]
    for part in parts:
        part.train()
    for step in range(steps):
        loss = loss_of(generator)
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        for part in parts:
            torch.nn.utils.clip_grad_norm_(part.parameters(), 1.0)
        for updated in (*optimizers, *schedules):
            updated.step()
        if step % 100 == 0 or step == steps - 1:
            progress(f"{name}: step {step + 1} of {steps}, loss {loss.item():.3f}")
    for part in parts:
        part.eval()


def _optimizers(parts: Sequence[Any]) -> list[Any]:
    """Muon for the matrices between layers, which learn twice as fast with it, and AdamW for the other weights."""
    import torch

    weights = [(name, weight) for part in parts for name, weight in part.named_parameters()]
    inner = [weight for name, weight in weights if weight.ndim == 2 and "layer" in name and "embeddings" not in name]
    known = {id(weight) for weight in inner}
    others = [weight for _, weight in weights if id(weight) not in known]
    adam = torch.optim.AdamW(others, lr=1.5e-3, weight_decay=0.01, betas=(0.9, 0.98))
    return [adam, torch.optim.Muon(inner, lr=0.02, weight_decay=0.01)] if inner else [adam]


def _rate(share: float) -> float:
    """The learning rate after this share of the steps, as a share of the highest."""
    return min(1.0, (share + 0.001) / _WARM_UP, (1 - share) / _DECAY)
