"""A jobs.json of the earlier dashboard is read in each of its shapes; bad entries are named, the others are taken."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instagram_assets.errors import FileError
from instagram_assets.ingest.dashboard_jobs import DashboardJob, DashboardJobs, read_dashboard_jobs

SEOUL = ZoneInfo("Asia/Seoul")
ENTRY: dict[str, Any] = {
    "id": "a1",
    "query": "고양이",
    "request_limit": 50,
    "out_dir": "data/naver_collected/a1",
    "status": "done",
    "count": 31,
    "error": None,
    "log": "총 31장 저장됨\n",
    "started_at": "2025-03-01T09:00:00",
    "finished_at": "2025-03-01T09:05:30+09:00",
}
JOB = DashboardJob(
    id="a1",
    query="고양이",
    limit=50,
    out_dir="data/naver_collected/a1",
    status="done",
    count=31,
    error="",
    log="총 31장 저장됨\n",
    started_at=datetime(2025, 3, 1, tzinfo=UTC),
    finished_at=datetime(2025, 3, 1, 0, 5, 30, tzinfo=UTC),
)


def read(folder: Path, content: Any) -> DashboardJobs:
    file = folder / "jobs.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return read_dashboard_jobs(file, SEOUL)


@pytest.mark.parametrize(
    "content",
    [
        [ENTRY],
        {"a1": ENTRY},
        {"a1": {name: value for name, value in ENTRY.items() if name != "id"}},
        {"jobs": [ENTRY]},
        {"jobs": {"a1": ENTRY}, "version": 1},
        "\ufeff" + json.dumps([ENTRY]),
    ],
)
def test_each_shape_gives_the_same_job(tmp_path: Path, content: Any) -> None:
    assert read(tmp_path, content) == DashboardJobs([JOB], [])


@pytest.mark.parametrize(
    ("field", "value", "name", "expected"),
    [
        ("status", "running", "status", "cancelled"),
        ("status", "queued", "status", "cancelled"),
        ("status", "Failed", "status", "failed"),
        ("request_limit", "50", "limit", 50),
        ("request_limit", None, "limit", None),
        ("count", "", "count", None),
        ("id", 7, "id", "7"),
        ("log", ["one\n", "two"], "log", "one\ntwo"),
        ("log", "a\0\ud800b", "log", "a\ufffd?b"),
        ("started_at", 1_740_787_200, "started_at", JOB.started_at),
        ("started_at", 1_740_787_200_000, "started_at", JOB.started_at),
        ("started_at", "2025-03-01 00:00:00Z", "started_at", JOB.started_at),
        ("finished_at", None, "finished_at", None),
    ],
)
def test_values_in_other_forms_are_understood(
    tmp_path: Path, field: str, value: Any, name: str, expected: object
) -> None:
    (job,) = read(tmp_path, [ENTRY | {field: value}]).jobs
    assert getattr(job, name) == expected


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("no object", "job 2: is no object"),
        (ENTRY | {"id": None}, "job 2: id: None"),
        (ENTRY | {"id": "b", "query": " "}, "job 2: query: ' '"),
        (ENTRY | {"id": "b", "status": "paused"}, "job 2: status: 'paused'"),
        (ENTRY | {"id": "b", "request_limit": -1}, "job 2: request_limit: '-1'"),
        (ENTRY | {"id": "b", "count": True}, "job 2: count: 'True'"),
        (ENTRY | {"id": "b", "count": 10**30}, "job 2: count: "),
        (ENTRY | {"id": "b", "log": {"a": 1}}, "job 2: log: "),
        (ENTRY | {"id": "b", "started_at": "yesterday"}, "job 2: started_at: 'yesterday'"),
        (ENTRY | {"id": "b", "started_at": 1e300}, "job 2: started_at: "),
        (ENTRY | {"id": "b", "finished_at": "2024-01-01"}, "job 2: finished_at: is before started_at"),
        (ENTRY, "job 2: id: 'a1' is that of another job"),
    ],
)
def test_a_bad_entry_is_named_and_the_others_are_taken(tmp_path: Path, entry: Any, said: str) -> None:
    other = ENTRY | {"id": "z"}
    found = read(tmp_path, [ENTRY, entry, other])
    assert [job.id for job in found.jobs] == ["a1", "z"]
    (problem,) = found.problems
    assert problem.startswith(said)


@pytest.mark.parametrize(
    "content", ["", "{", "1", "null", '"jobs"', '["a"]', '[{"caption": "a"}]', '{"caption": "a"}', "[" * 100_000]
)
def test_a_file_that_is_no_jobs_json_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(FileError, match=r"jobs\.json"):
        read(tmp_path, content)


def test_a_file_that_is_not_there_and_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be read"):
        read_dashboard_jobs(tmp_path / "none.json", SEOUL)
    (tmp_path / "jobs.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FileError, match="no JSON"):
        read_dashboard_jobs(tmp_path / "jobs.json", SEOUL)


@pytest.mark.parametrize("content", [[], {}, {"jobs": []}])
def test_an_empty_history_is_one(tmp_path: Path, content: Any) -> None:
    assert read(tmp_path, content) == DashboardJobs([], [])


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.lists(st.dictionaries(st.sampled_from([*ENTRY]), _VALUES) | _VALUES, max_size=5))
def test_whatever_the_entries_hold_each_is_a_job_or_a_problem(
    tmp_path_factory: pytest.TempPathFactory, entries: list[Any]
) -> None:
    found = read(tmp_path_factory.mktemp("jobs"), [ENTRY, *entries])
    assert found.jobs[0] == JOB
    assert len(found.jobs) + len(found.problems) == 1 + len(entries)
    assert all(job.id and job.query and job.status in ("done", "failed", "cancelled") for job in found.jobs)
