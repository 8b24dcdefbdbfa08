"""Age predictions for users from their texts; disabled until a purpose is stated."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from instagram_assets.age.legacy_pth import resolve_model
from instagram_assets.age.pipeline import Predictions, check_enabled, predict_users
from instagram_assets.age.user_texts import UserTexts, texts_of_posts, user_texts, users_of_folder
from instagram_assets.local.arguments import Table, settings_or_defaults, table_of, with_values
from instagram_assets.settings import Settings

_OF_POSTS = ["account", "owner", "caption"]
_REMEDY = "Give texts by user name, a folder with a file per user, or posts as merge_posts gives them"


def predict_ages(
    texts: Mapping[str, Iterable[str | None]] | str | Path | Table,
    model: str | Path,
    *,
    purpose: str | None = None,
    settings: Settings | None = None,
    on_progress: Callable[[int], None] | None = None,
    labelled: str | Path | None = None,
) -> Predictions:
    """Predicts which users are of the cut-off age or older: `table` (contract `age_predictions`), and their `share`.

    Disabled until enabled with a stated purpose: by `purpose`, one sentence, or by `settings.age`. It infers sensitive
    data and must not be used for decisions about a person; its intended result is the share, with a confidence
    interval. `texts` are lists of texts by user name, a folder with a CSV or JSON file per user, or a table of posts,
    of which only each account's own posts are used. `model` is the folder of a trained age model. `on_progress` is
    called with the number of users done. `labelled` is a CSV of 50 or more of these users whose age is known, with
    `username` and `age` or `birth_year`, by whom the share is re-anchored. Raises SettingsError while it is
    disabled, ModelError if the model does not exist.

    >>> from instagram_assets import predict_ages
    >>> predict_ages({"sun_diary": ["school again", "homework"]}, "age_model")
    Traceback (most recent call last):
    instagram_assets.errors.SettingsError: The age model is off: it guesses something sensitive of people, ...
    """
    chosen = settings_or_defaults(settings)
    given = with_values(chosen.age, purpose=purpose, enabled=True if purpose else None)
    chosen = chosen.model_copy(update={"age": given})
    check_enabled(chosen)
    folder, chosen = resolve_model(Path(model).expanduser(), chosen)
    return predict_users(
        _users(texts, chosen), chosen, on_progress, folder, Path(labelled).expanduser() if labelled else None
    )


def _users(texts: Mapping[str, Iterable[str | None]] | str | Path | Table, settings: Settings) -> Iterable[UserTexts]:
    if isinstance(texts, str | Path):
        return users_of_folder(Path(texts).expanduser(), limits=settings.ingest)
    if isinstance(texts, Mapping):
        return [user_texts(str(name), some) for name, some in texts.items()]
    rows = texts_of_posts(table_of(texts, _OF_POSTS, _REMEDY)).to_pylist()
    return [UserTexts(**row) for row in rows]
