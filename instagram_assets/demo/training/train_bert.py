"""Training of the demo's language model: a BERT with 250,000 parameters, on synthetic posts only."""

import random
from typing import TYPE_CHECKING, Any

from instagram_assets.demo.age_people import age_people
from instagram_assets.demo.dataset_splits import all_subjects, render_scenes
from instagram_assets.demo.sample_captions import diary_caption
from instagram_assets.demo.training.tokenizers import language_tokenizer
from instagram_assets.demo.training.training_set import ReportProgress, train_network

if TYPE_CHECKING:
    from torch import Tensor

TRAINING_PEOPLE = 3000  # people in the training data; the demo's own are others
_DIARIES = 10  # number of captions for each combination of shape, colour and background
TEXT_LENGTH = 32  # length in tokens to which posts are truncated
_BATCH = 64
_HIDDEN_SHARE = 0.25  # of the tokens: more than usual, as posts are short


def training_texts(seed: int, people_count: int = TRAINING_PEOPLE) -> list[str]:
    """Return the training texts: posts of synthetic users, and captions of the demo's images."""
    rng = random.Random(f"{seed} reading")
    posts = [text for person in age_people(f"{seed} reading", people_count) for text in person.posts]
    diaries = [diary_caption(scene, rng) for scene in render_scenes(all_subjects(), _DIARIES, rng)]
    return list(dict.fromkeys([*posts, *diaries]))


def new_bert(tokenizer: Any) -> Any:
    """Return a randomly initialised BertForMaskedLM, whose encoder becomes the demo's language model."""
    from transformers import BertConfig, BertForMaskedLM

    return BertForMaskedLM(
        BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=4,
            num_attention_heads=4,
            max_position_embeddings=tokenizer.model_max_length,
            type_vocab_size=1,
            pad_token_id=tokenizer.pad_token_id,
            initializer_range=0.05,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
    )


def train_bert(texts: list[str], steps: int, seed: int, progress: ReportProgress) -> tuple[Any, Any]:
    """Train a BertForMaskedLM on the texts; returns it with its tokenizer.

    Each masked word is predicted twice: at its own position, as usual, and from [CLS], without a position. So [CLS]
    learns to represent the whole post without any labels.
    """
    import torch
    from torch.nn.functional import cross_entropy

    torch.manual_seed(seed)
    tokenizer = language_tokenizer(texts)
    model = new_bert(tokenizer)
    read = tokenizer(texts, truncation=True, max_length=TEXT_LENGTH, padding=True, return_tensors="pt")

    def loss(generator: Any) -> "Tensor":
        chosen = torch.randint(len(texts), (_BATCH,), generator=generator)
        longest = int(read["attention_mask"][chosen].sum(1).max())
        ids, mask = (read[name][chosen, :longest] for name in ("input_ids", "attention_mask"))
        hidden = (torch.rand(ids.shape, generator=generator) < _HIDDEN_SHARE) & maskable_tokens(ids, tokenizer)
        asked = ids.masked_fill(hidden, tokenizer.mask_token_id)
        states = model.bert(input_ids=asked, attention_mask=mask).last_hidden_state
        owners = hidden.nonzero()[:, 0]
        words = ids[hidden]
        return cross_entropy(model.cls(states[hidden]), words) + cross_entropy(model.cls(states[owners, 0]), words)

    train_network("BERT", [model], loss, steps, seed, progress)
    return model, tokenizer


def maskable_tokens(ids: "Tensor", tokenizer: Any) -> "Tensor":
    """Return a mask of the tokens that are not special tokens: bool of the shape of `ids`."""
    import torch

    return ~torch.isin(ids, torch.tensor(tokenizer.all_special_ids))
