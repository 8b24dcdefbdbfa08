"""What Dagster would keep of the first run of a process until its end.

Dagster compiles the constructor of a class when its first object is made, and the compiled function keeps all local
variables of the function that made it (`JitCheckedNew` of dagster 1.13.27). So the planned events of the first run, the
context of its first step with all that this was given, and the cells of its first input would stay in memory: 100 MB
for 20,000 cells. Of these classes the first objects are made here, where there is nothing to keep.
"""

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluation,
    AssetCheckEvaluationPlanned,
)
from dagster._core.definitions.partitions.mapping.partition_mapping import UpstreamPartitionsResult
from dagster._core.execution.plan.inputs import StepInputData
from dagster._core.execution.plan.objects import TypeCheckData


def make_first_objects() -> None:
    """Make the first object of each class whose first object is made beside much that it would keep."""
    none = dg.DynamicPartitionsDefinition(name="none").empty_subset()
    UpstreamPartitionsResult(partitions_subset=none, required_but_nonexistent_subset=none)
    StepInputData(input_name="input", type_check_data=TypeCheckData(success=True, label="type"))
    AssetCheckEvaluationPlanned(asset_key=dg.AssetKey("asset"), check_name="check", partitions_subset=None)
    AssetCheckEvaluation(dg.AssetKey("asset"), "check", passed=True, metadata={})
