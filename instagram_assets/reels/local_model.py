"""The local analyser of reels: captions and tags of some frames of each video, by models on this machine.

It needs neither network nor API key, and only the models for images. Columns that it cannot compute are null: speaker,
dialogue, and hypotheses why a reel went viral.
"""

import hashlib
import tomllib
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from instagram_assets.errors import FileError, ModelError
from instagram_assets.media.video_analysis import Frame, timed_frames
from instagram_assets.reels.analysis_schema import FAILED, OK, OnProgress, Row, Video
from instagram_assets.schemas import REEL_ANALYSES
from instagram_assets.settings import Settings
from instagram_assets.storage.features import FeatureStore, computed
from instagram_assets.vision import pipeline

T = TypeVar("T")

FRAMES = 6
"""The number of evenly spaced frames that are analysed; near-duplicates of the previous frame are left out."""
TAGS = 8
"""The number of best-fitting tags per reel."""
PROMPT = "a photo of {}"
"""The CLIP prompt template for tags (Radford et al. 2021, arXiv 2103.00020, section 3.1.4)."""

_VERSION = "local-2"
_LONG_SIDE = 640
_ALIKE = 6.0
"""The mean pixel difference of two frames (of 255) below which the second counts as a duplicate."""
_BATCH = 8
_NO_MODEL = "the model for them is not on this machine (instagram-assets models pull)"
_SWITCHES = {"captions": "INSTAGRAM_ASSETS_CAPTIONS__ENABLED", "tags": "INSTAGRAM_ASSETS_EMBEDDINGS__ENABLED"}
_COLUMNS = ("model", "action", "hook", "timeline", "tags", "seconds", "status", "reason")
LOCAL_ANSWERS_SCHEMA = pa.schema(
    [pa.field("video_id", pa.string()), *(REEL_ANALYSES.schema.field(name) for name in _COLUMNS)]
)
"""The schema of a video's cached results; columns as in `schemas.REEL_ANALYSES`."""


@dataclass(frozen=True)
class _Models:
    """The available models for video frames; `lacking` has the reason for each part of the analysis left out."""

    label: str | None
    fingerprint: str
    captions: bool
    tags: bool
    lacking: tuple[str, ...]


class LocalAnalyser:
    """An `Analyser` with the caption and embedding models of the settings; missing models are left out.

    `words` are the candidate tags; by default a list that comes with the package.
    """

    name = "local"

    def __init__(self, settings: Settings, words: Sequence[str] = ()) -> None:
        self._settings = settings
        self._words = list(dict.fromkeys(words)) or built_in_words()

    def analyse(self, videos: Sequence[Video], on_progress: OnProgress | None = None) -> list[Row]:
        """Returns one row per video, in their order. Results are cached per set of models and tags."""
        models = _models(self._settings, self._words)
        store = FeatureStore(
            pipeline.features_folder(self._settings), "reel_local", models.fingerprint, LOCAL_ANSWERS_SCHEMA
        )
        by_id = {video.video_id: video for video in videos}

        def compute(missing: list[str]) -> Generator[pa.Table]:
            words = self._embedded_words() if models.tags else None
            for video_id in missing:
                row = self._looked_at(by_id[video_id], models, words)
                yield pa.Table.from_pylist([{"video_id": video_id, **row}], schema=LOCAL_ANSWERS_SCHEMA)

        table = computed(by_id, store, compute, batch=_BATCH, on_progress=on_progress)
        rows: dict[str, Row] = {row.pop("video_id"): row for row in table.to_pylist()}
        return [{"analyser": self.name, **rows[video.video_id]} for video in videos]

    def _looked_at(self, video: Video, models: _Models, words: NDArray[np.float32] | None) -> Row:
        start = perf_counter()
        found: Row = {}
        try:
            shown = distinct_frames(timed_frames(video.path, FRAMES, _LONG_SIDE))
        except FileError as error:
            return {"status": FAILED, "reason": error.problem, "seconds": perf_counter() - start}
        with TemporaryDirectory(prefix="frames-") as folder:
            images = [_saved(picture, Path(folder)) for _, picture in shown]
            if models.captions:
                moments = [moment for moment, _ in shown]
                found |= self._told(images, moments, video.duration or moments[-1])
            if words is not None:
                found["tags"] = self._tagged(images, words)
        reason = "; ".join(models.lacking) or None
        seconds = perf_counter() - start
        return {**found, "model": models.label, "seconds": seconds, "status": OK, "reason": reason}

    def _told(self, images: Sequence[tuple[str, Path]], moments: Sequence[float], duration: float) -> Row:
        """Returns the caption columns of a row: a timeline with one segment per distinct caption, action and hook."""
        table = pipeline.caption_files(dict(images), settings=self._settings)
        captions: dict[str, str] = dict(zip(table["image_id"].to_pylist(), table["caption"].to_pylist(), strict=True))
        timeline = timeline_parts([captions[image_id] for image_id, _ in images], moments, duration)
        events = list(dict.fromkeys(str(part["event"]) for part in timeline))
        if not events:
            return {}
        return {"timeline": timeline, "action": "; then ".join(events), "hook": f"Begins with {events[0]}"}

    def _tagged(self, images: Sequence[tuple[str, Path]], words: NDArray[np.float32]) -> list[dict[str, object]]:
        """Returns the best-fitting tags; their score is the mean cosine similarity of the tag and the frames."""
        from instagram_assets.arrow import compute as arrow
        from instagram_assets.vision.embed import as_vectors

        table = pipeline.embed_files(dict(images), settings=self._settings)
        vectors = as_vectors(table.filter(arrow.equal(table["status"], "ok"))["embedding"])
        if not len(vectors):
            return []
        scores = (vectors @ words.T).mean(axis=0)
        best = np.argsort(-scores, kind="stable")[:TAGS]
        return [{"word": self._words[place], "score": float(scores[place])} for place in best]

    def _embedded_words(self) -> NDArray[np.float32]:
        from instagram_assets.vision.embed import open_embedder

        embedder = open_embedder(pipeline.find_embedder(self._settings), self._settings.models)
        return embedder.texts([PROMPT.format(word) for word in self._words])


