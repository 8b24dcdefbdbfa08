"""Encodes posts with a language model in bounded memory: each distinct post once, in batches of similar length."""

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from instagram_assets.age.batching import pad_batch
from instagram_assets.age.bert import Bert
from instagram_assets.errors import SettingsError

if TYPE_CHECKING:
    import torch
    from torch import Tensor


_USERS_AT_ONCE = 2_048
_PAIRS_AT_ONCE = 1_024


@dataclass
class TextWindow:
    """A window over a stream of users' texts; text i belongs to user `owners[i]`.

    With `goes_on`, the last user has more texts in the next window, where it is the first user.
    """

    users: list[str] = field(default_factory=list[str])
    texts: list[str] = field(default_factory=list[str])
    owners: list[int] = field(default_factory=list[int])
    goes_on: bool = False


def text_windows(users: Iterable[tuple[str, Iterable[str | None]]], posts: int) -> Iterator[TextWindow]:
    """Split a stream of users' texts into windows of at most `posts` texts; blank texts are left out."""
    window = TextWindow()
    for username, texts in users:
        window.users.append(username)
        for text in texts:
            if text is None or not is_visible(text):
                continue
            if len(window.texts) == posts:
                window.goes_on = True
                yield window
                window = TextWindow([username])
            window.texts.append(text)
            window.owners.append(len(window.users) - 1)
        if len(window.users) == _USERS_AT_ONCE:
            yield window
            window = TextWindow()
    yield window


class UserSums:
    """Accumulates sums of post vectors per user of a window, over any number of batches.

    `places` maps each text to the index of its distinct post; `begun` is the partial sum and post count of the first
    user, carried over from the previous window. Sums are float64, so that 100,000 posts lose no precision.
    """

    def __init__(
        self, window: TextWindow, places: NDArray[np.int64], width: int, begun: "tuple[Tensor, int] | None"
    ) -> None:
        import torch

        users = len(window.users)
        owners = np.array(window.owners, np.int64)
        self._window = window
        self._sums = torch.zeros(users, width, dtype=torch.float64)
        self._posts = np.bincount(owners, minlength=users)
        if begun is not None:
            self._sums[0] += begun[0]
            self._posts[0] += begun[1]
        pairs, self._counts = np.unique(places * users + owners, return_counts=True)
        self._places, self._owners = np.divmod(pairs, max(users, 1))

    def add(self, begin: int, vectors: "Tensor") -> int:
        """Add vectors, float32[n, width], of the distinct posts from index `begin` on; returns the number of posts."""
        import torch

        first, last = np.searchsorted(self._places, [begin, begin + len(vectors)])
        for start in range(int(first), int(last), _PAIRS_AT_ONCE):
            some = slice(start, min(start + _PAIRS_AT_ONCE, last))
            owners, posts, counts = (
                torch.from_numpy(part[some]) for part in (self._owners, self._places - begin, self._counts)
            )
            self._sums.index_add_(0, owners, vectors[posts].double() * counts[:, None])
        return int(self._counts[first:last].sum())

    def means(self) -> tuple[list[str], NDArray[np.float32], list[int]]:
        """Names, mean vectors float32[users, width] and post counts of the users that are complete in this window."""
        ended = len(self._window.users) - self._window.goes_on
        posts = self._posts[:ended]
        means = self._sums[:ended].numpy() / np.maximum(posts, 1)[:, None]
        return self._window.users[:ended], means.astype(np.float32), posts.tolist()

    def unfinished(self) -> "tuple[Tensor, int] | None":
        """Partial sum and post count of the user that continues in the next window, or None."""
        return (self._sums[-1], int(self._posts[-1])) if self._window.goes_on else None


def is_visible(text: str) -> bool:
    """Whether a text has a printable character other than space; texts without one are ignored everywhere."""
    return any(character.isprintable() and character != " " for character in text)


TokenIds = NDArray[np.int64]

_POSTS_AT_ONCE, _TOKENS_AT_ONCE = 50_000, 4_000_000
_BATCH_TOKENS = {"cpu": 1024, "mps": 4096, "cuda": 16_384}  # of the CPU: 512 to 2048 differ by a few percent
_READ_AT_ONCE = 1024
_NARROW = 128  # width below which bf16 is no faster, and rounds more: fewer numbers average it out
_CHARACTERS_PER_TOKEN = 32  # ordinary text has two to four; text far beyond the truncation is not tokenized


class UserVector(NamedTuple):
    """A user with the mean of the post vectors, float32[4 · width]; zero if the user has no posts with text."""

    username: str
    vector: NDArray[np.float32]
    posts: int


