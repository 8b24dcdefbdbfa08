"""What steps print, kept as Dagster keeps it, by children that Ctrl-C does not reach.

While a step runs, Dagster has a `tail` that shows what is printed and a `watch_orphans` that ends the tail should the
step's process die. A terminal's Ctrl-C goes to the whole group of processes, and of it the watcher, a Python script
without a handler, dies with a traceback in the middle of what the command says. Both are ended by the step's own
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
    """Stock files of what steps print; what shows them meanwhile is started with SIGINT blocked."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "QuietComputeLogs":
        """The files of the Dagster home `base_dir`, in the folder where stock Dagster keeps them."""
        return cls(os.path.join(config_value["base_dir"], "storage"), inst_data=inst_data)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Generator[CapturedLogContext, None, None]:
        with _streams_given_back(), ExitStack() as stack:
            with _interrupts_blocked():
                context = stack.enter_context(super().capture_logs(log_key))
            yield context


@contextmanager
def _streams_given_back() -> Generator[None]:
    """Have what is printed after the block go where it went before, whatever happens in it.

    Dagster flushes before it gives them back: on a full disk that fails, and all that a command says would be lost.
    """
    with ExitStack() as stack:
        for descriptor in _STREAMS:
            copy = os.dup(descriptor)
            stack.callback(os.close, copy)
            stack.callback(os.dup2, copy, descriptor)
        yield


@contextmanager
def _interrupts_blocked() -> Generator[None]:
    """Keep SIGINT from this thread while the block runs, and for good from processes that are started in it.

    One that comes meanwhile is delivered afterwards: none is lost.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
