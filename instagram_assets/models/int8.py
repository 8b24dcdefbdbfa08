"""Linear layers in int8 for inference on a CPU: weights rounded once, activations at every call, each row by itself.

A row of activations is divided by its own largest magnitude and rounded to 8 bits, a row of weights once when the model
is loaded (symmetric, per output). The products are summed as integers, so a row's result is bit-identical in any batch
and by any kernel. oneDNN, which is part of torch, multiplies them; everything else stays in the model's precision.
"""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from instagram_assets.errors import SettingsError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from instagram_assets.models.kernels import Linear


_LARGEST = 127
_ZERO = 128
"""oneDNN multiplies unsigned activations by signed weights, so zero lies in the middle."""
_ROWS = 512
"""Rows at once, so that what is between rounding and the result stays in the processor's cache."""
_TINIEST = 1e-30


@lru_cache(maxsize=1)
def multiplies_int8() -> bool:
    """Whether this CPU multiplies int8 matrices in hardware (AVX-512 VNNI or AMX) and torch uses it; tried once.

    Without these units the sums of two products are cut off at 16 bits, which the largest values show.
    """
    import torch

    if not torch.backends.mkldnn.is_available():
        return False
    width = 64
    largest = torch.full((width, width), _LARGEST, dtype=torch.int8)
    with torch.inference_mode():
        try:
            weights = torch.ops.onednn.qlinear_prepack(largest, None)
            sums = _products(torch.full((1, width), 255, dtype=torch.uint8), weights, torch.ones(width))
        except RuntimeError:
            # Torch has no public way to ask beforehand.
            return False
    return bool((sums == width * _LARGEST * _LARGEST).all())


def check_int8(device: "torch.device") -> None:
    """Raise SettingsError, which names setting and remedy, where int8 is not computed in hardware."""
    if device.type != "cpu":
        problem = (
            f"int8 is computed by processors only, not by {device.type}. Set it to auto, or MODELS__DEVICE to cpu."
        )
    elif not multiplies_int8():
        problem = "this processor, with this build of torch, has no units for it (AVX-512 VNNI, AMX). Set it to auto."
    else:
        return
    raise SettingsError(f"INSTAGRAM_ASSETS_MODELS__PRECISION='int8': {problem}")


def int8_linear(weight: "Tensor", bias: "Tensor | None", activation: str = "") -> "Linear":
    """A layer as `kernels.linear` makes it, computed in int8; requires `multiplies_int8`.

    The result has the precision of its input.
    """
    import torch
    from transformers.activations import ACT2FN

    weight = weight.detach().float()
    scales = (weight.abs().amax(1) / _LARGEST).clamp_min(_TINIEST)
    packed = torch.ops.onednn.qlinear_prepack((weight / scales[:, None]).round().to(torch.int8), None)
    offset = None if bias is None else bias.detach().float()
    act: Linear | None = ACT2FN[activation] if activation else None

    def call(x: "Tensor") -> "Tensor":
        rows = x.reshape(-1, x.shape[-1])
        out = x.new_empty(len(rows), len(scales))
        for some, into in zip(rows.split(_ROWS), out.split(_ROWS), strict=True):
            rounded, size = _rounded(some.float())
            y = _products(rounded, packed, scales).mul_(size)
            if offset is not None:
                y.add_(offset)
            into.copy_(y if act is None else act(y))
        return out.view(*x.shape[:-1], len(scales))

    return call


def round_linear_layers(model: Any, within: str) -> int:
    """Replace linear layers by `int8_linear` in place, those with `within` in their names; returns their number.

    As `kernels.pack_linear_layers`: for inference only, subclasses of Linear stay.
    """
    import torch

    modules: dict[str, Any] = dict(model.named_modules())
    layers: list[Any] = [
        module for name, module in modules.items() if type(module) is torch.nn.Linear and within in name
    ]
    for layer in layers:
        layer.forward = int8_linear(layer.weight, layer.bias)
        layer.weight = None
    return len(layers)


def _rounded(rows: "Tensor") -> tuple["Tensor", "Tensor"]:
    """Rows of fp32 as uint8 around `_ZERO`, and the size [rows, 1] of one step of each row."""
    import torch

    size = torch.maximum(rows.amax(1, keepdim=True), -rows.amin(1, keepdim=True)) / _LARGEST
    steps = (rows * size.clamp_min(_TINIEST).reciprocal()).round_().to(torch.int8)
    # Torch converts to signed bytes several times as fast as to unsigned ones; flipping the highest bit adds 128.
    return steps.view(torch.uint8).bitwise_xor_(_ZERO), size


def _products(rows: "Tensor", packed: "Tensor", scales: "Tensor") -> "Tensor":
    """Integer products of rounded rows and packed weights, in units of the rows' steps, fp32[rows, out]."""
    import torch

    zeros = torch.zeros(len(scales), dtype=torch.int32)
    return torch.ops.onednn.qlinear_pointwise(
        rows, 1.0, _ZERO, packed, scales, zeros, None, 1.0, 0, torch.float32, "none", [], ""
    )
