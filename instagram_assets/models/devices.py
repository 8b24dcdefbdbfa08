"""The device (CUDA, MPS or CPU) and precision that models run with."""

from functools import lru_cache
from typing import TYPE_CHECKING

from instagram_assets.errors import SettingsError

if TYPE_CHECKING:
    import torch

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

    On other hardware, bfloat16 works if configured, but is several times slower than float32. With `int8`, which only
    linear layers are computed in, it is the type of all else, chosen as by `auto`.
    """
    import torch

    if wanted in ("auto", "int8"):
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
