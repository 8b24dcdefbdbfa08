"""Keeps child processes from outliving us: a script that kills its process group when our end of its input closes.

Our end closes whatever happens to us, a SIGKILL too, where no clean-up of our own would run. The group is its own, so
that its number cannot be given to others before it has ended.
    python -I -S process_group_guard.py FOLDER
The folder, with the children's sockets, goes with them.
"""

import os
import shutil
import signal
import sys


def main() -> None:
    # Those who are asked nicely are the others.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    shutil.rmtree(sys.argv[1], ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
