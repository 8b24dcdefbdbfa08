"""What an age model is made of: people with labels and texts, parted, and a fingerprint of it all."""

import hashlib
import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from instagram_assets.age.audience import OF_TEXTS
from instagram_assets.age.data import labelled
from instagram_assets.age.decisive import decisive
from instagram_assets.age.labels import read_labels
from instagram_assets.age.split import PARTS, Split, split_users
from instagram_assets.age.texts import texts_of_posts
from instagram_assets.age.user_files import texts_of_folder
from instagram_assets.arrow import compute
from instagram_assets.calendar import today
from instagram_assets.errors import SettingsError
from instagram_assets.settings import AgeSettings, Settings
from instagram_assets.storage.lake import lake, read_batches, whole_asset

WAY = 2
"""Counted up when a change of the program would make another model of the same people and options."""


class TrainingData(NamedTuple):
    """People with labels and texts, the part of each, and how many rows, users and texts could not be used.

    `refused` are the rows of the labels that say no age, `unused` the labelled users without texts, with reasons.
    """

    split: Split
    left_out: dict[str, int]
    refused: pa.Table
    unused: pa.Table

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """For each part the numbers of users, of those with label 1, and of posts."""
        counts = {part: {"users": 0, "positives": 0, "posts": 0} for part in reversed(PARTS)}
        people = self.split.people
        columns = people["username"], people["label"], compute.list_value_length(people["texts"])
        for username, label, posts in zip(*(column.to_pylist() for column in columns), strict=True):
            own = counts[self.split.parts[username]]
            own["users"] += 1
            own["positives"] += label
            own["posts"] += posts
        return counts

    def fingerprint(self, options: AgeSettings, backbone: str) -> str:
        """The same for the same people, texts, decisive options and language model, as 64 hexadecimal digits.

        It stands for the judged model, so test users count and the device does not; that of `train` stands for the
        weights, so it is the other way round.
        """
        digest = hashlib.sha256(json.dumps([WAY, backbone, decisive(options)], sort_keys=True).encode())
        for batch in self.split.people.to_batches(max_chunksize=16):
            for row in batch.to_pylist():
                digest.update(json.dumps([row["username"], row["label"], row["texts"]]).encode())
        return digest.hexdigest()


def training_data(settings: Settings, posts: pa.RecordBatchReader | None = None) -> TrainingData:
    """The people that the settings name, sorted by name and parted; `posts` is as for `steps.train_model`.

    Raises SettingsError, FileError or TrainingDataError when nothing can be trained with them.
    """
    options = settings.age
    if not options.labels:
        raise SettingsError(
            "INSTAGRAM_ASSETS_AGE__LABELS is empty. Set it to a CSV file with `username` and `age` or `birth_year`."
        )
    labels = read_labels(
        Path(options.labels).expanduser(), options.age_cutoff, today(settings.zone).year, settings.ingest
    )
    people = labelled(labels.table, _texts(settings, posts, set(labels.table["username"].to_pylist())))
    in_order = people.table.sort_by("username")
    split = split_users(in_order, options.seed, options.validation_share, options.test_share)
    left_out = {
        "rows of the labels that say no age": labels.refused.num_rows,
        "labelled users without texts": people.left_out.num_rows,
        "texts that users of several parts wrote": split.shared,
        "users with no other texts": len(split.emptied),
    }
    return TrainingData(split, left_out, labels.refused, people.left_out)


def _texts(settings: Settings, posts: pa.RecordBatchReader | None, usernames: Collection[str]) -> pa.Table:
    if settings.age.texts:
        return texts_of_folder(Path(settings.age.texts).expanduser(), usernames, settings.ingest)
    if posts is None:
        posts = read_batches(whole_asset(lake(), "posts", ["account", "day"]), "posts")
    return texts_of_posts(_posts_of(posts, usernames))


def _posts_of(posts: pa.RecordBatchReader, usernames: Collection[str]) -> pa.RecordBatchReader:
    """The posts of some accounts, with the columns that texts are made of."""
    wanted = pa.array(sorted(usernames), pa.string())

    def chosen() -> Iterator[pa.RecordBatch]:
        for batch in posts:
            own = batch.select(OF_TEXTS)
            yield own.filter(compute.is_in(own["account"], value_set=wanted))

    return pa.RecordBatchReader.from_batches(pa.schema([posts.schema.field(name) for name in OF_TEXTS]), chosen())
