"""The pretrained image encoder of both demo vision models, trained to classify and to localise the shape.

A transformer trained only to classify shapes learns them separately for each pair of colours. If it is also trained to
localise the shape, it learns to separate the shape from the background, and recognises it in any colour.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from instagram_assets.demo.training.training_set import (
    ATTRIBUTES,
    IMAGE_SIDE,
    ReportProgress,
    TrainingSet,
    draw_batch,
    model_inputs,
    shape_coverage,
    train_network,
    trainable_labels,
)

if TYPE_CHECKING:
    from torch import Tensor

HIDDEN_SIZE = 96  # dimensions per patch
PATCH_SIZE = 8  # pixels
VISION_CONFIG: dict[str, Any] = {
    "hidden_size": HIDDEN_SIZE,
    "intermediate_size": 2 * HIDDEN_SIZE,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "image_size": IMAGE_SIDE,
    "patch_size": PATCH_SIZE,
    "hidden_act": "gelu",
}
_CELLS = 4  # of a patch, across and down, for which the shape's coverage is predicted
_POINTING_LAYER = 1
_POINTING_WEIGHT = 9.0


@dataclass(frozen=True)
class AuxiliaryHeads:
    """Two linear heads on the encoder, used only in training: one classifies attributes, one localises the shape."""

    naming: Any
    pointing: Any
    attributes: "Tensor"
    fair: "Tensor"

    def loss(self, states: Sequence["Tensor"], last: "Tensor", pixels: "Tensor", owners: "Tensor") -> "Tensor":
        """Return the sum of classification loss on `last` and localisation loss on one of `states`.

        `last` and each of `states`, the layers' outputs, are float[n, 1 + patches, HIDDEN_SIZE].
        """
        import torch
        from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

        answers = self.naming(last[:, 1:].mean(1)).split([len(words) for words in ATTRIBUTES], dim=1)
        named = [
            cross_entropy(answer.masked_fill(~self.fair[owners, place, : answer.shape[1]], -1e9), right)
            for place, (answer, right) in enumerate(zip(answers, self.attributes[owners].T, strict=True))
        ]
        shares = _by_patch(shape_coverage(pixels, self.attributes[owners]))
        pointed = binary_cross_entropy_with_logits(self.pointing(states[_POINTING_LAYER][:, 1:]), shares)
        return torch.stack(named).sum() + _POINTING_WEIGHT * pointed


def new_auxiliary_heads(lessons: TrainingSet) -> AuxiliaryHeads:
    """Return randomly initialised heads for the subjects of the training set."""
    from torch import nn

    naming, pointing = nn.Linear(HIDDEN_SIZE, sum(map(len, ATTRIBUTES))), nn.Linear(HIDDEN_SIZE, _CELLS * _CELLS)
    return AuxiliaryHeads(naming, pointing, lessons.attributes, trainable_labels(lessons.attributes))


def train_vision_encoder(
    lessons: TrainingSet, steps: int, seed: int, progress: ReportProgress
) -> tuple[Any, AuxiliaryHeads]:
    """Train a BlipVisionModel as image encoder; returns it with its auxiliary heads."""
    import torch
    from transformers import BlipVisionConfig, BlipVisionModel

    torch.manual_seed(seed)
    # With the default spread of initial weights, 1e-10, all pictures would have the same features.
    tower = BlipVisionModel(BlipVisionConfig(**VISION_CONFIG, initializer_range=0.05))
    hints = new_auxiliary_heads(lessons)

    def loss(generator: Any) -> "Tensor":
        pixels, owners = draw_batch(lessons, generator)
        seen = tower(pixel_values=model_inputs(pixels, generator), output_hidden_states=True)
        return hints.loss(seen.hidden_states, seen.last_hidden_state, pixels, owners)

    train_network("image tower", [tower, hints.naming, hints.pointing], loss, steps, seed, progress)
    return tower, hints


def _by_patch(shares: "Tensor") -> "Tensor":
    """Average a coverage per pixel, float[n, SIDE, SIDE], over the cells in each patch: float[n, patches, cells]."""
    from torch.nn.functional import adaptive_avg_pool2d

    count, patches = len(shares), IMAGE_SIDE // PATCH_SIZE
    cells = adaptive_avg_pool2d(shares[:, None], patches * _CELLS)
    return cells.reshape(count, patches, _CELLS, patches, _CELLS).transpose(2, 3).reshape(count, patches**2, _CELLS**2)
