"""A run that a person ends ends, and its step is not tried again; one that merely failed is."""

import os
import signal
import time
from collections.abc import Callable

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run_iterator
from dagster._utils.interrupts import capture_interrupts

from instagram_assets.automation.executor_and_retries import one_process

Work = Callable[[dg.AssetExecutionContext], None]


def status_after(instance: dg.DagsterInstance, work: Work, delay: float) -> dg.DagsterRunStatus:
    """How a run of one step ends, whose policy lets it be tried twice more."""

    @dg.asset(retry_policy=dg.RetryPolicy(max_retries=2, delay=delay))
    def worked(context: dg.AssetExecutionContext) -> None:
        work(context)

    job = dg.Definitions([worked], jobs=[dg.define_asset_job("one")], executor=one_process).resolve_job_def("one")
    run = instance.create_run_for_job(job)
    with capture_interrupts():  # as the process of a run that the UI started does
        list(execute_run_iterator(InMemoryJob(job), run, instance))
    ended = instance.get_run_by_id(run.run_id)
    assert ended
    return ended.status


def test_a_run_that_is_ended_in_the_ui_does_not_try_its_step_again(instance: dg.DagsterInstance) -> None:
    tries: list[int] = []

    def ended_by_a_person(context: dg.AssetExecutionContext) -> None:
        tries.append(1)
        instance.report_run_canceling(context.run)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)

    assert status_after(instance, ended_by_a_person, delay=60) == dg.DagsterRunStatus.CANCELED
    assert len(tries) == 1


def test_a_step_that_failed_is_tried_again(instance: dg.DagsterInstance) -> None:
    tries: list[int] = []

    def failing_once(_: dg.AssetExecutionContext) -> None:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("a cable came loose")

    assert status_after(instance, failing_once, delay=0) == dg.DagsterRunStatus.SUCCESS
    assert len(tries) == 2
