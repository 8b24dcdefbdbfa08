"""On a processor of any kind `auto` chooses what works, and bf16 works where it is asked for."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch
from torch.nn import functional

from instagram_assets.models import devices
from instagram_assets.models.devices import choose_dtype, multiplies_bf16, packs_bf16
from instagram_assets.models.kernels import linear

CPU = torch.device("cpu")
EVERY_FLAG = {"amx_bf16": True, "avx512_bf16": True}

COMPUTES_AS_AUTO_SAYS = """
import torch
from instagram_assets.models.devices import choose_dtype
from instagram_assets.models.kernels import linear

dtype = choose_dtype("auto", torch.device("cpu"))
weight, bias, rows = (torch.randn(*shape) for shape in ((300, 64), (300,), (9, 64)))
exact = torch.nn.functional.linear(rows, weight, bias)
product = linear(weight.to(dtype), bias.to(dtype))(rows.to(dtype)).float()
torch.testing.assert_close(product, exact, rtol=0.02, atol=0.2)
"""


@pytest.fixture
def without_bf16(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Torch as it is on a processor with AVX2 alone, where it refuses bf16 weights laid out beforehand."""

    def refuse(*_: object) -> None:
        raise RuntimeError("mkldnn_reorder_linear_weight: bf16 path needs the cpu support avx_ne_convert or avx512bw")

    # Also where a virtual machine passes on flags of what it does not do.
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: EVERY_FLAG)
    monkeypatch.setattr(torch.ops.mkldnn, "_reorder_linear_weight", refuse)
    packs_bf16.cache_clear()
    yield
    packs_bf16.cache_clear()


@pytest.mark.parametrize(
    "limits",
    [
        {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"},
        {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
        {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    ],
    ids=["SSE4.1", "AVX2", "oneDNN with AVX2"],
)
def test_auto_computes_whatever_torch_may_use_of_the_processor(limits: dict[str, str]) -> None:
    environment = os.environ | limits
    subprocess.run([sys.executable, "-c", COMPUTES_AS_AUTO_SAYS], env=environment, check=True, timeout=300)


@pytest.mark.usefixtures("without_bf16")
def test_auto_takes_fp32_where_the_processor_refuses_bf16() -> None:
    assert choose_dtype("auto", CPU) == torch.float32
    assert not multiplies_bf16()


@pytest.mark.usefixtures("without_bf16")
def test_bf16_that_is_asked_for_works_where_the_processor_refuses_it() -> None:
    dtype = choose_dtype("bf16", CPU)
    assert dtype == torch.bfloat16
    weight, bias, rows = (torch.randn(*shape).to(dtype) for shape in ((300, 64), (300,), (9, 64)))
    plain = functional.linear(rows, weight, bias)
    assert torch.equal(linear(weight, bias)(rows), plain)
    assert torch.equal(linear(weight, bias, "gelu")(rows), functional.gelu(plain))


@pytest.mark.parametrize("flag", EVERY_FLAG)
def test_auto_takes_bf16_where_the_processor_multiplies_in_it(flag: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {flag: True})
    monkeypatch.setattr(devices, "packs_bf16", lambda: True)
    assert choose_dtype("auto", CPU) == torch.bfloat16


def test_auto_takes_fp32_where_bf16_is_only_emulated(monkeypatch: pytest.MonkeyPatch) -> None:
    # AVX-512 alone takes bf16 weights, and computes in fp32.
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bw": True})
    monkeypatch.setattr(devices, "packs_bf16", lambda: True)
    assert choose_dtype("auto", CPU) == torch.float32
