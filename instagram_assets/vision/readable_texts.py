"""Whether an image-text model can read a text, judged by its tokenizer, and the warning if it cannot."""

import re
import unicodedata
from math import inf
from typing import Any

_WORD_STARTS = "▁Ġ"
"""Characters by which tokenizers represent the space before a word."""
_EXAMPLE = "google/siglip2-base-patch16-224"


def tokens_per_letter(tokenizer: Any, text: str) -> float:
    """Tokens that a Hugging Face tokenizer spends on each letter of a text that is not ASCII; 0 if there is none.

    A syllable of Hangul is one letter. Infinity if half of the tokens or more are the unknown token: a tokenizer of
    words (WordPiece) or of SentencePiece's kind has one for a whole unknown word.
    """
    words = re.findall(r"[^\W\d_]+", re.sub(r"[\x00-\x7f]", " ", unicodedata.normalize("NFC", text)))
    letters = sum(map(len, words))
    if not letters:
        return 0
    ids = tokenizer(" ".join(words), add_special_tokens=False, verbose=False)["input_ids"]
    tokens = [token for token in tokenizer.convert_ids_to_tokens(ids) if token.strip(_WORD_STARTS)]
    unknown = tokens.count(tokenizer.unk_token)
    return inf if 2 * unknown >= len(tokens) else len(tokens) / letters


def is_readable(tokenizer: Any, text: str) -> bool:
    """Whether a model with this tokenizer can know the words of a text: at most one token for each letter.

    The limit separates what was measured with tokenizers trained on English alone and on English and Korean, for Korean
    queries (in the tests): byte pairs of CLIP's kind take 3.0 tokens a syllable and 0.5, byte pairs with byte fallback
    (Gemma's, of SigLIP 2) 3.0 and 0.5, WordPiece (BERT's) and unigrams (XLM-RoBERTa's, of MetaCLIP 2 and AltCLIP) only
    unknown ones, and 0.5 and 1.0. A syllable is three bytes: who splits it into bytes takes up to three tokens, who
    knows Korean spells even a new word by syllables.

    It cannot tell what the model learned: of an alphabet whose single letters the tokenizer has, such as Cyrillic with
    CLIP's, a text counts as readable. ASCII letters always do.
    """
    return tokens_per_letter(tokenizer, text) <= 1


def unreadable_warning(model: str, text: str) -> str:
    """The warning that a model cannot read a text, with the remedy; `model` is the model's label."""
    return (
        f"{model} does not know the letters of {text!r}: its tokenizer splits them into bytes or has none for them, so "
        "its cosine with an image says nothing. Ask in English, or name a model that reads this language in "
        "INSTAGRAM_ASSETS_MODELS__EMBEDDING_MODEL, and its revision, such as main, in "
        f"INSTAGRAM_ASSETS_MODELS__EMBEDDING_REVISION; for Korean {_EXAMPLE}, for example, which was not tried here."
    )
