"""The tests of `instagram_assets`, and what they stand on: servers, Dagster instances, small models, commands."""

import os

# Tests run beside each other, one to a core: threads of libraries would only wait for each other. Set before any
# library is loaded, and so also for the processes that tests start.
for _library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")
