"""The age model as torch modules: a language model encodes each post, and a head classifies the mean of a user's posts.

Importing this module loads torch, so import it inside functions.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

CLS_LAYERS = 4
"""How many of the language model's last layers are seen."""


class AgeHead(nn.Module):
    """The classification head: maps a user's vector to the logit of being at or above the cut-off age.

    For a language model of width 768: 3072 → 384 → GELU → 1. A logit is not yet a calibrated probability.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(CLS_LAYERS * width, width // 2)
        self.logit = nn.Linear(width // 2, 1)

    def forward(self, users: Tensor) -> Tensor:
        """The logits, float[n], of users' vectors, float[n, 4 · width]."""
        return self.logit(functional.gelu(self.hidden(users))).squeeze(-1)


class AgeModel(nn.Module):
    """A language model (`backbone`, any encoder of transformers) with an `AgeHead` (`head`)."""

    def __init__(self, backbone: Any, head: AgeHead | None = None) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head or AgeHead(backbone.config.hidden_size)

    def forward(self, ids: Tensor, mask: Tensor, owners: Tensor, users: int) -> Tensor:
        """The logits of `users` users, float[users]; post i belongs to user `owners[i]`.

        `ids` are the posts' token ids and `mask` the attention mask, int[posts, tokens], padded on the right.
        """
        return self.head(user_means(post_vectors(self, ids, mask), owners, users))


def post_vectors(model: AgeModel, ids: Tensor, mask: Tensor) -> Tensor:
    """Post embeddings: the concatenated [CLS] vectors of the last four layers, float[posts, 4 · width].

    The lowest of the four layers is first. Posts must be padded on the right, so that [CLS] is at position 0.
    """
    return cls_vectors(model.backbone, ids, mask)


def cls_vectors(backbone: Any, ids: Tensor, mask: Tensor) -> Tensor:
    """The concatenated [CLS] vectors of a language model's last four layers, as in `post_vectors`."""
    states = backbone(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
    return torch.cat([state[:, 0] for state in states[-CLS_LAYERS:]], dim=-1)


def user_means(vectors: Tensor, owners: Tensor, users: int) -> Tensor:
    """The mean of each user's post vectors, float[users, 4 · width]; zero for a user without posts."""
    sums = vectors.new_zeros(users, vectors.shape[1]).index_add(0, owners, vectors)
    counts = torch.bincount(owners, minlength=users).clamp(min=1)
    return sums / counts[:, None]
