"""The fault campaign: `python -m benchmarks.faults [--quick] [--json]`.

Every file operation of every writer, 100 of a landing of twenty files and of collecting, 50 of Delta tables and 30 of
a first start, broken in every way.
`--quick` tries every second operation.
"""

import sys
from collections.abc import Iterable
from functools import partial

from benchmarks.faults.backups import BACKUPS
from benchmarks.faults.campaign import SCENARIOS, campaign
from benchmarks.faults.collecting import COLLECTING
from benchmarks.faults.delta import DELTA
from benchmarks.faults.features import FEATURES
from benchmarks.faults.first_start import FIRST_START
from benchmarks.faults.folders import FOLDERS
from benchmarks.faults.harness import choose
from benchmarks.faults.lake import LAKE, MIGRATION
from benchmarks.faults.landing import LANDING
from benchmarks.faults.media import MEDIA
from benchmarks.faults.outputs import OUTPUTS
from benchmarks.faults.retention import RETENTION
from benchmarks.measure import Report, options

# Of thousands of operations, which are much alike.
_SOME = {LANDING.name: 100, COLLECTING.name: 100, DELTA.name: 50, FIRST_START.name: 30}


def _chosen(some: int | None, step: int, count: int) -> Iterable[int]:
    return choose(count, some, seed=7) if some else range(1, count + 1, step)


def main() -> int:
    """Run the campaign; exit code 1 when a promise was broken."""
    chosen = options(__doc__ or "")
    step = 2 if chosen.quick else 1
    report = Report("faults", ["dagster", "pyarrow"])
    points, failures = 0, 0
    for scenario in (
        *SCENARIOS,
        MEDIA,
        FEATURES,
        FOLDERS,
        LAKE,
        MIGRATION,
        LANDING,
        DELTA,
        OUTPUTS,
        FIRST_START,
        RETENTION,
        COLLECTING,
        *BACKUPS,
    ):
        found = campaign(scenario, operations=partial(_chosen, _SOME.get(scenario.name), step))
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
