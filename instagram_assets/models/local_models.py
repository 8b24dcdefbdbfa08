"""Find the models named in the settings on this machine, and check their files.

Finding needs neither torch nor the network; `instagram-assets models pull` is the only thing that fetches.
"""

import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from instagram_assets.errors import InstagramAssetsError, ModelError
from instagram_assets.models.file_checks import check_files, model_fingerprint
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
    """A model's folder on this machine, checked, with the fingerprint of its files.

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


def named_models(settings: Settings) -> dict[str, NamedModel]:
    """What the settings name: use → model; the age model's language model only where the age model is turned on."""
    models, age = settings.models, settings.age
    named = {
        "captions": NamedModel(models.caption_model, models.caption_revision),
        "embeddings": NamedModel(models.embedding_model, models.embedding_revision),
    }
    if age.enabled:
        named["age"] = NamedModel(age.model_name_or_path, age.model_revision, pictures=False)
    return named


def find_model(name: str, revision: str, cache: Path, *, pictures: bool = True) -> ModelSource:
    """A model's files: `name` is a folder, or a hub id whose `revision` was pulled below `cache`.

    `pictures=False` is a language model, which needs no image preprocessor. Raises ModelError when the files are not
    there, not whole, or could run code.
    """
    folder = locate_model(name, revision, cache, pictures=pictures)
    return ModelSource(
        name, "" if is_folder(name) else revision, folder, model_fingerprint(folder, cache / "digests.json")
    )


def locate_model(name: str, revision: str, cache: Path, *, pictures: bool = True) -> Path:
    """The folder with a model's files, checked but not hashed. Raises ModelError as `find_model` does."""
    folder = Path(name).expanduser().resolve() if is_folder(name) else _pulled(name, revision, cache)
    check_files(folder, pictures=pictures)
    return folder


def is_folder(name: str) -> bool:
    """True for a folder that is there, false for what can only be a hub id."""
    return bool(name) and Path(name).expanduser().is_dir()


def check_hub_id(name: str) -> None:
    """Raise ModelError for what is neither a folder that is there nor a possible hub id."""
    if not _HUB_ID.fullmatch(name):
        raise ModelError(f"{name!r}: no such folder, and no hub id such as openai/clip-vit-base-patch32.")


@contextmanager
def quiet_transformers() -> Generator[None]:
    """Context manager: loading and saving without transformers' logs and progress bars."""
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
