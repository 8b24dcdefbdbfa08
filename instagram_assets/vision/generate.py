"""Captions by transformers' own `generate`, for every architecture that has no decoder of ours."""

from typing import TYPE_CHECKING, Any

import numpy as np

from instagram_assets.vision.blip import Decoding, Tokens
from instagram_assets.vision.sampling import LIKELIEST

if TYPE_CHECKING:
    from torch import Tensor


class Generate:
    """Captions from pixels by a model of transformers that needs no prompt: the same calls as `blip.Blip`.

    One image at a time, with a random generator of its own, so that an image's captions are the same in any batch.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        text = model.config.get_text_config(decoder=True)
        self.max_new_tokens: int = getattr(text, "max_position_embeddings", None) or 1_000_000

    def generate(self, pixels: "Tensor", decoding: Decoding, numbers: np.ndarray | None = None) -> list[list[Tokens]]:
        """As `Blip.generate`; start and padding tokens may be among the tokens.

        An image's first number is its seed: transformers draws from torch's generator.
        """
        import torch

        captions: list[list[Tokens]] = []
        with torch.inference_mode():
            for place, image in enumerate(pixels.split(1)):
                greedy = self._call(image, decoding, do_sample=False)
                further = 0 if numbers is None else numbers.shape[1]
                if numbers is not None and further:
                    with torch.random.fork_rng():
                        torch.manual_seed(int(numbers[place, 0, 0] * 2**53))
                        sampled = self._call(
                            image,
                            decoding,
                            do_sample=True,
                            num_return_sequences=further,
                            top_k=LIKELIEST,
                            top_p=decoding.top_p,
                            temperature=decoding.temperature,
                        )
                    greedy += sampled
                captions.append(greedy)
        return captions

    def _call(self, image: "Tensor", decoding: Decoding, **how: Any) -> list[Tokens]:
        tokens = self._model.generate(
            pixel_values=image,
            num_beams=1,
            max_new_tokens=decoding.max_new_tokens,
            min_new_tokens=decoding.min_new_tokens or None,
            no_repeat_ngram_size=decoding.no_repeat_ngram_size or None,
            **how,
        )
        return tokens.tolist()
