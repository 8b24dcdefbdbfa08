"""Post vectors by BERT and its kin for training: without padding as `bert` has it, with gradients and dropout.

The layers are transformers' own modules. Only attention, which must not look across posts, is called by post length.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from instagram_assets.age.bert import first_place, runs_of

if TYPE_CHECKING:
    from torch import Tensor


def unpadded_vectors(backbone: Any, posts: list[NDArray[np.int64]]) -> "Tensor":
    """What `model.post_vectors` gives of posts as token ids, sorted by length: float[posts, 4 · width].

    `backbone` is a model that `bert.Bert` takes.
    """
    import torch

    from instagram_assets.age.model import LAYERS

    lengths = [len(post) for post in posts]
    device = next(backbone.parameters()).device
    starts = torch.from_numpy(np.cumsum([0, *lengths[:-1]])).to(device)
    ids = torch.from_numpy(np.concatenate(posts)).to(device)
    places = torch.from_numpy(np.concatenate([np.arange(length) for length in lengths])).to(device)
    embedded = backbone.embeddings(
        input_ids=ids[None],
        position_ids=places[None] + first_place(backbone.config),
        token_type_ids=torch.zeros_like(ids)[None],
    )
    projection = getattr(backbone, "embeddings_project", None)
    x = (embedded if projection is None else projection(embedded))[0]
    seen = [x[starts]]
    for number, layer in enumerate(backbone.encoder.layer, start=1):
        # Of the last layer only [CLS] is asked for.
        last = number == len(backbone.encoder.layer)
        asking = x[starts] if last else x
        attended = layer.attention.output(_attention(layer.attention.self, asking, x, runs_of(lengths)), asking)
        x = layer.output(layer.intermediate(attended), attended)
        seen.append(x if last else x[starts])
    return torch.cat(seen[-LAYERS:], dim=-1)


def _attention(attention: Any, asking: "Tensor", x: "Tensor", runs: list[tuple[int, int]]) -> "Tensor":
    """Attention within each post; `asking` are the tokens whose queries are wanted, as many of every post."""
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
