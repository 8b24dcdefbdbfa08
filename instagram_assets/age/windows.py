"""Users and their posts in windows of bounded size, and the mean of each user's post vectors across windows."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
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
