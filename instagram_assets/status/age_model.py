"""How good the age model is for people whom it had never seen, beside the answer that needs no model."""

from dataclasses import dataclass

from instagram_assets.age.model_files import find_age_model
from instagram_assets.age.pipeline import model_folder
from instagram_assets.errors import ModelError
from instagram_assets.settings import Settings


@dataclass(frozen=True)
class AgeModel:
    """Shares of right answers with their interval, null where it was not judged; `problem` where it cannot be used."""

    accuracy: float | None = None
    low: float | None = None
    high: float | None = None
    without_model: float | None = None
    problem: str = ""


def read_age_model(settings: Settings) -> AgeModel | None:
    """The age model that the settings name; null where none is used or was trained."""
    folder = model_folder(settings)
    if not settings.age.enabled or not folder.is_dir():
        return None
    try:
        known = find_age_model(folder, settings.folder("models")).config.metrics
    except ModelError as error:
        return AgeModel(problem=str(error))
    if "accuracy" not in known:
        return AgeModel()
    names = ("accuracy", "accuracy, low", "accuracy, high", "accuracy of the larger class")
    return AgeModel(*(known[name] for name in names))
