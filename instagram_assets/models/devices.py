"""The device (CUDA, MPS or CPU) and precision of models, and linear layers for inference."""

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from instagram_assets.errors import SettingsError

if TYPE_CHECKING:
    import torch
    from torch import Tensor


_MULTIPLIES_BF16 = ("amx_bf16", "avx512_bf16")


def choose_device(wanted: str = "auto", setting: str = "MODELS__DEVICE") -> "torch.device":
    """The device named `wanted`; `auto` selects the first available of cuda, mps and cpu.

    Raises SettingsError, which names the setting `setting`, if the device is not available.
    """
    import torch

    there = [
        name
        for name, found in (
            ("cuda", torch.cuda.is_available()),
            ("mps", torch.backends.mps.is_available()),
            ("cpu", True),
        )
        if found
    ]
    if wanted == "auto":
        return torch.device(there[0])
    if wanted not in there:
        raise SettingsError(
            f"INSTAGRAM_ASSETS_{setting}={wanted!r}: this machine, with this build of torch, has no such device. "
            f"Set it to auto or one of {', '.join(there)}."
        )
    return torch.device(wanted)


def choose_dtype(wanted: str, device: "torch.device") -> "torch.dtype":
    """float32 or bfloat16; `auto` selects bfloat16 if the hardware multiplies bfloat16, which is several times faster.

    On other hardware, bfloat16 works if configured, but is several times slower than float32.
    """
    import torch

    if wanted == "auto":
        return torch.bfloat16 if _multiplies_bf16(device) else torch.float32
    return {"fp32": torch.float32, "bf16": torch.bfloat16}[wanted]


@lru_cache(maxsize=1)
def packs_bf16() -> bool:
    """Whether prepacked bfloat16 weights work on this CPU; tried once per process.

    They do with AVX-512, but not with AVX2 only; some virtual machines and builds of torch do not support it either.
    """
    import torch

    if not torch.backends.mkldnn.is_available():
        return False
    ones, operators = torch.ones(16, 16, dtype=torch.bfloat16), torch.ops.mkldnn
    try:
        packed = operators._reorder_linear_weight(ones, None)
        product = operators._linear_pointwise(ones, packed, None, "none", [], "")
    except RuntimeError:
        # Torch has no public way to ask beforehand.
        return False
    return bool((product == len(ones)).all())


def multiplies_bf16() -> bool:
    """Whether this CPU multiplies bfloat16 matrices in hardware (Intel AMX, or AVX-512 with BF16)."""
    return any(map(_processor_has, _MULTIPLIES_BF16)) and packs_bf16()


def _multiplies_bf16(device: "torch.device") -> bool:
    import torch

    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and multiplies_bf16()


def _processor_has(feature: str) -> bool:
    import torch

    return bool(torch.cpu.get_capabilities().get(feature, False))


Linear = Callable[["Tensor"], "Tensor"]
"""From rows of shape […, in] to rows of shape […, out]."""

TILE = 16
"""Rows per matrix product in `tiled`: enough to keep the processor busy while the weights are streamed from memory."""


def linear(weight: "Tensor", bias: "Tensor", activation: str = "") -> Linear:
    """An inference layer `activation(x @ weight.T + bias)`; `activation` is a transformers activation name or empty.

    `weight` is float[out, in], `bias` float[out]. On a CPU with bf16 kernels the weights are packed into the kernels'
    memory layout once instead of at every call, which is up to twice as fast for few rows, with the same result. On
    other devices it is torch's linear layer.
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
