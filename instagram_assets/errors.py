"""Exceptions that this package raises on purpose; messages name the file, the record and the remedy.

Those that only `dev` or the web app raises stand where they are raised, and derive from `InstagramAssetsError` too.
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
    """A setting is unknown, out of range, or needs something that is not there.

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
    """A whole file cannot be used: nothing of it is taken, the file itself is kept.

    `where` is "line 3, column 7" or "byte 1024" when the place is known, else empty.

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
        # Names need not be UTF-8; what is printed must be.
        problem = self.problem if self.problem.endswith("?") else f"{self.problem}."
        return f"{place}: {problem} {self.remedy}.".encode("utf-8", "replace").decode()


class BusyFileError(FileError):
    """A file that cannot be used now but perhaps the next time: it changed, is gone, or the machine had no room."""


@dataclass
class RecordError(InstagramAssetsError):
    """One record cannot be used: it goes to quarantine, its file goes on."""

    field: str
    reason: str

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}" if self.field else self.reason


class SourceRefusedError(InstagramAssetsError):
    """A source refuses requests until a person acts: it wants consent, a login or a pause."""


class SessionRefusedError(SourceRefusedError):
    """Instagram rejects a session: it wants a login or a checkpoint. A retry would make it worse."""


class IdentityStoppedError(SourceRefusedError):
    """A login or token is stopped until a person has done what the message says and confirmed it."""


class _UntilError(InstagramAssetsError, Generic[_Time]):
    """Base of errors that end by themselves at `until`."""

    def __init__(self, reason: str, until: _Time) -> None:
        super().__init__(reason)
        self.until = until


class BreakerOpenError(_UntilError[datetime]):
    """A site's circuit breaker is open for longer than the caller waits; `until` is when it closes, in UTC."""


class BudgetSpentError(_UntilError[float]):
    """The request budget of a day is spent; `until` is when the next day begins, in seconds since 1970."""


class RateLimitedError(InstagramAssetsError):
    """A source limits the rate of requests; `seconds` is how long to wait before the next one."""

    def __init__(self, reason: str, seconds: float) -> None:
        super().__init__(reason)
        self.seconds = seconds


class AnswersChangedError(InstagramAssetsError):
    """A site's responses have an unknown form for one account after another."""


class ProxiesError(_UntilError[float]):
    """None of the proxies works; `until` is when the first is tried again, in seconds since 1970."""


class ScrapeError(InstagramAssetsError):
    """Apify refuses, cannot be reached, or the run of its actor did not succeed."""


class ScrapeRequestError(ScrapeError):
    """The input of a scrape is missing or cannot be given to the actor; nothing was started."""


class ScrapeRefusedError(ScrapeError, SourceRefusedError):
    """Apify rejects the token, wants to be paid, or does not allow the run: a person has to act."""


class CollectionRefusedError(InstagramAssetsError):
    """An account to collect is not allowed or not possible; no request was made."""


class GoneError(ScrapeError):
    """A run of an actor, or what it collected, is not there any more."""


class UnansweredError(ScrapeError):
    """Apify gave no clear response to the start of a run: there may be one, or not."""


class AnalyserRefusedError(SourceRefusedError):
    """The reel analysis service rejects the key or the model: a person has to act."""


class ContractError(InstagramAssetsError):
    """A table lacks columns of its contract, or columns that were requested.

    >>> from instagram_assets import cluster_embeddings, measure_images
    >>> cluster_embeddings(measure_images("pictures"))
    Traceback (most recent call last):
    instagram_assets.errors.ContractError: the table has no column embedding, model. Give what embed_images gave, ...
    """


class StorageError(InstagramAssetsError):
    """A file of the lake or the media store is damaged, is not there, or cannot be written.

    >>> from instagram_assets import Lake
    >>> Lake("data")
    Traceback (most recent call last):
    instagram_assets.errors.StorageError: data: there is no lake. Name the lake's own folder, such as data/lake, ...
    """


class DamagedError(StorageError):
    """A file of the lake is damaged until it is made again; reading it again does not help."""


class IdentifierError(InstagramAssetsError):
    """A name or an id of the lake stands in what is to be pseudonymous."""


