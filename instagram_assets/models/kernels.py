"""Attention and linear layers for inference, each chosen by timing two implementations on this machine's processor.

Which one is faster depends on the processor's units and on the build of torch, not on names or flags: torch's fused
attention in bf16 wins with AMX, and takes several times as long without.
"""

import math
import time
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Attention = Callable[["Tensor", "Tensor", "Tensor"], "Tensor"]
"""From queries [n, heads, rows, width], keys and values [n, heads, keys, width] to [n, heads, rows, width]."""

_ROUNDS = 5
_CLEARLY = 0.9
"""A candidate replaces the usual implementation if it takes at most this share of the time: noise decides nothing."""
_SCORES_AT_ONCE = 4_000_000
"""Attention scores in memory at once, so that they stay in the processor's cache: those of one image of BLIP base."""


_SMALLEST_WORK = 50_000
"""Multiplications, or weights of a layer, below which nothing is timed: there is little to gain, and noise decides."""
_TIMED_ROWS = 200
"""A linear layer is timed with so many rows: four images of CLIP ViT-B/32."""


def choose_attention(
    queries: tuple[int, int, int, int], keys: int, dtype: "torch.dtype", device: "torch.device"
) -> Attention:
    """The faster attention for queries of shape `queries`, [n, heads, rows, width], timed once per process.

    `keys` is the number of keys. In fp32, on other devices than a CPU, and for very small models, it is torch's fused
    attention, untimed.

        attention = choose_attention((1, 12, 577, 64), 577, torch.bfloat16, torch.device("cpu"))
        attended = attention(q, k, v)
    """
    import torch

    # Both round to bf16 and differ by no more than processors do, so the choice is in no fingerprint; fp32 is exact.
    if device.type != "cpu" or dtype != torch.bfloat16 or math.prod(queries) * keys < _SMALLEST_WORK:
        return fused_attention
    return _timed_attention(queries, keys)


def fused_attention(queries: "Tensor", keys: "Tensor", values: "Tensor") -> "Tensor":
    """Scaled dot-product attention by torch's fused kernel."""
    from torch.nn.functional import scaled_dot_product_attention

    return scaled_dot_product_attention(queries, keys, values)


def attention_by_products(queries: "Tensor", keys: "Tensor", values: "Tensor") -> "Tensor":
    """Scaled dot-product attention by two batched matrix products with a softmax between them.

    Processes as many images at once as have attention scores that fit into the processor's cache.
    """
    import torch

    _, heads, rows, _ = queries.shape
    at_once = max(1, _SCORES_AT_ONCE // (heads * rows * keys.shape[2]))
    if len(queries) <= at_once:
        return _products(queries, keys, values)
    parts = zip(queries.split(at_once), keys.split(at_once), values.split(at_once), strict=True)
    return torch.cat([_products(*part) for part in parts])


def pack_linear_layers(model: Any) -> int:
    """Pack a model's linear layers for oneDNN in place, if that is faster; returns the number of packed layers.

    Only the largest layer is timed. Inference on a CPU only: a packed layer has no attribute `weight` any more. In bf16
    results are the same, in fp32 they differ in the last bits. Subclasses of Linear are not packed, so a layer whose
    weight other code reads must be of a subclass.
    """
    import torch

    layers: list[Any] = [layer for layer in model.modules() if type(layer) is torch.nn.Linear]
    layers = [layer for layer in layers if layer.weight is not None]
    largest = max(layers, key=lambda layer: layer.weight.numel(), default=None)
    if largest is None or largest.weight.device.type != "cpu" or largest.weight.numel() < _SMALLEST_WORK:
        return 0
    rows = torch.ones(_TIMED_ROWS, largest.in_features, dtype=largest.weight.dtype)
    with torch.inference_mode():
        try:
            packed = _packed(largest)
            faster = is_faster(lambda: packed(rows), lambda: largest(rows))
        except RuntimeError:
            # Torch has no public way to ask beforehand whether this processor and this precision can be packed.
            return 0
    if not faster:
        return 0
    for layer in layers:
        layer.forward = _packed(layer)
        # Held once, in the new layout.
        layer.weight = None
    return len(layers)


def is_faster(candidate: Callable[[], object], usual: Callable[[], object]) -> bool:
    """Whether `candidate` is clearly faster than `usual`, by the least seconds of several alternating rounds."""
    best = {candidate: float("inf"), usual: float("inf")}
    for work in best:
        work()
    for _ in range(_ROUNDS):
        for work in best:
            start = time.perf_counter()
            work()
            best[work] = min(best[work], time.perf_counter() - start)
    return best[candidate] <= _CLEARLY * best[usual]


@lru_cache(maxsize=64)
def _timed_attention(queries: tuple[int, int, int, int], keys: int) -> Attention:
    import torch

    count, heads, _, width = queries
    with torch.inference_mode():
        # Ones, not random numbers: torch's generator, which others seed, stays as it is.
        q = torch.ones(queries, dtype=torch.bfloat16)
        k = v = torch.ones(count, heads, keys, width, dtype=torch.bfloat16)
        products = is_faster(lambda: attention_by_products(q, k, v), lambda: fused_attention(q, k, v))
    return attention_by_products if products else fused_attention


def _products(queries: "Tensor", keys: "Tensor", values: "Tensor") -> "Tensor":
    import torch

    scores = torch.matmul(queries * queries.shape[-1] ** -0.5, keys.transpose(-2, -1))
    # In bf16 torch computes the softmax in fp32, and rounds once.
    return torch.matmul(scores.softmax(-1), values)


def _packed(layer: Any) -> Callable[["Tensor"], "Tensor"]:
    import torch

    # What torch's own compiler emits for a frozen layer; torch is pinned, so the names stay.
    operators, bias = torch.ops.mkldnn, None if layer.bias is None else layer.bias.detach()
    weight = operators._reorder_linear_weight(layer.weight.detach().contiguous(), None)
    return lambda x: operators._linear_pointwise(x, weight, bias, "none", [], "")
