"""Tokenizers of the demo's models: whole words of the training vocabulary, single characters for all other text."""

import string
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from instagram_assets.demo.synthetic_images import SCENE_COLOURS, SCENE_SHAPES

VOCABULARY = (
    *SCENE_SHAPES,
    *SCENE_COLOURS,
    "a",
    "an",
    "on",
    "background",
    "the",
    "of",
    "in",
    "and",
    "photo",
    "picture",
    "image",
)
BLIP_LENGTH = 48  # tokens; a caption has nine
CLIP_LENGTH = 77  # as in OpenAI's CLIP: a query spelled in single letters needs room
LANGUAGE_LENGTH = 64  # tokens; most posts have fewer than 30
_SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_BERT_SPECIALS = (*_SPECIALS, "[DEC]", "[ENC]")
_LETTERS = string.ascii_lowercase + string.digits
_PIECES = 1200  # vocabulary size of the language model's tokenizer
# BertTokenizer decomposes Korean syllables into these, so that it covers all 11,172 of them.
_JAMO = "".join(
    chr(code)
    for first, last in ((0x1100, 0x1112), (0x1161, 0x1175), (0x11A8, 0x11C2))
    for code in range(first, last + 1)
)


def bert_tokenizer() -> Any:
    """Return the captioner's BertTokenizer, with `[DEC]` as the first token of every caption, as in BLIP."""
    from transformers import BertTokenizer

    pieces = (*_BERT_SPECIALS, *VOCABULARY, *_LETTERS, *(f"##{letter}" for letter in _LETTERS), *string.punctuation)
    tokenizer = BertTokenizer(vocab=_numbered(pieces), model_max_length=BLIP_LENGTH)
    tokenizer.add_special_tokens({"bos_token": "[DEC]"})
    return tokenizer


def language_tokenizer(texts: Sequence[str]) -> Any:
    """Return a BertTokenizer for Korean and English: frequent subwords of the texts, and all single characters."""
    from transformers import BertTokenizer

    letters = _LETTERS + _JAMO
    learnt = BertTokenizer(vocab=_numbered(_SPECIALS)).train_new_from_iterator(
        texts, _PIECES, min_frequency=4, show_progress=False
    )
    frequent = sorted(learnt.get_vocab().items(), key=lambda piece: piece[1])
    endings = (f"##{letter}" for letter in letters)
    pieces = (*_SPECIALS, *letters, *endings, *string.punctuation, *(piece for piece, _ in frequent))
    return BertTokenizer(vocab=_numbered(pieces), model_max_length=LANGUAGE_LENGTH)


def clip_tokenizer() -> Any:
    """Return the embedder's CLIPTokenizer: byte pairs that merge into caption words, and bytes for any other text."""
    from transformers import CLIPTokenizer
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = list(bytes_to_unicode().values())
    # Longest first: otherwise `green` would merge letters in the middle of `background`.
    words = sorted(VOCABULARY, key=len, reverse=True)
    merges: Any = list(dict.fromkeys(merge for word in words for merge in _merges(word)))
    pieces = (*letters, *(f"{letter}</w>" for letter in letters), *(first + second for first, second in merges))
    vocabulary = _numbered((*pieces, "<|startoftext|>", "<|endoftext|>"))
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=CLIP_LENGTH)


def _merges(word: str) -> list[tuple[str, str]]:
    """Return the byte pair merges that build a word from its characters, in order."""
    ends = range(1, len(word))
    starts = [word[:end] for end in (*ends, len(word))]
    return [(start, longer[len(start) :] + ("</w>" if longer == word else "")) for start, longer in pairwise(starts)]


def _numbered(pieces: tuple[str, ...]) -> dict[str, int]:
    return {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
