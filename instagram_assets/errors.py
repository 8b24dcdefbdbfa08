"""Exceptions that this package raises on purpose; messages name the file, the record and the remedy.

Errors that only `dev` or the web app raises are defined there, as subclasses of `InstagramAssetsError`, too.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

_Time = TypeVar("_Time")


class InstagramAssetsError(Exception):
    """Base of every error that this package raises on purpose.

    >>> from instagram_assets import InstagramAssetsError, read_export
    >>> try:
    ...     read_export("post.json")
    ... except InstagramAssetsError as error:
    ...     print(error)
    post.json: cannot be read (No such file or directory). Check that it exists and that you may read it.
    """


class SettingsError(InstagramAssetsError):
    """A setting is unknown, out of range, or requires a file or environment variable that is missing.

    >>> from instagram_assets import load_settings
    >>> load_settings(time_zone="Seoul")
    Traceback (most recent call last):
    instagram_assets.errors.SettingsError: INSTAGRAM_ASSETS_TIME_ZONE='Seoul': ...
    """


class QueryError(InstagramAssetsError):
    """A query that the lake cannot answer, such as one on a missing table.

    >>> from instagram_assets import Lake
    >>> Lake("data/lake").read("posts", columns=["like"])
    Traceback (most recent call last):
    instagram_assets.errors.QueryError: posts has no column like. It has: post_id, ...
    """


@dataclass
class FileError(InstagramAssetsError):
    """A whole file cannot be used: none of its records are stored; the file itself is kept.

    `where` is the position of the error, such as "line 3, column 7" or "byte 1024"; empty if unknown.

    >>> from instagram_assets import measure_images
    >>> measure_images("picture")
    Traceback (most recent call last):
    instagram_assets.errors.FileError: picture: no such file or folder. Give a folder, ...
    """

    file: str
    problem: str
    remedy: str
    where: str = ""

    def __str__(self) -> str:
        place = f"{self.file}, {self.where}" if self.where else self.file
        # File names may be invalid UTF-8, but the message must be printable.
        problem = self.problem if self.problem.endswith("?") else f"{self.problem}."
        return f"{place}: {problem} {self.remedy}.".encode("utf-8", "replace").decode()


class BusyFileError(FileError):
    """A file cannot be used now, but a retry may succeed: it changed, is gone, or memory or disk space ran out."""


@dataclass
class RecordError(InstagramAssetsError):
    """One record cannot be used: it is put in quarantine, and the file's other records are processed."""

    field: str
    reason: str

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}" if self.field else self.reason


class SourceRefusedError(InstagramAssetsError):
    """A website or API refuses requests until a person acts: it requires consent, a login or a pause."""


class SessionRefusedError(SourceRefusedError):
    """Instagram rejects a login session and asks for a login or a checkpoint. A retry would make it worse."""


class IdentityStoppedError(SourceRefusedError):
    """A login or API token is suspended until a person has done what the message says and confirmed it."""


class _UntilError(InstagramAssetsError, Generic[_Time]):
    """Base class of errors about a temporary limit, which is lifted at the time `until`."""

    def __init__(self, reason: str, until: _Time) -> None:
        super().__init__(reason)
        self.until = until


class BreakerOpenError(_UntilError[datetime]):
    """A site's circuit breaker is open for longer than the caller waits; `until` is when it closes, in UTC."""


class BudgetSpentError(_UntilError[float]):
    """The request budget of a day is spent; `until` is when the next day begins, as a Unix timestamp."""


class RateLimitedError(InstagramAssetsError):
    """A website or API limits the rate of requests; `seconds` is how long to wait before the next one."""

    def __init__(self, reason: str, seconds: float) -> None:
        super().__init__(reason)
        self.seconds = seconds


class AnswersChangedError(InstagramAssetsError):
    """A site's responses had an unknown format for several accounts in a row, so its API has probably changed."""


class ProxiesError(_UntilError[float]):
    """None of the proxies works; `until` is when the first is tried again, as a Unix timestamp."""


class ScrapeError(InstagramAssetsError):
    """Apify rejects a request or cannot be reached, or a run of an actor did not succeed."""


class ScrapeRequestError(ScrapeError):
    """The input of a scrape is missing, or is invalid for the Apify actor; no run was started."""


class ScrapeRefusedError(ScrapeError, SourceRefusedError):
    """Apify rejects the token, requires a payment, or does not allow the run: a person has to act."""


class CollectionRefusedError(InstagramAssetsError):
    """A collection is not allowed or not possible, such as of an account without permission; no request was made."""


class GoneError(ScrapeError):
    """A run of an Apify actor, or its dataset, does not exist any more."""


class UnansweredError(ScrapeError):
    """Apify gave no clear response to the start of a run, so it is unknown whether the run exists."""


class AnalyserRefusedError(SourceRefusedError):
    """The reel analysis service rejects the key or the model: a person has to act."""


class ContractError(InstagramAssetsError):
    """A table lacks columns that its contract (schema) or the called function requires.

    >>> from instagram_assets import cluster_embeddings, measure_images
    >>> cluster_embeddings(measure_images("pictures"))
    Traceback (most recent call last):
    instagram_assets.errors.ContractError: the table has no column embedding, model. Give what embed_images gave, ...
    """


