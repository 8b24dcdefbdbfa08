"""A guard process that prevents orphaned child processes: it kills its process group when our end of its stdin closes.

Our end closes however this process ends, even by SIGKILL, where no clean-up code would run. The guard leads the process
group, so that the group id cannot be reused before it has ended.
    python -I -S process_group_guard.py FOLDER
The folder, with the children's sockets, is deleted as well.
"""

import os
import shutil
import signal
import sys


def main() -> None:
    # SIGTERM is meant for the other processes of the group.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    shutil.rmtree(sys.argv[1], ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
