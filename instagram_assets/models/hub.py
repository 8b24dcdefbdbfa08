"""Downloads models from the Hugging Face hub; no other module of this package downloads models."""

import shutil
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from instagram_assets.errors import ModelError
from instagram_assets.models.digests import sha256
from instagram_assets.models.file_checks import MODEL_FILES, weight_files
from instagram_assets.models.local_models import ModelSource, check_hub_id, find_model, is_folder

_PROPOSALS_ASKED = 40


def pull_model(
    name: str, revision: str, cache: Path, say: Callable[[str], object], *, pictures: bool = True
) -> ModelSource:
    """Download the files of a model into `cache`, report sizes through `say`, and check the files.

    Files that exist are not downloaded again, and interrupted downloads resume. URL of the hub and token for private
    models are read from HF_ENDPOINT and HF_TOKEN. If `name` is a folder, it is only checked. `pictures=False` is
    for a language model, which needs no image preprocessor. Raises ModelError.
    """
    if is_folder(name):
        source = find_model(name, revision, cache, pictures=pictures)
        say(f"{name}: a folder, nothing to fetch")
        return source
    check_hub_id(name)
    with _hub_errors(name, revision):
        files = _snapshot(name, revision, cache, dry_run=True)
        if not any(file.filename.endswith(".safetensors") for file in files):
            raise ModelError(_without_safetensors(name, revision))
        missing = [file for file in files if file.will_download]
        commit = files[0].commit_hash
        say(f"{name}: commit {commit}, {_megabytes(files)} in {len(files)} files, {_megabytes(missing)} to fetch")
        _check_room(missing, cache)
        # By the name and not by the commit, so that the cache learns what the name stands for.
        folder = Path(_snapshot(name, revision, cache))
    for weights in weight_files(folder):
        _check_content(weights)
    source = find_model(name, revision, cache, pictures=pictures)
    say(f"{name}: commit {source.commit} is in {source.folder}, fingerprint {source.fingerprint[:12]}")
    return source


def _snapshot(name: str, revision: str, cache: Path, *, dry_run: bool = False) -> Any:
    """Download a snapshot and return its folder; with `dry_run`, return huggingface_hub's list of files."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils import disable_progress_bars

    if dry_run or not sys.stderr.isatty():
        disable_progress_bars()
    return snapshot_download(
        name, revision=revision, cache_dir=cache, allow_patterns=list(MODEL_FILES), dry_run=dry_run
    )


def _without_safetensors(name: str, revision: str) -> str:
    """An error message for a revision without safetensors; lists pull requests on the hub that add them."""
    from huggingface_hub import HfApi

    api = HfApi()
    refs = [ref.ref for ref in api.list_repo_refs(name, include_pull_requests=True).pull_requests or []]
    asked = sorted(refs, key=lambda ref: int(ref.rpartition("/")[2]))[:_PROPOSALS_ASKED]
    offered = [ref for ref in asked if api.file_exists(name, "model.safetensors", revision=ref)]
    problem = f"{name} at revision {revision} has no model.safetensors, and other formats can run code when read. "
    if not offered:
        return problem + "Name another model, or a folder to which you converted it."
    return (
        f"{problem}These proposals of its users have one: {', '.join(offered)}. Look at them on the hub, then name one "
        "as the revision, or its commit."
    )


def _check_room(missing: list[Any], cache: Path) -> None:
    folder = next(path for path in [cache, *cache.absolute().parents] if path.is_dir())
    needed, free = sum(file.file_size or 0 for file in missing), shutil.disk_usage(folder).free
    if needed > free:
        raise ModelError(f"{cache}: {needed / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free. Free some space.")


def _check_content(weights: Path) -> None:
    """Raise ModelError if the SHA-256 of a file differs from the hub's; huggingface_hub only compares sizes."""
    blob = weights.resolve()
    if len(blob.name) == 64 and sha256(blob) != blob.name:
        blob.unlink()
        raise ModelError(f"{weights}: was damaged on its way and is removed. Run `instagram-assets models pull` again.")


def _megabytes(files: list[Any]) -> str:
    return f"{sum(file.file_size or 0 for file in files) / 1e6:.1f} MB"


@contextmanager
def _hub_errors(name: str, revision: str) -> Generator[None]:
    """Context manager: errors of the hub's client become a ModelError with a remedy."""
    from huggingface_hub import errors

    try:
        yield
    except (errors.HfHubHTTPError, errors.DryRunError, errors.LocalEntryNotFoundError, OSError) as error:
        cause = error.__cause__ if isinstance(error, errors.DryRunError) else error
        raise ModelError(f"{name}: {_explained(cause, name, revision)}") from error


def _explained(error: BaseException | None, name: str, revision: str) -> str:
    from huggingface_hub import constants, errors

    hub = constants.ENDPOINT
    match error:
        case errors.GatedRepoError():
            return f"its owner has terms. Accept them at {hub}/{name}, then set HF_TOKEN."
        case errors.RevisionNotFoundError():
            return f"the hub at {hub} has no revision {revision}. Name one that it has, such as main."
        case errors.RepositoryNotFoundError():
            return (
                f"the hub at {hub} has no such model, or shows it only to those who may see it. "
                "Check the name, or set HF_TOKEN."
            )
        case _:
            first_line = next(iter(str(error).splitlines()), "")
            return (
                f"the hub at {hub} gave no answer to use ({type(error).__name__}: {first_line}). "
                "Check the network and HF_ENDPOINT, then run `instagram-assets models pull` again; what came is kept."
            )
