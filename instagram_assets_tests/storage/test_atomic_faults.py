"""Files are whole whatever goes wrong: every file operation of a write, broken in every way."""

from pathlib import Path

import pytest

from instagram_assets.storage.atomic import is_temporary
from instagram_assets_tests.faults.build import FaultToolError, library
from instagram_assets_tests.faults.campaign import NEW, OLD, SCENARIOS, Scenario, campaign
from instagram_assets_tests.faults.harness import KINDS, Fault, Worker, choose, run_command
from instagram_assets_tests.faults.writers import content

HERE = "instagram_assets_tests.storage.test_atomic_faults"


def write_in_place(path: str, seed: int) -> None:
    """What `write_atomic` is there to replace: the final name is written directly."""
    Path(path).parent.mkdir(exist_ok=True)
    Path(path).write_bytes(content(seed))


def write_without_sync(path: str, seed: int) -> None:
    """A rename without fsync: safe from a kill, not from a power cut."""
    Path(path).parent.mkdir(exist_ok=True)
    beside = Path(path + ".tmp")
    beside.write_bytes(content(seed))
    beside.replace(path)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_file_is_old_or_new_at_every_fault_and_new_after_one_more_run(scenario: Scenario) -> None:
    report = campaign(scenario)
    assert report.points >= 7 * len(KINDS)
    assert report.failures == []


@pytest.mark.parametrize(
    ("writer", "kind"), [("write_in_place", "kill"), ("write_in_place", "torn"), ("write_without_sync", "power")]
)
def test_the_campaign_finds_careless_writers(writer: str, kind: str) -> None:
    replacing = SCENARIOS[1]
    careless = Scenario(
        writer, f"{HERE}:{writer}", replacing.prepare, replacing.arguments, replacing.after_fault, replacing.after_rerun
    )
    assert campaign(careless, [next(known for known in KINDS if known == kind)]).failures


def test_a_full_or_failing_disk_leaves_no_temporary_file_and_says_so(tmp_path: Path) -> None:
    with Worker("instagram_assets_tests.faults.writers:write_file") as worker:
        for number in range(2, 8):
            for kind in ("enospc", "eio"):
                folder = tmp_path / f"{kind}{number}"
                folder.mkdir()
                (folder / "file.bin").write_bytes(content(OLD))
                outcome = worker.run(folder, [str(folder / "file.bin"), NEW], Fault(kind, number))
                assert not any(is_temporary(path.name) for path in folder.iterdir()), outcome
                if outcome.fired and outcome.operations[number - 1][0] != "end":
                    assert outcome.exit == 1
                    assert "cannot be written" in outcome.output


def test_a_new_name_is_synced_before_the_write_counts_as_done(tmp_path: Path) -> None:
    with Worker("instagram_assets_tests.faults.writers:write_file") as worker:
        operations = worker.run(tmp_path, [str(tmp_path / "a" / "b" / "file.bin"), NEW]).operations
    assert operations[-1][0] == "end"
    steps = [(name, path) for name, path in operations if name in ("mkdir", "rename", "fsync") and ".tmp" not in path]
    made = [("mkdir", "a"), ("mkdir", "a/b")]
    assert steps[:2] == made
    assert sorted(steps[2:4]) == [("fsync", ""), ("fsync", "a")]
    assert steps[4:] == [("rename", "a/b/file.bin"), ("fsync", "a/b")]


def test_any_command_can_be_broken(tmp_path: Path) -> None:
    copy = ["dd", "if=/dev/zero", f"of={tmp_path}/copy", "bs=1000", "count=10"]
    assert run_command(copy, tmp_path).count >= 11
    torn = run_command(copy, tmp_path, Fault("torn", 4))
    assert torn.fired
    assert torn.exit == -9
    assert (tmp_path / "copy").stat().st_size == 2500


def test_chosen_operations_are_the_same_for_a_seed_and_cover_the_run() -> None:
    chosen = choose(1000, trials=20, seed=7)
    assert chosen == choose(1000, trials=20, seed=7)
    assert [number // 50 for number in (value - 1 for value in chosen)] == list(range(20))
    assert choose(3, trials=20, seed=7) == [1, 2, 3]


def test_without_a_compiler_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(FaultToolError, match="apt-get install gcc"):
        library()
