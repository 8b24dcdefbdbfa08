"""Converts age models of the original project, torch `.pth` files, into the format of `model_files`.

The original's tensor names are undocumented, but its architecture is known. So the tensors of the head are matched by
shape, and those of the language model by name after an arbitrary prefix.
"""

import hashlib
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from instagram_assets.age import legacy_pth_reader
from instagram_assets.age.model_files import AgeConfig, find_age_model, load_backbone, save_age_model
from instagram_assets.errors import ModelError, SettingsError
from instagram_assets.models.digests import sha256
from instagram_assets.models.local_models import ModelSource, find_model
from instagram_assets.settings import ENV_NESTED, ENV_PREFIX, Settings

if TYPE_CHECKING:
    from instagram_assets.age.model import AgeModel

_Shape = tuple[int, ...]

_TIMEOUT = 900
# Tensors of language models that the age model does not use, and buffers that older versions saved.
_UNUSED = ("pooler.", "position_ids", "token_type_ids", "cls.", "lm_head.")
_SHOWN = 4
_WAY = "1"  # incremented when a code change would convert the same file to another model


def resolve_model(path: Path, settings: Settings) -> tuple[Path, Settings]:
    """The folder of the age model at `path`, and the settings with the model's cut-off age and maximum length.

    A `.pth` file is converted first; cut-off age and maximum sequence length are then taken from the settings. Raises
    SettingsError if explicit settings differ from the model's, ModelError if there is no usable model.
    """
    options, cache = settings.age, settings.folder("models")
    if path.exists() and not path.is_dir():
        backbone = find_model(options.model_name_or_path, options.model_revision, cache, pictures=False)
        said = AgeConfig(
            age_cutoff=options.age_cutoff,
            max_seq_len=options.max_seq_len,
            model_name_or_path=backbone.label,
            purpose=options.purpose.strip(),
            abstain_below=options.abstain_below,
        )
        return convert_legacy_model(path, backbone, said, settings.folder("age") / ".converted", cache), settings
    config = find_age_model(path, cache).config
    trained = {"age_cutoff": config.age_cutoff, "max_seq_len": config.max_seq_len}
    for name, number in trained.items():
        asked = getattr(options, name)
        if name in options.model_fields_set and asked != number:
            raise SettingsError(
                f"{path}: was trained with {name} {number}, and {asked} is asked for (--{name.replace('_', '-')}, or "
                f"{ENV_PREFIX}AGE{ENV_NESTED}{name.upper()}). For another its numbers mean nothing: leave that out, or "
                "train again."
            )
    return path, settings.model_copy(update={"age": options.model_copy(update=trained)})


def convert_legacy_model(path: Path, backbone: ModelSource, config: AgeConfig, root: Path, cache: Path) -> Path:
    """Convert a `.pth` file to an age model in a folder below `root`, unless already converted; returns the folder.

    `backbone` is the language model that the model was fine-tuned from, `config` contains the values that the file
    lacks, and `cache` is the folder of cached file hashes. The probabilities are not calibrated. Raises ModelError as
    `read_legacy_weights` does.
    """
    _check_file(path)
    made_of = hashlib.sha256(f"{_WAY}\0{sha256(path)}\0{backbone.fingerprint}".encode()).hexdigest()
    folder = root / f"{path.stem}-{made_of[:12]}"
    if not _is_there(folder, config, cache):
        old = read_legacy_weights(path, backbone)
        save_age_model(folder, old.model, old.tokenizer, config, _card(path, backbone, config))
    return folder


def _is_there(folder: Path, config: AgeConfig, cache: Path) -> bool:
    try:
        found = find_age_model(folder, cache)
        return found.was_saved_with_digests and found.config == config
    except ModelError:
        return False  # not converted yet, or damaged


class LegacyModel(NamedTuple):
    """An age model in evaluation mode, with the tokenizer of its language model."""

    model: "AgeModel"
    tokenizer: object