class PostEncoder:
    """Encodes posts for inference: the same vectors as `model.post_vectors`, but much faster.

    It copies the weights, so create a new instance after further training. A post's vector does not depend on the other
    posts of its batch, except for rounding. Language models of width below 128 are computed in float32 even if `dtype`
    is bf16, since bf16 would not be faster. Raises SettingsError when `max_seq_len` exceeds the language model's
    maximum.
    """

    def __init__(
        self, backbone: Any, tokenizer: Any, max_seq_len: int, device: "torch.device", dtype: "torch.dtype"
    ) -> None:
        import torch

        from instagram_assets.age.model import CLS_LAYERS

        longest = max_tokens(backbone, tokenizer)
        if max_seq_len > longest:
            raise SettingsError(
                f"INSTAGRAM_ASSETS_AGE__MAX_SEQ_LEN={max_seq_len}: the language model reads at most {longest} tokens. "
                "Set it to that or less."
            )
        self.width: int = CLS_LAYERS * backbone.config.hidden_size
        self.dtype = torch.float32 if backbone.config.hidden_size < _NARROW else dtype
        self._tokenizer, self._max_seq_len = tokenizer, max_seq_len
        self._batch_tokens = _BATCH_TOKENS.get(device.type, _BATCH_TOKENS["cpu"])
        kind = Bert if Bert.supports(backbone) else _Padded
        self._model = kind(backbone, device, self.dtype)

    def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The vectors of the texts, float32[texts, 4 · width], in the order of `texts`."""
        posts, places = self._read(texts)
        found = np.empty((len(posts), self.width), np.float32)
        for begin, vectors in self._computed(posts):
            found[begin : begin + len(vectors)] = vectors.numpy()
        return found[places]

    def user_vectors(
        self, users: Iterable[tuple[str, Iterable[str | None]]], on_posts: Callable[[int], object] | None = None
    ) -> Iterator[UserVector]:
        """Mean vector of each user's texts, as a stream in the order of `users`; blank texts are ignored.

        Memory is bounded: about 50,000 posts are held at once. While the model encodes them, a thread tokenizes the
        next posts. `on_posts` is called after each batch with its number of posts.
        """
        begun: tuple[Tensor, int] | None = None
        for window, (posts, places) in self._read_ahead(text_windows(users, self._window_size())):
            owned = UserSums(window, places, self.width, begun)
            for begin, vectors in self._computed(posts):
                done = owned.add(begin, vectors)
                if on_posts is not None:
                    on_posts(done)
            begun = owned.unfinished()
            yield from map(UserVector, *owned.means())

    def _window_size(self) -> int:
        return max(1, min(_POSTS_AT_ONCE, _TOKENS_AT_ONCE // self._max_seq_len))

    def _read_ahead(
        self, windows: Iterable[TextWindow]
    ) -> Iterator[tuple[TextWindow, tuple[list[TokenIds], NDArray[np.int64]]]]:
        """Yields each window with the token ids of its distinct posts; a thread tokenizes the next window meanwhile."""
        with ThreadPoolExecutor(1, thread_name_prefix="tokenizer") as pool:
            waiting = None
            for window in windows:
                following = (window, pool.submit(self._read, window.texts))
                if waiting is not None:
                    yield waiting[0], waiting[1].result()
                waiting = following
            if waiting is not None:
                yield waiting[0], waiting[1].result()

    def _read(self, texts: Sequence[str]) -> tuple[list[TokenIds], NDArray[np.int64]]:
        return _distinct(tokenize_posts(self._tokenizer, texts, self._max_seq_len))

    def _computed(self, posts: list[TokenIds]) -> Iterator[tuple[int, "Tensor"]]:
        """Encodes posts sorted by length, in batches: yields (index of the first post, float32[posts, 4 · width])."""
        begin = 0
        for end in range(1, len(posts) + 1):
            if end == len(posts) or (end + 1 - begin) * len(posts[end]) > self._batch_tokens:
                yield begin, self._model(posts[begin:end]).float().cpu()
                begin = end


class _Padded:
    """Encoder for architectures other than BERT's: batches padded to their longest post."""

    def __init__(self, backbone: Any, device: "torch.device", dtype: "torch.dtype") -> None:
        weight = next(backbone.parameters())
        fits = weight.device == device and weight.dtype == dtype and not backbone.training
        self._backbone = backbone if fits else copy.deepcopy(backbone).to(device, dtype).eval()
        self._device = device

    def __call__(self, posts: list[TokenIds]) -> "Tensor":
        import torch

        from instagram_assets.age.model import cls_vectors

        ids, mask = pad_batch(posts, self._backbone.config.pad_token_id or 0)
        with torch.inference_mode():
            return cls_vectors(self._backbone, ids.to(self._device), mask.to(self._device))


def tokenize_posts(tokenizer: Any, texts: Sequence[str], max_seq_len: int) -> list[TokenIds]:
    """Token ids of each text, starting with [CLS] and truncated at `max_seq_len`, for training and prediction.

    Text far beyond the truncation is cut off before tokenization, so that very long texts cost no extra time.
    """
    posts: list[TokenIds] = []
    for start in range(0, len(texts), _READ_AT_ONCE):
        some = [text[: max_seq_len * _CHARACTERS_PER_TOKEN] for text in texts[start : start + _READ_AT_ONCE]]
        read = tokenizer(
            # Lone surrogates are not accepted by tokenizers.
            [text.encode("utf-8", "replace").decode() for text in some],
            truncation=True,
            max_length=max_seq_len,
            # A "[SEP]" written in a post must not be parsed as the special token.
            split_special_tokens=True,
            return_attention_mask=False,
            return_token_type_ids=False,
        )
        posts += [np.array(ids, np.int64) for ids in read["input_ids"]]
    return posts


def max_tokens(backbone: Any, tokenizer: Any) -> int:
    """Maximum sequence length of a language model and its tokenizer."""
    limits = [tokenizer.model_max_length, getattr(backbone.config, "max_position_embeddings", None)]
    return min(limit for limit in limits if limit and limit > 0)


def _distinct(posts: list[TokenIds]) -> tuple[list[TokenIds], NDArray[np.int64]]:
    """The distinct posts sorted by length, and for each post the index of its distinct post."""
    numbers: dict[bytes, int] = {}
    which = np.array([numbers.setdefault(post.tobytes(), len(numbers)) for post in posts], np.int64)
    different = [np.frombuffer(post, np.int64) for post in numbers]
    order = np.argsort([len(post) for post in different], kind="stable")
    places = np.empty(len(different), np.int64)
    places[order] = np.arange(len(different))
    return [different[number] for number in order], places[which]
