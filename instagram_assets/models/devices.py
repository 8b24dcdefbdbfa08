"""Where models compute, and in which precision."""

import platform
from pathlib import Path
from typing import TYPE_CHECKING

from instagram_assets.errors import SettingsError

if TYPE_CHECKING:
    import torch

_BF16_FLAGS = {"amx_bf16", "avx512_bf16"}


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
    """float32 or bfloat16; `auto` takes bfloat16 where the hardware multiplies in it, which is several times faster."""
    import torch

    if wanted == "auto":
        return torch.bfloat16 if _multiplies_bf16(device) else torch.float32
    return {"fp32": torch.float32, "bf16": torch.bfloat16}[wanted]


def _multiplies_bf16(device: "torch.device") -> bool:
    import torch

    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and platform.system() == "Linux" and bool(_BF16_FLAGS & _processor_flags())


def _processor_flags() -> set[str]:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    return next((set(line.split()) for line in lines if line.startswith("flags")), set())
