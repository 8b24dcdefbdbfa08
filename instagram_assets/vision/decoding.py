"""Decoding of captions: greedy decoding, nucleus sampling, and a ban on repeated n-grams."""

import hashlib
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


TOP_K = 256
"""Most tokens in a nucleus; sorting the whole vocabulary at every step would cost more than the model."""

Tokens = list[int]
"""The token ids of one caption."""


@dataclass(frozen=True)
class Decoding:
    """Parameters of caption decoding; names and meanings are those of transformers' `generate`."""

    max_new_tokens: int = 30
    min_new_tokens: int = 0
    no_repeat_ngram_size: int = 0
    top_p: float = 0.9
    temperature: float = 1.0


def uniforms(seed: int, image_id: str, candidates: int, steps: int) -> np.ndarray:
    """Uniform random numbers in [0, 1), float64[candidates, steps], deterministic for the arguments.

    They are computed with a hash function (SHAKE-128), so that they do not depend on other images, the batch size, or
    the version of a random number generator.
    """
    streams = [
        hashlib.shake_128(f"{seed} {image_id} {candidate}".encode()).digest(8 * steps)
        for candidate in range(candidates)
    ]
    numbers = np.frombuffer(b"".join(streams), dtype="<u8").reshape(candidates, steps)
    return (numbers >> np.uint64(11)) * 2.0**-53


def nucleus(logits: "Tensor", numbers: "Tensor", top_p: float, temperature: float) -> "Tensor":
    """Nucleus (top-p) sampling: one token id per row of `logits` [rows, vocabulary], by inverse transform sampling.

    `numbers` [rows] are uniform in [0, 1). The nucleus is the smallest set of most probable tokens whose cumulative
    probability reaches `top_p` (Holtzman et al. 2020, arXiv 1904.09751), at most `TOP_K` of them.
    """
    import torch

    logits = logits.float() / temperature
    normaliser = logits.logsumexp(-1, keepdim=True)
    top, ids = logits.topk(min(TOP_K, logits.shape[-1]), dim=-1)
    likely = (top - normaliser).double().exp().cpu()
    likely = likely * (likely.cumsum(-1) - likely < top_p)
    # In order of id, not of probability: two tokens of nearly equal probability must not change places.
    ids, order = ids.cpu().sort(-1)
    cdf = likely.gather(-1, order).cumsum(-1)
    index = torch.searchsorted(cdf, (numbers.double().cpu() * cdf[:, -1])[:, None], right=True)
    return ids.gather(-1, index).squeeze(-1).to(logits.device)


def ban_repeated_ngrams(logits: "Tensor", tokens: "Tensor", length: int) -> None:
    """Set to -inf in `logits` [rows, vocabulary] each token that would repeat an n-gram of `length` tokens of its row.

    `tokens` [rows, tokens so far] begins with the start token. Same rule as transformers' `no_repeat_ngram_size`.
    """
    if length < 1 or tokens.shape[1] < length:
        return
    if length == 1:
        logits.scatter_(1, tokens, float("-inf"))
        return
    ngrams = tokens.unfold(1, length, 1)
    prefix = tokens[:, None, 1 - length :]
    rows, positions = (ngrams[:, :, :-1] == prefix).all(-1).nonzero(as_tuple=True)
    logits[rows, ngrams[rows, positions, -1]] = float("-inf")


def is_degenerate(caption: str) -> bool:
    """Whether a caption is degenerate: a word twice in a row, or more than a quarter of its bigrams repeated."""
    words = caption.lower().split()
    bigrams = list(pairwise(words))
    if any(first == second for first, second in bigrams):
        return True
    return len(bigrams) - len(set(bigrams)) > len(bigrams) / 4


class TransformersDecoder:
    """Captions from pixels by transformers' own `generate`, for architectures other than BLIP; same API as `blip.Blip`.

    Images are decoded one at a time, each with its own random seed, so that captions do not depend on the batch.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        text = model.config.get_text_config(decoder=True)
        self.max_new_tokens: int = getattr(text, "max_position_embeddings", None) or 1_000_000

    def generate(self, pixels: "Tensor", decoding: Decoding, numbers: np.ndarray | None = None) -> list[list[Tokens]]:
        """Generate candidate captions of images, as token ids; these can include start and padding tokens.

        Arguments are as for `Blip.generate`. transformers samples with torch's random generator, which is seeded from
        the first value of `numbers` of the image.
        """
        import torch

        captions: list[list[Tokens]] = []
        with torch.inference_mode():
            for index, image in enumerate(pixels.split(1)):
                greedy = self._call(image, decoding, do_sample=False)
                further = 0 if numbers is None else numbers.shape[1]
                if numbers is not None and further:
                    with torch.random.fork_rng():
                        torch.manual_seed(int(numbers[index, 0, 0] * 2**53))
                        sampled = self._call(
                            image,
                            decoding,
                            do_sample=True,
                            num_return_sequences=further,
                            top_k=TOP_K,
                            top_p=decoding.top_p,
                            temperature=decoding.temperature,
                        )
                    greedy += sampled
                captions.append(greedy)
        return captions

    def _call(self, image: "Tensor", decoding: Decoding, **how: Any) -> list[Tokens]:
        tokens = self._model.generate(
            pixel_values=image,
            num_beams=1,
            max_new_tokens=decoding.max_new_tokens,
            min_new_tokens=decoding.min_new_tokens or None,
            no_repeat_ngram_size=decoding.no_repeat_ngram_size or None,
            **how,
        )
        return tokens.tolist()
