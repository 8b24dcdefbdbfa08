"""Checks of a model's files (required files, truncated safetensors, pickles, custom code), and their fingerprint.

No model is loaded here, so that a run with all results cached imports no model library.
"""

import hashlib
import json
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from instagram_assets.errors import ModelError
from instagram_assets.models.digests import cached_digests

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
    """The content of a JSON file of the model; empty if missing. Raises ModelError if it is not a JSON object."""
    try:
        content = json.loads((folder / name).read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder / name}: cannot be read ({error}). Fetch the model again.") from error
    if not isinstance(content, dict):
        raise ModelError(f"{folder / name}: holds no JSON object. Fetch the model again.")
    return content


def model_digests(folder: Path, cache: Path) -> dict[str, str]:
    """The SHA-256 of each of the model's files, as 64 hexadecimal digits by file name.

    `cache` is the folder in which the hashes of large files are cached by path, size and times, so that these are not
    read in every run.
    """
    weights = {file.name for file in weight_files(folder)}
    small = {
        file.name
        for file in folder.iterdir()
        if not file.name.endswith(".safetensors") and any(fnmatch(file.name, pattern) for pattern in MODEL_FILES)
    }
    return dict(cached_digests([folder / name for name in sorted(weights | small)], cache))


def fingerprint_of(digests: Mapping[str, str]) -> str:
    """The fingerprint of a model with these `model_digests`: 64 hexadecimal digits, independent of the folder."""
    whole = hashlib.sha256()
    for name, digest in sorted(digests.items()):
        whole.update(f"{name}\0{digest}\n".encode())
    return whole.hexdigest()


def model_size(folder: Path) -> int:
    """The total size in bytes of the files that are read when the model is loaded."""
    return sum(file.stat().st_size for file in folder.iterdir() if any(fnmatch(file.name, p) for p in MODEL_FILES))
