"""Attention and linear layers for inference: fast implementations, where useful chosen by timing two on this processor.

Which one is faster depends on the processor's units and on the build of torch, not on names or flags: torch's fused
attention in bf16 wins with AMX, and takes several times as long without.
"""

import math
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from instagram_assets.models.devices import packs_bf16

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Attention = Callable[["Tensor", "Tensor", "Tensor"], "Tensor"]
"""Function from queries [n, heads, rows, width], keys and values [n, heads, keys, width] to [n, heads, rows, width]."""

Linear = Callable[["Tensor"], "Tensor"]
"""Function from rows of shape […, in] to rows of shape […, out]."""

TILE = 16
"""Rows per matrix product in `tiled`: enough to keep the processor busy while the weights are streamed from memory."""

_TIMING = threading.Lock()
"""Held while something is timed: the number of torch's threads is one for the whole process."""
_ROUNDS = 5
_CLEARLY = 0.9
"""A candidate replaces the usual implementation if it takes at most this fraction of its time, to ignore noise."""
_BY_FAR = 0.6
"""That fraction in fp32, where the last bits depend on the choice, so that every run on a machine chooses the same."""
_SCORES_AT_ONCE = 4_000_000
"""Attention scores in memory at once, so that they stay in the processor's cache: those of one image of BLIP base."""
_SMALLEST_WORK = 50_000
"""Multiplications below which attention is not timed: there is little to gain, and timings are mostly noise."""
_TIMED_LAYER = (200, 768, 3072)
"""Rows, inputs and outputs of the linear layer that is timed: four images in the feed-forward of CLIP ViT-B/32."""


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


def linear(weight: "Tensor", bias: "Tensor", activation: str = "") -> Linear:
    """An inference layer `activation(x @ weight.T + bias)`; `activation` is a transformers activation name or empty.

    `weight` is float[out, in], `bias` float[out]. On a CPU with bf16 kernels the weights are packed into the kernels'
    memory layout once instead of at every call, which is up to twice as fast for few rows, with the same result; in
    fp32 where `packs_fp32`. Elsewhere it is torch's linear layer.
    """
    from torch.nn import functional
    from transformers.activations import ACT2FN

    weight, bias = weight.detach(), bias.detach()
    act: Linear | None = ACT2FN[activation] if activation else None
    if _packs(weight):
        if activation == "gelu":
            return _packed(weight, bias, "gelu")
        layer = _packed(weight, bias)
        return layer if act is None else lambda x: act(layer(x))
    if act is None:
        return lambda x: functional.linear(x, weight, bias)
    return lambda x: act(functional.linear(x, weight, bias))


def tiled(layer: Linear) -> Linear:
    """The same layer, computed in tiles of `TILE` rows (padded), so that a row's result does not depend on the batch.

    Without tiles, the last bits of a row would depend on the batch size, because matrix kernels are chosen by shape and
    differ in the order of summation. The returned layer takes `rows`, float[n, in].
    """
    import torch
    from torch.nn import functional

    def call(rows: "Tensor") -> "Tensor":
        count = rows.shape[0]
        padded = functional.pad(rows, (0, 0, 0, -count % TILE))
        return torch.cat([layer(tile) for tile in padded.split(TILE)])[:count]

    return call


def pack_linear_layers(model: Any) -> int:
    """Pack a model's linear layers in place, on the conditions of `linear`; returns the number of packed layers.

    For inference only: a packed layer has no attribute `weight` any more. Subclasses of Linear are not packed, so a
    layer whose weight other code reads must be of a subclass.
    """
    import torch

    layers: list[Any] = [layer for layer in model.modules() if type(layer) is torch.nn.Linear]
    layers = [layer for layer in layers if layer.weight is not None and _packs(layer.weight)]
    for layer in layers:
        layer.forward = _packed(layer.weight.detach(), None if layer.bias is None else layer.bias.detach())
        # Held once, in the new layout.
        layer.weight = None
    return len(layers)


@lru_cache(maxsize=1)
def packs_fp32() -> bool:
    """Whether fp32 layers are much faster with weights packed for oneDNN than by torch's BLAS; timed once per process.

    They are on processors of AMD with AVX-512 on which MKL uses AVX2 alone; elsewhere the two differ little.
    """
    import torch

    rows, inputs, outputs = _TIMED_LAYER
    with torch.inference_mode():
        # Ones, not random numbers: torch's generator, which others seed, stays as it is.
        x, weight, bias = torch.ones(rows, inputs), torch.ones(outputs, inputs), torch.ones(outputs)
        try:
            packed = _packed(weight, bias)
            return is_faster(lambda: packed(x), lambda: torch.nn.functional.linear(x, weight, bias), _BY_FAR)
        except RuntimeError:
            # Torch has no public way to ask beforehand whether this processor and this precision can be packed.
            return False


def is_faster(candidate: Callable[[], object], usual: Callable[[], object], at_most: float = _CLEARLY) -> bool:
    """Whether `candidate` takes at most the share `at_most` of the time of `usual`.

    Compared are the least seconds of several alternating rounds, of the processor and on one thread, so that other
    programs on a busy machine do not decide.
    """
    best = {candidate: float("inf"), usual: float("inf")}
    with _TIMING, _one_thread():
        for work in best:
            work()
        for _ in range(_ROUNDS):
            for work in best:
                start = time.thread_time()
                work()
                best[work] = min(best[work], time.thread_time() - start)
    return best[candidate] <= at_most * best[usual]


@contextmanager
def _one_thread() -> Generator[None]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


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


def _packs(weight: "Tensor") -> bool:
    """Whether a layer with this weight is packed: decided for the processor and the precision, not for each layer."""
    import torch

    if weight.device.type != "cpu":
        return False
    if weight.dtype == torch.bfloat16:
        return packs_bf16()
    return weight.dtype == torch.float32 and packs_fp32()


def _packed(weight: "Tensor", bias: "Tensor | None", activation: Literal["none", "gelu"] = "none") -> Linear:
    """A linear layer whose weights are laid out for oneDNN's kernels. Raises RuntimeError if the processor has none."""
    import torch

    # What torch's own compiler emits for a frozen layer; torch is pinned, so the names stay.
    operators = torch.ops.mkldnn
    packed = operators._reorder_linear_weight(weight.contiguous(), None)
    algorithm = "none" if activation == "gelu" else ""
    return lambda x: operators._linear_pointwise(x, packed, bias, activation, [], algorithm)
