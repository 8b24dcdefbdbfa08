"""Users and posts are drawn anew in each pass, the same for the same seed, and packed whole."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from instagram_assets.age.batching import (
    pad_batch,
    sample_posts,
    shuffled_steps,
    token_budget_groups,
    token_budget_slices,
)

LENGTHS = st.lists(st.integers(2, 40), max_size=60).map(lambda values: np.array(sorted(values), np.int64))


@given(st.integers(1, 50), st.integers(1, 12), st.integers(0, 5))
def test_each_pass_sees_every_user_once_and_the_left_over_ones_too(users: int, per_step: int, epoch: int) -> None:
    steps = shuffled_steps(users, per_step, (2021, epoch))
    assert sorted(np.concatenate(steps).tolist()) == list(range(users))
    assert {len(step) for step in steps[:-1]} <= {per_step}
    again = shuffled_steps(users, per_step, (2021, epoch))
    assert [step.tolist() for step in steps] == [step.tolist() for step in again]


def test_posts_beyond_the_most_are_drawn_without_putting_back_and_anew_in_each_pass() -> None:
    posts = np.arange(1000, 1300)
    passes = [sample_posts(posts, 20, (2021, epoch, 7)).tolist() for epoch in range(40)]
    assert all(len(set(own)) == 20 for own in passes)
    assert len({tuple(own) for own in passes}) == 40
    assert passes[3] == sample_posts(posts, 20, (2021, 3, 7)).tolist()
    assert len(set().union(*passes)) > 270
    assert sample_posts(posts, 300, (0,)).tolist() == posts.tolist()


@given(st.lists(st.lists(st.integers(0, 9), max_size=12), max_size=12), st.integers(1, 60))
def test_groups_hold_whole_users_in_order_within_the_budget(users: list[list[int]], budget: int) -> None:
    lengths = np.arange(2, 12)
    posts = [np.array(own, np.int64) for own in users]
    groups = list(token_budget_groups(posts, lengths, budget))
    assert [place for group in groups for place in group.places] == list(range(len(users)))
    for group in groups:
        assert [own.tolist() for own in group.posts] == [users[place] for place in group.places]
        assert group.tokens <= budget or len([own for own in group.posts if len(own)]) == 1


@given(LENGTHS, st.integers(1, 200))
def test_pieces_cover_all_posts_and_keep_to_the_budget(lengths: np.ndarray, budget: int) -> None:
    pieces = list(token_budget_slices(lengths, budget))
    assert [place for piece in pieces for place in range(piece.start, piece.stop)] == list(range(len(lengths)))
    for piece in pieces:
        own = lengths[piece]
        assert len(own) == 1 or len(own) * own.max() <= budget


def test_padding_is_on_the_right_and_masked() -> None:
    ids, mask = pad_batch([np.array([2, 7, 3]), np.array([2, 3])], 9)
    assert torch.equal(ids, torch.tensor([[2, 7, 3], [2, 3, 9]]))
    assert torch.equal(mask, torch.tensor([[1, 1, 1], [1, 1, 0]]))
