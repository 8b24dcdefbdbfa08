"""Language models of a few thousand random weights, which load by the same code as the large ones."""

from pathlib import Path
from typing import Any

WORDS = ["오늘", "날씨", "좋다", "school", "exam", "mortgage", "garden", "love", "##s", "##ing", "a", "b", "c", "d"]
LONGEST = 40


def save_language_model(folder: Path, kind: str = "bert", layers: int = 5, spread: float = 0.2) -> None:
    """An encoder of one of transformers' kinds with its tokenizer; `spread` is that of its weights."""
    import torch

    from instagram_assets.models.local_models import quiet_transformers

    torch.manual_seed(11)
    with quiet_transformers():
        _model(kind, layers, spread).save_pretrained(folder)
        tokenizer().save_pretrained(folder)


def tokenizer() -> Any:
    """BERT's tokenizer with a few words of two languages."""
    from transformers import BertTokenizer

    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    return BertTokenizer(vocab={token: place for place, token in enumerate(tokens)}, model_max_length=LONGEST)


def _model(kind: str, layers: int, spread: float) -> Any:
    from transformers import AutoConfig, AutoModel

    sizes: dict[str, Any] = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
    }
    if kind == "distilbert":
        sizes = {"dim": 32, "hidden_dim": 64, "n_layers": layers, "n_heads": 4}
    if kind == "electra":
        sizes["embedding_size"] = 16
    config = AutoConfig.for_model(
        kind,
        **sizes,
        vocab_size=5 + len(WORDS),
        # RoBERTa's kind counts places from behind the padding's number.
        max_position_embeddings=LONGEST + 1,
        pad_token_id=0,
        initializer_range=spread,
    )
    model = AutoModel.from_config(config)
    # Positions and biases begin at zero or nearly so: then no test would see them confused.
    for name, weight in model.named_parameters():
        if name.endswith("bias") or "position" in name:
            weight.data.normal_(std=spread)
    return model