def read_legacy_weights(path: Path, backbone: ModelSource) -> LegacyModel:
    """Load the age model of a `.pth` file, given the language model that it was fine-tuned from.

    The file is read in a separate process with resource limits, and no code in it is run. Raises ModelError when it
    contains more than weights, is damaged, or when its tensors do not fit the language model; the message names them.
    """
    from safetensors.torch import load_file

    from instagram_assets.age.model import AgeModel

    _check_file(path)
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "weights.safetensors"
        _read_apart(path, plain)
        weights = load_file(plain)
    language_model, tokenizer = load_backbone(backbone)
    model = AgeModel(language_model)
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    names = match_tensors(str(path), {name: tuple(t.shape) for name, t in weights.items()}, wanted, backbone.name)
    if broken := [name for name in names.values() if not weights[name].isfinite().all()]:
        raise ModelError(f"{path}: the weights {broken[0]} hold NaN or infinity. Take another file.")
    model.load_state_dict({ours: weights[theirs] for ours, theirs in names.items()}, strict=False)
    return LegacyModel(model.eval(), tokenizer)


def match_tensors(
    file: str, found: Mapping[str, _Shape], wanted: Mapping[str, _Shape], backbone: str
) -> dict[str, str]:
    """Map each tensor name of an `AgeModel` to a tensor name in a `.pth` file.

    `wanted` and `found` are the shapes by name, in the `AgeModel` and in the file. Raises ModelError naming the tensors
    that do not match.
    """
    ours = {name.removeprefix("backbone."): name for name in wanted if name.startswith("backbone.")}
    needed = {name: full for name, full in ours.items() if not _is_unused(name)}
    prefix = _prefix(found, needed)
    names = {full: prefix + name for name, full in ours.items() if prefix + name in found}
    rest = {name: shape for name, shape in found.items() if name not in names.values() and not _is_unused(name)}
    problems = [f"{prefix}{name} is missing" for name, full in needed.items() if full not in names]
    problems += [
        f"{theirs} has the shape {_shown(found[theirs])} and not {_shown(wanted[full])}"
        for full, theirs in names.items()
        if found[theirs] != wanted[full]
    ]
    for full in (name for name in wanted if name.startswith("head.")):
        alike = [name for name, shape in rest.items() if shape == wanted[full]]
        if len(alike) == 1:
            names[full] = alike[0]
            del rest[alike[0]]
        else:
            what = "no tensor" if not alike else f"more than one tensor ({', '.join(alike[:_SHOWN])})"
            problems.append(f"{what} of the shape {_shown(wanted[full])} for {full}")
    problems += [f"{name} of the shape {_shown(shape)} is not part of it" for name, shape in rest.items()]
    if problems:
        more = f", and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise ModelError(
            f"{file}: is no age model on top of {backbone}: {'; '.join(problems[:_SHOWN])}{more}. "
            "Name the language model that it was fine-tuned from with --model-name-or-path."
        )
    return names


def _prefix(found: Mapping[str, _Shape], needed: Mapping[str, str]) -> str:
    """The prefix of the language model's tensor names in a file: the one with most matches."""
    fitting = Counter(
        theirs.removesuffix(name)
        for theirs in found
        for name in needed
        if theirs == name or theirs.endswith(f".{name}")
    )
    return fitting.most_common(1)[0][0] if fitting else ""


def _is_unused(name: str) -> bool:
    return any(part in f".{name}" for part in (f".{unused}" for unused in _UNUSED))


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise ModelError(f"{path}: is no file. Name the .pth file, or a folder that `instagram-assets train` made.")


def _read_apart(path: Path, plain: Path) -> None:
    command = [sys.executable, "-I", legacy_pth_reader.__file__, str(path.absolute()), str(plain)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT, check=False)
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"{path}: was not read within {_TIMEOUT} seconds. Take another file.") from error
    if done.returncode == 0:
        return
    if done.returncode == legacy_pth_reader.REJECTED_EXIT_CODE:
        problem = done.stderr.strip().splitlines()[-1]
    else:
        problem = f"reading it ended with {done.returncode}: it asked for too much memory or time, or is damaged"
    raise ModelError(
        f"{path}: {problem}, so it is not used. Save the weights alone, with torch.save(model.state_dict(), …), or "
        "ask its author for such a file."
    )


def _shown(shape: _Shape) -> str:
    return "×".join(map(str, shape)) or "a single number"


def _card(path: Path, backbone: ModelSource, config: AgeConfig) -> str:
    return f"""# Age model, converted

The probability that the person behind an account is {config.age_cutoff} or older, from the texts of the posts.

**Not for decisions about a person.**

## Purpose

{config.purpose}

## Where it comes from

Converted from {path.name} on top of {backbone.label}. How good it is and whom it learned from is not known here. That
its cut-off is {config.age_cutoff} years and that posts were cut at {config.max_seq_len} tokens was said when it was
converted; the file does not say it. Its probabilities are not calibrated.
"""
