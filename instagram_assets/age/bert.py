"""Post embeddings by BERT-like models without padding: the posts of a batch are concatenated into one sequence."""

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from instagram_assets.models.kernels import Linear, linear

if TYPE_CHECKING:
    import torch
    from torch import Tensor


BERT_TYPES = ("bert", "camembert", "electra", "roberta", "xlm-roberta")
"""Model types with BERT's architecture and names of weights."""

_COUNTED_FROM_PADDING = ("camembert", "roberta", "xlm-roberta")


@dataclass(frozen=True)
class _Layer:
    """One transformer layer: self-attention and feed-forward, each with residual connection and layer norm."""

    query: Linear
    key_value: Linear
    out: Linear
    attention_norm: Linear
    feed_forward_in: Linear
    feed_forward_out: Linear
    norm: Linear


class Bert:
    """Inference with a model of `BERT_TYPES` on unpadded batches, on one device and in one precision.

    It copies the weights, so create a new instance after further training.
    """

    def __init__(self, backbone: Any, device: "torch.device", dtype: "torch.dtype") -> None:
        import torch

        self._device, self._dtype = device, dtype
        self._heads: int = backbone.config.num_attention_heads
        embeddings = backbone.embeddings

        def ready(weight: "Tensor") -> "Tensor":
            return weight.detach().to(device, torch.float32)

        def layer_of(*linears: Any, activation: str = "") -> Linear:
            weights, biases = zip(*((part.weight, part.bias) for part in linears), strict=True)
            return linear(ready(_joined(weights)).to(dtype), ready(_joined(biases)).to(dtype), activation)

        def norm_of(norm: Any) -> Linear:
            weight, bias = ready(norm.weight), ready(norm.bias)
            return lambda x: _layer_norm(x, weight, bias, norm.eps)

        # Posts have token type 0 only.
        places = embeddings.position_embeddings.weight + embeddings.token_type_embeddings.weight[0]
        begin = first_position(backbone.config)
        self._words, self._places = ready(embeddings.word_embeddings.weight), ready(places[begin:])
        self._norm = norm_of(embeddings.LayerNorm)
        projection = getattr(backbone, "embeddings_project", None)
        self._project = layer_of(projection) if projection is not None else None
        self._layers = [
            _Layer(
                query=layer_of(layer.attention.self.query),
                key_value=layer_of(layer.attention.self.key, layer.attention.self.value),
                out=layer_of(layer.attention.output.dense),
                attention_norm=norm_of(layer.attention.output.LayerNorm),
                feed_forward_in=layer_of(layer.intermediate.dense, activation=backbone.config.hidden_act),
                feed_forward_out=layer_of(layer.output.dense),
                norm=norm_of(layer.output.LayerNorm),
            )
            for layer in backbone.encoder.layer
        ]

    @staticmethod
    def supports(backbone: Any) -> bool:
        """True for a model with BERT's architecture and absolute position embeddings."""
        config = backbone.config
        return (
            config.model_type in BERT_TYPES
            and not config.is_decoder
            and getattr(config, "position_embedding_type", "absolute") == "absolute"
        )

    def __call__(self, posts: list[NDArray[np.int64]]) -> "Tensor":
        """Post vectors as by `model.post_vectors`, float32[posts, 4 · width]; fastest if posts are sorted by length.

        `posts` are the token ids of each post.
        """
        import torch

        from instagram_assets.age.model import CLS_LAYERS

        lengths = [len(post) for post in posts]
        starts = torch.from_numpy(np.cumsum([0, *lengths[:-1]])).to(self._device)
        ids = torch.from_numpy(np.concatenate(posts)).to(self._device)
        places = torch.from_numpy(np.concatenate([np.arange(length) for length in lengths])).to(self._device)
        runs = equal_length_runs(lengths)
        with torch.inference_mode():
            x = self._norm(self._words[ids] + self._places[places])
            if self._project is not None:
                x = self._project(x.to(self._dtype)).float()
            seen = [x[starts]]
            for number, layer in enumerate(self._layers, start=1):
                last = number == len(self._layers)
                attended = self._attention(layer, x.to(self._dtype), starts if last else None, runs)
                x = layer.attention_norm(layer.out(attended) + (x[starts] if last else x))
                x = layer.norm(layer.feed_forward_out(layer.feed_forward_in(x.to(self._dtype))) + x)
                seen.append(x if last else x[starts])
            return torch.cat(seen[-CLS_LAYERS:], dim=-1)

    def _attention(self, layer: _Layer, x: "Tensor", asking: "Tensor | None", runs: list[tuple[int, int]]) -> "Tensor":
        """Attention within each post, for the query tokens at indices `asking` (one per post), or for all if None."""
        import torch
        from torch.nn.functional import scaled_dot_product_attention

        heads = (self._heads, x.shape[-1] // self._heads)
        tokens = [length * count for length, count in runs]
        queries = tokens if asking is None else [count for _, count in runs]
        query = layer.query(x if asking is None else x[asking])
        parts: list[Tensor] = []
        for (_, count), q, key_value in zip(runs, query.split(queries), layer.key_value(x).split(tokens), strict=True):
            q = q.view(count, -1, *heads).transpose(1, 2)
            k, v = key_value.view(count, -1, 2, *heads).permute(2, 0, 3, 1, 4)
            parts.append(scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2).flatten(0, 1))
        return torch.cat(parts)


