"""BLIP image captioning: a faster decoder over the weights of transformers' BlipForConditionalGeneration.

Generates the same tokens as `generate` of that class, but faster: it selects the fastest attention for the CPU,
computes the keys and values of cross-attention once per image for all candidate captions, and removes images from the
batch when all of their captions are finished. After Li et al. 2022 (arXiv 2201.12086).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from instagram_assets.models.int8 import int8_linear
from instagram_assets.models.kernels import Linear, choose_attention, linear, tiled
from instagram_assets.vision.decoding import Decoding, Tokens, ban_repeated_ngrams, nucleus

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_TIMED_CAPTIONS, _TIMED_TOKENS = 8, 16
"""Captions and tokens for which the text decoder's attention is timed: a usual batch, half-way through decoding."""


@dataclass(frozen=True)
class _TextLayer:
    """One transformer layer of the text decoder: self-attention, cross-attention, feed-forward, layer norms."""

    qkv: Linear
    self_out: Linear
    self_norm: Any
    cross_query: Linear
    cross_key_value: Linear
    cross_out: Linear
    cross_norm: Any
    feed_forward_in: Linear
    feed_forward_out: Linear
    norm: Any


@dataclass(frozen=True)
class _VisionLayer:
    """One transformer layer of the image encoder: attention, feed-forward, layer norms."""

    norm: Any
    qkv: Linear
    out: Linear
    mlp_norm: Any
    feed_forward_in: Linear
    feed_forward_out: Linear


