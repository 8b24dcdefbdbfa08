"""Keeps a driver and its browser from outliving us: run as a script, it ends both when our end of its input closes.

Our end closes whatever happens to us, a SIGKILL too, where no clean-up of our own would run.
    python -I browser_guard.py FOLDER DRIVER [ARGUMENT...]
The folder, with the browser's profile and all its temporary files, goes with them.
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
        # A session of their own: what they start stays in their process group, and Ctrl-C in a terminal is ours alone.
        driver = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        os.close(1)  # else whoever reads the driver's lines would never see their end
        sys.stdin.buffer.read()
        end(driver)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def end(driver: subprocess.Popen[bytes]) -> None:
    """Kill the driver's process group, and wait until nothing of it is left."""
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
