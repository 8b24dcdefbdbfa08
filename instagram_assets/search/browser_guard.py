"""Terminates a driver and its browser when the parent process ends: run as a script, it watches its standard input.

    python -I browser_guard.py FOLDER DRIVER [ARGUMENT...]

The pipe from the parent closes even if the parent is killed by SIGKILL, when no clean-up code of it can run. The folder
with the browser's profile and temporary files is deleted as well.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress

_SECONDS_TO_VANISH = 5.0


def main() -> None:
    folder, *command = sys.argv[1:]
    try:
        # Own session: children stay in one process group, and Ctrl-C in a terminal only reaches the parent.
        driver = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        os.close(1)  # else readers of the driver's output would never see its end
        sys.stdin.buffer.read()
        end(driver)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def end(driver: subprocess.Popen[bytes]) -> None:
    """Kill the driver's process group, and wait until all its processes have ended."""
    with suppress(ProcessLookupError):
        os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    until = time.monotonic() + _SECONDS_TO_VANISH
    with suppress(ProcessLookupError):
        while time.monotonic() < until:
            os.killpg(driver.pid, 0)
            time.sleep(0.01)


if __name__ == "__main__":
    main()
