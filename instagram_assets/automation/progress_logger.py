"""A Dagster logger for commands: prints a run's progress messages on stderr, without Dagster's own log lines."""

import logging
import re
from collections.abc import Callable
from time import monotonic

import dagster as dg


class _OwnWords(logging.Formatter):
    """Log formatter that prints only the message, without time, run and step."""

    def format(self, record: logging.LogRecord) -> str:
        return _words(record)


def _words(record: logging.LogRecord) -> str:
    return getattr(record, "dagster_meta", {}).get("orig_message") or record.getMessage()


# When the last line was printed, by any run of this process, and the progress message that has not reached its end.
_last = -float("inf")
_unfinished = ""
_COUNTED = re.compile(r"(.+?) ([\d,]+)/([\d,]+)")


@dg.logger(
    {"seconds": dg.Field(float, default_value=0.0)},
    "What assets say about their progress, one bare line each, on the standard error.",
)
def progress_logger(init: dg.InitLoggerContext) -> logging.Logger:
    """The logger `stages`, which replaces `console` in a run's config.

    Progress messages are limited to one per `seconds` (logger config), over all runs of a process; the final message
    of the progress that was shown last is always printed, and so are warnings.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(_OwnWords())
    # Failures are printed by the caller; Dagster's own errors only list the steps that were skipped because of them.
    handler.addFilter(lambda record: record.levelno < logging.ERROR)
    handler.addFilter(lambda record: not getattr(record, "dagster_meta", {}).get("dagster_event"))
    handler.addFilter(_at_most_every(init.logger_config["seconds"]))
    logger = logging.Logger("stages", logging.INFO)  # not getLogger: each run gets a handler of its own
    logger.addHandler(handler)
    return logger


def _at_most_every(seconds: float) -> Callable[[logging.LogRecord], bool]:
    def may(record: logging.LogRecord) -> bool:
        global _last, _unfinished
        if record.levelno < logging.WARNING:
            counted = _COUNTED.match(_words(record))
            what, is_done = (counted[1], counted[2] == counted[3]) if counted else ("", True)
            is_end = is_done and what != "" and what == _unfinished
            if monotonic() - _last < seconds and not is_end:
                return False
            _last, _unfinished = monotonic(), "" if is_done else what
        return True

    return may
