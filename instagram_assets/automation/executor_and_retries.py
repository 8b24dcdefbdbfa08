"""How runs are executed and retried: all steps in one process, so that models load once, with a time limit.

A failed run is retried as often as `run_retries` in `homes/*/dagster.yaml` says, unless its job has the tags
NO_RETRIES. A failed step of an asset is retried by the retry policy in `assets/parts.py`. A run that a person cancelled
is not retried, although Dagster 1.13.27 would retry its step if that has a retry policy.
"""

from collections.abc import Generator, Iterator, Mapping
from typing import Any, cast

import dagster as dg

# Private in dagster 1.13.27; required for a custom executor.
from dagster._core.definitions.executor_definition import IN_PROC_CONFIG
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.execution.step_dependency_config import StepDependencyConfig
from dagster._core.executor.in_process import InProcessExecutor

from instagram_assets.automation.failure_reasons import was_interrupted

NO_RETRIES = {"dagster/max_retries": "0"}
"""Tags of a job whose failed runs the daemon does not retry."""
TIME_LIMIT = {"dagster/max_runtime": "21600"}
"""Tags that end a run after six hours; a killed run would otherwise stay "started" in Dagster's history forever."""


class StoppableExecutor(InProcessExecutor):
    """Executes all steps of a run in one process; an interrupted step ends the run, even if it has a retry policy."""

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        events = cast(Generator[dg.DagsterEvent], super().execute(plan_context, execution_plan))
        for event in events:
            yield event
            if event.is_step_up_for_retry and was_interrupted(event.step_retry_data.error):
                yield events.throw(DagsterExecutionInterruptedError())


@dg.executor(name="in_process", config_schema=IN_PROC_CONFIG)
def one_process(context: dg.InitExecutorContext) -> StoppableExecutor:
    """Execute all steps in a single process."""
    config: Mapping[str, Any] = context.executor_config
    retries = RetryMode.from_config(config["retries"])
    assert retries is not None  # the schema has a default
    return StoppableExecutor(retries, StepDependencyConfig.from_config(config.get("step_dependency_config")))
