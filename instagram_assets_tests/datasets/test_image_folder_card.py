"""The card of an image folder says what was kept, why the rest was not, and how the subject was chosen."""

from typing import Any

from instagram_assets.datasets.image_folder_card import card


def row(
    image_id: str, cluster: int | None, similarity: float | None, score: float | None, **given: Any
) -> dict[str, Any]:
    known = {"image_id": image_id, "cluster": cluster, "query_similarity": similarity, "query_score": score}
    return {**known, "kept": cluster == 1, "reason": None if cluster == 1 else "in another cluster", **given}


def test_of_a_subject_chosen_by_the_query_all_cosines_are_told_and_that_there_is_no_threshold() -> None:
    rows = [
        row("a", 1, 0.31, 0.29),
        row("b", 1, 0.25, 0.29),
        row("c", 0, 0.11, 0.12),
        row("d", -1, 0.2, None),
        row("a", 1, 0.31, 0.29, kept=False, reason="doubled: same file as result 1"),
        row("e", None, None, None),
    ]
    text = card(rows, {"query": "고양이"}, "cats")
    assert "| 1 (the subject) | 2 | 0.290 | 0.250 to 0.310 |" in text
    assert "| 0 | 1 | 0.120 | 0.110 to 0.110 |" in text
    assert "| none | 1 | | 0.200 to 0.200 |" in text
    assert "No threshold is used" in text
    assert "Warning" not in text


def test_of_the_largest_cluster_no_cosines_are_told() -> None:
    text = card([{**row("a", 1, None, None)}, {"kept": False, "reason": "blurred (3)"}], {"query": "cat"}, "cats")
    assert "cosine" not in text
    assert "| blurred | 1 |" in text


def test_warnings_stand_at_the_top_and_cannot_be_markdown() -> None:
    lines = card([], {"query": "cat"}, "cats", ["clip does not know <b>'고양이'</b>"]).splitlines()
    assert lines[:3] == ["# cat", "", r"> **Warning:** clip does not know \<b\>'고양이'\</b\>"]
