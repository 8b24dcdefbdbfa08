"""What our decoder of BLIP promises: the tokens of transformers' own, whatever the batch."""

from typing import Any

import numpy as np
import pytest
import torch

from instagram_assets.models.kernels import TILE, attention_by_products, fused_attention, linear, tiled
from instagram_assets.vision.blip import Blip
from instagram_assets.vision.decoding import Decoding, Tokens, ban_repeated_ngrams, is_degenerate, nucleus, uniforms

pytestmark = pytest.mark.usefixtures("one_thread")

SIDE = 64
END = 3
STEPS = 14
SHAPES = [
    # seed, width, heads, layers, vocabulary, spread of the image tower's weights, patch
    (0, 48, 2, 2, 50, 0.15, 16),
    (1, 64, 4, 3, 300, 0.05, 16),
    (2, 96, 3, 2, 120, 0.1, 8),
    (3, 32, 2, 1, 40, 0.02, 32),
]


def make_blip(seed: int, width: int, heads: int, layers: int, words: int, spread: float, patch: int) -> Any:
    """A BLIP of random weights whose image tower is alive (transformers' default spread is 1e-10)."""
    from transformers import BlipConfig, BlipForConditionalGeneration

    body = {
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
    }
    tokens = {"bos_token_id": 1, "eos_token_id": END, "sep_token_id": END, "pad_token_id": 0, "vocab_size": words}
    config = BlipConfig(
        text_config={
            **body,
            **tokens,
            "encoder_hidden_size": width,
            "max_position_embeddings": 64,
            "initializer_range": 0.2,
        },
        vision_config={**body, "image_size": SIDE, "patch_size": patch, "initializer_range": spread},
    )
    torch.manual_seed(seed)
    return BlipForConditionalGeneration(config).eval()


def pictures(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed)) * 2


def transformers_tokens(model: Any, pixels: torch.Tensor, **how: Any) -> list[Tokens]:
    """What `generate` writes after the start token, up to the end token."""
    rows = model.generate(pixel_values=pixels, max_new_tokens=STEPS, do_sample=False, num_beams=1, **how)
    return [row[: row.index(END) + 1] if END in row else row for row in rows[:, 1:].tolist()]


def greedy(model: Any, pixels: torch.Tensor, **how: Any) -> list[Tokens]:
    return [candidates[0] for candidates in Blip(model).generate(pixels, Decoding(STEPS, **how))]


@pytest.fixture(scope="module", params=SHAPES, ids=lambda shape: f"width {shape[1]}")
def model(request: pytest.FixtureRequest) -> Any:
    return make_blip(*request.param)


@pytest.fixture(scope="module")
def talkative() -> Any:
    """A model whose captions differ from image to image and end at different lengths."""
    return make_blip(*SHAPES[0])


def test_greedy_tokens_are_those_of_transformers(model: Any) -> None:
    pixels = pictures(12)
    assert greedy(model, pixels) == transformers_tokens(model, pixels)


def test_the_guard_against_repetition_is_that_of_transformers(model: Any) -> None:
    pixels = pictures(12)
    for length in (1, 2, 3):
        expected = transformers_tokens(model, pixels, no_repeat_ngram_size=length)
        assert greedy(model, pixels, no_repeat_ngram_size=length) == expected


def test_a_least_length_is_kept_as_by_transformers(model: Any) -> None:
    pixels = pictures(8)
    assert greedy(model, pixels, min_new_tokens=STEPS) == transformers_tokens(model, pixels, min_new_tokens=STEPS)


def test_the_test_models_look_at_the_image(talkative: Any) -> None:
    captions = greedy(talkative, pictures(64))
    assert len({tuple(caption) for caption in captions}) > 10
    assert len({len(caption) for caption in captions}) > 3


def test_bf16_mostly_agrees_with_fp32(talkative: Any) -> None:
    import copy

    pixels = pictures(64)
    exact = greedy(talkative, pixels)
    rounded = greedy(copy.deepcopy(talkative).bfloat16(), pixels.bfloat16())
    first = sum(a[0] == b[0] for a, b in zip(exact, rounded, strict=True)) / len(exact)
    whole = sum(a == b for a, b in zip(exact, rounded, strict=True)) / len(exact)
    print(f"bf16 and fp32: first tokens {first:.0%}, whole captions {whole:.0%}")
    assert first > 0.8


