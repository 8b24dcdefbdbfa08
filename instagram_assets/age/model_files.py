"""Saving and loading of age models: a folder with language model, tokenizer, head and configuration.

Language model and tokenizer are in transformers format. `age_head.safetensors` contains the head, `age_config.json` the
configuration, `README.md` the model card, `digests.json` the SHA-256 of weights, tokenizer, configurations and test
users: one that was changed, swapped or half copied is refused. `training_people.json`, on which shares depend too, has
no digest, since `forget` rewrites it: it is checked by its form and its salt, the training's fingerprint.
"""

import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from instagram_assets.age.calibration_by_posts import PostLine
from instagram_assets.age.encode import PostEncoder
from instagram_assets.errors import ModelError
from instagram_assets.models.devices import choose_device, choose_dtype
from instagram_assets.models.digests import cached_digests, check_content, check_digests, read_digests, write_digests
from instagram_assets.models.file_checks import check_complete, check_files, fingerprint_of, model_digests, read_config
from instagram_assets.models.local_models import ModelSource, loading_errors, quiet_transformers
from instagram_assets.storage.atomic import write_atomic
from instagram_assets.storage.folder_swap import replace_folder

if TYPE_CHECKING:
    import torch

    from instagram_assets.age.model import AgeModel

HEAD, CONFIG, CARD = "age_head.safetensors", "age_config.json", "README.md"
TEST_USERS = "test_users.parquet"
POSITIVE = "age>=cutoff"
"""What the label 1 and the probability stand for, everywhere."""


@dataclass(frozen=True)
class AgeConfig:
    """Configuration of an age model: cut-off age, calibration and origin.

    `calibration` has slope and intercept per number of posts, ascending (`CalibrationByPosts`): the probability is
    sigmoid(slope · logit + intercept). `model_name_or_path` is the language model that training started from, `purpose`
    what the model may be used for, as stated in the settings.
    """

    age_cutoff: int
    max_seq_len: int
    model_name_or_path: str
    purpose: str
    calibration: tuple[PostLine, ...] = (PostLine(1, 1.0, 0.0),)
    abstain_below: float = 0.7
    metrics: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class AgeModelSource:
    """The verified files of an age model; `files.fingerprint` identifies everything that determines a prediction.

    `digests` are the SHA-256 of the files that loading reads, by name. `was_saved_with_digests` is false for a model of
    an earlier version: whether its files were changed since it was saved is not known.
    """

    files: ModelSource
    config: AgeConfig = field(hash=False)
    digests: Mapping[str, str] = field(default_factory=dict[str, str], compare=False)
    was_saved_with_digests: bool = field(default=False, compare=False)

    @property
    def label(self) -> str:
        """The folder's name with the first digits of the fingerprint, as stored in tables."""
        return self.files.label


class Backbone(NamedTuple):
    """A language model with its tokenizer: float32, on the CPU, in evaluation mode."""

    model: Any
    tokenizer: Any


@dataclass(frozen=True)
class LoadedAgeModel:
    """A loaded age model: `encoder` encodes posts in precision `dtype`, `model.head` classifies users.

    The weights of `model` itself are float32.
    """

    model: "AgeModel"
    tokenizer: Any
    encoder: PostEncoder
    device: "torch.device"
    dtype: "torch.dtype"
    source: AgeModelSource


def save_age_model(
    folder: Path,
    model: "AgeModel",
    tokenizer: Any,
    config: AgeConfig,
    card: str,
    beside: Mapping[str, bytes] | None = None,
    is_ours: Callable[[str], bool] | None = None,
) -> None:
    """Write or replace the folder of an age model atomically, with its digests; `card` is the text of its README.md.

    `beside` are contents of further files by name; `is_ours` says whether a file name belongs to an age model and so
    can be overwritten, as for `replace_folder`. Raises ModelError if the weights contain NaN or infinity, StorageError
    if the folder cannot be written or contains other files.
    """
    from safetensors.torch import save

    _check_numbers(model, str(folder))
    head = {name: weight.detach().float().cpu().contiguous() for name, weight in model.head.state_dict().items()}

    def put_weights(new: Path) -> None:
        with quiet_transformers():
            model.backbone.save_pretrained(new)
            tokenizer.save_pretrained(new)
        for file in new.iterdir():
            # safetensors creates files that only their owner can read.
            file.chmod((new / "config.json").stat().st_mode)
            _sync(file)
        write_atomic(new / HEAD, lambda stream: stream.write(save(head)))

    _replace(folder, put_weights, {CONFIG: _described(config), **(beside or {}), CARD: card.encode()}, is_ours)


