"""The fault campaign: `python -m benchmarks.faults [--quick] [--json]`.

Every file operation of every writer, and 100 of a landing of twenty files, broken in every way. `--quick` tries every
second operation.
"""

import sys

from benchmarks.faults.campaign import SCENARIOS, campaign
from benchmarks.faults.features import FEATURES
from benchmarks.faults.folders import FOLDERS
from benchmarks.faults.harness import choose
from benchmarks.faults.lake import LAKE, MIGRATION
from benchmarks.faults.landing import LANDING
from benchmarks.faults.media import MEDIA
from benchmarks.measure import Report, options


def _some(count: int) -> list[int]:
    """Of the thousands of operations of a landing, which are much alike."""
    return choose(count, 100, seed=7)


def main() -> int:
    """Run the campaign; exit code 1 when a promise was broken."""
    chosen = options(__doc__ or "")
    step = 2 if chosen.quick else 1
    report = Report("faults", ["dagster", "pyarrow"])
    points, failures = 0, 0
    for scenario in (*SCENARIOS, MEDIA, FEATURES, FOLDERS, LAKE, MIGRATION, LANDING):
        found = campaign(scenario, operations=_some if scenario is LANDING else lambda count: range(1, count + 1, step))
        points += found.points
        failures += len(found.failures)
        report.note(f"{scenario.name}: {found.points} points, {len(found.failures)} failures")
        for failure in found.failures:
            report.note(f"  {failure}")
    report.figures = {"points": points, "failures": failures}
    report.show(as_json=chosen.json)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
