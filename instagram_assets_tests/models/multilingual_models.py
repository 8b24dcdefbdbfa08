"""Small models of the families whose text tower can read Korean, and tokenizers that can and that cannot.

The vocabularies are trained on the sentences below, so that a tokenizer knows the languages that it was trained on.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from instagram_assets_tests.models.small_models import SIDE, TOWER, VISION

ENGLISH = (
    "a red circle on a white background",
    "a blue square on a black background",
    "the green triangle beside a yellow ring",
    "a photo of the cat that sleeps on the sofa",
    "two dogs play in the snow near the house",
    "a cup of coffee and a book on the table",
)
KOREAN = (
    "흰 배경 위의 빨간 원",
    "검은 배경 위의 파란 사각형",
    "노란 고리 옆의 초록 삼각형",
    "소파 위에서 자는 고양이 사진",
    "집 근처 눈밭에서 노는 강아지 두 마리",
    "책상 위의 커피 한 잔과 책",
)
BOTH = ENGLISH + KOREAN
_XLM_IDS: dict[str, Any] = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2}


def byte_level_tokenizer(texts: Sequence[str], size: int = 800) -> Any:
    """CLIP's tokenizer: byte pairs over bytes, with merges learned from texts."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import CLIPTokenizer

    bytewise = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    bytewise.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=letters, end_of_word_suffix="</w>", show_progress=False
    )
    bytewise.train_from_iterator([word for text in texts for word in text.split()], trainer)
    merges: Any = [tuple(pair) for pair in _model_of(bytewise)["merges"]]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *("".join(pair) for pair in merges)]
    tokens = [*dict.fromkeys(tokens), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab=_numbered(tokens), merges=merges, model_max_length=16)


def word_piece_tokenizer(texts: Sequence[str], size: int = 400) -> Any:
    """BERT's tokenizer: pieces of words, and [UNK] for a word with a letter that it lacks."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import BertTokenizer

    pieces = Tokenizer(models.WordPiece(unk_token="[UNK]"))  # no password
    pieces.normalizer = normalizers.NFC()
    pieces.pre_tokenizer = pre_tokenizers.Whitespace()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces.train_from_iterator(
        texts, trainers.WordPieceTrainer(vocab_size=size, special_tokens=special, show_progress=False)
    )
    return BertTokenizer(vocab=pieces.get_vocab(), model_max_length=16, strip_accents=False)


def unigram_tokenizer(texts: Sequence[str], size: int = 400) -> Any:
    """XLM-RoBERTa's tokenizer: a unigram model of SentencePiece's kind, in which an unknown stretch is one token."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import XLMRobertaTokenizer

    unigram = Tokenizer(models.Unigram())
    unigram.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    unigram.train_from_iterator(
        [*texts] * 20,  # so that pieces longer than a letter are frequent enough
        trainers.UnigramTrainer(vocab_size=size, special_tokens=special, unk_token="<unk>", show_progress=False),
    )
    vocabulary = [(token, score) for token, score in _model_of(unigram)["vocab"]]
    return XLMRobertaTokenizer(vocab=[*vocabulary, ("<mask>", 0.0)], model_max_length=12)


def byte_fallback_tokenizer(texts: Sequence[str], size: int = 700) -> Any:
    """SigLIP 2's tokenizer, which is Gemma's: byte pairs over letters, and letters that it lacks as bytes."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import Siglip2Tokenizer

    pairs = Tokenizer(models.BPE())
    pairs.normalizer = normalizers.Replace(" ", "▁")
    pairs.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *(f"<0x{byte:02X}>" for byte in range(256))]
    pairs.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=size, show_progress=False))
    learned = _model_of(pairs)
    tokens = [*special, *sorted(learned["vocab"], key=learned["vocab"].get)]
    merges: Any = [tuple(pair) for pair in learned["merges"]]
    return Siglip2Tokenizer(
        vocab=_numbered(tokens),
        merges=merges,
        model_max_length=16,
        padding_side="right",
        model_input_names=["input_ids"],
    )


def save_metaclip2(folder: Path) -> None:
    """MetaCLIP 2 worldwide: CLIP with XLM-V's tokenizer, pooled at the end of the text."""
    import torch
    from transformers import CLIPProcessor, MetaClip2Config, MetaClip2Model

    tokenizer = unigram_tokenizer(BOTH)
    config = MetaClip2Config(
        text_config={**TOWER, **_XLM_IDS, "vocab_size": len(tokenizer), "max_position_embeddings": 12},
        vision_config=VISION,
        projection_dim=24,
    )
    torch.manual_seed(11)
    MetaClip2Model(config).save_pretrained(folder)
    CLIPProcessor(_clip_pixels(), tokenizer).save_pretrained(folder)


