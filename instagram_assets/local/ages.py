"""The age model asked about people whose texts are at hand; off until somebody says what for."""

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
) -> Predictions:
    """Whether people are of the cut-off age or older: `table` (contract `age_predictions`), and the `share` of all.

    Off until somebody turns it on and says what for: by `purpose`, in a sentence, or by `settings.age`. It guesses
    something sensitive of people and is not for decisions about a person; the share, with its interval, is what it is
    there for. `texts` are lists of texts by user name, a folder with a CSV or JSON per user, or a table of posts, of
    which each account's own count. `model` is the folder of a trained age model. `on_progress` is given the number of
    users that are done. Raises SettingsError while it is off, ModelError when the model is not there.

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
    return predict_users(_users(texts, chosen), chosen, on_progress, folder)


def _users(texts: Mapping[str, Iterable[str | None]] | str | Path | Table, settings: Settings) -> Iterable[UserTexts]:
    if isinstance(texts, str | Path):
        return users_of_folder(Path(texts).expanduser(), limits=settings.ingest)
    if isinstance(texts, Mapping):
        return [user_texts(str(name), some) for name, some in texts.items()]
    rows = texts_of_posts(table_of(texts, _OF_POSTS, _REMEDY)).to_pylist()
    return [UserTexts(**row) for row in rows]
