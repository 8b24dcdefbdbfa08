"""What can go wrong, as exceptions whose message names the file, the record and the remedy.

All that this package raises on purpose is below InstagramAssetsError, and stands here.
"""

from dataclasses import dataclass
from datetime import datetime


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
    """A question that the lake cannot answer, such as one about a table that is not there.

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
    """A source of records refuses us: it asks for a consent, a login or a pause, and a person has to look at it."""


class SessionRefusedError(SourceRefusedError):
    """Instagram does not take a session: it asks for a login or a checkpoint. Asking again would make it worse."""


class IdentityStoppedError(SourceRefusedError):
    """A login or token may ask nothing more until a person has done what the message says, and has said so."""


class BreakerOpenError(InstagramAssetsError):
    """A site wants to be left alone for longer than its caller waits; `until` is when it may be asked again, in UTC."""

    def __init__(self, reason: str, until: datetime) -> None:
        super().__init__(reason)
        self.until = until


class BudgetSpentError(InstagramAssetsError):
    """As many requests were made as a day may have; `until` is when the next begins, in seconds since 1970."""

    def __init__(self, reason: str, until: float) -> None:
        super().__init__(reason)
        self.until = until


class RateLimitedError(InstagramAssetsError):
    """A source asks us to slow down; `seconds` is how long to wait before the next request."""

    def __init__(self, reason: str, seconds: float) -> None:
        super().__init__(reason)
        self.seconds = seconds


class AnswersChangedError(InstagramAssetsError):
    """A site answers in a form that we do not know, about one account after the other."""


class ProxiesError(InstagramAssetsError):
    """None of the proxies works that were given; `until` is when the first is tried again, in seconds since 1970."""

    def __init__(self, reason: str, until: float) -> None:
        super().__init__(reason)
        self.until = until


class ScrapeError(InstagramAssetsError):
    """Apify refuses, cannot be reached, or the run of its actor did not succeed."""


class ScrapeRequestError(ScrapeError):
    """What is to be scraped is not there, or cannot be asked of the actor; nothing was started."""


class ScrapeRefusedError(ScrapeError, SourceRefusedError):
    """Apify does not know the token, wants to be paid, or does not allow it: a person has to look at it."""


class CollectionRefusedError(InstagramAssetsError):
    """Whom we are to collect cannot or must not be asked about; nothing was asked."""


class GoneError(ScrapeError):
    """A run of an actor, or what it collected, is not there any more."""


class UnansweredError(ScrapeError):
    """Apify was asked for a run and gave no clear answer: there may be one, or not."""


class AnalyserRefusedError(SourceRefusedError):
    """The service that watches reels does not know the key, the model, or does not allow it: a person has to look."""


class ContractError(InstagramAssetsError):
    """A table does not have the columns that its contract promises, or that are asked of it.

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
    """A file of the lake is damaged, and stays so however often it is read, until it is made anew."""


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
    """What was asked to forget is named by no account, hashtag, post or picture, or could not be forgotten whole."""


class ListError(InstagramAssetsError):
    """A list of images cannot be called so, or what is to be kept in it is no image.

    >>> from instagram_assets.datasets.lists import list_name
    >>> list_name("../cats")
    Traceback (most recent call last):
    instagram_assets.errors.ListError: '../cats': no list is called so. A name begins with a letter ...
    """


class NothingDoneError(InstagramAssetsError):
    """All that was to be done came to nothing; what there is stands in the tables with its reasons."""


class RunFailedError(InstagramAssetsError):
    """A run ended with an error; the message is the error's own."""


class BusyError(InstagramAssetsError):
    """Runs go on that work on what would be changed: it can be done when they have ended."""


class DevError(InstagramAssetsError):
    """Something that `dev` consists of did not start, or ended."""


class UndeliveredError(InstagramAssetsError):
    """An alert did not go out; `seconds` is how long the other side asked us to wait before the next try."""

    def __init__(self, reason: str, seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.seconds = seconds


class TrainingDataError(InstagramAssetsError):
    """Labels and texts are there, but a model cannot be trained and judged with them."""


class TrainingError(InstagramAssetsError):
    """A training cannot go on; the message says why, and what to change."""


class VectorsError(InstagramAssetsError):
    """A vector is not finite, or not of the unit length that was promised."""


class DecodeError(RecordError):
    """The bytes are no whole picture of the formats that are read."""


@dataclass
class MediaError(InstagramAssetsError):
    """One image or video cannot be had; `reason` is the same text on every run, so that tables stay identical."""

    reason: str

    def __str__(self) -> str:
        return self.reason


class MediaRefusedError(MediaError):
    """We will not take it: an address, a file or a size that is not allowed."""


class MediaExpiredError(MediaError):
    """The signed address is no longer valid; only collecting the post again gives a new one."""


class MediaFailedError(MediaError):
    """The server will not give it; asking again would not help."""


@dataclass
class MediaTransientError(MediaError):
    """It did not work this time; `retry_after` is the wait in seconds that the server asked for."""

    retry_after: float | None = None


class MediaUnreachableError(MediaTransientError):
    """The host of the address gave no connection."""


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
    """The search word, the number of images or another wish cannot be searched for."""


class ImagesWouldGoError(SearchRequestError):
    """The folder has images that this search would take away."""


class NoResultsError(SearchError):
    """The page itself says that it has nothing for the search word."""


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


class DagsterDownError(InstagramAssetsError):
    """Dagster's webserver does not answer: it is not started, or still starting."""


class DagsterRefusedError(InstagramAssetsError):
    """Dagster's webserver answered, and said no: there is no such job, or the run's config is wrong."""


class NotFoundError(InstagramAssetsError):
    """What was asked for is not there."""


class ConflictError(InstagramAssetsError):
    """What was asked for cannot be done as things are now, such as deleting a collection that runs."""


class NotReadyError(ConflictError):
    """What was asked for is made first, such as the index of the lake."""


class PausedError(ConflictError):
    """Nothing may change while something is being forgotten, which has the data folder for itself."""


class NotTakenError(InstagramAssetsError):
    """An uploaded file is of a kind that the inbox does not read."""


class TooLargeError(InstagramAssetsError):
    """An uploaded file is larger than the web app takes."""


class DiskFullError(StorageError):
    """There is no room for what is to be written."""


def names_below(kind: type[Exception]) -> set[str]:
    """The names of a class of errors and of all that are one: what Dagster keeps of an error is its class's name."""
    return {kind.__name__}.union(*map(names_below, kind.__subclasses__()))