def open_local(settings: Settings) -> LocalAnalyser:
    """Returns the local analyser for the settings."""
    return LocalAnalyser(settings)


def built_in_words() -> list[str]:
    """Returns the tags that come with the package."""
    return tomllib.loads(files("instagram_assets.reels").joinpath("tags.toml").read_text("utf-8"))["words"]


def distinct_frames(shown: Sequence[tuple[float, Frame]]) -> list[tuple[float, Frame]]:
    """Returns (time, frame) pairs without frames that are nearly the same as the previous one that is kept."""
    kept: list[tuple[float, Frame]] = []
    for moment, picture in shown:
        if not kept or np.abs(picture.astype(np.int16) - kept[-1][1]).mean() >= _ALIKE:
            kept.append((moment, picture))
    return kept


def timeline_parts(events: Sequence[str | None], moments: Sequence[float], duration: float) -> list[dict[str, object]]:
    """Returns a timeline from captions (`events`) at `moments` in seconds; equal neighbours are merged.

    Each caption lasts until halfway to the next one.
    """
    ends = [(one + other) / 2 for one, other in pairwise(moments)]
    bounds = [0.0, *ends, max(duration, moments[-1])]
    found: list[dict[str, object]] = []
    for event, start, end in zip(events, bounds, bounds[1:], strict=False):
        if not event:
            continue
        if found and (found[-1]["event"], found[-1]["end"]) == (event, start):
            found[-1]["end"] = end
        else:
            found.append({"start": start, "end": end, "event": event})
    return found


def _models(settings: Settings, words: Sequence[str]) -> _Models:
    """Returns the models that are installed and enabled, without loading them."""
    from instagram_assets.vision.caption_tables import caption_store
    from instagram_assets.vision.embed import embedding_store

    lacking: list[str] = []
    root = pipeline.features_folder(settings)

    def there(what: str, enabled: bool, find: Callable[[], T]) -> T | None:
        try:
            if enabled:
                return find()
            lacking.append(f"no {what}: {_SWITCHES[what]} is off")
        except ModelError:
            lacking.append(f"no {what}: {_NO_MODEL}")  # the error's own message contains local paths
        return None

    told = there("captions", settings.captions.enabled, partial(pipeline.find_caption_models, settings))
    tagged = there("tags", settings.embeddings.enabled, partial(pipeline.find_embedder, settings))
    # The cache folder's name covers everything that affects the results.
    by = [
        caption_store(root, *told, settings.models, settings.captions).folder.name if told else "",
        embedding_store(root, tagged, settings.models).folder.name if tagged else "",
        *(words if tagged else ()),
    ]
    labels = [source.label_in(settings.models.precision) for source in (told[0] if told else None, tagged) if source]
    fingerprint = hashlib.sha256("\0".join([_VERSION, str(FRAMES), *by]).encode()).hexdigest()
    return _Models(", ".join(labels) or None, fingerprint, bool(told), bool(tagged), tuple(lacking))


def _saved(picture: Frame, folder: Path) -> tuple[str, Path]:
    """Saves a frame as a PNG file in `folder`; returns its SHA-256 and its path."""
    from PIL import Image

    path = folder / "frame.png"
    Image.fromarray(picture).save(path, compress_level=1)
    image_id = hashlib.sha256(path.read_bytes()).hexdigest()
    return image_id, path.rename(folder / f"{image_id}.png")
