"""Implementations that are chosen by their time give the same results, whichever is chosen."""

import pytest
import torch

from instagram_assets.models import kernels
from instagram_assets.models.kernels import attention_by_products, choose_attention, fused_attention, is_faster

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
        assert choose_attention((1, 2, 9, 16), 9, torch.bfloat16, CPU) is expected
    assert len(timings) == 1
    choose_attention((1, 2, 9, 16), 10, torch.bfloat16, CPU)
    assert len(timings) == 2


@pytest.mark.parametrize(("dtype", "device"), [(torch.float32, "cpu"), (torch.bfloat16, "cuda")])
def test_fp32_and_other_devices_keep_the_fused_attention(
    dtype: torch.dtype, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "is_faster", lambda *_: pytest.fail("timed"))
    assert choose_attention((1, 2, 9, 16), 9, dtype, torch.device(device)) is fused_attention


def test_the_generator_of_random_numbers_stays_as_it_is() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    choose_attention((1, 2, 9, 16), 9, torch.bfloat16, CPU)
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

    monkeypatch.setattr("time.perf_counter", lambda: now)
    assert is_faster(lambda: work(candidate), lambda: work(usual)) is expected