def describe_age_model(
    source: AgeModelSource,
    config: AgeConfig,
    card: str,
    beside: Mapping[str, bytes] | None = None,
    is_ours: Callable[[str], bool] | None = None,
) -> None:
    """Replace configuration, card and further files of a saved model; its weights and tokenizer stay byte for byte.

    Arguments and errors as in `save_age_model`; raises ModelError if a file is no longer as it was found.
    """
    folder = source.files.folder
    check_content(folder, source.digests)

    def put_weights(new: Path) -> None:
        for name in source.digests.keys() - {CONFIG}:
            _sync(Path(shutil.copy(folder / name, new / name)))

    _replace(folder, put_weights, {CONFIG: _described(config), **(beside or {}), CARD: card.encode()}, is_ours)


def _described(config: AgeConfig) -> bytes:
    described = {"positive": POSITIVE, **asdict(config)}
    return json.dumps(described, indent=2, ensure_ascii=False, allow_nan=False).encode()


def _replace(
    folder: Path,
    put_weights: Callable[[Path], None],
    others: Mapping[str, bytes],
    is_ours: Callable[[str], bool] | None,
) -> None:
    """Replace a model's folder by what `put_weights` writes, the contents `others` by name, and the digests."""

    def fill(new: Path) -> None:
        put_weights(new)
        decisive = [*(file.name for file in new.iterdir()), *(name for name in (CONFIG, TEST_USERS) if name in others)]
        for name, content in others.items():
            write_atomic(new / name, lambda stream, content=content: stream.write(content))
        write_digests(new, decisive)

    replace_folder(folder, fill, is_ours)


def find_age_model(folder: Path, cache: Path) -> AgeModelSource:
    """Verify the age model in a folder, without loading torch; `cache` is the folder of cached file hashes.

    Raises ModelError if there is no model, if a file is missing, truncated or another than the model was saved with,
    and if a file could run code when loaded.
    """
    if not folder.is_dir():
        raise ModelError(
            f"{folder}: there is no such folder. Train an age model with `instagram-assets train`, or name another."
        )
    if not (folder / CONFIG).is_file():
        raise ModelError(f"{folder}: there is no {CONFIG}, so this is no age model. Name a folder that holds one.")
    check_files(folder, pictures=False)
    config = _read_age_config(folder)
    if not (folder / HEAD).is_file():
        raise ModelError(f"{folder / HEAD}: these weights are missing. Train the age model again, or name another.")
    check_complete(folder / HEAD)
    # Purpose and metrics do not affect predictions.
    defining = json.dumps(asdict(replace(config, purpose="", metrics={}, model_name_or_path="")), sort_keys=True)
    stored = read_digests(folder)
    expected = {name: digest for name, digest in (stored or {}).items() if name != TEST_USERS}  # see `read_test`
    found = model_digests(folder, cache)
    fingerprint = fingerprint_of(found)
    others = sorted({HEAD, CONFIG, *expected} - found.keys())
    paths = (folder / name for name in others if (folder / name).is_file())
    found |= cached_digests(paths, cache)
    if stored is not None:
        check_digests(folder, found, expected)
    whole = hashlib.sha256("\0".join((fingerprint, found[HEAD], defining)).encode()).hexdigest()
    files = ModelSource(str(folder), "", folder.absolute(), whole)
    return AgeModelSource(files, config, found, stored is not None)


def load_age_model(source: AgeModelSource, device: str = "auto", precision: str = "auto") -> LoadedAgeModel:
    """Load an age model, after reading and comparing every byte of its files; the last one loaded is cached.

    Raises ModelError when a file is no longer as it was found, when the files contain another kind of model, or weights
    that are NaN or infinite.
    """
    return _loaded(source, device, precision)


def load_backbone(source: ModelSource) -> Backbone:
    """Load a language model for training; not cached.

    Raises ModelError if it is not a text encoder with a [CLS] token and at least four layers, or if weights are
    missing, NaN or infinite.
    """
    with loading_errors(source):
        return _language_model(source)


