"""How the next word is chosen: uniform numbers that belong to an image, nucleus sampling, no repeated phrases."""

import hashlib
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

LIKELIEST = 256
"""A nucleus holds at most this many tokens; sorting a whole vocabulary at every step would cost more than the model."""


def uniforms(seed: int, image_id: str, candidates: int, steps: int) -> np.ndarray:
    """Numbers in [0, 1), float64 of shape [candidates, steps], fixed by seed, image, candidate and step alone.

    Made by a hash (SHAKE-128), so that no other image, batch or version of a random generator moves them.
    """
    streams = [
        hashlib.shake_128(f"{seed} {image_id} {candidate}".encode()).digest(8 * steps)
        for candidate in range(candidates)
    ]
    numbers = np.frombuffer(b"".join(streams), dtype="<u8").reshape(candidates, steps)
    return (numbers >> np.uint64(11)) * 2.0**-53


def nucleus(logits: "Tensor", numbers: "Tensor", top_p: float, temperature: float) -> "Tensor":
    """One token id per row of `logits` [rows, vocabulary], drawn by inverse CDF with `numbers` [rows] in [0, 1).

    The nucleus is the smallest set of likeliest tokens whose probability reaches `top_p` (Holtzman et al. 2020,
    arXiv 1904.09751), at most LIKELIEST of them.
    """
    import torch

    logits = logits.float() / temperature
    normaliser = logits.logsumexp(-1, keepdim=True)
    top, ids = logits.topk(min(LIKELIEST, logits.shape[-1]), dim=-1)
    likely = (top - normaliser).double().exp().cpu()
    likely = likely * (likely.cumsum(-1) - likely < top_p)
    # In order of id, not of probability: two tokens of nearly equal probability must not change places.
    ids, order = ids.cpu().sort(-1)
    cdf = likely.gather(-1, order).cumsum(-1)
    place = torch.searchsorted(cdf, (numbers.double().cpu() * cdf[:, -1])[:, None], right=True)
    return ids.gather(-1, place).squeeze(-1).to(logits.device)


def forbid_repeats(logits: "Tensor", tokens: "Tensor", length: int) -> None:
    """Forbid in `logits` [rows, vocabulary] each token that would repeat a phrase of `length` tokens in its row.

    `tokens` [rows, so far] begins with the start token. The rule of transformers' `no_repeat_ngram_size`.
    """
    if length < 1 or tokens.shape[1] < length:
        return
    if length == 1:
        logits.scatter_(1, tokens, float("-inf"))
        return
    phrases = tokens.unfold(1, length, 1)
    begun = tokens[:, None, 1 - length :]
    rows, places = (phrases[:, :, :-1] == begun).all(-1).nonzero(as_tuple=True)
    logits[rows, phrases[rows, places, -1]] = float("-inf")


def repeats_itself(caption: str) -> bool:
    """Whether a caption runs in circles: a word twice in a row, or over a quarter of its word pairs said before."""
    words = caption.lower().split()
    pairs = list(pairwise(words))
    if any(first == second for first, second in pairs):
        return True
    return len(pairs) - len(set(pairs)) > len(pairs) / 4
