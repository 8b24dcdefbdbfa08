"""The device (CUDA, MPS or CPU) and precision (float32 or bfloat16) that models run with."""

from functools import lru_cache
from typing import TYPE_CHECKING

from instagram_assets.errors import SettingsError

if TYPE_CHECKING:
    import torch

_MULTIPLIES_BF16 = ("amx_bf16", "avx512_bf16")


def choose_device(wanted: str = "auto", setting: str = "MODELS__DEVICE") -> "torch.device":
    """The device that the setting names; `auto` takes cuda, then mps, then cpu.

    Raises SettingsError, which names `setting`, when it is not there.
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
    """float32 or bfloat16; `auto` takes bfloat16 where the hardware multiplies in it, which is several times faster.

    Elsewhere bfloat16 works when it is asked for, several times slower than float32.
    """
    import torch

    if wanted == "auto":
        return torch.bfloat16 if _multiplies_bf16(device) else torch.float32
    return {"fp32": torch.float32, "bf16": torch.bfloat16}[wanted]


@lru_cache(maxsize=1)
def packs_bf16() -> bool:
    """True where this processor takes bfloat16 weights that are laid out for its kernels beforehand; tried once.

    Processors with AVX-512 do, those with AVX2 alone do not; virtual machines and builds of torch may lack it too.
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


def has_matrix_units() -> bool:
    """True where this processor multiplies matrices of bfloat16 in units of their own (Intel AMX)."""
    return _processor_has("amx_bf16") and packs_bf16()


def _multiplies_bf16(device: "torch.device") -> bool:
    import torch

    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and any(map(_processor_has, _MULTIPLIES_BF16)) and packs_bf16()


def _processor_has(feature: str) -> bool:
    import torch

    return bool(torch.cpu.get_capabilities().get(feature, False))
