"""Training data of the demo's vision models as one array, its augmentation, and the training loop."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from instagram_assets.demo.dataset_splits import ImageSubject, decode_scenes, render_scenes
from instagram_assets.demo.synthetic_images import SCENE_COLOURS, SCENE_SHAPES

if TYPE_CHECKING:
    from torch import Tensor


IMAGE_SIDE = 48  # pixels, of the models' input
ATTRIBUTES = (tuple(SCENE_SHAPES), tuple(SCENE_COLOURS), tuple(SCENE_COLOURS))
"""Class names of shape, colour and background."""
ReportProgress = Callable[[str], None]
_AT_ONCE = 64
_BATCH = 48
_STRETCH = (0.88, 1.12)
_SHIFT = (-0.08, 0.08)  # of half a side


@dataclass(frozen=True)
class TrainingSet:
    """Training images as one array, with the index of the subject that each one shows (`owners`).

    `pixels` is uint8[n, 3, SIDE, SIDE], `owners` int64[n] into `subjects`.
    """

    subjects: tuple[ImageSubject, ...]
    pixels: "Tensor"
    owners: "Tensor"

    @property
    def attributes(self) -> "Tensor":
        """Return the class indices of each subject's shape, colour and background: int64[subjects, 3]."""
        import torch

        return torch.tensor(
            [[words.index(word) for words, word in zip(ATTRIBUTES, s, strict=True)] for s in self.subjects]
        )


def image_processor() -> Any:
    """Return the image processor of both models: resizes to SIDE × SIDE without cropping, and normalises."""
    from transformers import BlipImageProcessorPil

    return BlipImageProcessorPil(size={"height": IMAGE_SIDE, "width": IMAGE_SIDE})


def make_training_set(subjects: Sequence[ImageSubject], each: int, seed: int, progress: ReportProgress) -> TrainingSet:
    """Render `each` images of every subject at the models' input size."""
    import torch

    processor = image_processor()
    scenes = render_scenes(subjects, each, random.Random(f"{seed} training"), reduced=True)
    pixels = np.empty((len(scenes), 3, IMAGE_SIDE, IMAGE_SIDE), np.uint8)
    for start in range(0, len(scenes), _AT_ONCE):
        pictures = decode_scenes(scenes[start : start + _AT_ONCE])
        reduced = processor(pictures, do_rescale=False, do_normalize=False, return_tensors="np")["pixel_values"]
        pixels[start : start + len(pictures)] = reduced
        if start // _AT_ONCE % 30 == 0:
            progress(f"{start + len(pictures)} of {len(scenes)} pictures drawn")
    owners = torch.arange(len(subjects)).repeat_interleave(each)
    return TrainingSet(tuple(subjects), torch.from_numpy(pixels), owners)


def draw_batch(lessons: TrainingSet, generator: Any) -> tuple["Tensor", "Tensor"]:
    """Return a random augmented batch with its subject indices: float32[n, 3, SIDE, SIDE] and int64[n]."""
    import torch

    chosen = torch.randint(len(lessons.owners), (_BATCH,), generator=generator)
    return augment(lessons.pixels[chosen], generator), lessons.owners[chosen]


def augment(pixels: "Tensor", generator: Any) -> "Tensor":
    """Return the images as float32 of the same range, half of them mirrored, half shifted and scaled a little.

    None of it changes a caption, so that one rendered image yields many training examples.
    """
    import torch
    from torch.nn.functional import affine_grid, grid_sample

    def within(low: float, high: float) -> "Tensor":
        return torch.empty(len(pixels), 2).uniform_(low, high, generator=generator)

    moved = within(0, 1)[:, :1] < 0.5
    stretch, shift = torch.where(moved, within(*_STRETCH), 1), torch.where(moved, within(*_SHIFT), 0)
    stretch[:, 0] *= torch.where(within(0, 1)[:, 0] < 0.5, 1, -1)
    grid = affine_grid(
        torch.cat([torch.diag_embed(stretch), shift[:, :, None]], 2), list(pixels.shape), align_corners=False
    )
    return grid_sample(pixels.float(), grid, padding_mode="reflection", align_corners=False)


def model_inputs(pixels: "Tensor", generator: Any) -> "Tensor":
    """Return the models' input: float32 and normalised, with a random change of each image's brightness."""
    import torch
    from transformers.utils.constants import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

    light = torch.empty(len(pixels), 1, 1, 1).uniform_(0.9, 1.05, generator=generator)
    mean, std = torch.tensor(OPENAI_CLIP_MEAN), torch.tensor(OPENAI_CLIP_STD)
    return (pixels * (light / 255) - mean[:, None, None]) / std[:, None, None]


def shape_coverage(pixels: "Tensor", attributes: "Tensor") -> "Tensor":
    """Return each pixel's colour on a scale from the background's (0) to the shape's (1): float[n, SIDE, SIDE]."""
    import torch

    colours = torch.tensor(list(SCENE_COLOURS.values()), dtype=torch.float32)
    start = colours[attributes[:, 2]]
    way = colours[attributes[:, 1]] - start
    steps = ((pixels - start[:, :, None, None]) * way[:, :, None, None]).sum(1)
    return (steps / (way * way).sum(1)[:, None, None]).clamp(0, 1)


def trainable_labels(attributes: "Tensor") -> "Tensor":
    """Return a mask of the classes that can be targets or negatives for each subject: bool[subjects, 3, 8].

    False for a class that turns the subject into a held-out one: it is never a target, so as a negative it would be
    learnt as wrong. True for a shape in the colour of its background, which is no valid subject.
    """
    import torch

    shapes, colours = len(SCENE_SHAPES), len(SCENE_COLOURS)
    trained = torch.zeros(shapes, colours, colours, dtype=torch.bool)
    trained[tuple(attributes.T)] = True
    trained |= torch.eye(colours, dtype=torch.bool)
    shape, colour, background = attributes.T
    fair = torch.zeros(len(attributes), 3, colours, dtype=torch.bool)
    fair[:, 0, :shapes] = trained[:, colour, background].T
    fair[:, 1] = trained[shape, :, background]
    fair[:, 2] = trained[shape, colour]
    return fair


LossFunction = Callable[[Any], "Tensor"]
"""Returns the loss of a random batch, given the random generator that draws the batch."""
_WARM_UP = 0.05  # share of the steps for the warm-up of the learning rate
_DECAY = 0.7  # share of the steps for its decay


def train_network(
    name: str, parts: Sequence[Any], loss_of: LossFunction, steps: int, seed: int, progress: ReportProgress
) -> None:
    """Train all parameters of the modules `parts` on random batches; `name` is shown in progress messages."""
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
    """Return two optimisers: Muon for hidden weight matrices (converges twice as fast), AdamW for other parameters."""
    import torch

    weights = [(name, weight) for part in parts for name, weight in part.named_parameters()]
    inner = [weight for name, weight in weights if weight.ndim == 2 and "layer" in name and "embeddings" not in name]
    known = {id(weight) for weight in inner}
    others = [weight for _, weight in weights if id(weight) not in known]
    adam = torch.optim.AdamW(others, lr=1.5e-3, weight_decay=0.01, betas=(0.9, 0.98))
    return [adam, torch.optim.Muon(inner, lr=0.02, weight_decay=0.01)] if inner else [adam]


def _rate(share: float) -> float:
    """Return the learning rate after a fraction of the steps (`share`, 0 to 1), as a fraction of the maximum rate."""
    return min(1.0, (share + 0.001) / _WARM_UP, (1 - share) / _DECAY)
