"""Models of a few thousand random weights, which load by the same code as the large ones."""

from pathlib import Path
from typing import Any

SIDE = 32
TOWER: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}
VISION: dict[str, Any] = {**TOWER, "image_size": SIDE, "patch_size": 16}
_TEXT: dict[str, Any] = {**TOWER, "max_position_embeddings": 16}
_WORDS = ["a", "red", "blue", "circle", "square", "on", "background"]
_SENTENCES = [
    f"{a} {b} on a {c} background" for a in ("a red", "my", "the") for b in ("cat", "dog") for c in ("blue", "x")
]


def save_bert(folder: Path) -> None:
    """A language model, which knows no images."""
    import torch
    from transformers import BertConfig, BertModel

    tokenizer = _words()
    torch.manual_seed(5)
    BertModel(BertConfig(**_TEXT, vocab_size=len(tokenizer))).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def save_blip(folder: Path, **changes: Any) -> None:
    """A captioner; `changes` are keys of its config."""
    import torch
    from transformers import BertTokenizer, BlipConfig, BlipForConditionalGeneration, BlipProcessor
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", *_WORDS]
    ids = {"pad_token_id": 0, "bos_token_id": 5, "eos_token_id": 3, "sep_token_id": 3}
    config = BlipConfig(
        text_config={**_TEXT, **ids, "vocab_size": len(tokens), "encoder_hidden_size": 32, "initializer_range": 0.2},
        # transformers' default of 1e-10 leaves nothing of the picture
        vision_config={**VISION, "initializer_range": 0.02},
        **changes,
    )
    torch.manual_seed(0)
    BlipForConditionalGeneration(config).save_pretrained(folder)
    tokenizer = BertTokenizer(vocab={token: place for place, token in enumerate(tokens)}, model_max_length=16)
    BlipProcessor(BlipImageProcessorPil(size={"height": SIDE, "width": SIDE}), tokenizer).save_pretrained(folder)


def save_git(folder: Path) -> None:
    """A captioner that is a language model with the image before its text."""
    import torch
    from transformers import GitConfig, GitForCausalLM, GitProcessor
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    tokenizer = _words()
    ids: dict[str, Any] = {"bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}
    config = GitConfig(vision_config=VISION, **{**_TEXT, **ids}, vocab_size=len(tokenizer), initializer_range=0.2)
    torch.manual_seed(3)
    GitForCausalLM(config).save_pretrained(folder)
    pixels = CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    GitProcessor(pixels, tokenizer).save_pretrained(folder)


def save_vit_bert(folder: Path) -> None:
    """A captioner of two halves, whose image processor and tokenizer lie side by side."""
    import torch
    from transformers import BertConfig, VisionEncoderDecoderConfig, VisionEncoderDecoderModel, ViTConfig
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    tokenizer = _words()
    decoder = BertConfig(
        **_TEXT, vocab_size=len(tokenizer), is_decoder=True, add_cross_attention=True, initializer_range=0.2
    )
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(ViTConfig(**VISION), decoder)
    torch.manual_seed(4)
    model = VisionEncoderDecoderModel(config)
    settings = model.generation_config
    settings.decoder_start_token_id, settings.eos_token_id, settings.pad_token_id = 2, 3, 0
    model.save_pretrained(folder)
    ViTImageProcessorPil(size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def save_clip(folder: Path, width: int = 24) -> None:
    """An embedder whose vectors are `width` wide."""
    import torch
    from transformers import CLIPConfig, CLIPModel, CLIPProcessor
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    tokenizer = _letters()
    ids = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    config = CLIPConfig(
        text_config={**_TEXT, **ids, "vocab_size": len(tokenizer)}, vision_config=VISION, projection_dim=width
    )
    torch.manual_seed(1)
    CLIPModel(config).save_pretrained(folder)
    pixels = CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    CLIPProcessor(pixels, tokenizer).save_pretrained(folder)


def save_siglip(folder: Path) -> None:
    """An embedder that was trained on text padded to one length, and never told where the padding begins."""
    import torch
    from transformers import SiglipConfig, SiglipModel, SiglipProcessor
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    tokenizer = _pieces(folder)
    config = SiglipConfig(
        text_config={**_TEXT, "vocab_size": len(tokenizer), "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 1},
        vision_config=VISION,
    )
    torch.manual_seed(2)
    SiglipModel(config).save_pretrained(folder)
    SiglipProcessor(SiglipImageProcessorPil(size={"height": SIDE, "width": SIDE}), tokenizer).save_pretrained(folder)


def _pieces(folder: Path) -> Any:
    """SigLIP's own tokenizer, with SentencePiece's pieces of a few sentences; its model is written into the folder."""
    import sentencepiece
    from transformers import SiglipTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(_SENTENCES),
        model_prefix=str(folder / "spiece"),
        vocab_size=60,
        hard_vocab_limit=False,
        unk_id=0,
        eos_id=1,
        bos_id=-1,
        minloglevel=2,
    )
    (folder / "spiece.vocab").unlink()
    return SiglipTokenizer(str(folder / "spiece.model"), model_max_length=16)


def _words() -> Any:
    """BERT's tokenizer with a few words."""
    from transformers import BertTokenizer

    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *_WORDS]
    return BertTokenizer(vocab={token: place for place, token in enumerate(tokens)}, model_max_length=16)


def _letters() -> Any:
    """CLIP's tokenizer with a token for each letter."""
    from transformers import CLIPTokenizer

    letters = "abcdefghijklmnopqrstuvwxyz"
    tokens = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    return CLIPTokenizer(vocab={token: place for place, token in enumerate(tokens)}, merges=[], model_max_length=16)
