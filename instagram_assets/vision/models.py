"""The models that the settings name: found on this machine, checked, and loaded once in a process.

Finding needs neither torch nor the network; `instagram-assets models pull` is the only thing that fetches.
"""

import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from instagram_assets.errors import InstagramAssetsError, ModelError
from instagram_assets.settings import ModelSettings
from instagram_assets.vision.devices import choose_device, choose_dtype
from instagram_assets.vision.model_files import check_files, fingerprint, read_config
from instagram_assets.vision.quick_gelu import fold_quick_gelu

if TYPE_CHECKING:
    import torch

CAPTIONERS = ("blip", "blip-2", "git", "vision-encoder-decoder")
"""Types of models that caption an image without being asked anything."""

_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class ModelSource:
    """A model's files on this machine: whole, harmless, and named by what is in them.

    `revision` is empty for a folder. `fingerprint` is the same for the same files, wherever they lie.
    """

    name: str
    revision: str
    folder: Path
    fingerprint: str

    @property
    def commit(self) -> str:
        """The hub's commit; empty for a folder."""
        return self.folder.name if self.revision else ""

    @property
    def label(self) -> str:
        """The name with the start of the fingerprint, as it stands in tables: without the folder's path."""
        return f"{self.name if self.revision else self.folder.name}@{self.fingerprint[:12]}"


@dataclass(frozen=True)
class Loaded:
    """A model ready to work: in evaluation mode, on its device, with its processor for pixels and text.

    `precision` is the setting that led to `dtype`.
    """

    model: Any
    processor: Any
    device: "torch.device"
    dtype: "torch.dtype"
    source: ModelSource
    precision: str = "auto"


def named_models(models: ModelSettings) -> dict[str, tuple[str, str]]:
    """What the settings name: use → (hub id or folder, revision)."""
    return {
        "captions": (models.caption_model, models.caption_revision),
        "embeddings": (models.embedding_model, models.embedding_revision),
    }


def find_model(name: str, revision: str, cache: Path) -> ModelSource:
    """A model's files: `name` is a folder, or a hub id whose `revision` was pulled below `cache`.

    Raises ModelError when they are not there, not whole, or could run code.
    """
    folder = locate_model(name, revision, cache)
    return ModelSource(name, "" if is_folder(name) else revision, folder, fingerprint(folder, cache / "digests.json"))


def locate_model(name: str, revision: str, cache: Path) -> Path:
    """The folder with a model's files, checked but not hashed. Raises ModelError as `find_model` does."""
    folder = Path(name).expanduser().resolve() if is_folder(name) else _pulled(name, revision, cache)
    check_files(folder)
    return folder


def is_folder(name: str) -> bool:
    """True for a folder that is there, false for what can only be a hub id."""
    return bool(name) and Path(name).expanduser().is_dir()


def load_captioner(source: ModelSource, device: str = "auto", precision: str = "auto") -> Loaded:
    """A model that captions without a prompt; the last one loaded is kept.

    Raises ModelError when the files hold another kind of model or weights that are no numbers.
    """
    return _captioner(source, device, precision)


def load_embedder(source: ModelSource, device: str = "auto", precision: str = "auto") -> Loaded:
    """A model that embeds images and text in one space; the last one loaded is kept.

    Raises ModelError when the files hold another kind of model or weights that are no numbers.
    """
    return _embedder(source, device, precision)


def check_hub_id(name: str) -> None:
    """Raise ModelError for what is neither a folder that is there nor a possible hub id."""
    if not _HUB_ID.fullmatch(name):
        raise ModelError(f"{name!r}: no such folder, and no hub id such as openai/clip-vit-base-patch32.")


def _pulled(name: str, revision: str, cache: Path) -> Path:
    """Where huggingface_hub keeps a snapshot: https://huggingface.co/docs/huggingface_hub/guides/manage-cache."""
    check_hub_id(name)
    home = cache / f"models--{name.replace('/', '--')}"
    try:
        commit = revision if _COMMIT.fullmatch(revision) else (home / "refs" / revision).read_text().strip()
    except OSError:
        commit = ""
    folder = home / "snapshots" / commit
    if not commit or not folder.is_dir():
        raise ModelError(
            f"{name} at revision {revision} is not on this machine (looked below {cache}). "
            "Run `instagram-assets models pull`, or name a folder that holds it."
        )
    return folder


