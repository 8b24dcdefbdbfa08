"""A bad item, and a batch too large for the memory, cost nobody else a result."""

import weakref
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instagram_assets.vision.image_batches import Failed, retry_in_halves


@dataclass
class Worker:
    """Doubles numbers, fails when a poisoned one or too many are in the batch, and counts its calls."""

    poison: set[int] = field(default_factory=set[int])
    room: int = 1_000
    error: Exception = field(default_factory=MemoryError)
    calls: int = 0

    def __call__(self, batch: list[int]) -> list[int]:
        self.calls += 1
        if len(batch) > self.room:
            raise self.error
        if self.poison & set(batch):
            raise ValueError("poison")
        return [item * 2 for item in batch]


@given(st.lists(st.integers(0, 40)), st.sets(st.integers(0, 40)), st.integers(1, 50))
def test_each_good_item_gets_its_result_and_each_bad_one_a_fault(items: list[int], poison: set[int], room: int) -> None:
    expected = [Failed("the model failed on it (ValueError: poison)") if item in poison else item * 2 for item in items]
    assert retry_in_halves(items, Worker(poison, room)) == expected


def test_one_bad_item_among_64_is_found_in_few_calls() -> None:
    worker = Worker({17})
    assert [
        place for place, result in enumerate(retry_in_halves(list(range(64)), worker)) if isinstance(result, Failed)
    ] == [17]
    assert worker.calls == 13


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), RuntimeError("can't allocate memory")],
)
def test_too_little_memory_means_smaller_batches_and_the_same_answer(error: Exception) -> None:
    worker = Worker(room=3, error=error)
    assert retry_in_halves(list(range(10)), worker) == [item * 2 for item in range(10)]
    assert retry_in_halves([1], Worker(room=0, error=error)) == [Failed("out of memory, even for this image alone")]


def test_what_a_failed_batch_held_is_given_back_before_the_next_try() -> None:
    class Tensor:
        """Stands for memory of the device."""

    held: list[weakref.ref[Tensor]] = []

    def work(batch: list[int]) -> list[int]:
        assert not any(reference() for reference in held)
        tensor = Tensor()
        held.append(weakref.ref(tensor))
        if len(batch) > 1:
            raise MemoryError
        return batch

    assert retry_in_halves([1, 2, 3], work) == [1, 2, 3]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_a_user_who_stops_the_run_is_heard(stop: type[BaseException]) -> None:
    def work(batch: list[int]) -> list[int]:
        raise stop

    with pytest.raises(stop):
        retry_in_halves([1, 2], work)


def test_a_lost_result_is_a_bug_and_not_a_fault() -> None:
    with pytest.raises(AssertionError, match="1 results for 2 items"):
        retry_in_halves([1, 2], lambda batch: batch[:1])
