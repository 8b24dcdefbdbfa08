"""The demo's CLIP with a text tower that reads Korean, trained in a second from the English one.

As AltCLIP and M-CLIP were made: a new text tower learns to give to a translation the vector that the old tower gives
to the English original (Reimers and Gurevych 2020, arXiv 2004.09813; Chen et al. 2022, arXiv 2211.06679). It saw no
image, and its image tower is the demo's own.
"""

from pathlib import Path
from typing import Any

from instagram_assets_tests.models.multilingual_models import unigram_tokenizer

SHAPES = {
    "circle": "원",
    "square": "사각형",
    "triangle": "삼각형",
    "cross": "십자가",
    "ring": "고리",
    "star": "별",
}
COLOURS = {"red": "빨간", "green": "초록", "blue": "파란", "white": "흰", "black": "검은"}
_GROUND = "배경 위의"
_STEPS, _BATCH, _LEARNING_RATE = 120, 32, 1.5e-3


def save_korean_clip_of(english: Path, folder: Path) -> None:
    """Save a dual encoder of the image tower of `english`, a CLIP, and a new XLM-RoBERTa that reads Korean."""
    import torch
    from torch.nn.functional import normalize
    from transformers import CLIPModel, CLIPProcessor, VisionTextDualEncoderProcessor

    teacher: Any = CLIPModel.from_pretrained(english).eval()
    reader = CLIPProcessor.from_pretrained(english, backend="pil")
    tokenizer = unigram_tokenizer([*SHAPES.values(), *COLOURS.values(), *_GROUND.split()], 200)
    tokenizer.model_max_length = 24
    texts = _translations()
    with torch.no_grad():
        said = reader.tokenizer(list(texts), padding=True, return_tensors="pt")
        targets = normalize(teacher.get_text_features(**said).pooler_output)
    tokens = tokenizer(list(texts.values()), padding=True, return_tensors="pt")
    with torch.random.fork_rng():
        torch.manual_seed(21)
        student = _student_of(teacher, tokenizer)
        optimizer = torch.optim.AdamW(
            [*student.text_model.parameters(), *student.text_projection.parameters()], lr=_LEARNING_RATE
        )
        for _ in range(_STEPS):
            rows = torch.randint(len(texts), (_BATCH,))
            read = student.get_text_features(tokens["input_ids"][rows], tokens["attention_mask"][rows]).pooler_output
            loss = 1 - (normalize(read) * targets[rows]).sum(1).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    student.save_pretrained(folder)
    VisionTextDualEncoderProcessor(reader.image_processor, tokenizer).save_pretrained(folder)


def _translations() -> dict[str, str]:
    """English texts about shapes → Korean."""
    found = dict(SHAPES)
    for shape, name in SHAPES.items():
        for colour, tint in COLOURS.items():
            found[f"{colour} {shape}"] = f"{tint} {name}"
            found |= {
                f"{colour} {shape} on a {ground} background": f"{COLOURS[ground]} {_GROUND} {tint} {name}"
                for ground in COLOURS
                if ground != colour
            }
    return found


def _student_of(teacher: Any, tokenizer: Any) -> Any:
    """A dual encoder with the image tower of a CLIP, and a text tower with random weights."""
    from transformers import VisionTextDualEncoderConfig, VisionTextDualEncoderModel, XLMRobertaConfig

    text = XLMRobertaConfig(
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        vocab_size=len(tokenizer),
        max_position_embeddings=26,
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
        hidden_dropout_prob=0,
        attention_probs_dropout_prob=0,
        initializer_range=0.1,
    )
    config = VisionTextDualEncoderConfig.from_vision_text_configs(
        teacher.config.vision_config, text, projection_dim=teacher.config.projection_dim
    )
    student: Any = VisionTextDualEncoderModel(config)
    student.vision_model.load_state_dict(teacher.vision_model.state_dict())
    student.visual_projection.load_state_dict(teacher.visual_projection.state_dict())
    return student
