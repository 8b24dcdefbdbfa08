"""Implementations that are chosen by their time give the same results, whichever is chosen."""

import copy

import pytest
import torch

from instagram_assets.models import kernels
from instagram_assets.models.devices import packs_bf16
from instagram_assets.models.kernels import (
    attention_by_products,
    choose_attention,
    fused_attention,
    is_faster,
    linear,
    pack_linear_layers,
)

CPU = torch.device("cpu")
SHAPES = [
    # n, heads, rows, keys, width
    (1, 2, 17, 17, 24),
    (3, 4, 1, 50, 64),
    (5, 2, 5, 33, 16),
]


@pytest.fixture(autouse=True)
def nothing_timed_before() -> None:
    kernels._timed_attention.cache_clear()  # pyright: ignore[reportPrivateUsage]
    kernels.packs_fp32.cache_clear()


def tensors(n: int, heads: int, rows: int, keys: int, width: int) -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    # Strided as a model's are: the heads are the last but one dimension of what a linear layer gives.
    return [torch.randn(n, some, heads, width, generator=random).transpose(1, 2) for some in (rows, keys, keys)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("at_once", [1, 400, 10**9])
def test_both_attentions_give_the_same(
    shape: tuple[int, int, int, int, int], at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "_SCORES_AT_ONCE", at_once)
    q, k, v = tensors(*shape)
    exact = fused_attention(q, k, v)
    torch.testing.assert_close(attention_by_products(q, k, v), exact, rtol=1e-5, atol=1e-6)
    rounded = attention_by_products(q.bfloat16(), k.bfloat16(), v.bfloat16())
    assert rounded.dtype == torch.bfloat16
    torch.testing.assert_close(rounded.float(), exact, rtol=0.05, atol=0.05)


@pytest.mark.parametrize(("faster", "expected"), [(True, attention_by_products), (False, fused_attention)])
def test_the_faster_attention_is_chosen_once(faster: bool, expected: object, monkeypatch: pytest.MonkeyPatch) -> None:
    timings: list[bool] = []
    monkeypatch.setattr(kernels, "is_faster", lambda *_: timings.append(faster) or faster)
    for _ in range(3):
        assert choose_attention((1, 4, 99, 16), 99, torch.bfloat16, CPU) is expected
    assert len(timings) == 1
    choose_attention((1, 4, 99, 16), 98, torch.bfloat16, CPU)
    assert len(timings) == 2


@pytest.mark.parametrize(
    ("dtype", "device", "rows"),
    [(torch.float32, "cpu", 99), (torch.bfloat16, "cuda", 99), (torch.bfloat16, "cpu", 2)],
    ids=["fp32", "another device", "very small"],
)
def test_the_fused_attention_stays_untimed(
    dtype: torch.dtype, device: str, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "is_faster", lambda *_: pytest.fail("timed"))
    assert choose_attention((1, 4, rows, 16), 99, dtype, torch.device(device)) is fused_attention


def test_the_generator_of_random_numbers_stays_as_it_is() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    choose_attention((1, 4, 99, 16), 99, torch.bfloat16, CPU)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("candidate", "usual", "expected"), [(0.001, 0.02, True), (0.02, 0.001, False), (0.02, 0.02, False)]
)
def test_only_what_is_clearly_faster_replaces_the_usual(
    candidate: float, usual: float, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every third call meets a busy moment, which the least time leaves out.
    now, delays = 0.0, iter([5.0, 0.0, 0.0] * 4)

    def work(seconds: float) -> None:
        nonlocal now
        now += seconds + next(delays)

    monkeypatch.setattr("time.thread_time", lambda: now)
    assert is_faster(lambda: work(candidate), lambda: work(usual)) is expected


@pytest.mark.parametrize(("dtype", "most"), [(torch.float32, 1e-6), (torch.bfloat16, 0)])
def test_packed_layers_give_the_same_cosines(dtype: torch.dtype, most: float, monkeypatch: pytest.MonkeyPatch) -> None:
    if dtype == torch.bfloat16 and not packs_bf16():
        pytest.skip("this processor takes no packed bf16 weights")
    monkeypatch.setattr(kernels, "packs_fp32", lambda: True)
    torch.manual_seed(0)
    plain = torch.nn.Sequential(torch.nn.Linear(256, 300), torch.nn.GELU(), torch.nn.Linear(300, 64, bias=False))
    plain.requires_grad_(False).to(dtype)
    packed = copy.deepcopy(plain)
    assert pack_linear_layers(packed) == 2
    with torch.inference_mode():
        for shape in ((7, 256), (3, 50, 256)):
            rows = torch.randn(*shape).to(dtype)
            assert packed(rows).shape == plain(rows).shape
            cosines = torch.cosine_similarity(packed(rows).double(), plain(rows).double(), dim=-1)
            assert (1 - cosines).abs().max() <= max(most, 1e-12)
    assert pack_linear_layers(packed) == 0


def test_fp32_layers_are_packed_only_where_that_is_faster_by_far(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = torch.nn.Linear(64, 32).requires_grad_(False)
    asked: list[float] = []

    def answer(_candidate: object, _usual: object, at_most: float) -> bool:
        asked.append(at_most)
        return False

    monkeypatch.setattr(kernels, "is_faster", answer)
    for _ in range(2):
        assert pack_linear_layers(torch.nn.Sequential(layer)) == 0
    # Once per process, with room for noise: the choice changes the last bits.
    assert asked == [0.6]
    rows = torch.randn(5, 64)
    assert torch.equal(linear(layer.weight, layer.bias)(rows), layer(rows))


def test_fp32_layers_stay_as_they_are_where_the_processor_refuses_packed_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> bool:
        raise RuntimeError("no such kernel")

    monkeypatch.setattr(torch.ops.mkldnn, "_reorder_linear_weight", refuse)
    assert pack_linear_layers(torch.nn.Sequential(torch.nn.Linear(256, 300))) == 0
    assert pack_linear_layers(torch.nn.Sequential()) == 0
