"""Matrix products of a model's layers: prepared once for speed, or the same for a row in any company."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from instagram_assets.models.devices import packs_bf16

if TYPE_CHECKING:
    from torch import Tensor

Linear = Callable[["Tensor"], "Tensor"]
"""From rows of shape […, in] to rows of shape […, out]."""

TILE = 16
"""Rows at once in `tiled`: as many as keep the processor busy while the weights stream past."""


def linear(weight: "Tensor", bias: "Tensor", activation: str = "") -> Linear:
    """The layer `activation(x @ weight.T + bias)`; `activation` is a name that transformers knows, or empty.

    On a processor that takes bf16 weights laid out as its kernels want them, that is done once, not at every
    call: up to twice as fast for few rows, with the same result. The plain layer does it anywhere else.
    """
    import torch
    from torch.nn import functional
    from transformers.activations import ACT2FN

    weight, bias = weight.detach(), bias.detach()
    act: Linear | None = ACT2FN[activation] if activation else None
    if weight.device.type == "cpu" and weight.dtype == torch.bfloat16 and packs_bf16():
        # What torch's own compiler emits for a frozen layer; torch is pinned, so the name stays.
        operators = torch.ops.mkldnn
        packed = operators._reorder_linear_weight(weight.contiguous(), None)
        if activation == "gelu":
            return lambda x: operators._linear_pointwise(x, packed, bias, "gelu", [], "none")
        if act is None:
            return lambda x: operators._linear_pointwise(x, packed, bias, "none", [], "")
        return lambda x: act(operators._linear_pointwise(x, packed, bias, "none", [], ""))
    if act is None:
        return lambda x: functional.linear(x, weight, bias)
    return lambda x: act(functional.linear(x, weight, bias))


def tiled(layer: Linear) -> Linear:
    """The same layer, always computed on `TILE` rows of a two-dimensional input.

    Matrix kernels are chosen by shape, and another kernel adds in another order: the last bits of a row then
    depend on how many rows stand beside it. With one shape for all calls they do not.
    """
    import torch
    from torch.nn import functional

    def call(rows: "Tensor") -> "Tensor":
        count = rows.shape[0]
        padded = functional.pad(rows, (0, 0, 0, -count % TILE))
        return torch.cat([layer(tile) for tile in padded.split(TILE)])[:count]

    return call
