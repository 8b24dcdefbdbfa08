"""Layers in int8 are near those in fp32, bit-identical in any batch, and refused where the hardware has none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from instagram_assets.errors import SettingsError
from instagram_assets.models import int8
from instagram_assets.models.devices import choose_dtype
from instagram_assets.models.int8 import check_int8, int8_linear, multiplies_int8, round_linear_layers

needs_int8 = pytest.mark.skipif(not multiplies_int8(), reason="this processor has no units for int8")
CPU = torch.device("cpu")


def layer_and_rows(bias: bool = True) -> tuple[torch.nn.Linear, torch.Tensor]:
    torch.manual_seed(0)
    # Rows of very different sizes, as around layer norms; each is rounded by its own.
    rows = torch.randn(700, 96) * torch.logspace(-3, 3, 700)[:, None]
    return torch.nn.Linear(96, 200, bias=bias).requires_grad_(False), rows


@needs_int8
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_each_row_is_near_that_in_fp32(bias: bool, dtype: torch.dtype) -> None:
    layer, rows = layer_and_rows(bias)
    found = int8_linear(layer.weight, layer.bias)(rows.to(dtype))
    assert found.dtype == dtype
    cosines = torch.cosine_similarity(found.float(), layer(rows), dim=-1)
    assert cosines.min() > 0.999


@needs_int8
def test_a_row_is_bit_identical_in_any_batch_and_shape() -> None:
    layer, rows = layer_and_rows()
    rounded = int8_linear(layer.weight, layer.bias, "gelu")
    together = rounded(rows)
    for count in (1, 7, 255, 257):
        assert torch.equal(rounded(rows[:count]), together[:count])
    assert torch.equal(rounded(rows.view(7, 100, 96)), together.view(7, 100, 200))


@needs_int8
def test_zeros_give_the_bias_and_what_is_no_number_stays_none() -> None:
    layer, _ = layer_and_rows()
    rows = torch.zeros(3, 96)
    rows[1, 5], rows[2, 5] = float("nan"), float("inf")
    found = int8_linear(layer.weight, layer.bias)(rows)
    assert torch.equal(found[0], layer.bias)
    assert not found[1:].isfinite().any()


@needs_int8
def test_only_the_named_layers_are_rounded() -> None:
    model = torch.nn.ModuleDict({"tower": torch.nn.Linear(8, 8), "projection": torch.nn.Linear(8, 8)})
    assert round_linear_layers(model, within="tower") == 1
    assert (model["tower"].weight is None, model["projection"].weight is None) == (True, False)
    assert round_linear_layers(torch.nn.Sequential(), within="") == 0


def test_another_device_is_refused_with_setting_and_remedy() -> None:
    with pytest.raises(SettingsError, match=r"MODELS__PRECISION='int8'.*not by cuda\. Set it to auto"):
        check_int8(torch.device("cuda"))


def test_a_processor_without_units_is_refused_with_setting_and_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(int8, "multiplies_int8", lambda: False)
    with pytest.raises(SettingsError, match=r"MODELS__PRECISION='int8'.*AVX-512 VNNI, AMX.*Set it to auto"):
        check_int8(CPU)


def test_units_that_torch_may_not_use_do_not_count() -> None:
    code = "from instagram_assets.models.int8 import multiplies_int8; print(multiplies_int8())"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_all_else_is_computed_as_by_auto() -> None:
    assert choose_dtype("int8", CPU) == choose_dtype("auto", CPU)
