"""The two training stages: first the head alone, then the head together with the language model's last layers."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from instagram_assets.age.batching import (
    LabelledUsers,
    UserGroup,
    pad_batch,
    sample_posts,
    token_budget_groups,
    token_budget_slices,
)
from instagram_assets.age.bert import Bert
from instagram_assets.age.encode import PostEncoder, tokenize_posts
from instagram_assets.age.training_loop import TrainingStage
from instagram_assets.errors import ModelError
from instagram_assets.settings import AgeSettings

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from instagram_assets.age.model import AgeModel

LossFunction = Callable[["Tensor", NDArray[np.float32]], "Tensor"]
"""Logits and labels to the sum over users of the weighted loss."""

TOKENS_AT_ONCE = 4096
"""Tokens whose intermediate results are in memory together."""
_PIECE = 2048
"""Tokens, padding included, of one call of the language model."""


def head_stage(
    model: "AgeModel",
    train: NDArray[np.float32],
    labels: NDArray[np.float32],
    validation: NDArray[np.float32],
    loss: LossFunction,
    options: AgeSettings,
) -> TrainingStage:
    """Stage 1 trains only the head, on the users' mean vectors `train` and `validation`: float32[users, 4 · width]."""
    import torch

    device = next(model.head.parameters()).device
    seen, judged = torch.from_numpy(train).to(device), torch.from_numpy(validation).to(device)

    def learn(users: NDArray[np.int64], epoch: int) -> float:
        mean = loss(model.head(seen[users]), labels[users]) / len(users)
        mean.backward()
        return mean.item()

    def judge() -> "Tensor":
        with torch.inference_mode():
            return model.head(judged).float().cpu()

    return TrainingStage("head", options.head_epoch_num, [_head_group(model, options)], learn, judge)


def fine_tuning_stage(
    model: "AgeModel",
    tokenizer: Any,
    texts: pa.Array,
    train: LabelledUsers,
    validation: LabelledUsers,
    loss: LossFunction,
    options: AgeSettings,
    dtype: "torch.dtype",
    *,
    tokens_at_once: int = TOKENS_AT_ONCE,
) -> TrainingStage:
    """Stage 2 fine-tunes the last `trained_layers` layers of the language model together with the head.

    With more layers than the language model has, its embeddings are trained, too. Lower layers are frozen, in
    evaluation mode. Matrix products are computed in `dtype`, weights and sums are float32. Memory holds the activations
    of about `tokens_at_once` tokens. Raises ModelError if the layers of the language model cannot be identified.
    """
    import torch

    device = next(model.head.parameters()).device
    layers = top_layers(model.backbone, options.trained_layers)
    posts = tokenize_posts(tokenizer, texts.to_pylist(), options.max_seq_len)
    learner = _Learner(model, layers, posts, tokenizer.pad_token_id or 0, device, dtype, tokens_at_once)

    def learn(users: NDArray[np.int64], epoch: int) -> float:
        own = [sample_posts(train.posts[user], options.max_posts, (options.seed, epoch, int(user))) for user in users]
        total = 0.0
        for group in token_budget_groups(own, learner.lengths, tokens_at_once):
            share = loss(learner.logits(group), train.labels[users[group.places]]) / len(users)
            share.backward()
            total += share.item()
        return total

    def judge() -> "Tensor":
        model.eval()
        encoder = PostEncoder(model.backbone, tokenizer, options.max_seq_len, device, dtype)
        everyone = zip(validation.names, validation.posts, strict=True)
        vectors = encoder.user_vectors((name, texts.take(pa.array(own)).to_pylist()) for name, own in everyone)
        with torch.inference_mode():
            means = torch.from_numpy(np.stack([user.vector for user in vectors])).to(device)
            return model.head(means).float().cpu()

    group = {
        f"backbone.{name}": parameter
        for name, parameter in model.backbone.named_parameters()
        if any(parameter is own for layer in layers for own in layer.parameters())
    }
    return TrainingStage(
        "layers", options.epoch_num, [(options.learn_rate, group), _head_group(model, options)], learn, judge
    )


def top_layers(backbone: Any, count: int) -> list[Any]:
    """The last `count` layers of a language model, or the whole of it, embeddings included, when it has fewer.

    Raises ModelError if the layers cannot be identified.
    """
    from torch.nn import ModuleList

    number: int = backbone.config.num_hidden_layers
    if count > number:
        return [backbone]
    stacks = [part for part in backbone.modules() if isinstance(part, ModuleList) and len(part) == number]
    if not stacks:
        raise ModelError(
            f"A language model of type {backbone.config.model_type} does not have {number} layers of its own to train. "
            "Set INSTAGRAM_ASSETS_AGE__TRAINED_LAYERS=0, or name another."
        )
    return list(stacks[0])[-count:]


class _Learner:
    """The age model during fine-tuning: computes users' logits from posts, with gradients for the top layers."""

    def __init__(
        self,
        model: "AgeModel",
        layers: list[Any],
        posts: list[NDArray[np.int64]],
        padding: int,
        device: "torch.device",
        dtype: "torch.dtype",
        tokens_at_once: int,
    ) -> None:
        self._model, self._layers = model, layers
        self._posts, self._padding = posts, padding
        self._device, self._dtype = device, dtype
        self._tokens_at_once = tokens_at_once
        self.lengths = np.array([len(post) for post in posts], np.int64)

    def logits(self, group: UserGroup) -> "Tensor":
        """The logits of a group's users, from their posts' mean vectors: float32[users].

        Each distinct post is encoded once. Activations of a group with more tokens than the memory limit are recomputed
        in the backward pass (gradient checkpointing, Chen et al. 2016, arXiv 1604.06174).
        """
        import torch
        from torch.utils.checkpoint import checkpoint

        from instagram_assets.age.model import user_means

        self._learning()
        different, which = np.unique(np.concatenate(group.posts), return_inverse=True)
        order = np.argsort(self.lengths[different], kind="stable")
        owners = np.repeat(np.arange(len(group.posts)), [len(own) for own in group.posts])
        with torch.autocast(self._device.type, self._dtype, enabled=self._dtype != torch.float32):
            parts: list[Tensor] = []
            for piece in token_budget_slices(self.lengths[different[order]], min(_PIECE, self._tokens_at_once)):
                some = [self._posts[post] for post in different[order[piece]]]
                if group.tokens > self._tokens_at_once:
                    parts.append(checkpoint(self._vectors, some, use_reentrant=False))
                else:
                    parts.append(self._vectors(some))
        places = np.empty_like(order)
        places[order] = np.arange(len(order))
        vectors = torch.cat(parts)[torch.from_numpy(places[which]).to(self._device)]
        return self._model.head(user_means(vectors, torch.from_numpy(owners).to(self._device), len(group.posts)))

    def _vectors(self, posts: list[NDArray[np.int64]]) -> "Tensor":
        from instagram_assets.age.bert import unpadded_vectors
        from instagram_assets.age.model import post_vectors

        if Bert.supports(self._model.backbone):
            return unpadded_vectors(self._model.backbone, posts).float()
        ids, mask = pad_batch(posts, self._padding)
        return post_vectors(self._model, ids.to(self._device), mask.to(self._device)).float()

    def _learning(self) -> None:
        """Enable dropout in the trained layers only."""
        self._model.eval()
        for layer in self._layers:
            layer.train()


def _head_group(model: "AgeModel", options: AgeSettings) -> "tuple[float, dict[str, Tensor]]":
    return options.head_learn_rate, {f"head.{name}": parameter for name, parameter in model.head.named_parameters()}
