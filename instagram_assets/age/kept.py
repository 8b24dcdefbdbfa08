"""What lies beside an age model's weights: facts and measures, the test users without names, and pictures."""

import io
import json
import re
from dataclasses import fields
from pathlib import Path

import pyarrow as pa

from instagram_assets.age.card import Facts
from instagram_assets.age.model_files import CARD, CONFIG, HEAD
from instagram_assets.age.report import PICTURES, TEST, Report
from instagram_assets.datasets.swap import LITTER
from instagram_assets.errors import ModelError

METRICS, TEST_USERS = "metrics.json", "test_users.parquet"

_OURS = {CARD, CONFIG, HEAD, METRICS, TEST_USERS, *(f"{name}.png" for name in PICTURES)}
# What transformers saves of an encoder and of its tokenizer.
_SAVED = re.compile(
    r"config\.json|generation_config\.json|model(-\d+-of-\d+)?\.safetensors|model\.safetensors\.index\.json"
    r"|tokenizer(_config)?\.json|special_tokens_map\.json|added_tokens\.json|chat_template\.jinja"
    r"|vocab\.(txt|json)|merges\.txt|bpe\.codes|(tokenizer|spiece|spm|sentencepiece\.bpe)\.model"
)


def strangers(folder: Path) -> list[str]:
    """The names in a folder that a training would replace although it did not write them, sorted.

    Where there is no age model, these are all: `config.json` is then somebody else's.
    """
    names = sorted(path.name for path in folder.iterdir() if path.name not in LITTER)
    if CONFIG not in names:
        return names
    return [name for name in names if (folder / name).is_dir() or not may_be_ours(name)]


def may_be_ours(name: str) -> bool:
    """True for the names of the files that make up an age model."""
    return name in _OURS or _SAVED.fullmatch(name) is not None


def files_beside(report: Report, test: pa.Table) -> dict[str, bytes]:
    """The files by name; the same for the same report."""
    import pyarrow.parquet as pq

    stream = io.BytesIO()
    pq.write_table(test, stream)
    metrics = json.dumps(report.metrics, indent=2, ensure_ascii=False, allow_nan=False)
    pictures = {f"{name}.png": picture for name, picture in report.pictures.items()}
    return {METRICS: metrics.encode(), TEST_USERS: stream.getvalue(), **pictures}


def read_facts(folder: Path) -> Facts | None:
    """What is known of the model in a folder; None when there is none, or what is written is not ours."""
    try:
        content = json.loads((folder / METRICS).read_text(encoding="utf-8"))
        return Facts(**{field.name: content[field.name] for field in fields(Facts)})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_test(folder: Path) -> pa.Table:
    """The test users (the columns of `TEST`). Raises ModelError when the file is missing or damaged."""
    import pyarrow.parquet as pq

    path = folder / TEST_USERS
    try:
        test = pq.read_table(path)
    except FileNotFoundError as error:
        raise _without_test(path, "is missing") from error
    except (pa.ArrowException, OSError, ValueError) as error:
        first_line = next(iter(str(error).splitlines()), "")
        raise _without_test(path, f"damaged or not ours ({first_line})") from error
    # No cast: an older file has exact numbers of posts, which are not told any more.
    if test.schema != TEST:
        raise _without_test(path, "damaged or not ours (it has other columns)")
    return test


def _without_test(path: Path, problem: str) -> ModelError:
    return ModelError(f"{path}: {problem}; without it no share can be corrected. Train the age model again.")
