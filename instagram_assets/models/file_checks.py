"""Checks of a model's files (required files, truncated safetensors, pickles, custom code), and their fingerprint.

No model is loaded here, so that a run with all results cached imports no model library.
"""

import hashlib
import json
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from instagram_assets.errors import ModelError, StorageError
from instagram_assets.storage.atomic import write_atomic

WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "model-?????-of-?????.safetensors")
TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "tokenizer.model", "sentencepiece.bpe.model")
PREPROCESSORS = ("preprocessor_config.json", "processor_config.json")
MODEL_FILES = (
    *WEIGHTS,
    *TOKENIZERS,
    *PREPROCESSORS,
    "config.json",
    "generation_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "merges.txt",
    "chat_template.*",
)
"""Names of the files that loading reads, as patterns; weights in other formats are pickles or duplicates."""

_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_LARGEST_HEADER = 100_000_000  # the format's own limit
_LARGE = 16_000_000  # smaller files are hashed in no time
_CLOCK_STEP_NS = 2_000_000_000  # the coarsest clock of a common file system


def check_files(folder: Path, *, pictures: bool = True) -> None:
    """Raise ModelError unless a folder has a complete safetensors model with preprocessor and tokenizer, and no code.

    `pictures=False` is for a language model, which has no image preprocessor. The error names the file and the remedy.
    """
    for name in ("config.json", *PREPROCESSORS, "tokenizer_config.json"):
        if "auto_map" in read_config(folder, name):
            raise ModelError(
                f"{folder / name}: the model comes with its own code (`auto_map`), which is never run. "
                "Name a model of an architecture that transformers itself has."
            )
    if not (folder / "config.json").is_file():
        raise ModelError(f"{folder}: there is no config.json, so this is no model. Name a folder that holds one.")
    for file in weight_files(folder):
        check_complete(file)
    if pictures and not any((folder / name).is_file() for name in PREPROCESSORS):
        raise ModelError(f"{folder}: preprocessor_config.json is missing. Copy it from where the model came from.")
    if not any((folder / name).is_file() for name in TOKENIZERS):
        raise ModelError(f"{folder}: the tokenizer is missing. Copy tokenizer.json from where the model came from.")


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files with the weights: one file, or the shards listed in the index, sorted.

    Raises ModelError if one is missing, or if there are only pickles.
    """
    if (folder / WEIGHTS[0]).is_file():
        return [folder / WEIGHTS[0]]
    weight_map: dict[str, str] = read_config(folder, WEIGHTS[1]).get("weight_map", {})
    shards = sorted(set(weight_map.values()))
    if missing := [name for name in shards if not fnmatch(name, WEIGHTS[2]) or not (folder / name).is_file()]:
        raise ModelError(f"{folder / missing[0]}: these weights are missing. Fetch the model again.")
    if shards:
        return [folder / name for name in shards]
    if pickles := sorted(file.name for pattern in _PICKLES for file in folder.glob(pattern)):
        raise ModelError(
            f"{folder}: the weights are only there as {pickles[0]}, a pickle that can run code when read. Name a model "
            "or a revision with model.safetensors; older ones often have it on a revision such as refs/pr/4."
        )
    raise ModelError(f"{folder}: there is no model.safetensors. Fetch the model again, or name another.")


def check_complete(file: Path) -> None:
    """Raise ModelError if a safetensors file is truncated: its header states where the last tensor ends.

    https://github.com/huggingface/safetensors#format
    """
    held = file.stat().st_size
    with open(file, "rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if held < 8 or length > min(held - 8, _LARGEST_HEADER):
            raise ModelError(f"{file}: cut off within its header, at {held} bytes. Fetch the model again.")
        try:
            header = json.loads(stream.read(length))
            ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
            promised = 8 + length + max(ends, default=0)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            raise ModelError(f"{file}: is no safetensors file. Fetch the model again.") from error
    if held != promised:
        raise ModelError(f"{file}: holds {held} bytes and not the {promised} that it promises. Fetch the model again.")


def read_config(folder: Path, name: str = "config.json") -> dict[str, Any]:
    """The content of a JSON file of the model; empty if missing. Raises ModelError if it is no JSON object."""
    try:
        content = json.loads((folder / name).read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder / name}: cannot be read ({error}). Fetch the model again.") from error
    if not isinstance(content, dict):
        raise ModelError(f"{folder / name}: holds no JSON object. Fetch the model again.")
    return content


def model_fingerprint(folder: Path, digests: Path) -> str:
    """SHA-256 over names and contents of the model's files, as 64 hexadecimal digits; independent of the folder's path.

    `digests` is a cache file with the hashes of large files by path, size and times, so that these are not read in
    every run.
    """
    weights = {file.name for file in weight_files(folder)}
    small = {
        file.name
        for file in folder.iterdir()
        if not file.name.endswith(".safetensors") and any(fnmatch(file.name, pattern) for pattern in MODEL_FILES)
    }
    whole = hashlib.sha256()
    for name, digest in _digests([folder / name for name in sorted(weights | small)], digests):
        whole.update(f"{name}\0{digest}\n".encode())
    return whole.hexdigest()


def model_size(folder: Path) -> int:
    """The total size in bytes of the files that are read when the model is loaded."""
    return sum(file.stat().st_size for file in folder.iterdir() if any(fnmatch(file.name, p) for p in MODEL_FILES))


def sha256(file: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal digits."""
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _digests(files: Iterable[Path], memory: Path) -> Iterator[tuple[str, str]]:
    """Yields name and hash of each file; hashes of large files are cached in the file `memory` by size and times."""
    known = _remembered(memory)
    learnt: dict[str, list[Any]] = {}
    for file in files:
        real = str(file.resolve())
        state = _state(file)
        if known.get(real, [])[:-1] == state:
            yield file.name, known[real][-1]
            continue
        digest = sha256(file)
        # Changed while it was read, or so lately that a change to come might leave the same times: not remembered.
        settled = _state(file) == state and time.time_ns() - max(state[1:3]) > _CLOCK_STEP_NS
        if state[0] >= _LARGE and settled:
            learnt[real] = [*state, digest]
        yield file.name, digest
    if learnt:
        content = json.dumps({**known, **learnt}, indent=1).encode()
        with suppress(StorageError):  # a folder that may not be written only means hashing again
            write_atomic(memory, lambda stream: stream.write(content))


def _state(file: Path) -> list[int]:
    """Size, times and inode, which change whenever the file does; unlike mtime, ctime cannot be set by programs."""
    stat = file.stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]


def _remembered(memory: Path) -> dict[str, list[Any]]:
    try:
        content = json.loads(memory.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
