"""Training of the demo's embedder: a small CLIP whose cosine similarity reflects how many attributes agree.

The contrastive loss of CLIP only ranks the correct caption first. Here the cosine similarity itself is the target: for
two images, or an image and a text, it is the fraction of equal attributes (shape, colour, background). So images of one
subject are close together, and images that differ in one attribute are farther apart than the `eps` of the clustering.
"""

from typing import TYPE_CHECKING, Any

from instagram_assets.demo.dataset_splits import ImageSubject
from instagram_assets.demo.training.tokenizers import CLIP_LENGTH, clip_tokenizer
from instagram_assets.demo.training.training_set import (
    IMAGE_SIDE,
    ReportProgress,
    TrainingSet,
    draw_batch,
    image_processor,
    model_inputs,
    train_network,
)
from instagram_assets.demo.training.vision_encoder import HIDDEN_SIZE, VISION_CONFIG, AuxiliaryHeads

if TYPE_CHECKING:
    from torch import Tensor

_EMBEDDING = 512  # dimensions, as in OpenAI's CLIP ViT-B/32 and the table of embeddings
_TEXT_WIDTH = 64
_COSINE_WEIGHT = 60.0
_WHOLE = 0.5  # share of the texts that are whole captions; the others are like typical search queries


def new_clip_processor() -> Any:
    """Return a CLIPProcessor: image processor and tokenizer."""
    from transformers import CLIPImageProcessorPil, CLIPProcessor

    like = image_processor()
    images = CLIPImageProcessorPil(
        size={"height": IMAGE_SIDE, "width": IMAGE_SIDE},
        do_center_crop=False,  # a crop could remove a shape at the edge of a tall picture
        resample=like.resample,
        image_mean=like.image_mean,
        image_std=like.image_std,
    )
    return CLIPProcessor(images, clip_tokenizer())


def new_clip(tokenizer: Any) -> Any:
    """Return a randomly initialised CLIP for the tokenizer's vocabulary."""
    from transformers import CLIPConfig, CLIPModel

    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": _TEXT_WIDTH,
        "intermediate_size": 2 * _TEXT_WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": CLIP_LENGTH,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    return CLIPModel(CLIPConfig(text_config=text, vision_config=VISION_CONFIG, projection_dim=_EMBEDDING))


def train_clip(
    tower: Any, hints: AuxiliaryHeads, lessons: TrainingSet, steps: int, seed: int, progress: ReportProgress
) -> tuple[Any, Any]:
    """Train a CLIP initialised with the pretrained image encoder `tower`; returns it with its processor.

    `hints` are the encoder's auxiliary heads, `lessons` the training images.
    """
    import torch
    from torch.nn.functional import mse_loss, normalize

    torch.manual_seed(seed)
    processor = new_clip_processor()
    model = new_clip(processor.tokenizer)
    model.vision_model.load_state_dict(_as_clip_weights(tower))
    phrases = [_phrases(subject) for subject in lessons.subjects]
    kinds = len(phrases[0])
    says = torch.tensor([mentioned for _, mentioned in phrases[0]], dtype=torch.float32)
    texts = processor.tokenizer(
        [text for of_subject in phrases for text, _ in of_subject], padding=True, return_tensors="pt"
    )
    attributes = lessons.attributes
    everything = torch.ones(3)

    def loss(generator: Any) -> "Tensor":
        pixels, owners = draw_batch(lessons, generator)
        seen = model.vision_model(pixel_values=model_inputs(pixels, generator), output_hidden_states=True)
        images = normalize(model.visual_projection(seen.pooler_output))
        whole = torch.rand(len(owners), generator=generator) < _WHOLE
        kind = torch.randint(kinds, (len(owners),), generator=generator).masked_fill(whole, 0)
        rows = owners * kinds + kind
        read = model.text_model(input_ids=texts["input_ids"][rows], attention_mask=texts["attention_mask"][rows])
        said = normalize(model.text_projection(read.pooler_output))
        agree = (attributes[owners][:, None] == attributes[owners][None]).float()
        beside = _nearness(agree, everything, everything)
        described = _nearness(agree, everything, says[kind])
        last = model.vision_model.post_layernorm(seen.last_hidden_state)
        cosines = mse_loss(images @ images.T, beside) + mse_loss(images @ said.T, described)
        return _COSINE_WEIGHT * cosines + hints.loss(seen.hidden_states, last, pixels, owners)

    train_network("CLIP", [model, hints.naming, hints.pointing], loss, steps, seed, progress)
    return model, processor


def _nearness(agree: "Tensor", first: "Tensor", second: "Tensor") -> "Tensor":
    """Return the target cosine similarity of pairs of descriptions: float[n, n].

    Each description is a sum of orthogonal vectors, one per attribute. `agree`, float[n, n, 3], is 1 for equal
    attributes; `first` and `second`, float[3] or float[n, 3], are 1 for the attributes that each description mentions.
    """
    both = (agree * first * second).sum(2)
    return both / (first.sum(-1) * second.sum(-1)).sqrt()


def _phrases(subject: ImageSubject) -> list[tuple[str, tuple[int, int, int]]]:
    """Return texts that describe the subject, full caption first, each with a 0/1 mask of its attributes."""
    shape, colour, background = subject
    thing, place = subject.caption.split(" on ")
    return [
        (subject.caption, (1, 1, 1)),
        (f"a photo of {subject.caption}", (1, 1, 1)),
        (thing, (1, 1, 0)),
        (f"{colour} {shape}", (1, 1, 0)),
        (f"{shape} on {background}", (1, 0, 1)),
        (place, (0, 0, 1)),
        (shape, (1, 0, 0)),
        (colour, (0, 1, 0)),
    ]


def _as_clip_weights(tower: Any) -> dict[str, "Tensor"]:
    """Return the state dict of a BlipVisionModel under the parameter names of CLIP.

    CLIP has no patch bias, so BLIP's is added to the position embeddings.
    """
    import torch

    weights: dict[str, Tensor] = {
        "pre_layrnorm.weight": torch.ones(HIDDEN_SIZE),
        "pre_layrnorm.bias": torch.zeros(HIDDEN_SIZE),
    }
    for name, weight in tower.state_dict().items():
        if ".qkv." in name:
            for part, third in zip(("q_proj", "k_proj", "v_proj"), weight.chunk(3), strict=True):
                weights[name.replace("qkv", part)] = third
        else:
            weights[name.replace("projection", "out_proj")] = weight
    positions = weights.pop("embeddings.position_embedding")[0].clone()
    positions[1:] += weights.pop("embeddings.patch_embedding.bias")
    weights["embeddings.position_embedding.weight"] = positions
    weights["embeddings.class_embedding"] = weights["embeddings.class_embedding"].flatten()
    return weights
