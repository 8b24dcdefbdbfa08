"""Checkpoints of the age model's training, from which an interrupted training resumes.

Each checkpoint is a new file, named after the training's fingerprint, its number and the hash of its content. The
previous checkpoint is kept until the next is synced, so that a damaged file costs only the work since the previous one.
Tensors are stored as safetensors with the state as JSON in the header: reading a checkpoint runs no code.
"""

import hashlib
import json
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from instagram_assets.storage.atomic import remove_durably, sweep, write_atomic

if TYPE_CHECKING:
    from torch import Tensor

CHECKPOINTS_KEPT = 2
"""Checkpoints of one training that are kept: the newest, and the one before should that be damaged."""

_logger = logging.getLogger(__name__)

_NAME = re.compile(r"(?P<training>[0-9a-f]{16})-(?P<number>\d{8})-(?P<digest>[0-9a-f]{16})\.safetensors")
_FACTS = "facts"


class Checkpoint(NamedTuple):
    """A checkpoint's number, its tensors by name, and its JSON-serialisable state."""

    number: int
    tensors: dict[str, "Tensor"]
    facts: dict[str, Any]


class _File(NamedTuple):
    number: int
    path: Path
    digest: str


def save_checkpoint(folder: Path, training: str, checkpoint: Checkpoint) -> None:
    """Write a checkpoint of the training with the fingerprint `training`; durable when this returns.

    Older checkpoints of that training are deleted, except the previous one. Raises StorageError if writing fails.
    """
    from safetensors.torch import save

    content = save(
        {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors.items()},
        metadata={_FACTS: json.dumps(checkpoint.facts)},
    )
    name = f"{training[:16]}-{checkpoint.number:08}-{_digest(content)}.safetensors"
    write_atomic(folder / name, lambda stream: stream.write(content))
    for file in _files(folder, training)[CHECKPOINTS_KEPT:]:
        remove_durably(file.path)


def load_checkpoint(folder: Path, training: str) -> Checkpoint | None:
    """The newest undamaged checkpoint of the training with the fingerprint `training`; None without one.

    Damaged files are skipped with a warning.
    """
    if folder.is_dir():
        sweep(folder)
    for file in _files(folder, training):
        content = file.path.read_bytes()
        if _digest(content) == file.digest:
            return _parsed(file.number, content)
        _logger.warning("%s is damaged and is passed over; the training goes on from an older state.", file.path)
    return None


def remove_others(folder: Path, training: str) -> None:
    """Delete the checkpoints in `folder` of all trainings except the one with the fingerprint `training`."""
    own = {file.path for file in _files(folder, training)}
    for path in folder.iterdir():
        if _NAME.fullmatch(path.name) and path not in own:
            remove_durably(path)


def select_prefix(part: str, tensors: Mapping[str, "Tensor"]) -> dict[str, "Tensor"]:
    """The tensors whose names begin with `part` and a slash, with that prefix removed."""
    return {name.removeprefix(f"{part}/"): tensor for name, tensor in tensors.items() if name.startswith(f"{part}/")}


def _files(folder: Path, training: str) -> list[_File]:
    """The checkpoints of one training, newest first."""
    if not folder.is_dir():
        return []
    matches = [(match, path) for path in folder.iterdir() if (match := _NAME.fullmatch(path.name))]
    files = [
        _File(int(match["number"]), path, match["digest"])
        for match, path in matches
        if match["training"] == training[:16]
    ]
    return sorted(files, reverse=True)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _parsed(number: int, content: bytes) -> Checkpoint:
    from safetensors.torch import load

    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    return Checkpoint(number, load(content), json.loads(header["__metadata__"][_FACTS]))
