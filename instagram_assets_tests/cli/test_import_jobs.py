"""`import-jobs` as a person types it: what came, what was there, what is no job, and who was forgotten."""

import json
from datetime import date
from pathlib import Path
from typing import Any

from instagram_assets.privacy.forgotten_identifiers import Identifiers
from instagram_assets.privacy.tombstones import add_tombstones
from instagram_assets.settings import load_settings
from instagram_assets_tests import commands


def entry(job: str, **changes: Any) -> dict[str, Any]:
    return {"id": job, "query": "고양이", "status": "done", "count": 3, "log": "총 3장 저장됨", **changes}


def imported(folder: Path, content: object) -> Any:
    (folder / "jobs.json").write_text(json.dumps(content), "utf-8")
    environment = {"INSTAGRAM_ASSETS_DATA_DIR": str(folder / "data")}
    return commands.run("import-jobs", "jobs.json", cwd=folder, environment=environment)


def test_bad_entries_are_named_and_a_second_import_adds_nothing(tmp_path: Path) -> None:
    jobs = [entry("a"), entry("b", query=""), entry("c")]
    first, second = (imported(tmp_path, jobs) for _ in range(2))
    assert (first.returncode, first.stdout) == (0, "2 jobs imported, 1 bad entry left out\n")
    assert "jobs.json, job 2: query: ''" in first.stderr
    assert (second.returncode, second.stdout) == (0, "0 jobs imported, 2 there already, 1 bad entry left out\n")


def test_who_was_forgotten_does_not_come_back(tmp_path: Path) -> None:
    chosen = load_settings(data_dir=tmp_path / "data")
    add_tombstones(chosen.folder("privacy"), Identifiers(accounts={"sun_diary": "forgotten_1"}), date(2026, 11, 20))
    done = imported(tmp_path, [entry("a", log="wrote of sun_diary"), entry("b")])
    assert done.stdout == "1 job imported, 1 left out since they name somebody who was forgotten\n"


def test_a_file_that_is_no_jobs_json_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    for content in ([{"caption": "a"}], {"a": 1}, 7):
        failed = imported(tmp_path, content)
        assert failed.returncode == 1
        assert "jobs.json: has no jobs" in failed.stderr
    assert "none of its 1 entries is a job" in imported(tmp_path, [entry("a", status="lost")]).stderr
    assert not (tmp_path / "data").exists()