class StorageError(InstagramAssetsError):
    """A file of the lake or the media store is damaged, is missing, or cannot be written.

    >>> from instagram_assets import Lake
    >>> Lake("data")
    Traceback (most recent call last):
    instagram_assets.errors.StorageError: data: there is no lake. Name the lake's own folder, such as data/lake, ...
    """


class DamagedError(StorageError):
    """A file of the lake is damaged; reading it again does not help, it has to be created anew."""


class IdentifierError(InstagramAssetsError):
    """An export that has to be pseudonymous contains an account name or an id that occurs in the lake."""


class ModelError(InstagramAssetsError):
    """A model is not installed, is damaged, or is of the wrong type for the task.

    >>> from instagram_assets import caption_images
    >>> caption_images("pictures", model="Salesforce/blip-image-captioning-base")
    Traceback (most recent call last):
    instagram_assets.errors.ModelError: Salesforce/blip-image-captioning-base at revision main is not on this ...
    """


class ForgetError(InstagramAssetsError):
    """The account, person or hashtag to erase is not found in the data, or could not be erased completely."""


class ListError(InstagramAssetsError):
    """The name of a list of images is invalid, or an entry to add to the list is not an image.

    >>> from instagram_assets.datasets.lists import list_name
    >>> list_name("../cats")
    Traceback (most recent call last):
    instagram_assets.errors.ListError: '../cats': no list is called so. A name begins with a letter ...
    """


class NothingDoneError(InstagramAssetsError):
    """A command had nothing to process, or failed for every input; its output tables, if any, give the reasons."""


class RunFailedError(InstagramAssetsError):
    """A Dagster run failed; the message is that of the run's error."""


class BusyError(InstagramAssetsError):
    """A change is not possible now because Dagster runs use the data; retry it when they have ended."""


class UndeliveredError(InstagramAssetsError):
    """An alert was not delivered; `seconds` is how long the receiver asked to wait before a retry."""

    def __init__(self, reason: str, seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.seconds = seconds


class TrainingDataError(InstagramAssetsError):
    """There are too few labels, or too few texts of labelled users, to train and evaluate a model."""


class TrainingError(InstagramAssetsError):
    """The training of a model cannot continue; the message says why, and what to change."""


class VectorsError(InstagramAssetsError):
    """An embedding index got a row index out of range, or a query vector of wrong shape, zero or not finite."""


class DecodeError(RecordError):
    """The bytes are not a complete image in a supported format."""


@dataclass
class MediaError(InstagramAssetsError):
    """One image or video cannot be downloaded; `reason` is the same text on every run, so tables stay identical."""

    reason: str

    def __str__(self) -> str:
        return self.reason


class MediaRefusedError(MediaError):
    """An image or video is not downloaded, since its URL, file type or size is not allowed."""


class MediaExpiredError(MediaError):
    """The signed URL has expired; only collecting the post again gives a new one."""


class MediaFailedError(MediaError):
    """The media server answered with a permanent error; a retry would not help."""


@dataclass
class MediaTransientError(MediaError):
    """A download failed, but a retry may succeed; `retry_after` is the wait in seconds that the server asked for."""

    retry_after: float | None = None


class MediaUnreachableError(MediaTransientError):
    """No connection to the host of an image's or video's URL."""


class SearchError(InstagramAssetsError):
    """Base of all errors of an image search; `saved_page` is a sentence with the path of the saved page, or empty.

    >>> from instagram_assets import search_images
    >>> search_images(" ")
    Traceback (most recent call last):
    instagram_assets.errors.SearchRequestError: the search word is empty. Give one, such as 고양이.
    """

    saved_page: str = ""

    def __str__(self) -> str:
        return f"{super().__str__()} {self.saved_page}".strip()


class SearchRequestError(SearchError):
    """The search word, the number of images or another parameter of a search is not allowed."""


class ImagesWouldGoError(SearchRequestError):
    """The output folder of an image search contains images that the search would delete."""


class NoResultsError(SearchError):
    """The search page has no results for the search word."""


class NothingMatchedError(SearchError):
    """No known CSS selector matches an image on the search page: most often its markup has changed."""


class ConsentPageError(SearchError, SourceRefusedError):
    """The search site asks for consent, a login or a challenge, or blocks the access: a person has to look at it."""


class PageError(SearchError):
    """The search page cannot be reached, answers with an error, or never finishes loading."""


class BrowserMissingError(SearchError):
    """No browser, or no driver for it, is installed that can be started."""


class BrowserDiedError(SearchError):
    """The browser crashed or stopped responding during a search."""


class NothingKeptError(InstagramAssetsError):
    """No image of a search passed the quality filters of its dataset."""


class NotFoundError(InstagramAssetsError):
    """The requested resource does not exist."""


class ConflictError(InstagramAssetsError):
    """A request conflicts with the current state, such as deleting a collection whose run is in progress."""


class NotReadyError(ConflictError):
    """The requested resource is still being built, such as the index of the lake."""


class PausedError(ConflictError):
    """Changes are rejected while an erasure is in progress, which has exclusive access to the data folder."""


class DiskFullError(StorageError):
    """The disk is full, so that a file cannot be written."""


def names_below(kind: type[Exception]) -> set[str]:
    """Returns the names of an error class and all its subclasses: Dagster stores only an error's class name."""
    return {kind.__name__}.union(*map(names_below, kind.__subclasses__()))
