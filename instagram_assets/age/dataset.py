"""The training data of the age model: labelled users with their texts, split into sets, with a fingerprint."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from instagram_assets.age.labels import LabelledTexts, Labels, join_labels_and_texts, read_labels
from instagram_assets.age.predict import AUTHOR_TEXT_COLUMNS
from instagram_assets.age.prevalence import too_few
from instagram_assets.age.split import PARTS, Split, split_users
from instagram_assets.age.user_texts import texts_of_folder, texts_of_posts
from instagram_assets.arrow import compute
from instagram_assets.calendar import today
from instagram_assets.errors import SettingsError, TrainingDataError
from instagram_assets.privacy.forgotten_identifiers import Forgotten
from instagram_assets.privacy.tombstones import load_tombstones
from instagram_assets.settings import AgeSettings, Settings
from instagram_assets.storage.lake import open_lake, read_batches

_OF_WEIGHTS = (
    *("learn_rate", "head_learn_rate", "optimizer", "class_weights", "trained_layers"),
    *("epoch_num", "head_epoch_num", "patience", "max_seq_len", "max_posts", "accumulation_steps", "seed"),
)
_OF_MODEL = ("age_cutoff", "validation_share", "test_share", "like_source")


def weight_options(options: AgeSettings) -> dict[str, int | float | str]:
    """The hyperparameters that, together with the labelled users of each set, determine the trained weights."""
    return options.model_dump(include=set(_OF_WEIGHTS))


def defining_options(options: AgeSettings) -> dict[str, int | float | str]:
    """All settings that determine the trained model and its card: hyperparameters, preset, cut-off age and split."""
    return options.model_dump(include={*_OF_WEIGHTS, *_OF_MODEL})


_FORMERLY_IMPLIED: dict[str, int | float | str] = {"optimizer": "adamw", "class_weights": True, "like_source": False}
"""Options that came later, each with the value that all models before it were trained with."""


def fingerprinted(options: Mapping[str, int | float | str]) -> dict[str, int | float | str]:
    """The options as they enter a fingerprint, so that models of versions with fewer options keep theirs.

    >>> from instagram_assets.age.dataset import fingerprinted
    >>> fingerprinted({"optimizer": "adamw", "class_weights": False, "seed": 1})
    {'class_weights': False, 'seed': 1}
    """
    return {name: value for name, value in options.items() if _FORMERLY_IMPLIED.get(name) != value}


_VERSION = 3
"""Incremented when a change of the code would train another model on the same data and settings."""

_MOST_NAMED = 5


class TrainingData(NamedTuple):
    """Labelled users with their texts, the set of each user, and counts of unusable rows, users and texts."""

    split: Split
    left_out: dict[str, int]

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Numbers of users, users with label 1, and posts of each set, the training set first."""
        counts = {part: {"users": 0, "positives": 0, "posts": 0} for part in reversed(PARTS)}
        people = self.split.people
        columns = people["username"], people["label"], compute.list_value_length(people["texts"])
        for username, label, posts in zip(*(column.to_pylist() for column in columns), strict=True):
            own = counts[self.split.parts[username]]
            own["users"] += 1
            own["positives"] += label
            own["posts"] += posts
        return counts

    @property
    def warning(self) -> str:
        """A warning about a test set that is too small; empty when it is large enough."""
        test = self.counts["test"]
        return too_few(test["users"], test["positives"])

    def fingerprint(self, options: AgeSettings, backbone: str) -> str:
        """SHA-256 (hex) over users, texts, settings and language model.

        It identifies the evaluated model, so it includes the test users but not the device. The fingerprint of
        `trainer.train` identifies the weights, so it includes the device but not the test users.
        """
        told = fingerprinted(defining_options(options))
        digest = hashlib.sha256(json.dumps([_VERSION, backbone, told], sort_keys=True).encode())
        for batch in self.split.people.to_batches(max_chunksize=16):
            for row in batch.to_pylist():
                digest.update(json.dumps([row["username"], row["label"], row["texts"]]).encode())
        return digest.hexdigest()


