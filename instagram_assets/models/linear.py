"""Linear layers for inference: weights packed once for bf16 on CPUs, and batch-invariant results in fixed tiles."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from instagram_assets.models.devices import packs_bf16

if TYPE_CHECKING:
    from torch import Tensor

Linear = Callable[["Tensor"], "Tensor"]
"""From rows of shape […, in] to rows of shape […, out]."""

TILE = 16
"""Rows per matrix product in `tiled`: enough to keep the processor busy while the weights are streamed from memory."""


def linear(weight: "Tensor", bias: "Tensor", activation: str = "") -> Linear:
    """The layer `activation(x @ weight.T + bias)`; `activation` is a name that transformers knows, or empty.

    `weight` is float[out, in], `bias` float[out]. On a CPU with bf16 kernels the weights are packed in the kernels'
    layout once instead of at every call: up to twice as fast for few rows, with the same result. Everywhere else it is
    torch's own linear layer.
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
    """The same layer, computed in tiles of `TILE` rows (padded), so that a row's result does not depend on the batch.

    Matrix kernels are chosen by shape and differ in the order of summation: otherwise the last bits of a row would
    depend on the number of rows in the batch. `rows` is float[n, in].
    """
    import torch
    from torch.nn import functional

    def call(rows: "Tensor") -> "Tensor":
        count = rows.shape[0]
        padded = functional.pad(rows, (0, 0, 0, -count % TILE))
        return torch.cat([layer(tile) for tile in padded.split(TILE)])[:count]

    return call
