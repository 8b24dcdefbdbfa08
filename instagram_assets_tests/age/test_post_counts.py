"""Numbers of posts: every account is compared by as many of its posts as enough test users have."""

import numpy as np

from instagram_assets.age.post_counts import POST_COUNTS, compared_count, counts_tested, sample_texts

TEXTS = [f"post {number}" for number in range(40)]


def test_an_account_is_compared_by_the_largest_tested_number_that_it_has() -> None:
    assert [compared_count(number, (1, 3, 10)) for number in (0, 1, 2, 3, 9, 10, 4000)] == [None, 1, 1, 3, 3, 10, 10]


def test_a_sample_is_the_same_each_time_in_order_and_without_doubles() -> None:
    sample = sample_texts("jane", TEXTS, 10)
    assert sample == sample_texts("jane", TEXTS, 10) == sorted(set(sample), key=TEXTS.index)
    assert sample != sample_texts("joe", TEXTS, 10)
    assert sample_texts("jane", TEXTS, 40) == TEXTS
    drawn = {sample_texts(f"user{number}", TEXTS, 1)[0] for number in range(400)}
    assert len(drawn) == 40


def test_a_number_of_posts_is_tested_when_enough_users_of_both_labels_have_as_many() -> None:
    labels = np.arange(100) % 2
    scores = np.zeros((100, len(POST_COUNTS)))
    assert counts_tested([(labels, scores)]) == POST_COUNTS
    scores[labels == 1, 3] = np.where(np.arange(50) < 19, 0, np.nan)
    scores[38:, 4] = np.nan
    assert counts_tested([(labels, scores)]) == (1, 3, 10)


def test_few_users_count_when_all_of_them_have_as_many() -> None:
    scores = np.zeros((8, len(POST_COUNTS)))
    scores[0, 2:] = np.nan
    assert counts_tested([(np.arange(8) % 2, scores)]) == (1, 3)
