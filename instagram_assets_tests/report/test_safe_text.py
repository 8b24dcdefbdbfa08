"""Text of other people neither moves a terminal nor fills a log."""

import pytest

from instagram_assets.report.safe_text import printable


@pytest.mark.parametrize("control", ["\x1b[31m", "\r", "\n", "\x07", "\x00", "\u202e", "\u2028", "\ud83d"])
def test_what_moves_a_terminal_is_taken_out(control: str) -> None:
    shown = printable(f"before{control}after")
    assert shown == f"before\ufffd{control[1:]}after"
    assert shown.isprintable()


def test_letters_of_any_language_and_emoji_stay() -> None:
    assert printable("육아일기 🥰 café") == "육아일기 🥰 café"


def test_what_is_kept_stays_and_what_is_too_long_is_cut() -> None:
    assert printable("one\ntwo\t", kept="\n") == "one\ntwo\ufffd"
    assert printable("a" * 61, 60) == "a" * 60 + "…"
    assert printable("a" * 60, 60) == "a" * 60
    assert printable(12) == "12"
