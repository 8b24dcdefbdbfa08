"""Invented people who write about one of two walks of life, and a language model small enough for tests."""

import random
from pathlib import Path
from typing import Any

import pyarrow as pa

from instagram_assets.age.data import LABELLED
from instagram_assets.models.sources import ModelSource, find_model, quiet

YOUNG = ("exam", "homework", "dorm", "campus", "teacher", "class")
OLD = ("office", "garden", "daughter", "meeting", "tax", "husband")
COMMON = ("the", "my", "today", "happy", "photo", "beach", "food", "cat", "music", "home", "night", "city")


def people(users: int, *, seed: int = 0, posts: tuple[int, int] = (3, 8), signal: float = 0.5) -> pa.Table:
    """People of two labels in turn, whose posts hold a word of theirs as often as `signal` says."""
    chance = random.Random(seed)
    rows = [
        {
            "username": f"user{user:04}",
            "label": user % 2,
            "texts": [_post(chance, bool(user % 2), signal) for _ in range(chance.randint(*posts))],
        }
        for user in range(users)
    ]
    return pa.Table.from_pylist(rows, schema=LABELLED)


def parts(table: pa.Table) -> dict[str, str]:
    """Of ten people, six to train, two to validate, two to test."""
    kinds = ("train",) * 6 + ("validation",) * 2 + ("test",) * 2
    return {name: kinds[place % 10] for place, name in enumerate(table["username"].to_pylist())}


def language_model(folder: Path, **changes: Any) -> ModelSource:
    """A BERT with random weights and a vocabulary of the words above, as `find_model` gives it."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    tokens = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *YOUNG, *OLD, *COMMON)
    sizes: dict[str, Any] = {
        "hidden_size": 32,
        "num_hidden_layers": 4,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 64,
        "initializer_range": 0.1,
    }
    with torch.random.fork_rng([]):
        torch.manual_seed(1)
        model = BertModel(BertConfig(vocab_size=len(tokens), **(sizes | changes)), add_pooling_layer=False)
    with quiet():
        model.save_pretrained(folder)
    vocabulary = {token: place for place, token in enumerate(tokens)}
    BertTokenizer(vocab=vocabulary, model_max_length=64).save_pretrained(folder)
    return find_model(str(folder), "", folder.parent, pictures=False)


def _post(chance: random.Random, old: bool, signal: float) -> str:
    words = [chance.choice(COMMON) for _ in range(chance.randint(2, 9))]
    if chance.random() < signal:
        words[chance.randrange(len(words))] = chance.choice(OLD if old else YOUNG)
    return " ".join(words)
