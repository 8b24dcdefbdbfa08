"""Notebook functions on texts: tokenization with parts of speech, and age predictions for the authors."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from instagram_assets.age.legacy_pth import resolve_model
from instagram_assets.age.pipeline import Predictions, check_enabled, predict_users
from instagram_assets.age.user_texts import UserTexts, texts_of_posts, user_texts, users_of_folder
from instagram_assets.local.notebook_arguments import TableLike, is_table_like, override, settings_or_defaults, to_table
from instagram_assets.schemas import TOKENS
from instagram_assets.settings import Settings
from instagram_assets.text.tokens import tokens_table

_OF_POSTS = ["post_id", "account", "day", "caption"]
_REMEDY = "Give texts, or posts as merge_posts gives them"


def tokenize(
    texts: str | Iterable[str | None] | TableLike,
    *,
    words_file: str | None = None,
    settings: Settings | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> pa.Table:
    """Returns the words of texts in order, without stop words, and by part of speech: `nouns`, `verbs`, `hashtags`, …

    For a table of posts, the contract `tokens`: one row per post that has a caption. For texts, one row each, also for
    an empty one, with `text` instead of post, account and day. `text.part_of_speech.POS_CLASSES` lists the parts of
    speech. The tokenizer is that of `settings.text`, as is the lexicon (TOML) unless `words_file` is passed. Raises
    SettingsError if the tokenizer is not installed, FileError if the words file is invalid.

    >>> from instagram_assets import tokenize
    >>> tokenize(["#산책 @sun_diary ☀️", None]).select(["hashtags", "mentions", "emojis"]).to_pylist()
    [{'hashtags': ['산책'], 'mentions': ['sun_diary'], 'emojis': ['☀️']}, {'hashtags': [], 'mentions': [], 'emojis': []}]
    """
    options = override(settings_or_defaults(settings).text, words_file=words_file)
    if is_table_like(texts):
        return tokens_table(to_table(texts, _OF_POSTS, _REMEDY), options, on_progress)
    column = _column(texts)
    indexes = pa.array(map(str, range(len(column))), pa.string())
    nothing = pa.nulls(len(column), pa.string())
    posts = pa.table({"post_id": indexes, "account": nothing, "day": nothing.cast(pa.date32()), "caption": column})
    found = tokens_table(posts, options, on_progress)
    rows = dict(zip(found["post_id"].to_pylist(), found.to_pylist(), strict=True))
    empty = {field.name: [] for field in TOKENS.schema if pa.types.is_list(field.type)}
    results = [rows.get(str(index), empty) for index in range(len(column))]
    schema = pa.schema([pa.field("text", pa.string()), *list(TOKENS.schema)[3:]])
    return pa.Table.from_pylist(
        [{**row, "text": text} for row, text in zip(results, column.to_pylist(), strict=True)], schema
    )


def _column(texts: Any) -> pa.Array:
    """Converts a column of strings of any library to one Arrow array; missing values become null."""
    if isinstance(texts, str):
        return pa.array([texts], pa.string())
    if isinstance(texts, pa.ChunkedArray):
        return texts.cast(pa.string()).combine_chunks()
    if hasattr(texts, "to_numpy"):  # a pandas or polars column
        return pa.array(texts).cast(pa.string())
    return pa.array(list(texts), pa.string())


_AGE_COLUMNS = ["account", "owner", "caption"]
_AGE_REMEDY = "Give texts by user name, a folder with a file per user, or posts as merge_posts gives them"


def predict_ages(
    texts: Mapping[str, Iterable[str | None]] | str | Path | TableLike,
    model: str | Path,
    *,
    purpose: str | None = None,
    settings: Settings | None = None,
    on_progress: Callable[[int], None] | None = None,
    labelled: str | Path | None = None,
) -> Predictions:
    """Predicts which users are at or above the cut-off age: `table` (contract `age_predictions`), and their `share`.

    Disabled until enabled with a stated purpose: by `purpose`, one sentence, or by `settings.age`. It infers sensitive
    data and must not be used for decisions about a person; its intended result is the share, with a confidence
    interval. `texts` are lists of texts by user name, a folder with a CSV or JSON file per user, or a table of posts,
    of which only each account's own posts are used. `model` is the folder of a trained age model. `on_progress` is
    called with the number of users done. `labelled` is a CSV of at least 50 of these users with known age, with
    `username` and `age` or `birth_year`, which improves the estimated share. Raises SettingsError while it is disabled,
    ModelError if the model does not exist.

    >>> from instagram_assets import predict_ages
    >>> predict_ages({"sun_diary": ["school again", "homework"]}, "age_model")
    Traceback (most recent call last):
    instagram_assets.errors.SettingsError: The age model is off: it guesses something sensitive of people, ...
    """
    chosen = settings_or_defaults(settings)
    given = override(chosen.age, purpose=purpose, enabled=True if purpose else None)
    chosen = chosen.model_copy(update={"age": given})
    check_enabled(chosen)
    folder, chosen = resolve_model(Path(model).expanduser(), chosen)
    ages = Path(labelled).expanduser() if labelled else None
    return predict_users(_users(texts, chosen), chosen, on_progress, folder, ages)


def _users(
    texts: Mapping[str, Iterable[str | None]] | str | Path | TableLike, settings: Settings
) -> Iterable[UserTexts]:
    if isinstance(texts, str | Path):
        return users_of_folder(Path(texts).expanduser(), limits=settings.ingest)
    if isinstance(texts, Mapping):
        return [user_texts(str(name), some) for name, some in texts.items()]
    rows = texts_of_posts(to_table(texts, _AGE_COLUMNS, _AGE_REMEDY)).to_pylist()
    return [UserTexts(**row) for row in rows]
