"""The fault campaign: `python -m instagram_assets_tests.faults [--quick] [--json]`.

Every file operation of every writer, 100 of a landing of twenty files and of collecting, 50 of Delta tables and 30 of
a first start, broken in every way.
`--quick` tries every second operation.
"""

import argparse
import sys
from collections.abc import Iterable
from functools import partial

from instagram_assets_tests.faults.backups import BACKUPS
from instagram_assets_tests.faults.campaign import SCENARIOS, campaign
from instagram_assets_tests.faults.collecting import COLLECTING
from instagram_assets_tests.faults.delta import DELTA
from instagram_assets_tests.faults.features import FEATURES
from instagram_assets_tests.faults.first_start import FIRST_START
from instagram_assets_tests.faults.folders import FOLDERS
from instagram_assets_tests.faults.harness import choose
from instagram_assets_tests.faults.lake import LAKE, MIGRATION
from instagram_assets_tests.faults.landing import LANDING
from instagram_assets_tests.faults.media import MEDIA
from instagram_assets_tests.faults.outputs import OUTPUTS
from instagram_assets_tests.faults.report import note, print_figures
from instagram_assets_tests.faults.retention import RETENTION

# Of thousands of operations, which are much alike.
_SOME = {LANDING.name: 100, COLLECTING.name: 100, DELTA.name: 50, FIRST_START.name: 30}


def _chosen(some: int | None, step: int, count: int) -> Iterable[int]:
    return choose(count, some, seed=7) if some else range(1, count + 1, step)


def main() -> int:
    """Run the campaign; exit code 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="every second operation only")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args()
    step = 2 if chosen.quick else 1
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
        note(f"{scenario.name}: {found.points} points, {len(found.failures)} failures")
        for failure in found.failures:
            note(f"  {failure}")
    figures = {"points": points, "failures": failures}
    print_figures("faults", ["dagster", "pyarrow"], figures, as_json=chosen.json)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
