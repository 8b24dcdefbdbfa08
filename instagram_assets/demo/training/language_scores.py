"""Evaluation of the demo's language model: masked words in unseen posts, and age prediction from its embeddings."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from instagram_assets.demo.age_people import CUTOFF, AgePerson, age_people
from instagram_assets.demo.training.evaluate import Score
from instagram_assets.demo.training.train_bert import TEXT_LENGTH, maskable_tokens

if TYPE_CHECKING:
    from torch import Tensor

POOLED_LAYERS = 4  # the last ones, of which the age model uses [CLS]
_AT_ONCE = 256


@dataclass(frozen=True)
class BertScores:
    """Accuracy of masked word prediction and of age prediction from the untuned embeddings, each with a baseline."""

    words: Score
    commonest_word: Score
    ages: Score
    commonest_age: Score


def evaluate_bert(model: Any, tokenizer: Any, seed: int, count: int) -> BertScores:
    """Evaluate a BertForMaskedLM at masked words and age prediction, on posts of `count` unseen synthetic users."""
    import torch

    persons = age_people(f"{seed} exam", count)
    with torch.inference_mode():
        words = _guess_words(model, tokenizer, [text for person in persons for text in person.posts], seed)
    return BertScores(*words, *predict_ages(model.bert, tokenizer, persons))


def _guess_words(model: Any, tokenizer: Any, texts: Sequence[str], seed: int) -> tuple[Score, Score]:
    """Mask one random word of each post and predict it.

    Returns the accuracy of the model, and that of always predicting the most common word.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    right = 0
    asked_for: Counter[int] = Counter()
    for ids, mask in _batches(tokenizer, texts):
        chances = torch.rand(ids.shape, generator=generator) * maskable_tokens(ids, tokenizer)
        rows, places = torch.arange(len(ids)), chances.argmax(1)
        words = ids[rows, places]
        ids[rows, places] = tokenizer.mask_token_id
        said = model(input_ids=ids, attention_mask=mask).logits[rows, places].argmax(1)
        right += int((said == words).sum())
        asked_for.update(words.tolist())
    return Score(right, len(texts)), Score(asked_for.most_common(1)[0][1], len(texts))


def predict_ages(bert: Any, tokenizer: Any, persons: Sequence[AgePerson]) -> tuple[Score, Score]:
    """Return the accuracy of logistic regression of age on untuned embeddings, and of the majority class.

    The regression is trained on half of the users and evaluated on the other half.
    """
    from sklearn.linear_model import LogisticRegression

    vectors = _vectors(bert, tokenizer, persons)
    older = np.array([person.age >= CUTOFF for person in persons])
    half = len(persons) // 2
    said = LogisticRegression(max_iter=2000).fit(vectors[:half], older[:half]).predict(vectors[half:])
    asked = older[half:]
    return Score(int((said == asked).sum()), len(asked)), Score(int(max(asked.sum(), (~asked).sum())), len(asked))


def _vectors(bert: Any, tokenizer: Any, persons: Sequence[AgePerson]) -> NDArray[np.float32]:
    """Return the [CLS] vectors of the last four layers, averaged over each user's posts: float32[users, 4 · width]."""
    import torch

    posts: list[Tensor] = []
    with torch.inference_mode():
        for ids, mask in _batches(tokenizer, [post for person in persons for post in person.posts]):
            states = bert(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
            posts.append(torch.cat([state[:, 0] for state in states[-POOLED_LAYERS:]], dim=1))
    counts = np.array([len(person.posts) for person in persons])
    sums = np.add.reduceat(torch.cat(posts).numpy(), np.cumsum(counts) - counts)
    return (sums / counts[:, np.newaxis]).astype(np.float32)


def _batches(tokenizer: Any, texts: Sequence[str]) -> "Iterator[tuple[Tensor, Tensor]]":
    for start in range(0, len(texts), _AT_ONCE):
        some = list(texts[start : start + _AT_ONCE])
        read = tokenizer(some, truncation=True, max_length=TEXT_LENGTH, padding=True, return_tensors="pt")
        yield read["input_ids"], read["attention_mask"]
