"""Training of the demo's captioner: a BLIP with 500,000 parameters that names an image's shape and background."""

from typing import TYPE_CHECKING, Any

from instagram_assets.demo.training.tokenizers import BLIP_LENGTH, bert_tokenizer
from instagram_assets.demo.training.training_set import (
    ATTRIBUTES,
    ReportProgress,
    TrainingSet,
    draw_batch,
    image_processor,
    model_inputs,
    train_network,
    trainable_labels,
)
from instagram_assets.demo.training.vision_encoder import HIDDEN_SIZE, VISION_CONFIG, AuxiliaryHeads

if TYPE_CHECKING:
    from torch import Tensor

_WRONG_WORDS = 0.3  # share of the decoder's input tokens that are replaced by wrong words
_PLACES = (3, 2, 6)  # positions of shape, colour and background among a caption's tokens, the first being [DEC]


def new_blip_processor() -> Any:
    """Return a BlipProcessor: image processor and tokenizer."""
    from transformers import BlipProcessor

    return BlipProcessor(image_processor(), bert_tokenizer())


def new_blip(tokenizer: Any) -> Any:
    """Return a randomly initialised BLIP for the tokenizer's vocabulary."""
    from transformers import BlipConfig, BlipForConditionalGeneration

    text = {
        "hidden_size": HIDDEN_SIZE,
        "intermediate_size": 2 * HIDDEN_SIZE,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "encoder_hidden_size": HIDDEN_SIZE,
        "vocab_size": len(tokenizer),
        "max_position_embeddings": BLIP_LENGTH,
        "bos_token_id": tokenizer.bos_token_id,
        "sep_token_id": tokenizer.sep_token_id,
        "eos_token_id": tokenizer.sep_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "is_decoder": True,
        "initializer_range": 0.05,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }
    config = BlipConfig(
        text_config=text, vision_config=VISION_CONFIG, projection_dim=HIDDEN_SIZE, image_text_hidden_size=HIDDEN_SIZE
    )
    model = BlipForConditionalGeneration(config)
    model.generation_config.max_length = BLIP_LENGTH
    return model


def train_blip(
    tower: Any, hints: AuxiliaryHeads, lessons: TrainingSet, steps: int, seed: int, progress: ReportProgress
) -> tuple[Any, Any]:
    """Train a BLIP initialised with the pretrained image encoder `tower`; returns it with its processor.

    `hints` are the encoder's auxiliary heads, `lessons` the training images.
    """
    import torch
    from torch.nn.functional import cross_entropy

    torch.manual_seed(seed)
    processor = new_blip_processor()
    tokenizer = processor.tokenizer
    model = new_blip(tokenizer)
    model.vision_model.load_state_dict(tower.state_dict())
    captions = torch.tensor([_tokens(subject.caption, tokenizer) for subject in lessons.subjects])
    barred = _barred_words(trainable_labels(lessons.attributes), captions.shape[1], tokenizer)
    names = torch.tensor(sorted({tokenizer.convert_tokens_to_ids(word) for words in ATTRIBUTES for word in words}))

    def loss(generator: Any) -> "Tensor":
        pixels, owners = draw_batch(lessons, generator)
        seen = model.vision_model(pixel_values=model_inputs(pixels, generator), output_hidden_states=True)
        right = captions[owners]
        # A decoder that relies on its previous words learns their co-occurrence instead of what the picture shows.
        given = _with_wrong_words(right, names, generator)
        said = model.text_decoder(input_ids=given, encoder_hidden_states=seen.last_hidden_state, use_cache=False)
        scores = said.logits[:, :-1].masked_fill(barred[owners, 1:], -1e9)
        wording = cross_entropy(scores.flatten(0, 1), right[:, 1:].flatten())
        return wording * (captions.shape[1] - 1) + hints.loss(
            seen.hidden_states, seen.last_hidden_state, pixels, owners
        )

    train_network("BLIP", [model, hints.naming, hints.pointing], loss, steps, seed, progress)
    return model, processor


def _tokens(caption: str, tokenizer: Any) -> list[int]:
    return [
        tokenizer.bos_token_id,
        *tokenizer(caption, add_special_tokens=False)["input_ids"],
        tokenizer.sep_token_id,
    ]


def _barred_words(fair: "Tensor", length: int, tokenizer: Any) -> "Tensor":
    """Return a mask of the tokens excluded from the loss per caption position: bool[subjects, length, vocabulary].

    `fair` is the mask of the classes that are not excluded, from `trainable_labels`.
    """
    import torch

    barred = torch.zeros(len(fair), length, len(tokenizer), dtype=torch.bool)
    for attribute, (place, words) in enumerate(zip(_PLACES, ATTRIBUTES, strict=True)):
        for number, word in enumerate(words):
            barred[:, place, tokenizer.convert_tokens_to_ids(word)] = ~fair[:, attribute, number]
    return barred


def _with_wrong_words(captions: "Tensor", names: "Tensor", generator: Any) -> "Tensor":
    import torch

    swapped = torch.isin(captions, names) & (torch.rand(captions.shape, generator=generator) < _WRONG_WORDS)
    return torch.where(swapped, names[torch.randint(len(names), captions.shape, generator=generator)], captions)