def test_bf16_captions_are_the_same_by_either_attention(talkative: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import copy

    rounded, pixels = copy.deepcopy(talkative).bfloat16(), pictures(64).bfloat16()
    captions: list[list[Tokens]] = []
    for attention in (fused_attention, attention_by_products):
        monkeypatch.setattr("instagram_assets.vision.blip.choose_attention", lambda *_, chosen=attention: chosen)
        captions.append(greedy(rounded, pixels))
    first = sum(a[0] == b[0] for a, b in zip(*captions, strict=True)) / len(pixels)
    whole = sum(a == b for a, b in zip(*captions, strict=True)) / len(pixels)
    print(f"either attention in bf16: first tokens {first:.0%}, whole captions {whole:.0%}")
    assert first > 0.9


def sampled(blip: Blip, pixels: torch.Tensor, ids: list[int], batch: int) -> dict[int, list[Tokens]]:
    decoding = Decoding(STEPS, no_repeat_ngram_size=3, temperature=1.5)
    captions: dict[int, list[Tokens]] = {}
    for begin in range(0, len(ids), batch):
        some = ids[begin : begin + batch]
        numbers = np.stack([uniforms(7, f"image {image}", 4, STEPS) for image in some])
        captions |= zip(some, blip.generate(pixels[some], decoding, numbers), strict=True)
    return captions


def test_sampled_captions_do_not_depend_on_batch_or_order(talkative: Any) -> None:
    blip, pixels, ids = Blip(talkative), pictures(64), list(range(64))
    one_by_one = sampled(blip, pixels, ids, 1)
    assert len({tuple(map(tuple, captions)) for captions in one_by_one.values()}) > 40
    shuffled = np.random.default_rng(0).permutation(ids).tolist()
    for batch, order in ((4, ids), (16, ids), (7, shuffled), (16, ids[::-1])):
        assert sampled(blip, pixels, order, batch) == one_by_one


def test_candidate_0_is_greedy_and_the_others_are_not_all(talkative: Any) -> None:
    pixels = pictures(20)
    captions = sampled(Blip(talkative), pixels, list(range(20)), 20)
    assert [captions[image][0] for image in range(20)] == greedy(talkative, pixels, no_repeat_ngram_size=3)
    assert any(candidate != captions[image][0] for image in range(20) for candidate in captions[image][1:])


def test_a_row_is_the_same_to_the_last_bit_among_any_number_of_rows() -> None:
    weight, rows = torch.randn(770, 768), torch.randn(5 * TILE, 768)
    layer = tiled(linear(weight, torch.randn(770), "gelu"))
    alone = torch.cat([layer(row) for row in rows.split(1)])
    for count in (1, 2, 5, 15, 16, 17, 40):
        assert torch.equal(layer(rows[-count:]), alone[-count:])


def test_layers_in_bf16_are_those_of_torch() -> None:
    weight, bias, rows = (torch.randn(*shape).bfloat16() for shape in ((300, 64), (300,), (9, 64)))
    plain = torch.nn.functional.linear(rows, weight, bias)
    assert torch.equal(linear(weight, bias)(rows), plain)
    for name, function in (("gelu", torch.nn.functional.gelu), ("relu", torch.relu)):
        torch.testing.assert_close(linear(weight, bias, name)(rows), function(plain), rtol=0.02, atol=0.02)


def test_a_nucleus_is_drawn_from_with_its_own_probabilities() -> None:
    probabilities = torch.tensor([0.05, 0.3, 0.02, 0.4, 0.2, 0.03])
    draws = 20_000
    numbers = torch.from_numpy(uniforms(0, "an image", 1, draws)[0])
    chosen = nucleus(probabilities.log().expand(draws, -1), numbers, top_p=0.85, temperature=1.0)
    counts = np.bincount(chosen.numpy(), minlength=6)
    expected = np.array([0, 0.3, 0, 0.4, 0.2, 0]) / 0.9 * draws
    assert not counts[[0, 2, 5]].any()
    chi_square = (((counts - expected) ** 2)[[1, 3, 4]] / expected[[1, 3, 4]]).sum()
    assert chi_square < 13.8  # two degrees of freedom: passed once in a thousand


def test_temperature_flattens_and_top_p_1_leaves_nobody_out() -> None:
    logits = torch.tensor([0.7, 0.2, 0.1]).log().expand(20_000, -1)
    numbers = torch.from_numpy(uniforms(1, "an image", 1, 20_000)[0])
    hot = np.bincount(nucleus(logits, numbers, 1.0, 2.0).numpy(), minlength=3) / 20_000
    roots = np.sqrt([0.7, 0.2, 0.1])
    np.testing.assert_allclose(hot, roots / roots.sum(), atol=0.02)


def test_an_image_keeps_its_numbers_whatever_stands_beside_it() -> None:
    numbers = uniforms(5, "abc", 4, 30)
    assert np.array_equal(uniforms(5, "abc", 2, 10), numbers[:2, :10])
    assert len(np.unique([*numbers.flat, *uniforms(5, "abd", 4, 30).flat, *uniforms(6, "abc", 4, 30).flat])) == 360
    assert 0 <= numbers.min() <= numbers.max() < 1
    assert abs(uniforms(0, "x", 1, 100_000).mean() - 0.5) < 0.005


def test_a_phrase_said_before_is_forbidden() -> None:
    logits = torch.zeros(2, 10)
    ban_repeated_ngrams(logits, torch.tensor([[1, 4, 5, 6, 4, 5], [1, 4, 5, 6, 7, 8]]), 3)
    assert logits.isinf().nonzero().tolist() == [[0, 6]]


@pytest.mark.parametrize("caption", ["ray ban ray ban", "a man with a bald bald head", "a hat on top of a hat on top"])
def test_captions_in_circles_are_noticed(caption: str) -> None:
    assert is_degenerate(caption)


@pytest.mark.parametrize("caption", ["a red ring on a red background", "two cats and two dogs", "", "tree"])
def test_plain_captions_are_no_circles(caption: str) -> None:
    assert not is_degenerate(caption)
