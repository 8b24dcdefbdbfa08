"""Finds the models named in the settings on this machine, and checks their files.

Needs neither torch nor the network; only `instagram-assets models pull` downloads models.
"""

import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from instagram_assets.errors import InstagramAssetsError, ModelError
from instagram_assets.models.file_checks import check_files, fingerprint_of, model_digests
from instagram_assets.settings import Settings

_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
_COMMIT = re.compile(r"[0-9a-f]{40}")


class NamedModel(NamedTuple):
    """A model as named in the settings: a hub id or a folder, its revision, and whether it processes images."""

    name: str
    revision: str
    pictures: bool = True


@dataclass(frozen=True)
class ModelSource:
    """A model's checked folder on this machine, with the fingerprint of its files.

    `revision` is empty for a folder. `fingerprint` depends on the files only, not on the path.
    """

    name: str
    revision: str
    folder: Path
    fingerprint: str

    @property
    def commit(self) -> str:
        """The commit hash on the hub; empty for a folder."""
        return self.folder.name if self.revision else ""

    @property
    def label(self) -> str:
        """The name (without a folder's path) with the first digits of the fingerprint, as stored in tables."""
        return f"{self.name if self.revision else self.folder.name}@{self.fingerprint[:12]}"

    def label_in(self, precision: str) -> str:
        """The label of what the model computes in this precision: int8 is named, so that tables keep it apart.

        fp32 and bf16 are not, since their embeddings differ by a cosine distance of only 0.0001.
        """
        return f"{self.label}-int8" if precision == "int8" else self.label


def named_models(settings: Settings) -> dict[str, NamedModel]:
    """The models named in the settings, as use → model; the age model's language model only if that is enabled."""
    models, age = settings.models, settings.age
    named = {
        "captions": NamedModel(models.caption_model, models.caption_revision),
        "embeddings": NamedModel(models.embedding_model, models.embedding_revision),
    }
    if age.enabled:
        named["age"] = NamedModel(age.model_name_or_path, age.model_revision, pictures=False)
    return named


def find_model(name: str, revision: str, cache: Path, *, pictures: bool = True) -> ModelSource:
    """Find and check a model: `name` is a folder, or a hub id whose `revision` was downloaded below `cache`.

    `pictures=False` is for a language model, which needs no image preprocessor. Raises ModelError if files are missing,
    truncated, or could run code when loaded.
    """
    folder = locate_model(name, revision, cache, pictures=pictures)
    fingerprint = fingerprint_of(model_digests(folder, cache))
    return ModelSource(name, "" if is_folder(name) else revision, folder, fingerprint)


def locate_model(name: str, revision: str, cache: Path, *, pictures: bool = True) -> Path:
    """The folder with a model's files, checked but not hashed. Raises ModelError as `find_model` does."""
    folder = Path(name).expanduser().resolve() if is_folder(name) else _pulled(name, revision, cache)
    check_files(folder, pictures=pictures)
    return folder


def is_folder(name: str) -> bool:
    """Whether a model name is an existing folder; otherwise it can only be a hub id."""
    return bool(name) and Path(name).expanduser().is_dir()


def check_hub_id(name: str) -> None:
    """Raise ModelError if a model name is neither an existing folder nor a valid hub id."""
    if not _HUB_ID.fullmatch(name):
        raise ModelError(f"{name!r}: no such folder, and no hub id such as openai/clip-vit-base-patch32.")


@contextmanager
def quiet_transformers() -> Generator[None]:
    """Context manager: suppresses the logs and progress bars of transformers."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


@contextmanager
def loading_errors(source: ModelSource) -> Generator[None]:
    """Context manager: quiet loading; any error becomes a ModelError that names the model."""
    try:
        with quiet_transformers():
            yield
    except InstagramAssetsError:
        raise
    except Exception as error:  # each library raises its own kinds for a file that it does not like
        first_line = next(iter(str(error).splitlines()), "")
        raise ModelError(
            f"{source.name}: cannot be loaded from {source.folder} ({type(error).__name__}: {first_line}). "
            "Fetch the model again, or name another."
        ) from error


def _pulled(name: str, revision: str, cache: Path) -> Path:
    """The folder of a downloaded snapshot: https://huggingface.co/docs/huggingface_hub/guides/manage-cache."""
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
