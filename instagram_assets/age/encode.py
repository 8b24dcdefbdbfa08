"""Posts to vectors, fast and in bounded memory: each different post once, in batches of about equal length."""

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from instagram_assets.age.batches import padded
from instagram_assets.age.bert import Bert
from instagram_assets.age.windows import Owned, Window, windows_of
from instagram_assets.errors import SettingsError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Tokens = NDArray[np.int64]

_POSTS_AT_ONCE, _TOKENS_AT_ONCE = 50_000, 4_000_000
_BATCH_TOKENS = {"cpu": 1024, "mps": 4096, "cuda": 16_384}  # of the CPU: 512 to 2048 differ by a few percent
_READ_AT_ONCE = 1024
_NARROW = 128  # width below which bf16 is no faster, and rounds more: fewer numbers average it out
_CHARACTERS_PER_TOKEN = 32  # of ordinary text two to four; what is far behind the cut is not worth reading


class UserVector(NamedTuple):
    """A user's posts as one vector: their mean, float32[4 · width], zero when there is none with text."""

    username: str
    vector: NDArray[np.float32]
    posts: int


class PostEncoder:
    """A language model that turns posts into vectors, as `model.post_vectors` does, many times faster.

    It sees the weights as they are now: after training the model further, make another. `backbone` itself stays as
    it is. A post's vector does not depend on the posts beside it, but for rounding. Language models less than 128 wide
    are computed in float32, also where `dtype` is bf16, which would not make them faster. Raises SettingsError when
    `max_seq_len` is more than the language model reads.
    """

    def __init__(
        self, backbone: Any, tokenizer: Any, max_seq_len: int, device: "torch.device", dtype: "torch.dtype"
    ) -> None:
        import torch

        from instagram_assets.age.model import LAYERS

        longest = longest_post(backbone, tokenizer)
        if max_seq_len > longest:
            raise SettingsError(
                f"INSTAGRAM_ASSETS_AGE__MAX_SEQ_LEN={max_seq_len}: the language model reads at most {longest} tokens. "
                "Set it to that or less."
            )
        self.width: int = LAYERS * backbone.config.hidden_size
        self.dtype = torch.float32 if backbone.config.hidden_size < _NARROW else dtype
        self._tokenizer, self._max_seq_len = tokenizer, max_seq_len
        self._batch_tokens = _BATCH_TOKENS.get(device.type, _BATCH_TOKENS["cpu"])
        kind = Bert if Bert.takes(backbone) else _Padded
        self._model = kind(backbone, device, self.dtype)

    def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The vector of each text, float32[texts, 4 · width], in their order; all of them in memory."""
        posts, places = self._read(texts)
        found = np.empty((len(posts), self.width), np.float32)
        for begin, vectors in self._computed(posts):
            found[begin : begin + len(vectors)] = vectors.numpy()
        return found[places]

    def user_vectors(
        self, users: Iterable[tuple[str, Iterable[str | None]]], on_posts: Callable[[int], object] | None = None
    ) -> Iterator[UserVector]:
        """One vector for each user and their texts, in their order; texts without a visible character do not count.

        Memory does not grow with the number of users or of their posts: about 50,000 posts are held at once. While
        the model works on them, a thread reads the next. `on_posts` is told how many more posts are done.
        """
        begun: tuple[Tensor, int] | None = None
        for window, (posts, places) in self._read_ahead(windows_of(users, self._window_size())):
            owned = Owned(window, places, self.width, begun)
            for begin, vectors in self._computed(posts):
                done = owned.add(begin, vectors)
                if on_posts is not None:
                    on_posts(done)
            begun = owned.unfinished()
            yield from map(UserVector, *owned.means())

    def _window_size(self) -> int:
        return max(1, min(_POSTS_AT_ONCE, _TOKENS_AT_ONCE // self._max_seq_len))

    def _read_ahead(self, windows: Iterable[Window]) -> Iterator[tuple[Window, tuple[list[Tokens], NDArray[np.int64]]]]:
        """Each window with its different posts; the one after it is read meanwhile."""
        with ThreadPoolExecutor(1, thread_name_prefix="tokenizer") as pool:
            waiting = None
            for window in windows:
                following = (window, pool.submit(self._read, window.texts))
                if waiting is not None:
                    yield waiting[0], waiting[1].result()
                waiting = following
            if waiting is not None:
                yield waiting[0], waiting[1].result()

    def _read(self, texts: Sequence[str]) -> tuple[list[Tokens], NDArray[np.int64]]:
        return _distinct(read_posts(self._tokenizer, texts, self._max_seq_len))

    def _computed(self, posts: list[Tokens]) -> Iterator[tuple[int, "Tensor"]]:
        """Vectors of posts that are sorted by length, by batches: (number of the first, float32[posts, 4 · width])."""
        begin = 0
        for end in range(1, len(posts) + 1):
            if end == len(posts) or (end + 1 - begin) * len(posts[end]) > self._batch_tokens:
                yield begin, self._model(posts[begin:end]).float().cpu()
                begin = end


class _Padded:
    """Any other encoder of transformers, with shorter posts filled up to the longest of their batch."""

    def __init__(self, backbone: Any, device: "torch.device", dtype: "torch.dtype") -> None:
        weight = next(backbone.parameters())
        fits = weight.device == device and weight.dtype == dtype and not backbone.training
        self._backbone = backbone if fits else copy.deepcopy(backbone).to(device, dtype).eval()
        self._device = device

    def __call__(self, posts: list[Tokens]) -> "Tensor":
        import torch

        from instagram_assets.age.model import first_tokens

        ids, mask = padded(posts, self._backbone.config.pad_token_id or 0)
        with torch.inference_mode():
            return first_tokens(self._backbone, ids.to(self._device), mask.to(self._device))


def read_posts(tokenizer: Any, texts: Sequence[str], max_seq_len: int) -> list[Tokens]:
    """Each text as the ids of its tokens, [CLS] first, cut at `max_seq_len`; training and prediction read alike.

    Whatever is far behind the cut is not read at all, so that a text of a million characters costs no more.
    """
    posts: list[Tokens] = []
    for start in range(0, len(texts), _READ_AT_ONCE):
        some = [text[: max_seq_len * _CHARACTERS_PER_TOKEN] for text in texts[start : start + _READ_AT_ONCE]]
        read = tokenizer(
            # Half a surrogate pair is no character that a tokenizer takes.
            [text.encode("utf-8", "replace").decode() for text in some],
            truncation=True,
            max_length=max_seq_len,
            # Nobody's "[SEP]" in a post is the end of it.
            split_special_tokens=True,
            return_attention_mask=False,
            return_token_type_ids=False,
        )
        posts += [np.array(ids, np.int64) for ids in read["input_ids"]]
    return posts


def longest_post(backbone: Any, tokenizer: Any) -> int:
    """The most tokens that a language model reads at once."""
    limits = [tokenizer.model_max_length, getattr(backbone.config, "max_position_embeddings", None)]
    return min(limit for limit in limits if limit and limit > 0)


def _distinct(posts: list[Tokens]) -> tuple[list[Tokens], NDArray[np.int64]]:
    """The different posts, shortest first, and for each post which of them it is."""
    numbers: dict[bytes, int] = {}
    which = np.array([numbers.setdefault(post.tobytes(), len(numbers)) for post in posts], np.int64)
    different = [np.frombuffer(post, np.int64) for post in numbers]
    order = np.argsort([len(post) for post in different], kind="stable")
    places = np.empty(len(different), np.int64)
    places[order] = np.arange(len(different))
    return [different[number] for number in order], places[which]