def training_data(
    settings: Settings,
    posts: pa.RecordBatchReader | None = None,
    on_unused: Callable[[list[str]], object] | None = None,
) -> TrainingData:
    """Load the labelled users of the configured files, and split them into sets.

    `posts` are rows of the lake's table `posts` (None: all), used if the settings name no folder of texts. `on_unused`
    is called with one message per unusable row and user, also before an error is raised. Raises SettingsError,
    FileError or TrainingDataError if the data cannot be used for training.
    """
    options = settings.age
    if not options.labels:
        raise SettingsError(
            "INSTAGRAM_ASSETS_AGE__LABELS is empty. Set it to a CSV file with `username` and `age` or `birth_year`."
        )
    labels = read_labels(
        Path(options.labels).expanduser(), options.age_cutoff, today(settings.zone).year, settings.ingest
    )
    labels, forgotten = _without_forgotten(labels, load_tombstones(settings.folder("privacy")))
    people = join_labels_and_texts(labels.table, _texts(settings, posts, set(labels.table["username"].to_pylist())))
    in_order = people.table.sort_by("username")
    tell = on_unused or (lambda lines: None)
    told = [f"{options.labels}: {forgotten} users were forgotten and are left out"] if forgotten else []
    tell([*told, *_refused(options.labels, labels.refused), *_without_texts(people.left_out)])
    try:
        split = split_users(in_order, options.seed, options.validation_share, options.test_share)
    except TrainingDataError as error:
        raise TrainingDataError(f"{_sources(options)}: {error} {_numbers(people, labels.refused)}") from error
    tell(
        [
            f"{name}: all of its texts were also written by users of another part, who keep them"
            for name in split.emptied
        ]
    )
    left_out = {
        "rows of the labels that say no age": labels.refused.num_rows,
        "labelled users without texts": people.left_out.num_rows,
        "texts that users of several parts wrote": split.shared,
        "users with no other texts": len(split.emptied),
    }
    return TrainingData(split, left_out | ({"users who were forgotten": forgotten} if forgotten else {}))


def _without_forgotten(labels: Labels, forgotten: Forgotten) -> tuple[Labels, int]:
    """The labels without users whose data was erased on request, and the number of users removed."""
    if not forgotten:
        return labels, 0
    table, refused = (
        rows.filter(pa.array([not forgotten.has("account", name) for name in rows["username"].to_pylist()], pa.bool_()))
        for rows in labels
    )
    return Labels(table, refused), labels.table.num_rows - table.num_rows


def _refused(file: str, refused: pa.Table) -> list[str]:
    return [
        f"{file}, line {row['line']}: {' '.join(filter(None, (row['username'], row['field'], row['reason'])))}"
        for row in refused.to_pylist()
    ]


def _without_texts(left_out: pa.Table) -> list[str]:
    return [f"{row['username']}: {row['reason']}" for row in left_out.to_pylist()]


def _sources(options: AgeSettings) -> str:
    texts = f"the texts in {options.texts}" if options.texts else "the posts of the lake"
    return f"{options.labels} and {texts}"


def _numbers(people: LabelledTexts, refused: pa.Table) -> str:
    """Part of an error message: the numbers of users and rejected rows, and the first users without texts."""
    silent = people.left_out.num_rows
    said = (
        f"Of {people.table.num_rows + silent} users with a label {silent} have no texts; "
        f"{refused.num_rows} rows of the labels say no age."
    )
    if not silent:
        return said
    more = f"; and {silent - _MOST_NAMED} more" if silent > _MOST_NAMED else ""
    return f"{said} Without texts: {'; '.join(_without_texts(people.left_out.slice(0, _MOST_NAMED)))}{more}."


def _texts(settings: Settings, posts: pa.RecordBatchReader | None, usernames: Collection[str]) -> pa.Table:
    if settings.age.texts:
        return texts_of_folder(Path(settings.age.texts).expanduser(), usernames, settings.ingest)
    if posts is None:
        posts = read_batches(open_lake(settings), "posts", columns=AUTHOR_TEXT_COLUMNS)
    return texts_of_posts(_posts_of(posts, usernames))


def _posts_of(posts: pa.RecordBatchReader, usernames: Collection[str]) -> pa.RecordBatchReader:
    """The posts of the accounts `usernames`, with the columns needed for user texts."""
    wanted = pa.array(sorted(usernames), pa.string())

    def chosen() -> Iterator[pa.RecordBatch]:
        for batch in posts:
            own = batch.select(AUTHOR_TEXT_COLUMNS)
            yield own.filter(compute.is_in(own["account"], value_set=wanted))

    return pa.RecordBatchReader.from_batches(
        pa.schema([posts.schema.field(name) for name in AUTHOR_TEXT_COLUMNS]), chosen()
    )
