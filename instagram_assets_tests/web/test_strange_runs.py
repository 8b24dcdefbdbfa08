"""A run whose tags or times make no sense is shown with what can be read: anybody can write them in the Dagster UI."""

from uuid import uuid4

import pytest

from instagram_assets.partitions import (
    CANDIDATES_TAG,
    ERROR_TAG,
    FOLDER_TAG,
    IMPORTED_TAG,
    KEPT_TAG,
    LIMIT_TAG,
    OUT_DIR_TAG,
    PARTITION,
    QUERY_TAG,
)
from instagram_assets.web.collection_jobs import Job, State, folder_of, job_of
from instagram_assets.web.dagster_queries import Run


def shown(ended: float = 2.0, /, status: str = "SUCCESS", **tags: str) -> Job:
    run = Run(str(uuid4()), "search", status, {TAGS[name]: value for name, value in tags.items()}, 0.0, 1.0, ended, {})
    return job_of(run, {}, "")


@pytest.mark.parametrize(
    "name",
    [
        *("/tmp/outside", "../../../outside", "..", ".", "a/b", "a\\b", "a\0b", "", "a" * 5_000),
        *("<img src=x onerror=alert(1)>", "\u202ecat", "cat ", "\ud800"),
    ],
)
@pytest.mark.parametrize("tag", ["folder", "partition"])
def test_a_folder_that_no_search_can_have_is_none(tag: str, name: str) -> None:
    job = shown(**{"query": "cat", tag: name})
    assert (job.folder, folder_of(job), job.query) == ("", "", "cat")


def test_a_folder_of_a_search_is_one() -> None:
    assert folder_of(shown(query="cat", folder="고양이")) == "고양이"
    assert folder_of(shown(partition="고양이")) == "고양이"


@pytest.mark.parametrize("number", ["9" * 5_000, "9" * 10, "-1", "1.5", "1e9", "٣", "x", "", "NaN", "0x1"])
def test_a_count_that_is_none_is_not_known(number: str) -> None:
    job = shown(limit=number, kept=number, candidates=number)
    assert (job.limit, job.kept, job.candidates) == (None, None, None)


@pytest.mark.parametrize("ended", [1e300, -1e300, float("nan"), float("inf"), 1e18])
def test_a_time_that_no_calendar_has_is_not_known(ended: float) -> None:
    assert shown(ended).finished_at is None


def test_texts_are_cut_and_turn_nothing_around() -> None:
    assert shown(query="\u202egpj.exe\x1b[31m\ud800").query == "\ufffdgpj.exe\ufffd[31m\ufffd"
    assert len(shown(query="a" * 100_000).query) == 1_000
    assert shown(query="👨‍👩‍👧 고양이").query == "👨‍👩‍👧 고양이"
    job = shown(imported="1", out_dir="/etc\u202e", error_tag="\x1b[31mbroke\tdown\nat line 3", status="FAILURE")
    assert (job.folder, folder_of(job)) == ("/etc\ufffd", "")
    assert (job.error, job.state) == ("\ufffd[31mbroke down", State.failed)


TAGS = {
    "folder": FOLDER_TAG,
    "partition": PARTITION,
    "query": QUERY_TAG,
    "limit": LIMIT_TAG,
    "kept": KEPT_TAG,
    "candidates": CANDIDATES_TAG,
    "imported": IMPORTED_TAG,
    "out_dir": OUT_DIR_TAG,
    "error_tag": ERROR_TAG,
}
