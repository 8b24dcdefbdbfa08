"""Posts to embeddings, fast and in bounded memory: each different post once, in batches of about equal length."""

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from instagram_assets.age.batching import padded
from instagram_assets.age.bert import Bert
from instagram_assets.errors import SettingsError

if TYPE_CHECKING:
    import torch
    from torch import Tensor


_USERS_AT_ONCE = 2_048
_PAIRS_AT_ONCE = 1_024


@dataclass
class Window:
    """Some users' texts, of which text i is by user `owners[i]`.

    With `goes_on`, the last user has more texts, which are in the next window: there it is the first user.
    """

    users: list[str] = field(default_factory=list[str])
    texts: list[str] = field(default_factory=list[str])
    owners: list[int] = field(default_factory=list[int])
    goes_on: bool = False


def windows_of(users: Iterable[tuple[str, Iterable[str | None]]], posts: int) -> Iterator[Window]:
    """Users' texts in windows of at most so many; texts without a visible character are left out."""
    window = Window()
    for username, texts in users:
        window.users.append(username)
        for text in texts:
            if text is None or not _visible(text):
                continue
            if len(window.texts) == posts:
                window.goes_on = True
                yield window
                window = Window([username])
            window.texts.append(text)
            window.owners.append(len(window.users) - 1)
        if len(window.users) == _USERS_AT_ONCE:
            yield window
            window = Window()
    yield window


class Owned:
    """The sums of a window's users over their posts' vectors, which come in any number of batches.

    `places` says for each text which of the different posts it is, `begun` what an earlier window found of the first
    user: the sum and the number of posts. Sums are float64, so that 100,000 posts are as exact as one.
    """

    def __init__(
        self, window: Window, places: NDArray[np.int64], width: int, begun: "tuple[Tensor, int] | None"
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
        """Take the vectors, float32[n, width], of the different posts from number `begin` on; of how many posts."""
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
        """Of the users that end in this window: names, means as float32[users, width], numbers of posts."""
        ended = len(self._window.users) - self._window.goes_on
        posts = self._posts[:ended]
        means = self._sums[:ended].numpy() / np.maximum(posts, 1)[:, None]
        return self._window.users[:ended], means.astype(np.float32), posts.tolist()

    def unfinished(self) -> "tuple[Tensor, int] | None":
        """What is known of the user that goes on in the next window."""
        return (self._sums[-1], int(self._posts[-1])) if self._window.goes_on else None


def _visible(text: str) -> bool:
    return any(character.isprintable() and character != " " for character in text)


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
