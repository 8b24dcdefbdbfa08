"""Which schedules and sensors are off: by their own default, or since somebody switched them off in Dagster's UI."""

from dataclasses import dataclass

import dagster as dg

from instagram_assets.automation.schedules import schedules
from instagram_assets.automation.sensors import sensors


@dataclass(frozen=True)
class SwitchedOff:
    """Names of what does not run: `by_hand` was stopped by somebody, `by_default` waits to be switched on."""

    by_hand: list[str]
    by_default: list[str]


def switched_off(instance: dg.DagsterInstance) -> SwitchedOff:
    """What is off, as Dagster has stored it; what was never touched is as its definition says."""
    stored = {state.instigator_name: state.status.value for state in instance.all_instigator_state()}
    by_hand: list[str] = []
    by_default: list[str] = []
    for one in (*schedules, *sensors):
        runs_unasked = one.default_status.value == "RUNNING"
        said = stored.get(one.name, "DECLARED_IN_CODE")
        if said == "STOPPED" or (said == "DECLARED_IN_CODE" and not runs_unasked):
            (by_hand if runs_unasked else by_default).append(one.name)
    return SwitchedOff(by_hand, by_default)
