"""Compute logs of steps, as in stock Dagster, but with helper processes that Ctrl-C does not reach.

While a step runs, Dagster has a `tail` process that shows its output and a `watch_orphans` process that ends the tail
if the step's process dies. A terminal's Ctrl-C goes to the whole process group, and the watcher, a Python script
without a signal handler, would print a traceback in the middle of a command's output. Both are ended by the step's own
process in any case, by SIGTERM.
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
"""Descriptors of what is printed and of what is said of errors."""


class QuietComputeLogs(LocalComputeLogManager):
    """Stock compute logs in files, whose helper processes are started with SIGINT blocked."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "QuietComputeLogs":
        """An instance for the Dagster home `base_dir`, with the files where stock Dagster keeps them."""
        return cls(os.path.join(config_value["base_dir"], "storage"), inst_data=inst_data)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Generator[CapturedLogContext, None, None]:
        with _streams_given_back(), ExitStack() as stack:
            with _interrupts_blocked():
                context = stack.enter_context(super().capture_logs(log_key))
            yield context


@contextmanager
def _streams_given_back() -> Generator[None]:
    """Context manager: restore stdout and stderr after the block, whatever happens in it.

    Dagster flushes before it restores them: on a full disk that fails, and all later output would be lost.
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

    A signal that arrives meanwhile is delivered afterwards.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