class Blip:
    """Captions from pixels with the weights of a BlipForConditionalGeneration, on its device and in its precision.

    In fp32 a caption is bit-identical in any batch: images are encoded one at a time, and the text decoder's matrix
    products have a fixed shape (`kernels.tiled`). In bf16 the whole batch is computed at once. With `int8`, linear
    layers except the vocabulary's are computed in int8 (`int8.int8_linear`), and all else in the model's precision.
    """

    def __init__(self, model: Any, int8: bool = False) -> None:
        import torch

        text, vision = model.config.text_config, model.config.vision_config
        self._start, self._end, self._pad = text.bos_token_id, text.sep_token_id, text.pad_token_id
        self._heads, self._vision_heads = text.num_attention_heads, vision.num_attention_heads
        self._exact = model.dtype == torch.float32
        self._int8 = int8
        self._embeddings = model.text_decoder.bert.embeddings
        self._patches = model.vision_model.embeddings
        self._vision_norm = model.vision_model.post_layernorm
        self._vision = [self._vision_layer(layer, vision.hidden_act) for layer in model.vision_model.encoder.layers]
        self._text = [self._text_layer(layer, text.hidden_act) for layer in model.text_decoder.bert.encoder.layer]
        head = model.text_decoder.cls.predictions
        self._head_in = self._rows(head.transform.dense.weight, head.transform.dense.bias, text.hidden_act)
        self._head_norm = head.transform.LayerNorm
        head_out = linear(head.decoder.weight, head.decoder.bias)
        self._head_out = tiled(head_out) if self._exact else head_out
        self._choose_attentions(text, vision, model.dtype, model.device)
        self.max_new_tokens: int = text.max_position_embeddings
        """Maximum caption length in tokens, from the number of position embeddings."""

    def _choose_attentions(self, text: Any, vision: Any, dtype: "torch.dtype", device: "torch.device") -> None:
        """Select the attention implementations of the image encoder and of the decoder's cross- and self-attention."""
        patches = 1 + (vision.image_size // vision.patch_size) ** 2
        encoder = (1, self._vision_heads, patches, vision.hidden_size // self._vision_heads)
        decoder = (_TIMED_CAPTIONS, self._heads, 1, text.hidden_size // self._heads)
        self._image_attention = choose_attention(encoder, patches, dtype, device)
        self._cross_attention = choose_attention(decoder, patches, dtype, device)
        self._self_attention = choose_attention(decoder, _TIMED_TOKENS, dtype, device)

    def generate(self, pixels: "Tensor", decoding: Decoding, numbers: np.ndarray | None = None) -> list[list[Tokens]]:
        """Generate candidate captions of images, as token ids: for each image a list of candidates.

        `pixels` is float[images, 3, height, width]. Candidate 0 is decoded greedily. The other candidates are sampled
        from the nucleus with `numbers`, uniform in [0, 1) of shape [images, candidates - 1, max_new_tokens]. Token ids
        exclude the start token, and include the end token unless the caption was truncated.
        """
        import torch

        with torch.inference_mode():
            sampled = np.zeros((len(pixels), 0, decoding.max_new_tokens)) if numbers is None else numbers
            return self._decode(self._cross_attention_inputs(pixels), decoding, torch.from_numpy(sampled))

    def _cross_attention_inputs(self, pixels: "Tensor") -> list["Tensor"]:
        """Keys and values of all images for each layer's cross-attention: [2, images, heads, patches, width]."""
        import torch

        share = 1 if self._exact else len(pixels)
        parts = [self._keys_and_values(self.encode(part)) for part in pixels.split(share)]
        if len(parts) == 1:
            return parts[0]
        return [torch.cat([part[layer] for part in parts], 1) for layer in range(len(self._text))]

    def encode(self, pixels: "Tensor") -> "Tensor":
        """Image encoder: pixels, float[images, 3, height, width], to patch embeddings [images, patches, width]."""
        x = self._patches(pixels)
        for layer in self._vision:
            q, k, v = layer.qkv(layer.norm(x)).unflatten(-1, (3, self._vision_heads, -1)).permute(2, 0, 3, 1, 4)
            x = x + layer.out(self._image_attention(q, k, v).transpose(1, 2).flatten(2))
            x = x + layer.feed_forward_out(layer.feed_forward_in(layer.mlp_norm(x)))
        return self._vision_norm(x)

    def _keys_and_values(self, image: "Tensor") -> list["Tensor"]:
        return [
            layer.cross_key_value(image).unflatten(-1, (2, self._heads, -1)).permute(2, 0, 3, 1, 4).contiguous()
            for layer in self._text
        ]

    def _decode(self, cross: list["Tensor"], decoding: Decoding, numbers: "Tensor") -> list[list[Tokens]]:
        import torch

        images, candidates = numbers.shape[0], 1 + numbers.shape[1]
        shape, like = (images * candidates, self._heads, decoding.max_new_tokens), cross[0]
        past = [like.new_empty(2, *shape, like.shape[-1]) for _ in self._text]
        tokens = torch.full((images * candidates, 1), self._start, device=like.device)
        done = torch.zeros(images * candidates, dtype=torch.bool, device=like.device)
        alive = list(range(images))
        captions: list[list[Tokens]] = [[] for _ in alive]

        for step in range(decoding.max_new_tokens):
            logits = self._step(tokens[:, -1], step, cross, past).float()
            if step < decoding.min_new_tokens:
                logits[:, self._end] = float("-inf")
            ban_repeated_ngrams(logits, tokens, decoding.no_repeat_ngram_size)
            chosen = _choose(logits.unflatten(0, (len(alive), candidates)), numbers[alive, :, step], decoding)
            chosen = chosen.masked_fill(done, self._pad)
            tokens = torch.cat([tokens, chosen[:, None]], 1)
            done = done | (chosen == self._end)
            unfinished = ~done.view(-1, candidates).all(1).cpu()
            # Shrinking the batch copies what stays: worth it when at least half of the images are finished.
            if 2 * int(unfinished.sum()) > len(alive):
                continue
            self._collect(captions, alive, tokens, candidates)
            alive = [image for image, more in zip(alive, unfinished.tolist(), strict=True) if more]
            if not alive:
                return captions
            stays = unfinished.to(like.device)
            rows = stays.repeat_interleave(candidates)
            cross, past = [layer[:, stays] for layer in cross], [layer[:, rows] for layer in past]
            tokens, done = tokens[rows], done[rows]
        self._collect(captions, alive, tokens, candidates)
        return captions

    def _step(self, ids: "Tensor", step: int, cross: Sequence["Tensor"], past: Sequence["Tensor"]) -> "Tensor":
        """Logits [rows, vocabulary] of the next token; appends this step's keys and values to the cache `past`."""
        embed = self._embeddings
        x = embed.LayerNorm(embed.word_embeddings(ids) + embed.position_embeddings.weight[step])
        for layer, (cross_keys, cross_values), (keys, values) in zip(self._text, cross, past, strict=True):
            q, k, v = layer.qkv(x).unflatten(-1, (3, self._heads, -1)).unbind(1)
            keys[:, :, step], values[:, :, step] = k, v
            so_far = slice(0, step + 1)
            attended = self._self_attention(q.unsqueeze(2), keys[:, :, so_far], values[:, :, so_far])
            x = layer.self_norm(layer.self_out(attended.flatten(1)) + x)
            q = layer.cross_query(x).view(cross_keys.shape[0], -1, self._heads, cross_keys.shape[-1]).transpose(1, 2)
            attended = self._cross_attention(q, cross_keys, cross_values)
            x = layer.cross_norm(layer.cross_out(attended.transpose(1, 2).reshape(x.shape)) + x)
            x = layer.norm(layer.feed_forward_out(layer.feed_forward_in(x)) + x)
        return self._head_out(self._head_norm(self._head_in(x)))

    def _collect(self, captions: list[list[Tokens]], alive: list[int], tokens: "Tensor", candidates: int) -> None:
        """Store the current captions of the images `alive` in the batch; unfinished captions are overwritten later."""
        for index, row in enumerate(tokens[:, 1:].tolist()):
            image, candidate = divmod(index, candidates)
            if candidate == 0:
                captions[alive[image]] = []
            end = row.index(self._end) + 1 if self._end in row else len(row)
            captions[alive[image]].append(row[:end])

    def _rows(self, weight: "Tensor", bias: "Tensor", activation: str = "") -> Linear:
        """A linear layer of the text decoder, with one row per candidate caption."""
        layer = self._linear(weight, bias, activation)
        # In int8 a row's result does not depend on the others anyhow.
        return tiled(layer) if self._exact and not self._int8 else layer

    def _linear(self, weight: "Tensor", bias: "Tensor", activation: str = "") -> Linear:
        return int8_linear(weight, bias, activation) if self._int8 else linear(weight, bias, activation)

    def _text_layer(self, layer: Any, activation: str) -> _TextLayer:
        inner, cross = layer.attention.self, layer.crossattention.self
        return _TextLayer(
            qkv=self._rows(*_joined(inner.query, inner.key, inner.value)),
            self_out=self._rows(*_joined(layer.attention.output.dense)),
            self_norm=layer.attention.output.LayerNorm,
            cross_query=self._rows(*_joined(cross.query)),
            cross_key_value=self._linear(*_joined(cross.key, cross.value)),
            cross_out=self._rows(*_joined(layer.crossattention.output.dense)),
            cross_norm=layer.crossattention.output.LayerNorm,
            feed_forward_in=self._rows(*_joined(layer.intermediate.dense), activation),
            feed_forward_out=self._rows(*_joined(layer.output.dense)),
            norm=layer.output.LayerNorm,
        )

    def _vision_layer(self, layer: Any, activation: str) -> _VisionLayer:
        return _VisionLayer(
            norm=layer.layer_norm1,
            qkv=self._linear(*_joined(layer.self_attn.qkv)),
            out=self._linear(*_joined(layer.self_attn.projection)),
            mlp_norm=layer.layer_norm2,
            feed_forward_in=self._linear(*_joined(layer.mlp.fc1), activation),
            feed_forward_out=self._linear(*_joined(layer.mlp.fc2)),
        )


def _choose(logits: "Tensor", numbers: "Tensor", decoding: Decoding) -> "Tensor":
    """Next token of each row from logits [images, candidates, vocabulary]: argmax for candidate 0, else sampled."""
    import torch

    greedy = logits[:, :1].argmax(-1)
    if logits.shape[1] == 1:
        return greedy.flatten()
    drawn = nucleus(logits[:, 1:].flatten(0, 1), numbers.flatten(), decoding.top_p, decoding.temperature)
    return torch.cat([greedy, drawn.view(len(logits), -1)], 1).flatten()


def _joined(*layers: Any) -> tuple["Tensor", "Tensor"]:
    """Concatenated weight and bias of linear layers with the same input, to compute them as one layer."""
    import torch

    return torch.cat([layer.weight for layer in layers]), torch.cat([layer.bias for layer in layers])