def first_position(config: Any) -> int:
    """The position index of a sequence's first token in a model of `BERT_TYPES`; RoBERTa counts from the padding id."""
    return config.pad_token_id + 1 if config.model_type in _COUNTED_FROM_PADDING else 0


def equal_length_runs(lengths: list[int]) -> list[tuple[int, int]]:
    """Runs of adjacent posts of equal length, as (length, count)."""
    edges = np.flatnonzero(np.diff(lengths)) + 1
    borders = [0, *edges.tolist(), len(lengths)]
    return [(lengths[begin], end - begin) for begin, end in pairwise(borders)]


def _joined(tensors: tuple[Any, ...]) -> "Tensor":
    import torch

    return tensors[0] if len(tensors) == 1 else torch.cat(tensors)


def _layer_norm(x: "Tensor", weight: "Tensor", bias: "Tensor", eps: float) -> "Tensor":
    from torch.nn.functional import layer_norm

    return layer_norm(x, weight.shape, weight, bias, eps)


def unpadded_vectors(backbone: Any, posts: list[NDArray[np.int64]]) -> "Tensor":
    """Post vectors as by `model.post_vectors`, with gradients and without padding: float[posts, 4 · width].

    `posts` are the token ids of each post; `backbone` is a language model that `Bert.supports`.
    """
    import torch

    from instagram_assets.age.model import CLS_LAYERS

    lengths = [len(post) for post in posts]
    device = next(backbone.parameters()).device
    starts = torch.from_numpy(np.cumsum([0, *lengths[:-1]])).to(device)
    ids = torch.from_numpy(np.concatenate(posts)).to(device)
    places = torch.from_numpy(np.concatenate([np.arange(length) for length in lengths])).to(device)
    embedded = backbone.embeddings(
        input_ids=ids[None],
        position_ids=places[None] + first_position(backbone.config),
        token_type_ids=torch.zeros_like(ids)[None],
    )
    projection = getattr(backbone, "embeddings_project", None)
    x = (embedded if projection is None else projection(embedded))[0]
    seen = [x[starts]]
    for number, layer in enumerate(backbone.encoder.layer, start=1):
        # The last layer only computes [CLS].
        last = number == len(backbone.encoder.layer)
        asking = x[starts] if last else x
        attended = layer.attention.output(
            _attention(layer.attention.self, asking, x, equal_length_runs(lengths)), asking
        )
        x = layer.output(layer.intermediate(attended), attended)
        seen.append(x if last else x[starts])
    return torch.cat(seen[-CLS_LAYERS:], dim=-1)


def _attention(attention: Any, asking: "Tensor", x: "Tensor", runs: list[tuple[int, int]]) -> "Tensor":
    """Attention within each post; `asking` are the vectors of the query tokens, the same number for every post."""
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    heads = (attention.num_attention_heads, attention.attention_head_size)
    dropout = attention.dropout.p if attention.training else 0.0
    tokens = [length * count for length, count in runs]
    queries = tokens if len(asking) == len(x) else [count for _, count in runs]
    splits = (attention.query(asking).split(queries), attention.key(x).split(tokens), attention.value(x).split(tokens))
    parts: list[Tensor] = []
    for (_, count), *run in zip(runs, *splits, strict=True):
        query, key, value = (part.view(count, -1, *heads).transpose(1, 2) for part in run)
        attended = scaled_dot_product_attention(query, key, value, dropout_p=dropout)
        parts.append(attended.transpose(1, 2).flatten(2).flatten(0, 1))
    return torch.cat(parts)