@lru_cache(maxsize=1)
def _captioner(source: ModelSource, device: str, precision: str) -> Loaded:
    from transformers import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING as writers

    with _told_of(source):
        config = _config(source)
        if config.model_type not in CAPTIONERS:
            what = "waits for a prompt" if type(config) in writers else "writes no text about images"
            raise ModelError(
                f"{source.name}: a model of type {config.model_type} {what}, so it cannot caption. "
                f"Name one of the types {', '.join(CAPTIONERS)}."
            )
        return _load(writers[type(config)], source, device, precision)


@lru_cache(maxsize=1)
def _embedder(source: ModelSource, device: str, precision: str) -> Loaded:
    from transformers import MODEL_MAPPING

    with _told_of(source):
        config = _config(source)
        kind: Any = MODEL_MAPPING.get(type(config), None)
        if not (hasattr(kind, "get_image_features") and hasattr(kind, "get_text_features")):
            raise ModelError(
                f"{source.name}: a model of type {config.model_type} does not embed images and text. "
                "Name one of CLIP's or SigLIP's kind."
            )
        loaded = _load(kind, source, device, precision)
        # fp32 is there to give transformers' own numbers to the last digit, bf16 to be fast.
        if loaded.dtype.itemsize < 4:
            fold_quick_gelu(loaded.model)
        return loaded


def _load(kind: Any, source: ModelSource, device: str, precision: str) -> Loaded:
    place = choose_device(device)
    dtype = choose_dtype(precision, place)
    made_for = read_config(source.folder).get("architectures") or [kind.__name__]
    if kind.__name__ not in made_for:
        raise ModelError(
            f"{source.name}: holds a {made_for[0]}, not the {kind.__name__} that this needs. Name another."
        )
    model, report = kind.from_pretrained(
        source.folder, dtype=dtype, use_safetensors=True, local_files_only=True, output_loading_info=True
    )
    if missing := sorted(report["missing_keys"]):
        raise ModelError(
            f"{source.name}: its weights lack {len(missing)} tensors that a {kind.__name__} has, "
            f"such as {missing[0]}. Fetch the model again, or name another."
        )
    _check_numbers(model, source)
    processor = _processor(source.folder)
    for part in ("image_processor", "tokenizer"):
        if getattr(processor, part, None) is None:
            raise ModelError(f"{source.name}: its processor has no {part}. Fetch the model again, or name another.")
    model = model.to(place).eval().requires_grad_(False)
    return Loaded(model, processor, place, dtype, source, precision)


def _processor(folder: Path) -> Any:
    """What has both `image_processor` and `tokenizer`."""
    from transformers import AutoImageProcessor, AutoProcessor, AutoTokenizer, PreTrainedTokenizerBase

    processor = AutoProcessor.from_pretrained(folder, backend="pil", local_files_only=True)
    if not isinstance(processor, PreTrainedTokenizerBase):
        return processor
    # Models of two halves have no processor of their own: both parts lie side by side.
    return SimpleNamespace(
        image_processor=AutoImageProcessor.from_pretrained(folder, backend="pil", local_files_only=True),
        tokenizer=AutoTokenizer.from_pretrained(folder, local_files_only=True),
    )


def _config(source: ModelSource) -> Any:
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(source.folder, local_files_only=True)


def _check_numbers(model: Any, source: ModelSource) -> None:
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise ModelError(f"{source.name}: the weights {name} hold NaN or infinity. Fetch the model again.")


@contextmanager
def _told_of(source: ModelSource) -> Generator[None]:
    """Loading without transformers' own chatter; what it raises becomes one ModelError that names the model."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    except InstagramAssetsError:
        raise
    except Exception as error:  # each library raises its own kinds for a file that it does not like
        first_line = next(iter(str(error).splitlines()), "")
        raise ModelError(
            f"{source.name}: cannot be loaded from {source.folder} ({type(error).__name__}: {first_line}). "
            "Fetch the model again, or name another."
        ) from error
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