class ModelError(InstagramAssetsError):
    """A model is not there, is damaged, or is not one that can do the work asked of it.

    >>> from instagram_assets import caption_images
    >>> caption_images("pictures", model="Salesforce/blip-image-captioning-base")
    Traceback (most recent call last):
    instagram_assets.errors.ModelError: Salesforce/blip-image-captioning-base at revision main is not on this ...
    """


class ForgetError(InstagramAssetsError):
    """The subject to forget is not found in the data, or could not be forgotten completely."""


class ListError(InstagramAssetsError):
    """The name of a list of images is not allowed, or what is to be put into the list is no image.

    >>> from instagram_assets.datasets.lists import list_name
    >>> list_name("../cats")
    Traceback (most recent call last):
    instagram_assets.errors.ListError: '../cats': no list is called so. A name begins with a letter ...
    """


class NothingDoneError(InstagramAssetsError):
    """Every item of a command failed; the tables have a reason for each."""


class RunFailedError(InstagramAssetsError):
    """A run ended with an error; the message is the error's own."""


class BusyError(InstagramAssetsError):
    """Runs are working on what would be changed; possible when they have ended."""


class UndeliveredError(InstagramAssetsError):
    """An alert was not delivered; `seconds` is the wait that the receiver asked for."""

    def __init__(self, reason: str, seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.seconds = seconds


class TrainingDataError(InstagramAssetsError):
    """Labels and texts are there but not enough to train and evaluate a model."""


class TrainingError(InstagramAssetsError):
    """A training cannot go on; the message says why, and what to change."""


class VectorsError(InstagramAssetsError):
    """A vector is not finite, or not of the unit length that was promised."""


class DecodeError(RecordError):
    """The bytes are no whole picture of the formats that are read."""


@dataclass
class MediaError(InstagramAssetsError):
    """One image or video cannot be downloaded; `reason` is the same text on every run, so tables stay identical."""

    reason: str

    def __str__(self) -> str:
        return self.reason


class MediaRefusedError(MediaError):
    """A URL, file or size is not allowed."""


class MediaExpiredError(MediaError):
    """The signed URL has expired; only collecting the post again gives a new one."""


class MediaFailedError(MediaError):
    """A permanent error of the server; a retry would not help."""


@dataclass
class MediaTransientError(MediaError):
    """A transient error; `retry_after` is the wait in seconds that the server asked for."""

    retry_after: float | None = None


class MediaUnreachableError(MediaTransientError):
    """No connection to the URL's host."""


class SearchError(InstagramAssetsError):
    """Base of all errors of an image search; `saved_page` says where the page that it is about was saved.

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
    """The folder has images that this search would delete."""


class NoResultsError(SearchError):
    """The search page has no results for the search word."""


class NothingMatchedError(SearchError):
    """The page shows no image that a known selector finds: most often its markup has changed."""


class ConsentPageError(SearchError, SourceRefusedError):
    """The site asks for consent, a login or a challenge, or refuses: a person has to look at it."""


class PageError(SearchError):
    """The page cannot be reached, answers with an error, or never finishes loading."""


class BrowserMissingError(SearchError):
    """There is no browser or driver that can be started."""


class BrowserDiedError(SearchError):
    """The browser ended or stopped answering in the middle of a search."""


class NothingKeptError(InstagramAssetsError):
    """No image of a search was good enough for its dataset."""


class NotFoundError(InstagramAssetsError):
    """The requested thing does not exist."""


class ConflictError(InstagramAssetsError):
    """A request conflicts with the present state, such as deleting a collection that runs."""


class NotReadyError(ConflictError):
    """The requested thing is still being made, such as the index of the lake."""


class PausedError(ConflictError):
    """Nothing may change while something is being forgotten, which has the data folder for itself."""


class DiskFullError(StorageError):
    """The disk has no room for a file that is to be written."""


def names_below(kind: type[Exception]) -> set[str]:
    """The names of an error class and its subclasses: of an error Dagster stores only the name of its class."""
    return {kind.__name__}.union(*map(names_below, kind.__subclasses__()))
