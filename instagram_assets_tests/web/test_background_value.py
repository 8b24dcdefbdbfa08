"""What takes long to find is found once for all who ask, and shown as it was meanwhile."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from instagram_assets.web.background_value import BackgroundValue


def test_all_who_ask_at_once_get_what_one_look_found() -> None:
    looks, may_end = list[int](), threading.Event()

    def find() -> int:
        looks.append(1)
        may_end.wait(10)
        return 7

    remembered = BackgroundValue(find, 60)
    assert remembered.newest() is None
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(remembered.wait) for _ in range(8)]
        may_end.set()
        assert [each.result(10) for each in asked] == [7] * 8
    assert (remembered.newest(), len(looks)) == (7, 1)


def test_what_is_no_longer_fresh_is_shown_while_a_newer_one_is_found() -> None:
    answers = iter(range(1, 100))
    remembered = BackgroundValue(lambda: next(answers), 0)
    first = remembered.wait()
    assert remembered.newest() == first
    assert remembered.wait() > first


def test_what_went_wrong_is_raised_where_somebody_asks_and_tried_again() -> None:
    answers = iter([OSError("no disk"), None])

    def find() -> str:
        if error := next(answers):
            raise error
        return "well"

    remembered = BackgroundValue(find, 0)
    with pytest.raises(OSError, match="no disk"):
        remembered.wait()
    assert remembered.wait() == "well"