@lru_cache(maxsize=1)
def _loaded(source: AgeModelSource, device: str, precision: str) -> LoadedAgeModel:
    from safetensors.torch import load_file

    from instagram_assets.age.model import AgeHead, AgeModel

    place = choose_device(device)
    dtype = choose_dtype(precision, place)
    with loading_errors(source.files):
        check_content(source.files.folder, source.digests)
        backbone, tokenizer = _language_model(source.files)
        head = AgeHead(backbone.config.hidden_size)
        weights = load_file(source.files.folder / HEAD)
        expected = {name: tuple(weight.shape) for name, weight in head.state_dict().items()}
        if {name: tuple(weight.shape) for name, weight in weights.items()} != expected:
            raise ModelError(
                f"{source.files.folder / HEAD}: does not fit the language model beside it. Train the age model again."
            )
        head.load_state_dict(weights)
        _check_numbers(head, source.files.name)
        model = AgeModel(backbone, head).to(place).eval().requires_grad_(False)
        encoder = PostEncoder(backbone, tokenizer, source.config.max_seq_len, place, dtype)
    return LoadedAgeModel(model, tokenizer, encoder, place, encoder.dtype, source)


def _language_model(source: ModelSource) -> Backbone:
    import torch
    from transformers import AutoModel, AutoTokenizer

    from instagram_assets.age.model import CLS_LAYERS

    tokenizer = AutoTokenizer.from_pretrained(source.folder, local_files_only=True)
    config = read_config(source.folder)
    if tokenizer.cls_token_id is None or tokenizer("a")["input_ids"][0] != tokenizer.cls_token_id:
        raise ModelError(
            f"{source.name}: a model of type {config.get('model_type')} has no [CLS] token before its text. "
            "Name an encoder such as bert-base-uncased."
        )
    tokenizer.padding_side = tokenizer.truncation_side = "right"
    model, report = AutoModel.from_pretrained(
        source.folder, dtype=torch.float32, use_safetensors=True, local_files_only=True, output_loading_info=True
    )
    if model.config.is_encoder_decoder or (getattr(model.config, "num_hidden_layers", None) or 0) < CLS_LAYERS:
        raise ModelError(
            f"{source.name}: the age model needs an encoder of text with at least {CLS_LAYERS} layers. "
            "Name one such as bert-base-uncased."
        )
    # Without the pooler: many models lack its weights, and training would save randomly initialised ones.
    if getattr(model, "pooler", None) is not None:
        model.pooler = None
    if missing := sorted(name for name in report["missing_keys"] if not name.startswith("pooler.")):
        raise ModelError(
            f"{source.name}: its weights lack {len(missing)} tensors that a {type(model).__name__} has, such as "
            f"{missing[0]}. Fetch the model again, or name another."
        )
    _check_numbers(model, source.name)
    return Backbone(model.eval(), tokenizer)


def _read_age_config(folder: Path) -> AgeConfig:
    """Read `age_config.json`. Raises ModelError that names the invalid key."""
    content = read_config(folder, CONFIG)

    def checked(key: str, kinds: type | tuple[type, ...], fits: bool = True) -> Any:
        value = content.get(key)
        if not fits or not isinstance(value, kinds) or isinstance(value, bool):
            raise ModelError(f"{folder / CONFIG}: {key} is {value!r}. Train the age model again, or name another.")
        return value

    checked("positive", str, content.get("positive") == POSITIVE)
    lines = _calibration_lines(checked("calibration", list))
    checked("calibration", list, lines is not None)
    abstain_below = checked("abstain_below", (int, float))
    return AgeConfig(
        age_cutoff=checked("age_cutoff", int),
        max_seq_len=checked("max_seq_len", int),
        model_name_or_path=checked("model_name_or_path", str),
        purpose=checked("purpose", str),
        calibration=lines or (),
        abstain_below=checked("abstain_below", (int, float), 0.5 <= abstain_below < 1),
        metrics=checked("metrics", dict),
    )


def _calibration_lines(content: list[Any]) -> tuple[PostLine, ...] | None:
    """Parse the calibration in `age_config.json`; None if invalid. Older models have one slope and intercept."""
    lines: list[Any] = content if all(isinstance(line, list) for line in content) else [[1, *content]]
    for line in lines:
        if len(line) != 3 or not all(isinstance(part, int | float) and math.isfinite(part) for part in line):
            return None
    counts = [line[0] for line in lines]
    if not counts or counts[0] != 1 or counts != sorted(set(map(int, counts))):
        return None
    return tuple(PostLine(int(posts), float(slope), float(intercept)) for posts, slope, intercept in lines)


def _check_numbers(model: Any, name: str) -> None:
    for weight, tensor in model.state_dict().items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise ModelError(f"{name}: the weights {weight} hold NaN or infinity. Fetch or train the model again.")


def _sync(file: Path) -> None:
    with open(file, "rb") as stream:
        os.fsync(stream.fileno())
