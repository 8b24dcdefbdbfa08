"""Compute logs of steps, as in stock Dagster, but with helper processes that Ctrl-C does not reach.

While a step runs, Dagster runs a `tail` process that shows its output and a `watch_orphans` process that ends `tail` if
the step's process dies. A terminal's Ctrl-C is sent to the whole process group, and `watch_orphans`, a Python script
without a signal handler, would print a traceback in the middle of a command's output. In any case, the step's process
ends both by SIGTERM.
"""

import os
import signal
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from dagster._core.storage.compute_log_manager import CapturedLogContext
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._serdes import ConfigurableClassData

_STREAMS = (1, 2)
"""File descriptors of stdout and stderr."""


class QuietComputeLogs(LocalComputeLogManager):
    """Writes the output of steps to local files like stock Dagster, but blocks SIGINT in its helper processes."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "QuietComputeLogs":
        """Create the log manager from the config of dagster.yaml; files are in the same place as in stock Dagster."""
        return cls(os.path.join(config_value["base_dir"], "storage"), inst_data=inst_data)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Generator[CapturedLogContext, None, None]:
        with _streams_given_back(), ExitStack() as stack:
            with _interrupts_blocked():
                context = stack.enter_context(super().capture_logs(log_key))
            yield context


@contextmanager
def _streams_given_back() -> Generator[None]:
    """Context manager: restore stdout and stderr after the block, also if it raises.

    Dagster flushes its files before it restores the streams: on a full disk that raises, and later output is lost.
    """
    with ExitStack() as stack:
        for descriptor in _STREAMS:
            copy = os.dup(descriptor)
            stack.callback(os.close, copy)
            stack.callback(os.dup2, copy, descriptor)
        yield


@contextmanager
def _interrupts_blocked() -> Generator[None]:
    """Context manager: block SIGINT in this thread during the block, and permanently in processes started in it.

    A SIGINT that arrives during the block is delivered after it.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