def save_altclip(folder: Path) -> None:
    """AltCLIP: the text tower is XLM-RoBERTa, pooled at its first token."""
    import torch
    from transformers import AltCLIPConfig, AltCLIPModel, AltCLIPProcessor

    tokenizer = unigram_tokenizer(BOTH)
    tokenizer.model_max_length = 512  # more than the tower has positions
    text = {**TOWER, **_XLM_IDS, "vocab_size": len(tokenizer), "max_position_embeddings": 14, "project_dim": 24}
    config = AltCLIPConfig(text_config=text, vision_config=VISION, projection_dim=24)
    torch.manual_seed(12)
    AltCLIPModel(config).save_pretrained(folder)
    AltCLIPProcessor(_clip_pixels(), tokenizer).save_pretrained(folder)


def save_dual_encoder(folder: Path) -> None:
    """M-CLIP's kind: any image tower beside any text tower, here ViT and XLM-RoBERTa."""
    import torch
    from transformers import (
        VisionTextDualEncoderConfig,
        VisionTextDualEncoderModel,
        VisionTextDualEncoderProcessor,
        ViTConfig,
        XLMRobertaConfig,
    )
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    tokenizer = unigram_tokenizer(BOTH)
    tokenizer.model_max_length = 512
    text = XLMRobertaConfig(**TOWER, **_XLM_IDS, vocab_size=len(tokenizer), max_position_embeddings=14)
    config = VisionTextDualEncoderConfig.from_vision_text_configs(ViTConfig(**VISION), text, projection_dim=24)
    torch.manual_seed(13)
    VisionTextDualEncoderModel(config).save_pretrained(folder)
    pixels = ViTImageProcessorPil(size={"height": SIDE, "width": SIDE})
    VisionTextDualEncoderProcessor(pixels, tokenizer).save_pretrained(folder)


def save_siglip2(folder: Path) -> None:
    """SigLIP 2 of a fixed image size, which transformers loads as SigLIP, with Gemma's tokenizer."""
    import torch
    from transformers import SiglipConfig, SiglipModel, SiglipProcessor

    tokenizer = byte_fallback_tokenizer(BOTH)
    ids = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 1}
    config = SiglipConfig(
        text_config={**TOWER, **ids, "vocab_size": len(tokenizer), "max_position_embeddings": 16},
        vision_config=VISION,
    )
    torch.manual_seed(14)
    SiglipModel(config).save_pretrained(folder)
    SiglipProcessor(_siglip_pixels(), tokenizer).save_pretrained(folder)


def save_naflex(folder: Path) -> None:
    """SigLIP 2 for images of any shape (NaFlex)."""
    import torch
    from transformers import Siglip2Config, Siglip2Model, Siglip2Processor
    from transformers.models.siglip2.image_processing_pil_siglip2 import Siglip2ImageProcessorPil

    tokenizer = byte_fallback_tokenizer(BOTH)
    vision = {name: value for name, value in VISION.items() if name != "image_size"}
    config = Siglip2Config(
        text_config={**TOWER, "vocab_size": len(tokenizer), "max_position_embeddings": 16},
        vision_config={**vision, "num_patches": 16},
    )
    torch.manual_seed(15)
    Siglip2Model(config).save_pretrained(folder)
    Siglip2Processor(Siglip2ImageProcessorPil(patch_size=16, max_num_patches=16), tokenizer).save_pretrained(folder)


def save_korean_clip(folder: Path) -> None:
    """CLIP's own architecture with a tokenizer of BERT's kind that learned Korean."""
    import torch
    from transformers import CLIPConfig, CLIPModel, CLIPProcessor

    tokenizer = word_piece_tokenizer(BOTH)
    ids = {"bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}
    config = CLIPConfig(
        text_config={**TOWER, **ids, "vocab_size": len(tokenizer), "max_position_embeddings": 16},
        vision_config=VISION,
        projection_dim=24,
    )
    torch.manual_seed(16)
    CLIPModel(config).save_pretrained(folder)
    CLIPProcessor(_clip_pixels(), tokenizer).save_pretrained(folder)


def _clip_pixels() -> Any:
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    return CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})


def _siglip_pixels() -> Any:
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    return SiglipImageProcessorPil(size={"height": SIDE, "width": SIDE})


def _model_of(tokenizer: Any) -> dict[str, Any]:
    import json

    return json.loads(tokenizer.to_str())["model"]


def _numbered(tokens: Sequence[str]) -> dict[str, int]:
    return {token: number for number, token in enumerate(tokens)}
