"""Why a run or step failed: the message of the InstagramAssetsError in the chain of causes, else of the root cause."""

import re

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster_shared.error import SerializableErrorInfo

from instagram_assets.errors import InstagramAssetsError, SourceRefusedError, names_below
from instagram_assets.settings import settings
from instagram_assets.status.system_errors import add_remedy

STOPPED = "stopped by Ctrl-C or a signal. Run the same command again: it goes on where this one was."


def failure_reason(event: dg.DagsterEvent) -> str:
    """Why a step or run failed: the message of an error of this package in its causes, else of the root cause."""
    error = _error_of(event)
    if was_interrupted(error):
        return STOPPED
    data = event.step_failure_data.user_failure_data if event.is_step_failure else None
    error = _first_cause(error)
    told = data.description if data else None
    reason = (told or (_without_class(error.message, error.cls_name) if error else event.message) or "").strip()
    return add_remedy(reason, settings())


def failure_class(event: dg.DagsterEvent) -> str:
    """Class name of the error whose message `failure_reason` returns; empty for no error or a run ended by a signal."""
    error = _error_of(event)
    cause = None if was_interrupted(error) else _first_cause(error)
    return (cause.cls_name if cause else "") or ""


def ended_by_signal(event: dg.DagsterEvent) -> bool:
    """Whether a person or the operating system ended the run by a signal."""
    return was_interrupted(_error_of(event))


def is_refusal(name: str) -> bool:
    """Whether an error class (by name) means that a data source refused access."""
    return name in names_below(SourceRefusedError)


def _error_of(event: dg.DagsterEvent) -> SerializableErrorInfo | None:
    return event.step_failure_data.error if event.is_step_failure else event.job_failure_data.error


def _first_cause(error: SerializableErrorInfo | None) -> SerializableErrorInfo | None:
    """The error of this package in the chain of causes, else the root cause."""
    ours = names_below(InstagramAssetsError)
    while error and error.cause and error.cls_name not in ours:
        error = error.cause
    return error


def was_interrupted(error: SerializableErrorInfo | None) -> bool:
    """Whether the error is an interrupt by a signal."""
    while error:
        if error.cls_name == DagsterExecutionInterruptedError.__name__:
            return True
        error = error.cause or error.context
    return False


def _without_class(message: str, name: str | None) -> str:
    """An error message without the class name (with or without module) that tracebacks put before it."""
    return re.sub(rf"\A([\w.]+\.)?{name}: ", "", message)
