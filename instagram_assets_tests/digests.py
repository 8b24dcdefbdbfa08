"""What files hold, to be compared between runs."""

import hashlib
import json
from pathlib import Path


def digest(path: Path) -> str:
    """The hash of a file's bytes; of a commit of a Delta table, which tells its moment, the files that it names."""
    if path.parent.name != "_delta_log":
        return hashlib.sha256(path.read_bytes()).hexdigest()
    actions = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return json.dumps(
        sorted((kind, body["path"]) for action in actions for kind, body in action.items() if "path" in body)
    )
