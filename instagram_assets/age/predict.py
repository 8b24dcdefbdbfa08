"""Predictions of the age model for each account: a calibrated probability, or the reason for none."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from instagram_assets.age.encode import UserVector
from instagram_assets.age.user_texts import UserTexts, texts_of_posts, user_texts
from instagram_assets.arrow import compute
from instagram_assets.arrow import compute as arrow
from instagram_assets.datasets import csv_cells
from instagram_assets.errors import FileError
from instagram_assets.schemas import AGE_PREDICTIONS
from instagram_assets.storage.atomic import write_atomic

if TYPE_CHECKING:
    from instagram_assets.age.model_files import LoadedAgeModel


AUTHOR_TEXT_COLUMNS = ("account", "owner", "caption")
"""The columns of `posts` that texts are made of."""

_AT_ONCE = 20_000_000
_USER = 200


def audience(accounts: Sequence[str], posts: pa.RecordBatchReader) -> Iterator[UserTexts]:
    """The texts of each account once: first of those with posts, in the order of `posts`, then of the others.

    `posts` must be grouped by account, as the lake returns them.
    """
    missing = dict.fromkeys(accounts)
    for account, parts in groupby(_by_account(posts), key=lambda part: part[0]):
        missing.pop(account)
        [user] = texts_of_posts(pa.Table.from_batches([batch for _, batch in parts])).to_pylist()
        yield UserTexts(**user)
    yield from (user_texts(account, []) for account in missing)


def bounded_batches(users: Iterable[UserTexts]) -> Iterator[list[UserTexts]]:
    """Split users into lists with about 20 million characters of text each."""
    held, size = list[UserTexts](), 0
    for user in users:
        held.append(user)
        size += _USER + sum(map(len, user.texts))
        if size >= _AT_ONCE:
            yield held
            held, size = [], 0
    if held:
        yield held


def with_reasons(predictions: pa.Table, users: Sequence[UserTexts]) -> pa.Table:
    """Predictions with the reason filled in for users without texts."""
    reasons = pa.array([user.reason for user in users], pa.string())
    skipped = compute.equal(predictions["status"], "skipped")
    told = compute.if_else(skipped, compute.coalesce(reasons, predictions["reason"]), predictions["reason"])
    return predictions.set_column(predictions.column_names.index("reason"), "reason", told)


def _by_account(posts: pa.RecordBatchReader) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Runs of adjacent rows of one account in each batch."""
    for batch in posts:
        own = batch.select(AUTHOR_TEXT_COLUMNS)
        names = own["account"].to_pylist()
        start = 0
        for end in range(1, len(names) + 1):
            if end == len(names) or names[end] != names[start]:
                yield names[start], own.slice(start, end - start)
                start = end


_OnProgress = Callable[[int, int], None]

_NO_TEXT = "no post with text"
_NO_NUMBER = "the model gave no number"
_USERS_AT_ONCE = 256


def predict(users: pa.Table, loaded: "LoadedAgeModel", on_progress: _OnProgress | None = None) -> pa.Table:
    """One row of `age_predictions` for each row of `users`, in their order.

    `users` has `username` and `texts` (list<string>), for example from `age.labels`; null and blank texts are ignored.
    Users without text are `skipped`, with the reason. `on_progress` is called with the number of posts done.
    """
    config = loaded.source.config
    total = arrow.sum(arrow.list_value_length(users["texts"])).as_py() or 0
    done = 0

    def tell(posts: int) -> None:
        nonlocal done
        done += posts
        if on_progress is not None:
            on_progress(done, total)

    vectors = loaded.encoder.user_vectors(iter_user_texts(users), tell)
    rows: list[dict[str, Any]] = []
    while some := list(islice(vectors, _USERS_AT_ONCE)):
        rows += [
            {
                "account": user.username,
                **_judged(probability, user.posts, config.abstain_below),
                "n_posts": user.posts,
                "age_cutoff": config.age_cutoff,
                "model": loaded.source.label,
            }
            for user, probability in zip(some, _probabilities(some, loaded), strict=True)
        ]
    return pa.Table.from_pylist(rows, AGE_PREDICTIONS.schema)


def iter_user_texts(table: pa.Table) -> Iterator[tuple[str, Iterator[str | None]]]:
    """Username and texts of each row, one text at a time, so that no user's texts are all in Python at once."""
    names, texts = table["username"], table["texts"]
    for name, some in zip(names, texts, strict=True):
        yield name.as_py(), (text.as_py() for text in some) if some.is_valid else iter(())


def check_output_file(path: Path) -> None:
    """Raise FileError where a file cannot be written because its path is a folder, or a parent is a file."""
    if path.is_dir():
        raise FileError(str(path), "is a folder", f"Name the file to write, such as {path / 'predictions.csv'}")
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if not above.is_dir():
        raise FileError(str(path), f"{above} is a file, so nothing can lie below it", "Name a file in a folder")


def write_predictions_csv(
    predictions: pa.Table, path: Path, age_cutoff: int, *, spreadsheet_safe: bool = False
) -> None:
    """Write a table of `age_predictions` as CSV, replacing an old file atomically.

    The first two columns are those of bumc_instascraping, `Username` and `Age is equal to or greater than 21` (or
    whatever the cut-off is): `1`, `0`, or empty where the model abstained. The columns of `age_predictions` follow.
    UTF-8 with a byte order mark, so that spreadsheets read it; `spreadsheet_safe` as in `datasets.csv_cells.encode`.
    """
    others = [name for name in AGE_PREDICTIONS.schema.names if name not in ("account", "at_least_cutoff")]
    rows: list[list[Any]] = [["Username", f"Age is equal to or greater than {age_cutoff}", *others]]
    for row in predictions.to_pylist():
        answer = None if row["at_least_cutoff"] is None else int(row["at_least_cutoff"])
        rows.append([row["account"], answer, *(row[name] for name in others)])
    lines = (",".join(csv_cells.encode(value, spreadsheet_safe=spreadsheet_safe) for value in row) for row in rows)
    content = csv_cells.utf8("\ufeff" + "".join(f"{line}\r\n" for line in lines))
    write_atomic(path, lambda stream: stream.write(content))


def _probabilities(users: list[UserVector], loaded: "LoadedAgeModel") -> list[float]:
    """The calibrated probability of each user."""
    import torch

    slope, shift = loaded.source.config.calibration
    vectors = torch.from_numpy(np.stack([user.vector for user in users])).to(loaded.device)
    with torch.inference_mode():
        logits = loaded.model.head(vectors).cpu().double()
        return torch.sigmoid(slope * logits + shift).tolist()


def _judged(probability: float, posts: int, abstain_below: float) -> dict[str, Any]:
    """The columns derived from the probability; null when the user has no text."""
    if posts and np.isfinite(probability):
        abstained = max(probability, 1 - probability) < abstain_below
        label = None if abstained else probability >= 0.5
        return {"probability": probability, "at_least_cutoff": label, "abstained": abstained, "status": "ok"}
    reason = _NO_NUMBER if posts else _NO_TEXT
    return {"abstained": True, "status": "skipped", "reason": reason}
