"""Lands one file when it is imported, so that whoever forks afterwards has everything loaded that landing needs."""

import contextlib
import io
import json
import tempfile
from pathlib import Path

from instagram_assets_tests.faults.mutations import GOOD, land

with tempfile.TemporaryDirectory() as _folder, contextlib.redirect_stdout(io.StringIO()):
    (Path(_folder) / "inbox").mkdir()
    (Path(_folder) / "inbox" / "good.json").write_text(json.dumps([GOOD]))
    land(_folder)
