"""Checks before any work: missing files, settings that cannot work, missing models.

Neither Dagster nor a model is loaded, so that a mistake is reported within a second.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

from instagram_assets.errors import InstagramAssetsError, ModelError, SettingsError
from instagram_assets.models.local_models import NamedModel, locate_model, named_models
from instagram_assets.settings import Settings

MODEL_STAGES = ("captions", "embeddings")
"""Tables partitioned by account × day that models compute; planned runs skip those whose models are missing."""


def missing_models(settings: Settings) -> dict[str, str]:
    """Enabled stages whose models are not on this machine, mapped to the reason; no model is loaded."""
    models, pictures = named_models(settings), settings.download.download_images
    wanted = {
        "captions": ["captions", *(["embeddings"] if settings.captions.use_scoring else [])],
        "embeddings": ["embeddings"],
    }
    switched_on = {"captions": settings.captions.enabled, "embeddings": settings.embeddings.enabled}
    reasons = {
        stage: next(filter(None, (_problem_of(models[use], settings) for use in wanted[stage])), "")
        for stage in MODEL_STAGES
        if pictures and switched_on[stage]
    }
    return {stage: reason for stage, reason in reasons.items() if reason}


def how_to_have(stages: Collection[str]) -> str:
    """Text with the commands that compute the skipped stages and all tables downstream of them."""
    selection = " or ".join(f"key:{stage}+" for stage in stages)
    return f"instagram-assets models pull, then instagram-assets materialize '{selection}'"


def skipped_line(missing: dict[str, str]) -> str:
    """Message about the skipped stages: which, why, and how to compute them later; empty if none is skipped."""
    if not missing:
        return ""
    by_reason: dict[str, list[str]] = {}
    for stage, reason in missing.items():
        by_reason.setdefault(reason, []).append(stage)
    told = "; ".join(f"{' and '.join(stages)} ({reason.partition('. ')[0]})" for reason, stages in by_reason.items())
    return f"Skipped: {told}. To have them: {how_to_have(missing)}"


def check_ingest(settings: Settings, files: Sequence[Path], observed_at: str, account: str = "") -> None:
    """Raise now the error that would stop an ingest later: an invalid file, folder, time, account name or setting."""
    from instagram_assets.ingest.folder_scan import refuse_empty_folder, scan_folder
    from instagram_assets.ingest.reader.byte_streams import check_regular
    from instagram_assets.ingest.record_source import parse_observed_at, parse_stated_account
    from instagram_assets.ingest.zips import check_zip_readable

    parse_observed_at(observed_at)
    parse_stated_account(account)
    problems: list[str] = []
    for file in files:
        try:
            if file.is_dir():
                refuse_empty_folder(file, scan_folder(file))
            else:
                check_regular(file.absolute())
                check_zip_readable(file)
        except InstagramAssetsError as error:
            problems.append(str(error))
    if problems:
        raise InstagramAssetsError("\n".join(problems))
    check_stages(settings)


def check_stages(settings: Settings) -> None:
    """Raise SettingsError or FileError if settings of folders, lexicon or devices cannot work on this machine."""
    from instagram_assets.storage.lake import lake_root
    from instagram_assets.text.tokens import find_tokenizer

    _check_folder(settings.data_dir.absolute(), "DATA_DIR")
    for name in ("inbox", "media", "models", "datasets", "reports"):
        own = f"{name.upper()}_DIR"
        _check_folder(settings.folder(name), own if getattr(settings, own.lower(), "") else "DATA_DIR")
    lake_root(settings)
    find_tokenizer(settings.text)
    if settings.models.device not in ("auto", "cpu") and settings.download.download_images:
        from instagram_assets.models.devices import choose_device

        choose_device(settings.models.device)


def _check_folder(folder: Path, setting: str) -> None:
    existing = next(path for path in (folder, *folder.parents) if path.exists() or path.is_symlink())
    if not existing.is_dir():
        raise SettingsError(
            f"{existing} is not a folder. Set INSTAGRAM_ASSETS_{setting} to one, or move what is in its place."
        )


def check_search(settings: Settings) -> None:
    """Raise an error if something that an image search needs is missing; the browser is checked when it starts."""
    from instagram_assets.search.image_search import search_source

    check_stages(settings)
    _locate(named_models(settings)["embeddings"], settings)
    search_source(settings)


def check_reels(settings: Settings) -> None:
    """Raise SettingsError or FileError if reels are enabled but Gemini's key or Instagram's session file is missing."""
    from instagram_assets.reels.run_analysis import check_analyser
    from instagram_assets.reels.videos import open_addresses

    check_analyser(settings)
    if settings.reels.enabled:
        open_addresses(settings.reels)


def check_selected(stages: Collection[str], missing: dict[str, str]) -> None:
    """Raise ModelError if all selected stages lack their models; `missing` has the reason for each stage."""
    if stages and missing.keys() >= set(stages):
        raise ModelError("\n".join(dict.fromkeys(missing[stage] for stage in stages)))


def _problem_of(model: NamedModel, settings: Settings) -> str:
    try:
        _locate(model, settings)
    except ModelError as error:
        return str(error)
    return ""


def _locate(model: NamedModel, settings: Settings) -> None:
    locate_model(model.name, model.revision, settings.folder("models"), pictures=model.pictures)
